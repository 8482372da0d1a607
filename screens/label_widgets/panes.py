"""A pair as panes: which texts stand in which box, with what in them highlighted. Pure: a card in, Content out.

One module for each kind of pair that needs more than question and answer; `panes_of` chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.content import Content, Span

from flywheel_tui.stages.cards import Card
from flywheel_tui.store.views import FindingSpan
from screens.glyphs import Glyphs
from screens.safe import safe_text
from screens.widgets.finding_text import spans_in

LIMIT = 20_000
"""Characters of a text shown at first."""
OPEN_LIMIT = 200_000
"""Characters shown once it was opened."""


class Pane(NamedTuple):
    """A box of text. `weight` is its share of the room where not everything fits; `field` the text that it edits."""

    title: Content
    body: Content
    field: str = ""
    weight: int = 1
    cut: bool = False
    """Whether there is more than is shown (folded messages, a long text)."""


Row = tuple[Pane, ...]
"""Panes side by side."""


class Showing(NamedTuple):
    """How a pair is to be shown."""

    glyphs: Glyphs
    open: bool = False
    swapped: bool = False
    here: FindingSpan | None = None
    """The finding that one has stepped to."""

    @property
    def limit(self) -> int:
        """Characters shown of one text."""
        return OPEN_LIMIT if self.open else LIMIT


def title(words: str, remark: str = "", style: str = "$muted") -> Content:
    """The words on the border of a box, with a remark behind them."""
    parts: list[Content] = [safe_text(words, multiline=False, limit=60, style="bold")]
    if remark:
        parts.append(safe_text(remark, multiline=False, limit=120, style=style))
    return Content(" · ").join(parts)


def text_of(
    text: str, card: Card, field: str, showing: Showing, more: Sequence[Span] = (), empty: str = "(empty)"
) -> Content:
    """A text with the findings in it underlined, and what else is to be highlighted."""
    if not text.strip():
        return Content.styled(empty, "$muted italic")
    return safe_text(
        text, limit=showing.limit, highlights=[*more, *spans_in(card.findings, field, len(text), showing.here)]
    )


def size_of(text: str | None) -> str:
    """How long a text is, in words for people."""
    length = len(text or "")
    return f"{length:,} characters" if length >= 1_000 else ""


def question_pane(card: Card, showing: Showing, name: str) -> Pane:
    """Instruction, and the context below it."""
    pair = card.pair
    body = text_of(pair.instruction, card, "instruction", showing)
    if pair.input:
        context = text_of(pair.input, card, "input", showing)
        body = Content.assemble(body, "\n\n", ("Context", "bold $muted"), "\n", context)
    long = len(pair.instruction) > showing.limit or len(pair.input or "") > showing.limit
    return Pane(title(name, size_of(pair.input)), body, "instruction", 2, long)


def answer_pane(card: Card, showing: Showing, name: str, more: Sequence[Span] = (), remark: str = "") -> Pane:
    """The response."""
    text = card.pair.output or ""
    return Pane(
        title(name, remark or size_of(text)),
        text_of(text, card, "output", showing, more),
        "output",
        4,
        len(text) > showing.limit,
    )


def panes_of(card: Card, showing: Showing) -> list[Row]:
    """The boxes of a pair, from top to bottom."""
    from screens.label_widgets import conversation, preference, rag, reasoning

    kind, body = card.pair.kind, card.pair.body
    if kind == "preference":
        return preference.rows(card, showing)
    if kind == "rag":
        return rag.rows(card, showing)
    if kind == "reasoning":
        return reasoning.rows(card, showing)
    if isinstance(body.get("messages"), list) or body.get("expected_calls") or body.get("tools"):
        return conversation.rows(card, showing)
    if kind == "document":
        document = Pane(title("Text", size_of(card.pair.input)), text_of(card.pair.input or "", card, "input", showing))
        return [(Pane(title("Title"), text_of(card.pair.instruction, card, "instruction", showing)),), (document,)]
    names = {"kto": ("Prompt", "Completion"), "prompt": ("Prompt", "Response")}.get(kind, ("Instruction", "Response"))
    remark, style = "", "$muted"
    if kind == "kto" and isinstance(body.get("desirable"), bool):
        remark = "said to be desirable" if body["desirable"] else "said to be undesirable"
    pane = answer_pane(card, showing, names[1], remark=remark)
    if kind == "prompt" and card.pair.output is None:
        reference = body.get("reference")
        text = reference if isinstance(reference, str) else ""
        pane = Pane(title("Reference answer", style=style), text_of(text, card, "reference", showing, empty="(none)"))
    return [(question_pane(card, showing, names[0]),), (pane,)]
