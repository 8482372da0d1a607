"""The scores of an evaluation in words: slices beside each other, past failures, losses, a judge's choices. Pure."""

from __future__ import annotations

from textual.content import Content

from flywheel_tui.records.calibration import Number
from flywheel_tui.records.evaluation import Compared, Item
from flywheel_tui.stages.gate.desk import Evidence
from screens.cycles_text import heading, labelled
from screens.gate_text import WIDE, name_of
from screens.glyphs import Glyphs
from screens.safe import safe_text


def scores(found: Evidence, glyphs: Glyphs) -> Content:
    """Base and candidate by slice with intervals and the paired test, past failures by task, losses, a judge's wins."""
    about, measured = found.about, found.measured
    title = f"{name_of(about.adapter)} beside {name_of(about.against)}, base {name_of(about.base)}"
    lines = [safe_text(title, multiline=False, limit=200, style="bold")]
    lines.append(Content.styled("the same items asked of both; 95 % intervals; p is McNemar's exact one", "$muted"))
    lines.append(_head("slice"))
    asked = set(found.registered.criteria.targets)
    for line in (*measured.slices, measured.overall):
        lines.append(_compared(line, glyphs, line.slice in asked))
    if asked:
        lines.append(Content.styled("* what it was trained to improve", "$muted"))
    lines += _past(found, glyphs)
    if measured.losses.n:
        loss = measured.losses
        lines += heading("held-out loss", f"{loss.n:,} items")
        said = f"{_figure(loss.base_perplexity)} to {_figure(loss.candidate_perplexity)}"
        lines.append(labelled("perplexity", said, wide=WIDE))
        lines.append(labelled("gain", f"{_number(loss.gain)} nats a token", wide=WIDE))
    if measured.wins.judged:
        wins = measured.wins
        lines += heading("a judge's choice", f"{wins.judged:,} outputs, both orders")
        lines.append(labelled("win rate", f"{_percent(wins.raw)}, {wins.ties:,} ties", wide=WIDE))
        even = "not known" if wins.controlled is None else f"{wins.controlled:.1%}"
        lines.append(labelled("equal length", even, wide=WIDE))
        bad = f", {wins.both_bad:,} of them both bad" if wins.both_bad else ""
        corrected = f"{_percent(wins.corrected)} by {wins.labels:,} choices of people{bad}"
        lines.append(labelled("corrected", corrected, wide=WIDE))
        if wins.inconsistent:
            flipped = f"{wins.inconsistent:,} answers hung on which was shown first"
            lines.append(labelled("order", flipped, wide=WIDE))
        if wins.suspicious:
            lines.append(safe_text(wins.why, multiline=False, limit=300, style="$edit"))
    safety = f"{measured.safety_new:,} new of {measured.safety_outputs:,} outputs looked at"
    lines += [*heading("safety and copying"), labelled("unsafe", safety, wide=WIDE)]
    copied = f"{measured.memorised:,} outputs copy training answers (base: {measured.memorised_base:,})"
    lines.append(labelled("copied", copied, wide=WIDE))
    for one in measured.forgotten:
        words = f"{one.slice}: {one.best:.1%} by {name_of(one.adapter)}, now {one.now:.1%}"
        lines.append(labelled("best so far", words, wide=WIDE))
    return Content("\n").join(lines)


def _head(first: str) -> Content:
    return Content.styled(
        f"{first:<15} {'n':>5} {'base':>6} {'cand.':>6}  {'difference':<20} {'p':>7}", "$muted underline"
    )


def _compared(line: Compared, glyphs: Glyphs, target: bool) -> Content:
    name = f"{line.slice or 'all'}{'*' if target else ''}"
    name = name if len(name) <= 15 else f"{name[:14]}…"
    if not line.n:
        return Content.assemble(safe_text(f"{name:<15}", multiline=False), (" no items", "$muted"))
    gap = line.difference
    state, word = "open", "unclear"
    if gap.low is not None and gap.high is not None and (gap.low > 0 or gap.high < 0):
        state, word = ("approved", "better") if gap.low > 0 else ("rejected", "worse")
    mark = glyphs.mark(state)
    ends = "" if gap.low is None or gap.high is None else f" [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
    shown = f"{100 * (gap.value or 0.0):+.1f}{ends}"
    p = "–" if line.p is None else "<.0001" if line.p < 0.0001 else f"{line.p:.4f}"
    padded = safe_text(name, multiline=False)
    return Content.assemble(
        padded, " " * max(16 - padded.cell_length, 1), f"{line.n:>5} {_share(line.base)} {_share(line.candidate)}  ",
        f"{shown:<20} {p:>7} ", (f"{mark.glyph} {word}", f"${mark.token}"),
    )  # fmt: skip


def _share(number: Number) -> str:
    return f"{number.value:>6.1%}" if number.value is not None else f"{'–':>6}"


def _percent(number: Number) -> str:
    if number.value is None:
        return f"not known ({number.why or 'too few'})"
    ends = "" if number.low is None or number.high is None else f" ({number.low:.1%} to {number.high:.1%})"
    return f"{number.value:.1%}{ends}"


def _number(number: Number) -> str:
    if number.value is None:
        return number.why or "not known"
    ends = "" if number.low is None or number.high is None else f" [{number.low:+.4g}, {number.high:+.4g}]"
    return f"{number.value:+.4g}{ends}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _past(found: Evidence, glyphs: Glyphs) -> list[Content]:
    """Confirmed past failures: how many are fixed, still failing, newly broken; and which."""
    now = found.measured.regression
    if not now.n and not now.undecided:
        return [*heading("past failures"), Content.styled("none has been confirmed: nothing was asked", "$muted")]
    by = " by a script" if now.scripted == now.n + now.undecided else ""
    by = by or (f", {now.scripted:,} of them by a script" if now.scripted else "")
    remark = f"{now.n + now.undecided:,} confirmed{by}, {now.kept:,} right in both"
    p = "" if now.p is None else ", p < 0.0001" if now.p < 1e-4 else f", p {now.p:.4f}"
    lines = heading("past failures", remark + p)
    if now.undecided:
        lines.append(Content.styled(f"nothing could decide on {now.undecided:,}: a judge has to compare", "$edit"))
    if now.compared:
        lines.append(Content.styled(f"{now.compared:,} decided by whose answer was preferred", "$muted"))
    for name, word, count, items in (
        ("rejected", "newly broken", now.broken, found.broken), ("open", "still failing", now.still, found.still),
        ("approved", "fixed", now.fixed, found.fixed),
    ):  # fmt: skip
        mark = glyphs.mark(name)
        lines.append(Content.styled(f"{mark.glyph} {word}: {count:,}", f"${mark.token}"))
        lines += [_task(item) for item in items[:8]]
        if count > 8:
            lines.append(Content.styled(f"   … and {count - 8:,} more", "$muted"))
    return lines


def _task(item: Item) -> Content:
    said = f"said {_short(item.candidate_output)}, before {_short(item.base_output)}, right {_short(item.expected)}"
    return Content.assemble(
        "   ", safe_text(f"{item.slice}: ", multiline=False, limit=40, style="$muted"),
        safe_text(item.prompt, multiline=False, limit=90),
        safe_text(f"  {said}", multiline=False, limit=160, style="$muted"),
    )  # fmt: skip


def _short(text: str | None) -> str:
    return "nothing" if not text else text if len(text) <= 30 else f"{text[:29]}…"
