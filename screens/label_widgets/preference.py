"""Two answers side by side in shuffled order, with the words in which they differ."""

from __future__ import annotations

from textual.content import Content, Span

from flywheel_tui.stages.aids.difference import differing_words
from flywheel_tui.stages.cards import Card
from screens.label_widgets.panes import Pane, Row, Showing, question_pane, size_of, text_of, title

_STYLE = "bold underline $edit"


def rows(card: Card, showing: Showing) -> list[Row]:
    """The prompt above both answers."""
    first, second = card.pair.output or "", card.pair.body.get("rejected")
    second = second if isinstance(second, str) else ""
    difference = differing_words(first, second)
    remark = "too long to compare" if difference is None else "the same text" if first == second else ""
    spans = difference or ([], [])
    panes = [
        ("output", first, [Span(start, end, _STYLE) for start, end in spans[0]]),
        ("rejected", second, [Span(start, end, _STYLE) for start, end in spans[1]]),
    ]
    if showing.swapped:
        panes.reverse()
    sides: list[Pane] = []
    for (field, text, highlights), name, key in zip(panes, ("Left", "Right"), ("h", "l"), strict=True):
        heading = Content.assemble(title(name, remark or size_of(text)), (f" · {key}", "bold $accent"))
        body = text_of(text, card, field, showing, highlights)
        sides.append(Pane(heading, body, field, 5, len(text) > showing.limit))
    return [(question_pane(card, showing, "Prompt"),), tuple(sides)]
