"""Datasets: a row for each data set, what is in it, and the ways in and out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from msgspec import to_builtins
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import DataTable, Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.sitting_start import last_query
from flywheel_tui.stages.views import DatasetSummary, ViewQuery
from flywheel_tui.text import relative_time
from screens.bindings import bindings_of
from screens.safe import safe_rich
from screens.widgets.dataset_panel import panel_content
from screens.widgets.keeps_focus import KeepsFocus
from screens.work_screen import WorkScreen

OF_A_DATASET = ("browse", "label", "validation", "calibrate")
"""Places that show one data set: where none was chosen, the one at the cursor."""
TIMES_SECONDS = 10.0
"""How often it is said anew how long ago something was."""
_EMPTY = """No data set yet.

Press i to take in a file: JSON Lines, JSON, CSV, TSV, Parquet.
The well-known layouts are recognised by themselves.

To look around first, leave with q and run:  flywheel demo"""


class DatasetTable(KeepsFocus, DataTable[Text], inherit_bindings=False):
    """The list; its keys are those of every table here, so that none of its own hides one of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")

    def action_cursor(self, by: int) -> None:
        """Some rows up or down."""
        self.move_cursor(row=self.cursor_row + by, animate=False)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_cursor(by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        """The first (-1) or the last (1) row."""
        self.move_cursor(row=0 if side < 0 else self.row_count - 1, animate=False)


class DatasetsScreen(WorkScreen):
    """The list, and a panel about the data set at the cursor."""

    PLACE = "datasets"
    CSS_PATH = Path(__file__).with_name("datasets.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("datasets")

    def __init__(self) -> None:
        super().__init__()
        self._summaries: dict[str, DatasetSummary] = {}
        self._absolute = False
        self._columns: tuple[str, ...] = ()

    def compose_body(self) -> ComposeResult:
        with Container(id="datasets-body"):
            yield DatasetTable(cursor_type="row", cell_padding=1)
            with VerticalScroll(id="datasets-panel", can_focus=False):
                yield Static("", markup=False)
        yield Static(_EMPTY, id="datasets-empty", classes="state", markup=False)

    @property
    def table(self) -> DatasetTable:
        """The list."""
        return self.query_one(DatasetTable)

    @property
    def current(self) -> DatasetSummary | None:
        """The data set at the cursor."""
        names = list(self._summaries)
        row = self.table.cursor_row
        return self._summaries[names[row]] if 0 <= row < len(names) else None

    def arrive(self, request: object) -> None:
        """Read the figures."""
        self.call_after_refresh(self._arrive)

    def _arrive(self) -> None:
        self.store_changed()
        self.table.focus()

    def on_mount(self) -> None:
        """Keep the times true while nothing happens."""
        self.set_interval(TIMES_SECONDS, self._show_times)

    def on_resize(self) -> None:
        """Other columns fit now."""
        if self._summaries:
            self._fill(list(self._summaries.values()))

    # -- figures ------------------------------------------------------------------------------------------------------

    def store_changed(self) -> None:
        """Read the figures again; only what changed is drawn."""
        try:
            found = views.summaries(self.shell.workspace)
        except FlywheelError as error:
            self.shell.show_banner("store", str(error))
            return
        self.set_class(not found, "-empty")
        self._fill(found)
        self.refresh_bindings()

    def _wanted_columns(self) -> tuple[str, ...]:
        width = self.size.width
        room = width - (46 if width >= 140 else 40 if width >= 100 else 0)
        columns = ["data set", "kind", "pairs", "labelled"]
        if room >= 76:
            columns += ["findings"]
        columns += ["last activity"]
        if room >= 92:
            columns += ["runs", "passed"]
        return tuple(columns)

    def _fill(self, found: list[DatasetSummary]) -> None:
        table = self.table
        names, columns = [each.row.name for each in found], self._wanted_columns()
        chosen = self.current.row.name if self.current else self.shell.dataset
        if names != list(self._summaries) or columns != self._columns:
            table.clear(columns=True)
            for name in columns:
                table.add_column(Text(name), key=name)  # safe: our own words
            for each in found:
                table.add_row(*self._cells(each, columns), key=each.row.name)
            self._summaries = {each.row.name: each for each in found}
            if chosen in names:
                table.move_cursor(row=names.index(chosen), animate=False)
        else:
            for each in found:
                if each != self._summaries[each.row.name]:
                    self._update(each, columns)
            self._summaries = {each.row.name: each for each in found}
            self._show_times()
        self._columns = columns
        self._show_panel()

    def _update(self, each: DatasetSummary, columns: tuple[str, ...]) -> None:
        for column, cell in zip(columns, self._cells(each, columns), strict=True):
            self.table.update_cell(each.row.name, column, cell, update_width=True)  # safe: made by _cells

    def _cells(self, each: DatasetSummary, columns: tuple[str, ...]) -> list[Text]:
        row, glyphs = each.row, self.shell.glyphs
        share = f"{glyphs.bar(each.labelled, 8)} {each.labelled:>4.0%}"
        cells = {
            "data set": safe_rich(row.name),
            "kind": Text(row.kind),
            "pairs": Text(f"{row.pairs:,}", justify="right"),
            "labelled": Text(share),
            "findings": Text(f"{each.findings:,}" if each.findings else "–", justify="right"),
            "runs": Text(f"{each.judge_runs:,}" if each.judge_runs else "–", justify="right"),
            "passed": Text("–" if each.passed is None else f"{each.passed:.0%}", justify="right"),
            "last activity": Text(self._time(each.activity)),
        }
        return [cells[name] for name in columns]

    def _show_times(self) -> None:
        """How long ago something was changes by itself, in data sets that do not."""
        for name, each in self._summaries.items():
            said = self._time(each.activity)
            if self.table.get_cell(name, "last activity").plain != said:
                self.table.update_cell(name, "last activity", Text(said), update_width=True)  # safe: our own words

    def _time(self, moment: int) -> str:
        if self._absolute:
            return datetime.fromtimestamp(moment / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        return relative_time(moment, self.shell.clock())

    # -- the panel ----------------------------------------------------------------------------------------------------

    @on(DataTable.RowHighlighted)
    def _highlighted(self) -> None:
        self._show_panel()

    def _show_panel(self) -> None:
        current = self.current
        if current is None:
            self.query_one("#datasets-panel Static", Static).update("")
            return
        content = panel_content(current, None, self.shell.glyphs, self.shell.clock())
        self._read_figures(current, content.plain)

    @work(group="panel", exclusive=True, exit_on_error=False, description="read the figures of a data set")
    async def _read_figures(self, current: DatasetSummary, meanwhile: str) -> None:
        figures = await asyncio.to_thread(views.figures, self.shell.workspace, current.row.id)
        content = panel_content(current, figures, self.shell.glyphs, self.shell.clock())
        self.query_one("#datasets-panel Static", Static).update(content)

    def offered(self, place: str) -> str:
        """The data set at the cursor; but Label goes on where its reviewer stopped."""
        if self.current is None or place not in OF_A_DATASET:
            return ""
        goes_on = place == "label" and last_query(self.shell.workspace, self.shell.reviewer) is not None
        return "" if goes_on else self.current.row.name

    # -- actions ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        if action == "browse":
            return bool(self._summaries)
        if action == "label":
            return bool(self._summaries) and self.shell.can_label
        if action in ("export", "absolute", "validate", "report", "judge", "heatmap"):
            return bool(self._summaries)
        return True

    @on(DataTable.RowSelected)
    async def _selected(self) -> None:
        await self.action_browse()

    async def action_browse(self) -> None:
        """Look through the pairs."""
        if (current := self.current) is not None:
            query = ViewQuery(dataset=current.row.name, reviewer=self.shell.reviewer)
            await self.shell.open_browse(query)

    async def action_label(self) -> None:
        """Label, unlabelled pairs first."""
        if (current := self.current) is not None:
            query = ViewQuery(dataset=current.row.name, order="unlabelled first", reviewer=self.shell.reviewer)
            await self.shell.open_label(query)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="take pairs in")
    async def action_ingest(self) -> None:
        """Ask for a file, take it in behind the screen."""
        from screens.ingest_dialog import IngestDialog

        options = await self.app.push_screen_wait(IngestDialog(self.shell.workspace, f"{Path.cwd()}/"))
        if options is not None:
            self.shell.start_job("ingest", to_builtins(options), f"ingest {options.source} -> {options.name}")

    @work(group="dialog", exclusive=True, exit_on_error=False, description="write pairs out")
    async def action_export(self) -> None:
        """Ask for format and place, write behind the screen."""
        from screens.export_dialog import ExportDialog

        if (current := self.current) is None:
            return
        folder = self.shell.workspace.folder("exports")
        request = await self.app.push_screen_wait(ExportDialog(current.row.name, folder))
        if request is not None:
            self.shell.start_job("export", to_builtins(request), f"export {request.dataset} as {request.format}")

    @work(group="dialog", exclusive=True, exit_on_error=False, description="run checks")
    async def action_validate(self) -> None:
        """Ask which checks, run them behind the screen."""
        from screens.validation import ask_and_run

        if (current := self.current) is not None:
            await ask_and_run(self, current.row.name)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="judge")
    async def action_judge(self) -> None:
        """Ask who judges and how, have it done, and watch."""
        from screens.judge_start import ask_and_judge

        if (current := self.current) is not None:
            await ask_and_judge(self, current.row.name, pairs=current.row.pairs)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="generate")
    async def action_generate(self) -> None:
        """Ask for recipe, seeds and teachers, have rows made, and watch."""
        from screens.generate_start import ask_and_generate

        await ask_and_generate(self, self.current.row.name if self.current is not None else "")

    @work(group="dialog", exclusive=True, exit_on_error=False, description="draw the heat map of a taxonomy")
    async def action_heatmap(self) -> None:
        """How far the data set fills the grid of a taxonomy."""
        from screens.heatmap import ask_and_show

        if (current := self.current) is not None:
            await ask_and_show(self, current.row.name)

    async def action_report(self) -> None:
        """What the checks found."""
        if (current := self.current) is not None:
            self.shell.dataset = current.row.name
            await self.shell.go("validation")

    def action_absolute(self) -> None:
        """Dates, or how long ago."""
        self._absolute = not self._absolute
        self._show_times()

    def action_refresh(self) -> None:
        """Read again."""
        self.store_changed()
        self.hint("read again")
