"""What one can do in Calibrate: move the threshold and the cell, choose what counts, go to the pairs, keep."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING

import msgspec
from textual import work
from textual.containers import VerticalScroll

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.calibration import SPLITS, policies_for
from flywheel_tui.stages import calibrate_desk as desk_stage
from flywheel_tui.stages import views
from flywheel_tui.stages.views import ViewQuery
from screens.calibrate_matrix import cell_words, grid_of
from screens.calibrate_views import VIEWS
from screens.judge_start import ask_and_judge
from screens.places import BrowseRequest
from screens.view_dialogs import choose_dataset
from screens.widgets.dialogs import Choice, ChoiceDialog
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import CalibrateOptions, Calibration
    from flywheel_tui.stages.calibrate_desk import Desk

_ON_THRESHOLD = ("move", "own", "safe")


class CalibrateActions(WorkScreen):
    """The actions behind `calibrate.…`."""

    def __init__(self) -> None:
        super().__init__()
        self._desk: Desk | None = None
        self._line: float | None = None
        self._cell = (0, 0)
        self._view = 0
        self._options: CalibrateOptions
        self._settled: tuple[float, Calibration] | None = None

    @abstractmethod
    def measure(self, options: CalibrateOptions | None = None) -> None:
        """Read and measure."""

    @abstractmethod
    def show_all(self) -> None:
        """Draw everything."""

    @abstractmethod
    def show_figures(self) -> None:
        """Draw what moves with the threshold."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        desk = self._desk
        if action in _ON_THRESHOLD:
            return desk is not None and desk.movable
        if action in ("cell", "browse", "keep", "blind", "policy", "split", "view", "show", "scroll", "refresh"):
            return desk is not None
        if action == "tag":
            return bool(self.shell.dataset)
        if action == "edited":
            return desk is not None and not desk.read.preference
        return True

    # -- threshold and cell -------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Some steps down or up; everything follows at once."""
        desk = self._desk
        if desk is None or not desk.lines:
            return
        if self._line is None:
            # from the judge's own word one comes in where it passes as many
            at = min(max(self._own_place(desk) + (1 if by > 0 else 0), 0), len(desk.lines) - 1)
            at = at if abs(by) == 1 else min(max(at + by, 0), len(desk.lines) - 1)
        else:
            at = min(max(desk.nearest(self._line) + by, 0), len(desk.lines) - 1)
        if self._line == desk.lines[at]:
            self.hint("the highest score" if by > 0 else "the lowest score")
            return
        self._line = desk.lines[at]
        self.show_figures()

    @staticmethod
    def _own_place(desk: Desk) -> int:
        verdicts = desk.read.verdicts
        assert verdicts.score is not None
        passed = verdicts.score[verdicts.passed]
        return desk.nearest(float(passed.min())) if len(passed) else len(desk.lines) - 1

    def action_own(self) -> None:
        """The judge's own word."""
        self._line = None
        self.show_figures()

    def action_safe(self) -> None:
        """The line with a guarantee."""
        answer = self._desk.guarantee if self._desk is not None else None
        if answer is None or answer.value is None:
            self.hint("no threshold has a guarantee yet; 1 matrix says what is missing")
            return
        self._line = answer.value
        self.show_figures()
        self.hint(answer.sentence)

    def action_cell(self, down: int, right: int) -> None:
        """Another block of the matrix."""
        if self._desk is not None:
            grid = grid_of(self._desk.found)
            row, column = self._cell[0] + down, self._cell[1] + right
            self._cell = (min(max(row, 0), len(grid.rows) - 1), min(max(column, 0), len(grid.columns) - 1))
            self.show_figures()

    @work(group="pairs", exclusive=True, exit_on_error=False, description="find the pairs of a cell")
    async def action_browse(self) -> None:
        """Exactly the pairs of the chosen block, in Browse."""
        desk = self._desk
        if desk is None:
            return
        found = desk.at(self._line)
        cell = grid_of(found).at(self._cell)
        _, word, _ = cell_words(cell, desk.read.preference)
        if not cell.pairs:
            self.hint(f"{word}: no pairs here")
            return
        pairs = await asyncio.to_thread(desk.pairs, self.shell.workspace, cell.truth, cell.said, self._line)
        where = "own word" if self._line is None else f"at {self._line:g}"
        query = ViewQuery(dataset=found.dataset, reviewer=self.shell.reviewer)
        words = f"{word} of {found.tag}, {where}; A settles one"
        await self.shell.go("browse", BrowseRequest(query, pairs=pairs, words=words, seen=True))

    @work(group="keep", exclusive=True, exit_on_error=False, description="keep a calibration")
    async def action_keep(self) -> None:
        """Write down what is shown as the judge's calibration."""
        desk, line = self._desk, self._line
        if desk is None:
            return
        try:
            found = await asyncio.to_thread(desk_stage.keep_threshold, self.shell.workspace, desk, line)
        except FlywheelError as error:
            self.shell.notify(str(error), severity="error", timeout=30)
            return
        where = "its own word" if line is None else f"threshold {line:g}"
        self.hint(f"kept for {found.tag}: {where}, measured on {found.pairs:,} labels")
        self._read_kept()

    @abstractmethod
    def _read_kept(self) -> object:
        """Read what is kept."""

    # -- what counts --------------------------------------------------------------------------------------------------

    def _change(self, **changes: object) -> None:
        self._settled = None
        self.measure(msgspec.structs.replace(self._options, **changes))

    def action_blind(self) -> None:
        """Blind labels alone; then picked pairs too, where there are some; then those with the verdict in sight."""
        some = self._desk is not None and self._desk.found.left_out.picked > 0
        picked, seen = self._options.include_picked, self._options.include_unblinded
        if seen:
            picked, seen, said = False, False, "blind only"
        elif some:
            picked, said = True, "pairs picked by what judges say or where doubt is count too: they are no sample"
        else:
            seen, said = True, "labels made with the verdict in sight count too: agreement is flattered"
        self._change(include_picked=picked, include_unblinded=seen)
        self.hint(said)

    def action_policy(self) -> None:
        """The next policy for replies that could not be read."""
        if self._desk is not None:
            names = policies_for(self._desk.read.preference)
            at = names.index(self._options.unreadable or "leave-out")
            self._change(unreadable=names[(at + 1) % len(names)])

    def action_split(self) -> None:
        """The next split."""
        name = SPLITS[(SPLITS.index(self._options.split) + 1) % len(SPLITS)]
        self._change(split=name)
        if name == "report":
            self.hint("a look at the report split is counted: each one spends some of its worth")

    def action_edited(self) -> None:
        """Whether an edited pair passes."""
        both = "edited" not in self._options.approved_is
        self._change(approved_is=("approved", "edited") if both else ("approved",))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose a judge run")
    async def action_tag(self) -> None:
        """Another judge run; where there is none, the dialog to have one made."""
        runs = await asyncio.to_thread(desk_stage.runs_of, self.shell.workspace, self.shell.dataset)
        choices = [Choice(run.tag, run.tag, f"{run.judge} ({run.kind})") for run in runs]
        if not choices:
            pairs = views.get_dataset(self.shell.workspace, self.shell.dataset).pairs
            await ask_and_judge(self, self.shell.dataset, pairs=pairs)
            return
        tag = await self.app.push_screen_wait(ChoiceDialog("judge run", choices, self._options.tag))
        if tag:
            # a policy belongs to the run it was chosen for
            self._change(tag=tag, unreadable=None)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose a data set")
    async def action_dataset(self) -> None:
        """Another data set."""
        if name := await choose_dataset(self.shell):
            self.shell.dataset = name
            self._desk = None
            self.arrive(None)

    # -- views --------------------------------------------------------------------------------------------------------

    def action_show(self, number: int) -> None:
        """A view by its digit."""
        self._view = number
        self.show_all()

    def action_view(self, by: int) -> None:
        """The next view."""
        self.action_show((self._view + by) % len(VIEWS))

    def action_scroll(self, by: int) -> None:
        """Scroll the view."""
        panel = self.query_one("#calibrate-panel", VerticalScroll)
        panel.scroll_relative(y=by * max(panel.size.height - 2, 1), animate=False)

    def action_refresh(self) -> None:
        """Measure again."""
        self.measure()
        self.hint("measured again")
