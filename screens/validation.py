"""Validation: what the checks found in a data set, how far they have come, and the ways on from there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import to_builtins
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.charts import charts
from flywheel_tui.stages.validate import overview
from flywheel_tui.stages.validate.report import default_path
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.text import relative_time
from screens.bindings import bindings_of
from screens.places import BrowseRequest
from screens.widgets.chart_pane import ChartPane
from screens.widgets.check_list import CheckList
from screens.widgets.check_text import check_content, summary_line
from screens.widgets.dialogs import Choice, ChoiceDialog, TextDialog
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.stages.charts import Chart
    from flywheel_tui.stages.validate.overview import Overview

PAUSE_SECONDS = 0.5
"""At least so long between two readings while a validation writes."""
_CHARTS = ("validation", "lengths")
_NO_DATASET = "No data set is chosen.\n\nPress D to choose one, or g d for the list."
_NEVER_RAN = """Nothing has been looked at yet.

Press v to choose checks and run them over {pairs:,} pairs of {dataset}.
What they find is highlighted in Browse and Label, and listed here."""


class ValidationScreen(WorkScreen):
    """A row a check; what is at the cursor is told beside or below."""

    PLACE = "validation"
    CSS_PATH = Path(__file__).with_name("validation.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("validation")

    def __init__(self) -> None:
        super().__init__()
        self._found: Overview | None = None
        self._charts: dict[str, Chart] = {}
        self._chart = ""
        self._absolute = False
        self._reading = self._stale = False

    def compose_body(self) -> ComposeResult:
        yield Static("", id="validation-summary", markup=False)
        with Container(id="validation-body"):
            yield CheckList(self.shell.glyphs, self._time)
            with Container(id="validation-side"):
                with VerticalScroll(id="validation-panel", can_focus=False):
                    yield Static("", markup=False)
                yield ChartPane(id="validation-chart")
        yield Static("", id="validation-state", classes="state", markup=False)

    @property
    def checks(self) -> CheckList:
        """The list."""
        return self.query_one(CheckList)

    # -- coming here and reading --------------------------------------------------------------------------------------

    def arrive(self, request: object) -> None:
        """Read the figures of the data set in the header."""
        self.call_after_refresh(self._arrive)

    def _arrive(self) -> None:
        if not self.shell.dataset:
            self._show_state(_NO_DATASET)
            return
        if self._found is not None and self._found.dataset != self.shell.dataset:
            self._found, self._charts = None, {}
        self.checks.focus()
        self.store_changed()

    def on_screen_resume(self) -> None:
        """Back from the duplicates: what they changed was not read meanwhile."""
        if self._found is not None:
            self.store_changed()

    def store_changed(self) -> None:
        """Read again, in a thread, as often as the thread can."""
        self._stale = True
        if not self._reading and self.shell.dataset:
            self._read()

    @work(group="overview", exit_on_error=False, description="read the figures of a validation")
    async def _read(self) -> None:
        self._reading = True
        try:
            while self._stale:
                self._stale = False
                name = self.shell.dataset
                found = await asyncio.to_thread(overview.overview, self.shell.workspace, name)
                drawn = await asyncio.to_thread(charts, self.shell.workspace, name, _CHARTS)
                if name == self.shell.dataset:
                    self._show(found, {chart.name: chart for chart in drawn})
                if self._stale:
                    await asyncio.sleep(PAUSE_SECONDS)
        except FlywheelError as error:
            self._show_state(str(error))
        finally:
            self._reading = False

    def _show(self, found: Overview, drawn: dict[str, Chart]) -> None:
        self._found, self._charts = found, drawn
        if not found.ran:
            self._show_state(_NEVER_RAN.format(pairs=found.pairs, dataset=found.dataset))
            return
        self.remove_class("-stateful")
        self._show_summary()
        self.checks.show(found.checks)
        self._show_check()
        self._show_chart()
        self.refresh_bindings()

    def _show_summary(self) -> None:
        if self._found is not None:
            line = summary_line(self._found, self.shell.glyphs, self.shell.clock(), self.size.width)
            self.query_one("#validation-summary", Static).update(line)

    def on_resize(self) -> None:
        """Another width holds more words, or fewer."""
        self._show_summary()

    def _show_state(self, text: str) -> None:
        self.query_one("#validation-state", Static).update(Content(text))
        self.add_class("-stateful")
        self.refresh_bindings()

    def _time(self, moment: int) -> str:
        if self._absolute:
            return datetime.fromtimestamp(moment / 1e6, UTC).astimezone().strftime("%m-%d %H:%M")
        return relative_time(moment, self.shell.clock())

    # -- the check at the cursor, the chart ---------------------------------------------------------------------------

    @on(CheckList.Moved)
    def _moved(self) -> None:
        self._show_check()

    @work(group="panel", exclusive=True, exit_on_error=False, description="read examples of what a check found")
    async def _show_check(self) -> None:
        line, found = self.checks.current, self._found
        if line is None or found is None:
            return
        examples = []
        if line.findings:
            read = overview.examples
            examples = await asyncio.to_thread(
                read, self.shell.workspace, found.dataset, line.name, self.checks.severity
            )
        when = self._time(line.at) if line.at is not None else "never"
        content = check_content(line, examples, self.shell.glyphs, when, found.pairs)
        self.query_one("#validation-panel Static", Static).update(content)
        self.query_one("#validation-panel").scroll_to(y=0, animate=False)

    def _show_chart(self) -> None:
        self.set_class(bool(self._chart), "-chart")
        if chart := self._charts.get(self._chart or _CHARTS[0]):
            self.query_one(ChartPane).show(chart)

    # -- actions ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        ran = self._found is not None and self._found.ran
        if action == "run":
            return bool(self.shell.dataset)
        if action in ("browse", "severity", "chart", "report", "absolute"):
            return ran
        if action in ("duplicates", "copies"):
            return ran and self._has_clusters(("dedup",) if action == "copies" else ("dedup", "neardup"))
        return True

    def _has_clusters(self, checks: tuple[str, ...]) -> bool:
        return self._found is not None and any(line.name in checks and line.total for line in self._found.checks)

    @on(CheckList.Opened)
    async def _opened(self) -> None:
        await self.action_browse()

    async def action_browse(self) -> None:
        """Look through exactly the pairs of the row and severity that are chosen."""
        line = self.checks.current
        if line is None or self._found is None:
            return
        severity = self.checks.severity
        if not (line.pairs.get(severity, 0) if severity else line.total):
            self.hint(f"{line.name}: no pairs to look through here")
            return
        query = ViewQuery(
            dataset=self._found.dataset, filter=overview.filter_of(line.name, severity), reviewer=self.shell.reviewer
        )
        await self.shell.go("browse", BrowseRequest(query, findings=True))

    def action_severity(self, by: int) -> None:
        """Choose all pairs, or those with errors, warnings, info."""
        self.checks.choose(by)

    def action_chart(self) -> None:
        """The next chart; in a narrow window first none."""
        names = list(_CHARTS) if self.has_class("-wide") else ["", *_CHARTS]
        at = names.index(self._chart) if self._chart in names else 0
        self._chart = names[(at + 1) % len(names)]
        self._show_chart()

    @work(group="dialog", exclusive=True, exit_on_error=False, description="run checks")
    async def action_run(self) -> None:
        """Ask what to run, and run it behind the screen."""
        await ask_and_run(self, self.shell.dataset)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="write the report")
    async def action_report(self) -> None:
        """Write the JSON report, with every finding."""
        if self._found is None:
            return
        path = default_path(self.shell.workspace, self._found.dataset)
        answer = await self.app.push_screen_wait(
            TextDialog("write the report to", str(path), hint="a JSON file; one that is there is replaced")
        )
        if not answer or not answer.strip():
            return
        target = Path(answer.strip()).expanduser().absolute()
        try:
            count = await asyncio.to_thread(
                overview.write_report_now, self.shell.workspace, self._found.dataset, target
            )
        except (FlywheelError, OSError) as error:
            self.shell.notify(str(error), severity="error", timeout=30)
            return
        self.hint(f"{count:,} findings written to {target}")

    async def action_duplicates(self) -> None:
        """Walk the clusters of duplicates."""
        from screens.duplicates import DuplicatesScreen

        line = self.checks.current
        if self._found is not None:
            first = line.name if line is not None and line.name in ("dedup", "neardup") else ""
            await self.app.push_screen(DuplicatesScreen(self._found.dataset, first))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="find the copies")
    async def action_copies(self) -> None:
        """Reject all exact duplicates at once, after a look at how many and which."""
        from screens.duplicates import reject_copies

        if self._found is not None:
            await reject_copies(self.shell, self._found.dataset)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose a data set")
    async def action_dataset(self) -> None:
        """Show another data set."""
        rows = views.list_datasets(self.shell.workspace)
        if not rows:
            self.hint("there is no data set yet; take pairs in: g d, then i")
            return
        options = [Choice(row.name, row.name, f"{row.kind}, {row.pairs:,} pairs") for row in rows]
        name = await self.app.push_screen_wait(ChoiceDialog("data set", options, self.shell.dataset))
        if name:
            self.shell.dataset = name
            self._arrive()

    def action_absolute(self) -> None:
        """Dates, or how long ago."""
        self._absolute = not self._absolute
        self.checks.redraw()
        self._show_check()

    def action_refresh(self) -> None:
        """Read again."""
        self.store_changed()
        self.hint("read again")


async def ask_and_run(screen: WorkScreen, dataset: str) -> None:
    """The dialog, then the job. Call it in a worker."""
    from screens.validate_dialog import ValidateDialog

    shell = screen.shell
    try:
        asked = await asyncio.to_thread(overview.choices, shell.workspace, dataset)
    except FlywheelError as error:
        screen.hint(str(error))
        return
    dialog = ValidateDialog(dataset, asked.checks, shell.glyphs, policy=asked.policy, language=asked.language)
    options = await shell.push_screen_wait(dialog)
    if options is not None:
        shell.start_job("validate", to_builtins(options), f"validate {dataset}")
