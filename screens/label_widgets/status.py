"""The line above the pair (how far, how fast) and the two lines below it (what was said, what a key means now)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from flywheel_tui.text import human_duration
from screens.glyphs import Glyphs
from screens.label_state import LabelState, Mode
from screens.safe import safe_text
from screens.widgets.finding_text import counts_line

if TYPE_CHECKING:
    from flywheel_tui.stages.session import LabelSession


_TYPED = {
    Mode.NOTE: ("a note on this pair", "keeps it"),
    Mode.TAGS: ("tags, separated by commas", "keeps them"),
    Mode.GOTO: ("number of the pair in this queue", "goes there"),
}


class Say(NamedTuple):
    """A word about what just happened, until the next key; `problem` stays until it is mended."""

    text: str
    style: str = "$accent"
    problem: bool = False


def status_line(session: LabelSession, state: LabelState, glyphs: Glyphs, width: int) -> Content:
    """Where in the queue, how much is decided, pace, order, and what is out of the ordinary."""
    total = len(session)
    share = session.decided / total if total else 0.0
    here = min(session.index + 1, total)
    parts: list[Content] = [
        Content.assemble(
            " ",
            safe_text(session.query.dataset, multiline=False, limit=30, style="bold"),
            f" · {here:,}/{total:,} ",
            (glyphs.bar(share, 12 if width >= 100 else 8), "$accent"),
            f" {share:.0%} decided",
        )
    ]
    if state.repeating:
        parts.append(Content.styled("again: what do you say now?", "bold $judge"))
    if state.adjudicating:
        parts.append(Content.styled("settling a dispute", "bold $judge"))
    if (pace := session.per_minute) is not None:
        left = session.seconds_left
        words = f"{pace:.0f}/min" + (f" · {human_duration(left)} left" if left else "")
        parts.append(Content.styled(words, "$muted"))
    if session.break_due:
        parts.append(Content.styled("time for a break", "$edit"))
    if state.card is not None and state.card.pair.flagged:
        flag = glyphs.mark("flagged")
        parts.append(Content.styled(f"{flag.glyph} {flag.word}", f"${flag.token}"))
    if session.needed is not None:
        needed = session.needed.count
        words = "settled" if needed == 0 else "none in sight" if needed is None else f"{needed:,}"
        parts.append(Content.styled(f"labels still needed: {words}" if width >= 110 else f"need {words}", "$muted"))
    parts.append(Content.styled(f"queue: {session.query.order}", "$muted"))
    if state.card is not None and state.card.verdict is not None:
        words = "verdict seen" if state.revealed else "blind" if not state.judge_visible else "verdict shown"
        words = "not blind" if session.seen and words == "blind" else words
        parts.append(Content.styled(words, "$judge"))
    while len(parts) > 1 and sum(cell_len(part.plain) + 3 for part in parts) > width:
        parts.pop(1 if not (state.repeating or state.adjudicating) or len(parts) == 2 else 2)
    return Content("   ").join(parts)


def prompt_lines(state: LabelState, say: Say | None, glyphs: Glyphs) -> Content:
    """At most two lines: a question that a key answers, or what the reviewer has said of this pair."""
    if state.mode is Mode.REJECT:
        return _reasons(state, glyphs)
    if state.mode is Mode.EDIT:
        return Content.assemble(
            (" editing ", "bold $edit"), _keys(("ctrl+s", "saves"), ("tab", "next text"), ("esc", "leaves"))
        )
    if state.mode is Mode.KEEP:
        return Content.assemble(
            (" the text was changed: ", "bold $edit"),
            _keys(("y", "saves it"), ("n", "drops it"), ("esc", "back to the text")),
        )
    lines = [_typing(state.mode) if state.mode in _TYPED else _said(state, glyphs)]
    if say is not None:
        lines[0] = Content.assemble(" ", safe_text(say.text, multiline=False, limit=300, style=f"bold {say.style}"))
    lines.append(_asked(state))
    return Content("\n").join(lines)


def _typing(mode: Mode) -> Content:
    """What is being typed in the line below, and which key ends it."""
    what, enter = _TYPED[mode]
    return Content.assemble((f" {what}  ", "bold $edit"), _keys(("enter", enter), ("esc", "leaves")))


def _keys(*pairs: tuple[str, str]) -> Content:
    return Content("   ").join([Content.assemble((key, "bold $accent"), f" {words}") for key, words in pairs])


def _reasons(state: LabelState, glyphs: Glyphs) -> Content:
    mark = glyphs.mark("rejected")
    parts: list[Content] = []
    for reason in state.rubric.reasons:
        chosen = reason.name in state.pending.reasons and state.several
        sign = glyphs.mark("approved").glyph if chosen else ""
        label = safe_text(reason.label, multiline=False, limit=24, style="bold" if chosen else "")
        parts.append(Content.assemble((f"{reason.key}{sign}", "bold $accent"), "\u00a0", _unbroken(label)))
    how = "enter rejects" if state.several else "digit · , several · enter none"
    return Content.assemble(
        (f" {mark.glyph} {'reasons' if state.several else 'because'} ", f"bold ${mark.token}"),
        Content("  ").join(parts),
        "  ",
        _unbroken(Content.styled(how, "$muted")),
    )


def _unbroken(content: Content) -> Content:
    return Content(content.plain.replace(" ", "\u00a0"), spans=list(content.spans))


def _said(state: LabelState, glyphs: Glyphs) -> Content:
    """The reviewer's own label."""
    card = state.card
    if card is None:
        return Content("")
    mine = None if state.repeating else card.mine
    mark = glyphs.mark(mine.status if mine is not None and mine.status else "open")
    words = f" {mark.glyph} {mark.word}" + (" by you" if mine is not None and mine.status else "")
    parts = [Content.styled(words, f"${mark.token}")]
    if card.findings:
        parts.append(
            Content.assemble(counts_line(card.findings, glyphs), ("  >", "bold $accent"), (" goes there", "$muted"))
        )
    names = {reason.name: reason.label for reason in state.rubric.reasons}
    if state.pending.reasons:
        told = ", ".join(names.get(name, name) for name in state.pending.reasons)
        parts.append(safe_text(told, multiline=False, limit=120))
    if mine is not None and mine.preference:
        sides = {"a": "right" if state.swapped else "left", "b": "left" if state.swapped else "right"}
        told = {"tie": "a tie", "neither": "both bad"}.get(mine.preference) or f"{sides[mine.preference]} is better"
        parts.append(Content(told))
    if mine is not None and mine.flagged:
        parts.append(Content.styled(f"{glyphs.mark('flagged').glyph} second opinion", "$edit"))
    if mine is not None and mine.tags:
        parts.append(safe_text(", ".join(mine.tags), multiline=False, limit=80, style="$muted"))
    if mine is not None and mine.note:
        parts.append(safe_text(f"note: {mine.note}", multiline=False, limit=200, style="$muted"))
    return Content("   ").join(parts)


def _asked(state: LabelState) -> Content:
    """What the rubric asks now."""
    rubric = state.rubric
    if state.card is None:
        return Content("")
    if state.asking:
        question = rubric.questions[state.question]
        return Content.assemble(
            (f" {state.question + 1}/{len(rubric.questions)} ", "bold $accent"),
            safe_text(question.text, multiline=False, limit=300),
            ("  y yes · n no · - not applicable", "$muted"),
        )
    if rubric.questions and state.failed_gate:
        return Content.styled(" a gate was answered NO: r rejects", "$reject")
    if state.preferring:
        return Content.assemble(" ", _keys(("h", "left"), ("l", "right"), ("=", "tie"), ("x", "both bad")))
    if rubric.rating is not None:
        parts = []
        for value in range(rubric.rating.min, rubric.rating.max + 1):
            chosen = state.pending.rating == value
            word = safe_text(rubric.rating.word(value), multiline=False, limit=16, style="bold" if chosen else "$muted")
            key = f"[{value}]" if chosen else f"{value}"
            parts.append(Content.assemble((key, "bold $accent" if chosen else "$accent"), " ", word))
        return Content.assemble((" rating  ", "$muted"), Content("  ").join(parts))
    return Content("")
