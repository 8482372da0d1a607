"""Reading behind Calibrate, all of it in threads: measuring, what is kept, what has changed, views, exact intervals."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec
from textual import work
from textual.content import Content

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages import calibrate as stage
from flywheel_tui.stages import calibrate_desk as desk_stage
from screens.bindings import key_of, show_key
from screens.calibrate_actions import CalibrateActions
from screens.calibrate_views import VIEWS
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import KeptCalibration

QUICK_SECONDS = 1.0
"""What was read in less is read again by itself when labels or verdicts change; larger sets wait for the key."""
SETTLE_SECONDS = 0.15
PREPARE_SECONDS = 0.015
_NO_RUNS = """No judge has looked at {dataset} yet.

Press {key} to have it judged, or run:  flywheel judge -d {dataset} --tag first
or take in what another tool said:  flywheel judge -d {dataset} --import FILE"""
_LOADING = """Measuring {tag} against people …

Reading every verdict and every label of {dataset} ({pairs:,} pairs).
A million takes about a second; any key works meanwhile."""


class CalibrateReading(CalibrateActions):
    """What Calibrate reads, and when it reads again."""

    def __init__(self) -> None:
        super().__init__()
        self._options = CalibrateOptions(tag="")
        self._dataset = ""
        self._mark = ""
        self._took = 0.0
        self._changed = self._looking = False
        self._kept: list[KeptCalibration] = []
        self._read_views: dict[int, Any] = {}

    @abstractmethod
    def _show_state(self, text: str) -> None:
        """A text instead of figures."""

    @abstractmethod
    def _show_read(self, number: int) -> None:
        """Draw a view that was read."""

    @abstractmethod
    def _panel(self, content: Content) -> None:
        """Draw a text in the place of the views."""

    def measure(self, options: CalibrateOptions | None = None) -> None:
        """Read and measure, in a thread; what is shown stays until the new figures are here."""
        if options is not None:
            self._options = options
        self._measure()

    def _no_runs(self, dataset: str) -> str:
        key = show_key(key_of("calibrate.tag", self.shell.settings.keymap).partition(",")[0])
        return _NO_RUNS.format(key=key, dataset=dataset)

    @work(group="measure", exclusive=True, exit_on_error=False, description="measure a judge")
    async def _measure(self) -> None:
        workspace, name = self.shell.workspace, self.shell.dataset
        options = self._options
        try:
            runs = await asyncio.to_thread(desk_stage.runs_of, workspace, name)
            if not runs:
                self._desk = None
                self._show_state(self._no_runs(name))
                return
            if options.tag not in {run.tag for run in runs}:
                options = msgspec.structs.replace(options, tag=runs[0].tag)
            if self._desk is None:
                pairs = desk_stage.pairs_of(workspace, name)
                self._show_state(_LOADING.format(tag=options.tag, dataset=name, pairs=pairs))
            began = time.monotonic()
            mark = await asyncio.to_thread(desk_stage.mark_of, workspace, name, options.tag)
            # a look at the report split spends some of it, and is written down
            keep = options.split == "report"
            desk = await asyncio.to_thread(desk_stage.open_desk, workspace, name, options, keep=keep)
        except FlywheelError as error:
            if self._desk is None:
                self._show_state(str(error))
            else:
                self._options = self._desk.read.options
                self.hint(str(error))
            return
        self._took, self._mark, self._changed = time.monotonic() - began, mark, False
        # what the run's import or the kind of its verdicts decided is what the next switch starts from
        self._options = msgspec.structs.replace(desk.read.options, threshold=None)
        other = self._desk is None or (self._desk.found.tag, self._desk.found.dataset) != (options.tag, name)
        self._desk, self._dataset, self._read_views = desk, name, {}
        if other:
            self._kept, self._line, self._cell = [], None, (0, 0)
        elif self._line is not None:
            self._line = desk.lines[desk.nearest(self._line)] if desk.lines else None
        self.remove_class("-stateful")
        self.show_all()
        self._read_kept()

    @work(group="kept", exclusive=True, exit_on_error=False, description="read kept calibrations")
    async def _read_kept(self) -> None:
        desk = self._desk
        assert desk is not None
        kept = await asyncio.to_thread(stage.kept_calibrations, self.shell.workspace, desk.found.dataset)
        if desk is self._desk:
            self._kept = [one for one in kept if one.calibration.tag == desk.found.tag]
            self.show_figures()

    def store_changed(self) -> None:
        """Somebody committed: are the figures still those of what is there?"""
        if self._desk is not None and not self._looking and self._desk.found.dataset == self.shell.dataset:
            self._look_again()

    @work(group="look", exit_on_error=False, description="see whether labels or verdicts have changed")
    async def _look_again(self) -> None:
        self._looking = True
        try:
            desk = self._desk
            assert desk is not None
            mark = await asyncio.to_thread(desk_stage.mark_of, self.shell.workspace, desk.found.dataset, desk.found.tag)
        except FlywheelError as error:
            self.hint(str(error))
            return
        finally:
            self._looking = False
        if mark == self._mark or desk is not self._desk:
            return
        if self._took < QUICK_SECONDS and self.shell.base_screen is self:
            self.measure()
        else:
            self._changed = True
            self.show_figures()

    @work(group="view", exclusive=True, exit_on_error=False, description="read a view of a judge")
    async def _read_view(self, number: int) -> None:
        desk, view = self._desk, VIEWS[number]
        assert desk is not None and view.read is not None
        try:
            found = await asyncio.to_thread(view.read, self.shell.workspace, desk)
        except FlywheelError as error:
            if number == self._view:
                self._panel(safe_text(str(error)))
            return
        if desk is self._desk:
            self._read_views[number] = found
            if number == self._view:
                self._show_read(number)

    @work(group="settle", exclusive=True, exit_on_error=False, description="intervals over families")
    async def _settle_soon(self) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        desk, line = self._desk, self._line
        if desk is None or line is None:
            return
        found = await asyncio.to_thread(desk.settled, self.shell.workspace, line)
        if desk is self._desk and line == self._line:
            self._settled = (line, found)
            self.show_figures()

    @work(group="prepare", exclusive=True, exit_on_error=False, description="have the next thresholds ready")
    async def _prepare(self) -> None:
        # the frame of this key comes first
        await asyncio.sleep(PREPARE_SECONDS)
        if self._desk is not None and self._line is not None:
            await asyncio.to_thread(self._desk.prepare, self._line)
