"""The line above the table of Browse: what is shown, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.views import ViewQuery
    from screens.browse_state import BrowseState


def summary_of(state: BrowseState | None, indexed: float) -> Content:
    """Data set, count, marks, search, filter, order; `indexed` is the share of pairs that a search can find."""
    if state is None:
        return Content.styled(" no data set", "$muted")
    view, query = state.view, state.query
    count = f"{len(view):,}" if view.complete else f"{view.found:,} so far"
    parts = [Content.assemble((f" {query.dataset} ", "bold"), f"{count} {'pair' if count == '1' else 'pairs'}")]
    if state.marks:
        parts.append(Content.styled(f"{len(state.marks):,} marked", "bold $accent"))
    if state.anchor is not None:
        parts.append(Content.styled(f"range from {state.anchor + 1:,}", "bold $accent"))
    if query.search:
        parts.append(Content.assemble(("/ ", "bold $accent"), safe_text(query.search, multiline=False, limit=60)))
        if indexed < 1:
            parts.append(Content.styled(f"index {indexed:.0%}: more will be found", "$edit"))
    if query.filter:
        parts.append(Content.assemble(("f ", "bold $accent"), safe_text(query.filter, multiline=False, limit=80)))
    parts.append(Content.styled(view.note or query.order, "$muted"))
    return Content("  ").join(parts)


def why_empty(query: ViewQuery) -> str:
    """What to do about a view without pairs."""
    if query.search or query.filter:
        return "Nothing matches.\n\nPress c to show everything, / or f to change what you look for."
    return "This data set has no pairs yet.\n\nTake some in: g d, then i."
