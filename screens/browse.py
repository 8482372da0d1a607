"""Browse: look through the pairs of a data set, search, filter, order, mark, and go on from there to label."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.label import STATUSES
from flywheel_tui.records.pair import KINDS
from flywheel_tui.stages import search_index, views
from flywheel_tui.stages.views import View, ViewQuery
from screens.bindings import bindings_of
from screens.browse_findings import check_named
from screens.browse_onwards import BrowseOnwards
from screens.browse_state import BrowseState
from screens.findings_panel import FindingsPanel
from screens.places import BrowseRequest
from screens.widgets.filter_bar import FilterBar
from screens.widgets.pair_pane import PairPane
from screens.widgets.pair_table import PairTable, TableHead
from screens.widgets.view_summary import summary_of, why_empty

GROWTH_SECONDS = 0.1
"""At least so long between two looks at a view that grows; its first rows are shown at once."""
LOOKING_SECONDS = 0.15
"""A search that takes longer says that it is under way; for a quicker one the table would only flicker."""


class BrowseScreen(BrowseOnwards):
    """A table over any number of pairs, and a preview of the one at the cursor."""

    PLACE = "browse"
    CSS_PATH = Path(__file__).with_name("browse.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("browse")

    class Grew(Message):
        """A view has more pairs, or all of them."""

        def __init__(self, view: View) -> None:
            super().__init__()
            self.view = view

        def can_replace(self, message: Message) -> bool:
            """Only the newest size matters."""
            return isinstance(message, BrowseScreen.Grew)

    def __init__(self) -> None:
        super().__init__()
        self._state: BrowseState | None = None
        self._start: int | None = None
        self._before_search: ViewQuery | None = None
        self._preview_asked = False
        self._indexed = 1.0

    # -- layout -------------------------------------------------------------------------------------------------------

    def compose_body(self) -> ComposeResult:
        yield FilterBar(self._known_values)
        yield TableHead()
        with Vertical(id="table-area"):
            yield PairTable(_Nothing(), _Nothing(), self.shell.glyphs)
            yield Static("", id="browse-state", markup=False)
        with Container(id="reading"):
            yield PairPane(self.shell.glyphs)
            yield FindingsPanel(self.shell.glyphs)

    @property
    def table(self) -> PairTable:
        """The table."""
        return self.query_one(PairTable)

    @property
    def state(self) -> BrowseState | None:
        """What is shown; None before a data set was chosen."""
        return self._state

    def _known_values(self, reference: str) -> Sequence[str]:
        if reference == "label":
            return STATUSES
        if reference == "kind":
            return KINDS
        if reference == "tags" and self._state is not None:
            return views.get_dataset(self.shell.workspace, self._state.query.dataset).tags
        if reference == "findings" and self._state is not None:
            return views.checks_of(self.shell.workspace, self._state.query.dataset)
        return ()

    # -- coming here --------------------------------------------------------------------------------------------------

    def arrive(self, request: object) -> None:
        """Show what was asked for; else the data set of the header, where it was left."""
        self.call_after_refresh(self._arrive, request)

    def _arrive(self, request: object) -> None:
        if isinstance(request, BrowseRequest):
            self._start = request.start
            if self._open(request.query, chosen=request) and request.findings:
                self.open_findings(True)
        elif not self.shell.dataset:
            self._show_state("No data set is chosen.\n\nPress D to choose one, or g d for the list.")
        elif self._state is None or self._state.query.dataset != self.shell.dataset:
            self._open(ViewQuery(dataset=self.shell.dataset, reviewer=self.shell.reviewer))
        else:
            self.store_changed()
        if not self.query_one(FilterBar).editing:
            self.table.focus()
        self._build_index()

    def _open(self, query: ViewQuery, *, keep_cursor: bool = False, chosen: BrowseRequest | None = None) -> bool:
        """Show a view, or the `chosen` pairs; what is wrong with it is said, and nothing changes then."""
        pair = self._current_id() if keep_cursor else None
        try:
            if self._state is None:
                self._state = BrowseState(self.shell.workspace, query.dataset)
            if chosen is not None and chosen.pairs is not None:
                self._state.open_list(query.dataset, chosen.pairs, chosen.words, seen=chosen.seen)
            else:
                self._state.open(query)
        except FlywheelError as error:
            self.hint(str(error))
            return False
        self.shell.dataset = query.dataset
        if pair is not None:
            self._start = pair
        self._state.row(0)
        self.table.set_source(self._state, self._state)
        self.table.set_count(len(self._state.view))
        self.table.cursor = 0
        self._place_cursor()
        self._after_growth()
        if not self._state.view.complete:
            self._build(self._state.view)
        self.refresh_bindings()
        return True

    def _place_cursor(self) -> None:
        if self._start is None or self._state is None:
            return
        at = views.index_of(self.shell.workspace, self._state.view, self._start)
        if at is not None:
            self.table.cursor = at
            self._start = None
        elif self._state.view.complete:
            self._start = None

    @work(thread=True, group="view", exclusive=True, exit_on_error=False, description="gather the pairs of a view")
    def _build(self, view: View) -> None:
        worker = get_current_worker()
        told, shown = 0.0, 0

        def tell(grown: View) -> None:
            # hundreds of chunks in a second: a screen that draws each of them has no time left for keys
            nonlocal told, shown
            now = time.monotonic()
            if grown.complete or now - told >= GROWTH_SECONDS or (not shown and len(grown)):
                told, shown = now, len(grown)
                self.post_message(self.Grew(grown))

        views.build(self.shell.workspace, view, cancelled=lambda: worker.is_cancelled, on_growth=tell)

    @work(thread=True, group="index", exit_on_error=False, description="take pairs into the search index")
    def _build_index(self) -> None:
        worker = get_current_worker()
        others = [each for each in self.workers if each.group == "index" and each is not worker and each.is_running]
        if not others and search_index.is_behind(self.shell.workspace):
            search_index.build(self.shell.workspace, cancelled=lambda: worker.is_cancelled)

    def on_browse_screen_grew(self, message: Grew) -> None:
        """Show how many there are by now."""
        if self._state is None or message.view is not self._state.view:
            return
        self._after_growth()
        self._place_cursor()

    def _after_growth(self) -> None:
        assert self._state is not None
        view = self._state.view
        before = self.table.count
        self._state.row(0)  # tells which columns there are, before they are laid out
        self.table.set_count(len(view))
        if len(view) and not before:
            self.table.redraw()
        if len(view):
            self.remove_class("-stateful")
        elif view.complete:
            self._show_state(why_empty(view.query))
        else:
            self.set_timer(LOOKING_SECONDS, lambda: self._say_looking(view))
        self._show_summary()
        self._ask_preview()

    def _say_looking(self, view: View) -> None:
        if self._state is not None and self._state.view is view and not len(view) and not view.complete:
            self._show_state("Looking …")

    def _show_state(self, text: str) -> None:
        self.query_one("#browse-state", Static).update(Content(text))
        self.add_class("-stateful")
        self._show_summary()

    def store_changed(self) -> None:
        """Read what is on screen again."""
        if self._state is None:
            return
        if self._state.reload(self.table.visible_rows()):
            self.table.set_count(len(self._state.view))
            self.table.redraw()
            self._after_growth()
        self._indexed = search_index.share_indexed(self.shell.workspace)
        self._show_summary()

    # -- the line above, the preview below ----------------------------------------------------------------------------

    def _show_summary(self) -> None:
        bar = self.query_one(FilterBar)
        bar.show_summary(summary_of(self._state, self._indexed))

    @on(PairTable.Moved)
    def _moved(self) -> None:
        self._ask_preview()

    def _ask_preview(self) -> None:
        """After the cursor was drawn: a held key is answered first, the preview follows when it can."""
        if not self._preview_asked:
            self._preview_asked = True
            self.call_after_refresh(self._show_preview)

    def _show_preview(self) -> None:
        self._preview_asked = False
        pane = self.query_one(PairPane)
        if self._state is not None and not len(self._state.view) and not self._state.view.complete:
            return  # what was shown stays until there is something else to show
        if self._state is None or not len(self._state.view) or self.has_class("-no-preview"):
            pane.show_nothing("")
            self.show_findings()
            return
        if (row := self._state.row(self.table.cursor)) is None:
            return
        pair = views.detail(self.shell.workspace, row.id)
        pane.first = check_named(self._state.query.filter)
        pane.show(pair, views.findings(self.shell.workspace, pair.pair_id) if pair.findings else ())
        self.show_findings()
        self._prefetch()

    def _prefetch(self) -> None:
        """Read the pages beside the cursor, one at a time, between frames."""
        if self._state is None:
            return
        shape = self._state.shape
        if self._state.prefetch(self.table.cursor):
            self.call_later(self._prefetch)
        if self._state.shape != shape:
            self.table.redraw()

    def _current_id(self) -> int | None:
        row = self._state.row(self.table.cursor) if self._state is not None else None
        return row.id if row is not None else None

    # -- which keys there are, and the preview ------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        has_view = self._state is not None
        has_rows = self._state is not None and len(self._state.view) > 0
        if action == "label":
            return has_rows and self.shell.can_label
        if action == "bulk":
            return has_rows and self.shell.can_bulk
        if action in (
            "mark",
            "range",
            "mark_all",
            "number",
            "preview",
            "pane",
            "findings",
            "finding",
            "same",
            "settle",
        ):
            return has_rows
        if action == "more":
            return self.query_one(PairPane).has_more if self.is_mounted else False
        if action in ("search", "filter", "order", "views", "clear", "refresh", "judge"):
            return has_view
        return True

    def action_preview(self) -> None:
        """Show or hide the preview."""
        self.toggle_class("-no-preview")
        self._ask_preview()

    def action_pane(self) -> None:
        """Scroll the preview, or back to the table."""
        if self.table.has_focus and not self.has_class("-no-preview"):
            self.query_one(PairPane).focus()
        else:
            self.table.focus()

    def action_more(self) -> None:
        """More of a long text."""
        self.query_one(PairPane).more()
        self.refresh_bindings()


class _Nothing:
    """Stands in for rows before a data set was chosen."""

    mixed = scored = found = False

    def row(self, index: int) -> None:
        """No row."""

    def is_marked(self, pair: int) -> bool:
        """No mark."""
        return False
