"""The table of jobs: a row a job, changed cell by cell; which columns there are depends on the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import DataTable

from flywheel_tui.jobs.overview import dataset_of, pid_of
from screens.bindings import bindings_of
from screens.glyphs import Glyphs
from screens.safe import safe_rich
from screens.widgets.job_text import cost_words, left_words, progress_words, rate_words, short_age, state_mark
from screens.widgets.keeps_focus import KeepsFocus

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job

_WIDTHS = {
    "job": 5, "state": 12, "kind": 9, "title": 14, "data set": 14, "progress": 13, "rate": 9, "left": 11, "cost": 7,
    "try": 4, "process": 7, "age": 6,
}  # fmt: skip
_ALWAYS = ("job", "state", "title", "progress", "left", "age")
_MORE = ("rate", "kind", "data set", "try", "process", "cost")
"""As the room allows, the most useful first."""
_RIGHT = ("job", "rate", "left", "cost", "try", "process", "age")
_TITLE = 20
"""Columns that the title keeps, whatever else there is."""


class JobTable(KeepsFocus, DataTable[Text], inherit_bindings=False):
    """The list; its keys are those of every table here, so that none of its own hides one of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(cursor_type="row", cell_padding=1)
        self._glyphs = glyphs
        self._jobs: dict[int, Job] = {}
        self._drawn: dict[int, list[Text]] = {}
        self._seen: dict[int, tuple[Job, bool, str, str]] = {}
        """What each row was drawn from: a row of which nothing changed costs nothing."""
        self._layout: dict[str, int] = {}

    @property
    def current(self) -> Job | None:
        """The job at the cursor."""
        if not 0 <= self.cursor_row < self.row_count:
            return None
        key = self.ordered_rows[self.cursor_row].key.value
        return self._jobs.get(int(key)) if key else None

    def show(self, jobs: Sequence[Job], lost: frozenset[int], now: int) -> None:
        """Show these jobs in this order; only cells that changed are touched, the cursor stays on its job."""
        chosen, at = self.current, self.cursor_row
        layout = self._wanted()
        if layout != self._layout:
            self._lay_out(layout)
        fresh = {job.id: job for job in jobs}
        for gone in [number for number in self._jobs if number not in fresh]:
            self.remove_row(str(gone))
            self._drawn.pop(gone, None)
            self._seen.pop(gone, None)
        for number, job in fresh.items():
            source = job, number in lost, short_age(job.created, now), self.app.theme
            if source != self._seen.get(number):
                self._put(number, self._cells(*source[:3]))
                self._seen[number] = source
        self._jobs = fresh
        if [row.key.value for row in self.ordered_rows] != [str(number) for number in fresh]:
            ranks = {number: rank for rank, number in enumerate(fresh)}
            self.sort("job", key=lambda cell: ranks[int(cell.plain)])
        self._keep_cursor(chosen, at, list(fresh))

    def _keep_cursor(self, chosen: Job | None, at: int, order: list[int]) -> None:
        if not order:
            return
        row = order.index(chosen.id) if chosen is not None and chosen.id in order else min(max(at, 0), len(order) - 1)
        if row != self.cursor_row:
            self.move_cursor(row=row, animate=False)

    def _put(self, number: int, cells: list[Text]) -> None:
        before = self._drawn.get(number)
        if before is None:
            self.add_row(*cells, key=str(number))  # safe: made by _cells
        else:
            for name, old, new in zip(self._layout, before, cells, strict=True):
                if old.plain != new.plain or old.style != new.style:
                    self.update_cell(str(number), name, new)  # safe: made by _cells
        self._drawn[number] = cells

    # -- columns ------------------------------------------------------------------------------------------------------

    def _wanted(self) -> dict[str, int]:
        room = self.size.width - 1 - sum(_WIDTHS[name] + 2 for name in _ALWAYS if name != "title") - 2
        chosen = set(_ALWAYS)
        for name in _MORE:
            if room - _WIDTHS[name] - 2 < _TITLE:
                break
            room -= _WIDTHS[name] + 2
            chosen.add(name)
        return {name: max(room, 10) if name == "title" else width for name, width in _WIDTHS.items() if name in chosen}

    def _lay_out(self, layout: dict[str, int]) -> None:
        self.clear(columns=True)
        self._jobs, self._drawn, self._seen, self._layout = {}, {}, {}, layout
        for name, width in layout.items():
            heading = Text(name, justify="right" if name in _RIGHT else "left")
            self.add_column(heading, key=name, width=width)  # safe: our own words

    def _cells(self, job: Job, lost: bool, age: str) -> list[Text]:
        mark = state_mark(job, self._glyphs, lost)
        words = {
            "job": Text(str(job.id), justify="right"),
            "state": Text(f"{mark.glyph} {mark.word}", style=self._colour(mark.token)),
            "kind": safe_rich(job.kind, limit=40),
            "title": safe_rich(job.title),
            "data set": safe_rich(dataset_of(job), limit=80),
            "progress": Text(
                progress_words(job, self._glyphs), style=self._colour("accent" if job.active else "muted")
            ),
            "rate": Text(rate_words(job), justify="right"),
            "left": Text(left_words(job), justify="right"),
            "cost": Text(cost_words(job), justify="right"),
            "try": Text(f"{job.attempt}/{job.max_attempts}" if job.attempt else "", justify="right"),
            "process": safe_rich(pid_of(job), limit=20),
            "age": Text(age, justify="right"),
        }
        for name in ("title", "data set", "kind"):
            if name in self._layout:
                words[name].truncate(self._layout[name], overflow="ellipsis")
        words["process"].justify = "right"
        return [words[name] for name in self._layout]

    def _colour(self, token: str) -> str:
        # a style that Rich does not know would end the program; themes of others may name colours in ANSI words
        colour = self.app.theme_variables.get(token, "")
        return colour if colour.startswith("#") else ""

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_cursor(self, by: int) -> None:
        """Some rows up or down."""
        self.move_cursor(row=self.cursor_row + by, animate=False)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_cursor(by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        """The first (-1) or the last (1) row."""
        self.move_cursor(row=0 if side < 0 else self.row_count - 1, animate=False)
