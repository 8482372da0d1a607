"""What stands beside the pair: rubric, verdict, the labels of others, findings, where it comes from."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.records.rubric import Answer
from flywheel_tui.stages.cards import Card, VerdictCard
from flywheel_tui.text import relative_time
from screens.glyphs import Glyphs
from screens.label_state import LabelState, Mode
from screens.label_widgets.panes import Pane, title
from screens.safe import safe_text
from screens.widgets.finding_text import finding_line, reading_order

_ANSWER_STYLE = {Answer.YES: "$approve", Answer.NO: "$reject", Answer.NA: "$muted"}
_PREFERENCE = {"a": "prefers a", "b": "prefers b", "tie": "says tie", "neither": "says both bad"}


def rubric_pane(state: LabelState, glyphs: Glyphs) -> Pane:
    """What is asked: rating, questions, reasons, with what was chosen so far."""
    rubric = state.rubric
    lines: list[Content] = []
    if rubric.rating is not None:
        rating = rubric.rating
        for value in range(rating.min, rating.max + 1):
            chosen = state.pending.rating == value
            lines.append(_option(str(value), rating.word(value), chosen, state.mode is Mode.READ, glyphs))
        lines.append(Content(""))
    for at, question in enumerate(rubric.questions):
        lines.append(_question(question.text, question.gate, state.pending.answers.get(question.id), at, state, glyphs))
    if rubric.questions:
        lines.append(Content(""))
    if rubric.reasons:
        rejecting = state.mode is Mode.REJECT
        words = "r, then" if state.asks_rating else "reasons"
        lines.append(
            Content.styled("reject because" if rejecting else words, "bold $reject" if rejecting else "$muted")
        )
        for reason in rubric.reasons:
            chosen = reason.name in state.pending.reasons
            live = rejecting or not state.asks_rating
            lines.append(_option(reason.key, reason.label, chosen, live, glyphs))
    if not lines:
        lines = [
            Content.assemble(f"{criterion.name}  ", (criterion.description, "$muted")) for criterion in rubric.criteria
        ]
    return Pane(title(f"Rubric: {rubric.title}"), Content("\n").join(lines), weight=5)


def _option(key: str, words: str, chosen: bool, live: bool, glyphs: Glyphs) -> Content:
    mark = glyphs.mark("approved").glyph if chosen else " "
    return Content.assemble(
        (f"{mark} ", "bold $accent"),
        (f"{key} ", "bold $accent" if live else "$muted"),
        safe_text(words, multiline=False, limit=80, style="bold" if chosen else ""),
    )


def _question(text: str, gate: bool, answer: str | None, at: int, state: LabelState, glyphs: Glyphs) -> Content:
    here = at == state.question and state.asking
    said = Content.styled(f"{answer:<3}", _ANSWER_STYLE[Answer(answer)]) if answer in _ANSWER_STYLE else Content("·  ")
    return Content.assemble(
        (f"{glyphs.mark('cursor').glyph if here else ' '} ", "bold $accent"),
        said,
        " ",
        safe_text(text, multiline=False, limit=300, style="bold" if here else "$muted"),
        (" (gate)" if gate else "", "$reject"),
    )


def guidelines_pane(state: LabelState) -> Pane:
    """The rubric's guidelines, and what it is about."""
    rubric = state.rubric
    parts = [safe_text(part) for part in (rubric.description, rubric.guidelines) if part.strip()]
    for criterion in rubric.criteria:
        name = safe_text(criterion.name, multiline=False, limit=60, style="bold")
        parts.append(Content.assemble(name, "  ", safe_text(criterion.description, limit=1_000, style="$muted")))
    if not parts:
        parts = [Content.styled("This rubric has no guidelines; write them under `guidelines:` in its file.", "$muted")]
    return Pane(title(f"Guidelines: {rubric.title}", "i closes"), Content("\n\n").join(parts), weight=9)


def card_panes(card: Card, state: LabelState, glyphs: Glyphs, now: int) -> list[Pane]:
    """What is known of the pair; empty things have no box."""
    panes: list[Pane] = []
    if card.verdict is not None:
        panes.append(_verdict_pane(card.verdict, state, glyphs))
    if others := _others(card, state):
        lines = [_label_line(label, state, glyphs, now) for label in others]
        panes.append(Pane(title("Labels", "disputed" if state.disputed else ""), Content("\n").join(lines), weight=2))
    if card.findings:
        panes.append(findings_pane(card, state, glyphs))
    panes.append(Pane(title("Where it comes from", "T tree"), _origin(card), weight=1))
    return panes


def findings_pane(card: Card, state: LabelState, glyphs: Glyphs) -> Pane:
    """What the checks found, in the order in which one steps through it."""
    found = reading_order(card.findings)
    lines = [finding_line(each, glyphs, here=each == state.here) for each in found]
    body = Content("\n").join(lines) if lines else Content.styled("no check found anything in this pair", "$muted")
    return Pane(title("Findings", f"{len(found)} · > next" if found else ""), body, weight=2)


def _others(card: Card, state: LabelState) -> list[CurrentLabel]:
    """The labels of others, where they may be shown."""
    if not state.labels_visible:
        return []
    return [label for label in card.labels if label.reviewer != (card.mine.reviewer if card.mine else None)] or (
        list(card.labels) if state.adjudicating else []
    )


def _label_line(label: CurrentLabel, state: LabelState, glyphs: Glyphs, now: int) -> Content:
    mark = glyphs.mark(label.status or "open")
    names = {reason.name: reason.label for reason in state.rubric.reasons}
    told = [names.get(reason, reason) for reason in label.reasons]
    told += [_PREFERENCE[label.preference]] if label.preference in _PREFERENCE else []
    told += [f"rating {label.rating}"] if label.rating is not None else []
    told += [label.note] if label.note else []
    return Content.assemble(
        (f"{mark.glyph} ", f"${mark.token}"),
        safe_text(label.reviewer, multiline=False, limit=40, style="bold"),
        f" {mark.word} ",
        safe_text("; ".join(told), multiline=False, limit=300, style="$muted"),
        (f" {relative_time(label.answered, now)}", "$muted"),
    )


def _verdict_pane(verdict: VerdictCard, state: LabelState, glyphs: Glyphs) -> Pane:
    if not state.judge_visible:
        shade = "░" * 12 if not glyphs.ascii else "#" * 12
        return Pane(title("Judge", "hidden until you decide: v shows it"), Content.styled(shade, "$muted"), weight=2)
    mark = glyphs.mark("approved" if verdict.passed else "rejected")
    head = Content.assemble(
        (f"{mark.glyph} {'passed' if verdict.passed else 'failed'}", f"bold ${mark.token}"),
        f"  {verdict.score:g}" if verdict.score is not None else "",
        safe_text(f"  {verdict.tag} {verdict.model}".rstrip(), multiline=False, limit=80, style="$muted"),
    )
    lines = [head]
    lines += [
        Content.assemble(safe_text(f"{name} {_figure(value)}", multiline=False, limit=80))
        for name, value in list(verdict.scores.items())[:20]
    ]
    if verdict.rationale:
        lines += [Content(""), safe_text(verdict.rationale, limit=4_000)]
    return Pane(title("Judge", "seen before deciding" if state.revealed else ""), Content("\n").join(lines), weight=4)


def _figure(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _origin(card: Card) -> Content:
    pair = card.pair
    steps = [
        f"{parent.relation} from {f'line {parent.line}' if parent.line else f'#{parent.pair_id}'}"
        + "".join(f", {part}" for part in (parent.recipe, parent.teacher) if part)
        for parent in card.parents
    ]
    file = pair.source if pair.source and "://" in pair.source else (pair.source or "").rpartition("/")[2]
    place = f"{file}, line {pair.line}" if file and pair.line else file or "made here"
    lines = [safe_text(step, multiline=False, limit=160) for step in steps]
    lines.append(safe_text(place, multiline=False, limit=200))
    facts = [f"pair {pair.position}", pair.kind]
    facts += [f"version {pair.version}"] if pair.version > 1 else []
    facts += [f"by {pair.author}"] if pair.author else []
    facts += [pair.category] if pair.category else []
    lines.append(safe_text(" · ".join(facts), multiline=False, limit=200, style="$muted"))
    if pair.tags:
        lines.append(safe_text(", ".join(pair.tags), multiline=False, limit=300, style="$muted"))
    return Content("\n").join(lines)
