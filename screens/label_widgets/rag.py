"""An answer over passages: citations checked, the sentences that support the answer highlighted."""

from __future__ import annotations

from textual.content import Content, Span

from flywheel_tui.stages.aids.sources import Passage, citations, passages
from flywheel_tui.stages.cards import Card
from screens.label_widgets.panes import Pane, Row, Showing, answer_pane, question_pane, title
from screens.safe import safe_text
from screens.widgets.finding_text import spans_in

_FOLDED = 600


def rows(card: Card, showing: Showing) -> list[Row]:
    """Question, answer, passages."""
    answer = card.pair.output or ""
    found = citations(answer, card.pair.body)
    good, bad = showing.glyphs.mark("approved").glyph, showing.glyphs.mark("rejected").glyph
    marks = [
        Span(*each.span, "$reject bold underline" if each.problem else "$approve bold") for each in found if each.span
    ]
    wrong = list(dict.fromkeys(f"[{each.label}] {each.problem}" for each in found if each.problem))
    remark, style = "cites nothing", "$muted"
    if wrong:
        remark, style = f"{bad} " + "; ".join(wrong), "$reject"
    elif found:
        labels = {each.label for each in found}
        remark, style = f"{good} {len(labels)} citation{'s' if len(labels) > 1 else ''} found", "$approve"
    pane = answer_pane(card, showing, "Answer", marks)._replace(title=title("Answer", remark, style))
    shown = passages(answer, card.pair.body)
    blocks = [_passage(each, at, card, showing) for at, each in enumerate(shown)]
    cut = not showing.open and any(len(each.text) > _FOLDED for each in shown)
    body = Content("\n\n").join(blocks) if blocks else Content.styled("(no passages)", "$muted italic")
    sources = Pane(title("Passages", f"{len(shown)}"), body, "", 4, cut)
    return [(question_pane(card, showing, "Question"),), (pane._replace(weight=3),), (sources,)]


def _passage(passage: Passage, at: int, card: Card, showing: Showing) -> Content:
    remarks = []
    if passage.cited:
        remarks.append("cited")
    if passage.gold:
        remarks.append("marked as the source")
    if not passage.support:
        remarks.append("shares no sentence with the answer")
    heading = Content.assemble(
        ("[", "$muted"),
        safe_text(passage.id, multiline=False, limit=40, style="bold $accent"),
        ("] ", "$muted"),
        safe_text(passage.title, multiline=False, limit=80, style="bold"),
        (f"  {', '.join(remarks)}", "$muted"),
    )
    limit = showing.limit if showing.open or passage.support else _FOLDED
    spans = [Span(start, end, "underline $approve") for start, end in passage.support]
    spans += spans_in(card.findings, f"chunks[{at}].text", len(passage.text), showing.here)
    return Content.assemble(heading, "\n", safe_text(passage.text, limit=limit, highlights=spans))
