"""Reasoning rows: wrong calculations marked, and what can be told of the final answer."""

from __future__ import annotations

from textual.content import Content, Span

from flywheel_tui.stages.aids.steps import calculations, final_verdict
from flywheel_tui.stages.cards import Card
from screens.label_widgets.panes import Pane, Row, Showing, answer_pane, question_pane, text_of, title
from screens.safe import safe_text

_SIGN = {
    "right": ("approved", "$approve"),
    "holds": ("approved", "$approve"),
    "wrong": ("rejected", "$reject"),
    "unknown": ("no verdict", "$muted"),
}


def rows(card: Card, showing: Showing) -> list[Row]:
    """Question, reasoning, answer with the checker's verdict."""
    body = card.pair.body
    reasoning = body.get("reasoning")
    output = card.pair.output or ""
    verdict = final_verdict(output, body)
    state, style = _SIGN[verdict.state]
    pane = answer_pane(card, showing, "Answer")
    heading = title("Answer", f"{showing.glyphs.mark(state).glyph} {verdict.why}", style)
    said = pane.body
    if isinstance(final := body.get("final"), str) and final.strip() and final.strip() != output.strip():
        said = Content.assemble(
            said, "\n\n", ("final  ", "$muted"), safe_text(final, multiline=False, limit=200, style="bold")
        )
    found: list[Row] = [(question_pane(card, showing, "Question"),)]
    if isinstance(reasoning, str) and reasoning.strip() not in ("", output.strip()):
        steps = calculations(reasoning)
        spans = [Span(step.start, step.end, "$reject bold underline") for step in steps if not step.right]
        text = text_of(reasoning, card, "reasoning", showing, spans)
        wrong = [f"{reasoning[step.start : step.end]} (it is {step.gives})" for step in steps if not step.right]
        if wrong:
            text = Content.assemble(
                text, "\n\n", (f"{showing.glyphs.mark('rejected').glyph} ", "$reject"),
                safe_text("; ".join(wrong[:5]), multiline=False, limit=400, style="$reject"),
            )  # fmt: skip
        found.append((Pane(title("Reasoning"), text, "reasoning", 5, len(reasoning) > showing.limit),))
    return [*found, (pane._replace(title=heading, body=said),)]
