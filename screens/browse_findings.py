"""The findings in Browse: the panel beside the preview, stepping from one to the next, and only pairs like this one."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING

from screens.findings_panel import FindingsPanel
from screens.widgets.pair_pane import PairPane
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.stages.views import ViewQuery
    from screens.browse_state import BrowseState
    from screens.widgets.pair_table import PairTable

LOOK_AHEAD = 400
"""Rows that are searched for the next pair in which something was found; they are read in pages."""


_IN_FINDINGS = re.compile(r"""['"]([\w.-]+?)(?::\w+)?['"] in findings""")


def check_named(filter: str | None) -> str:
    """The check whose findings a filter is about, or ''."""
    found = _IN_FINDINGS.search(filter or "")
    return found[1] if found else ""


class BrowseFindings(WorkScreen):
    """The actions behind `browse.findings`, `browse.finding_…` and `browse.same`."""

    _state: BrowseState | None

    @property
    @abstractmethod
    def table(self) -> PairTable:
        """The table."""

    @abstractmethod
    def _open(self, query: ViewQuery, *, keep_cursor: bool = False) -> bool:
        """Show a view."""

    @abstractmethod
    def _show_preview(self) -> None:
        """Show the pair at the cursor."""

    @property
    def _pane(self) -> PairPane:
        return self.query_one(PairPane)

    def show_findings(self) -> None:
        """The panel says what the preview shows."""
        if self.has_class("-findings"):
            self.query_one(FindingsPanel).show(self._pane.findings, self._pane.here)

    def action_findings(self) -> None:
        """Show or hide the panel."""
        self.open_findings(not self.has_class("-findings"))

    def open_findings(self, shown: bool) -> None:
        """With the panel the preview needs no list of its own."""
        self.set_class(shown, "-findings")
        if shown:
            self.remove_class("-no-preview")
        self._pane.listed = not shown
        self._show_preview()

    def action_finding(self, by: int) -> None:
        """To the next or the previous finding, on to the next pair where this one has no more."""
        self.remove_class("-no-preview")
        if not self._pane.step(by):
            if not self._next_pair(by):
                return
            self._show_preview()
            self._pane.step(by)
        self.show_findings()

    def _next_pair(self, by: int) -> bool:
        """Put the cursor on the next pair in which something was found."""
        state = self._state
        if state is None:
            return False
        at = self.table.cursor
        for index in range(at + by, max(min(at + by * (LOOK_AHEAD + 1), len(state.view)), -1), by):
            row = state.row(index)
            if row is not None and row.findings:
                self.table.cursor = index
                return True
        end = not 0 <= at + by * (LOOK_AHEAD + 1) < len(state.view)
        where = "to the end" if by > 0 else "to the beginning"
        self.hint(f"no more findings {where}" if end else f"no findings in the next {LOOK_AHEAD} pairs; f filters")
        return False

    def action_same(self) -> None:
        """Only pairs in which the same check found something; again: everything."""
        if self._state is None:
            return
        from flywheel_tui.stages.validate.overview import filter_of

        found = self._pane.here or next(iter(self._pane.findings), None)
        if found is None:
            self.hint("no check found anything in this pair")
            return
        wanted = filter_of(found.check)
        before = self._state.query.filter
        if before == wanted:
            self._open(self._state.changed(filter=None), keep_cursor=True)
        else:
            self._open(self._state.changed(filter=wanted), keep_cursor=True)
            self.hint(f"pairs with findings of {found.check}; s again shows all")
