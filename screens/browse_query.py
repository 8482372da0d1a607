"""Which pairs Browse shows, and in what order: search, filter, order, saved views, another data set."""

from __future__ import annotations

from textual import on, work

from flywheel_tui.stages.views import ViewQuery
from screens.browse_settle import BrowseSettle
from screens.view_dialogs import choose_dataset, choose_number, choose_order, choose_view
from screens.widgets.filter_bar import FilterBar


class BrowseQuery(BrowseSettle):
    """The actions that open another view of the pairs."""

    _before_search: ViewQuery | None

    def action_search(self) -> None:
        """Type words; the table follows."""
        if self._state is not None:
            self._before_search = self._state.query
            self.query_one(FilterBar).edit("search", self._state.query.search or "", 'words, or "a phrase"')

    def action_filter(self) -> None:
        """Type an expression."""
        if self._state is not None:
            hint = "for example: length < 200 and 'python' in tags"
            self.query_one(FilterBar).edit("filter", self._state.query.filter or "", hint)

    @on(FilterBar.Searching)
    def _searching(self, event: FilterBar.Searching) -> None:
        if self._state is not None and self.query_one(FilterBar).editing == "search":
            text = event.text if event.text.strip() else None
            if text != self._state.query.search:
                self._open(self._state.changed(search=text))

    @on(FilterBar.Taken)
    def _taken(self, event: FilterBar.Taken) -> None:
        if self._state is not None and event.what == "filter":
            self._open(self._state.changed(filter=event.text or None), keep_cursor=True)
        self._before_search = None
        self.table.focus()

    @on(FilterBar.Left)
    def _left(self, event: FilterBar.Left) -> None:
        if event.what == "search" and self._before_search is not None and self._state is not None:
            if self._before_search != self._state.query:
                self._open(self._before_search)
            self._before_search = None
        self.table.focus()

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose an order")
    async def action_order(self) -> None:
        """Choose the order."""
        if self._state is None:
            return
        order = await choose_order(self.shell, self._state.query.order)
        if order and order != self._state.query.order:
            self._open(self._state.changed(order=order), keep_cursor=order != "random")

    def action_clear(self) -> None:
        """Everything, as is."""
        if self._state is not None:
            self._open(ViewQuery(dataset=self._state.query.dataset, reviewer=self.shell.reviewer), keep_cursor=True)

    def action_refresh(self) -> None:
        """Gather the view again."""
        if self._state is not None:
            self._open(self._state.query, keep_cursor=True)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="go to a row")
    async def action_number(self) -> None:
        """Go to a row by its number."""
        if (number := await choose_number(self.shell, self.table.count)) is not None:
            self.table.cursor = number - 1

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose a data set")
    async def action_dataset(self) -> None:
        """Show another data set."""
        name = await choose_dataset(self.shell)
        if name:
            self._open(ViewQuery(dataset=name, reviewer=self.shell.reviewer))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="saved views")
    async def action_views(self) -> None:
        """Open, save or delete a saved view."""
        if self._state is not None and (query := await choose_view(self.shell, self._state.query)) is not None:
            self._open(query)
