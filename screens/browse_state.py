"""What Browse knows, without a widget: the view, its pages, the marks. Tested without a terminal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.records.pair import PairRow
from flywheel_tui.stages import views
from flywheel_tui.stages.views import View, ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

PAGE = 100
KEPT_PAGES = 30


class BrowseState:
    """One view at a time, read in pages of 100 rows; marks belong to pairs, so they survive another order."""

    def __init__(self, workspace: Workspace, dataset: str) -> None:
        self._workspace = workspace
        self._pages: OrderedDict[int, list[PairRow]] = OrderedDict()
        self.marks: set[int] = set()
        self.anchor: int | None = None
        """The row at which a range begins."""
        self.mixed = self.scored = self.found = False
        self.chosen: list[int] | None = None
        """The pairs of a list that another screen asked for; None where the query says which."""
        self.seen = False
        """Whether that list was made by what a judge said."""
        self.view: View = views.open_view(workspace, ViewQuery(dataset=dataset))
        self._look_at_dataset()

    @property
    def query(self) -> ViewQuery:
        """What is shown."""
        return self.view.query

    def open(self, query: ViewQuery) -> View:
        """Show another view; marks stay within a data set. Raises ExpressionError, NotFoundError: nothing changes."""
        view = self._take(views.open_view(self._workspace, query))
        self.chosen, self.seen = None, False
        return view

    def open_list(self, dataset: str, pairs: Sequence[int], words: str, *, seen: bool = False) -> View:
        """Show exactly these pairs. Raises NotFoundError."""
        view = self._take(views.open_list(self._workspace, dataset, pairs, words))
        self.chosen, self.seen = list(pairs), seen
        return view

    def _take(self, view: View) -> View:
        query = view.query
        other = query.dataset != self.query.dataset
        self.view, self.anchor = view, None
        self._pages.clear()
        if other:
            self.marks.clear()
        self._look_at_dataset()
        return view

    def changed(self, **changes: str | int | None) -> ViewQuery:
        """The query with some of it changed."""
        return msgspec.structs.replace(self.query, **changes)

    @property
    def shape(self) -> tuple[bool, bool, bool]:
        """What decides which columns are shown; known from the pages read so far."""
        return self.mixed, self.scored, self.found

    def _look_at_dataset(self) -> None:
        """What the columns depend on."""
        row = views.get_dataset(self._workspace, self.query.dataset)
        self.found = bool(row.counts.get("with findings"))
        self.scored = bool(row.counts.get("judged"))
        self.mixed = False

    # -- rows ---------------------------------------------------------------------------------------------------------

    def row(self, index: int) -> PairRow | None:
        """A row of the view; reads its page where it is not at hand."""
        if not 0 <= index < len(self.view):
            return None
        number, offset = divmod(index, PAGE)
        page = self._pages.get(number)
        if page is None or (offset >= len(page) and len(page) < PAGE):
            page = self._read(number)
        self._pages.move_to_end(number)
        return page[offset] if offset < len(page) else None

    def _read(self, number: int) -> list[PairRow]:
        page = views.page(self._workspace, self.view, number * PAGE, PAGE)
        self._pages[number] = page
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        self.mixed = self.mixed or len({row.kind for row in page}) > 1
        self.scored = self.scored or any(row.score is not None for row in page)
        self.found = self.found or any(row.findings for row in page)
        return page

    def prefetch(self, index: int) -> bool:
        """Read one page next to the one `index` is on, unless both are at hand; says whether it read."""
        here = index // PAGE
        for number in (here + 1, here - 1):
            if 0 <= number * PAGE < len(self.view) and number not in self._pages:
                self._read(number)
                self._pages.move_to_end(here if here in self._pages else number)
                return True
        return False

    def reload(self, shown: range) -> bool:
        """Somebody wrote: read the pages on screen again, forget the others. Whether a row on screen changed."""
        before = {number: self._pages[number] for number in self._numbers(shown) if number in self._pages}
        count = len(self.view)
        views.refreshed(self._workspace, self.view)
        self._pages.clear()
        changed = count != len(self.view)
        for number in self._numbers(shown):
            page = self._read(number)
            changed = changed or page != before.get(number)
        return changed

    @staticmethod
    def _numbers(shown: range) -> Iterable[int]:
        return range(shown.start // PAGE, (max(shown.stop, shown.start + 1) - 1) // PAGE + 1)

    def forget(self) -> None:
        """Pages may be stale: read them again when they are asked for."""
        self._pages.clear()

    # -- marks --------------------------------------------------------------------------------------------------------

    def is_marked(self, pair: int) -> bool:
        """Whether a person marked this pair."""
        return pair in self.marks

    def toggle(self, index: int) -> None:
        """Mark a row, or take its mark."""
        if (row := self.row(index)) is not None:
            self.marks ^= {row.id}

    def mark(self, ids: Iterable[int]) -> None:
        """Mark these pairs too."""
        self.marks.update(ids)

    def marked_ids(self) -> list[int] | None:
        """The marked pairs in the order of their numbers, else those of a list; None: the query says which."""
        return sorted(self.marks) if self.marks else self.chosen
