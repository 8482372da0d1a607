"""Cycles in words: the ribbon of phases, figures, failures, triggers, speed. Pure: records in, Content out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from flywheel_tui.cycle.desk import Details, Entry
from flywheel_tui.cycle.views import CycleLine, CycleView, FailureLine, PhaseLine, Velocity
from flywheel_tui.stages.triggers import Checklist
from flywheel_tui.text import human_duration, human_number
from screens.glyphs import Glyphs, Mark
from screens.safe import safe_text

STATES = {
    "running": "running", "queued": "queued", "paused": "paused", "waiting": "paused", "failed": "failed",
    "interrupted": "lost", "done": "done", "abandoned": "cancelled",
}  # fmt: skip
PHASE_STATES = {
    "done": "done", "running": "running", "waiting": "paused", "failed": "failed", "halted": "cancelled",
    "open": "open",
}  # fmt: skip
SEEDS = 12
EMPTY = Content("")


def state_mark(state: str, glyphs: Glyphs) -> Mark:
    """The mark of a cycle's state; its word is the state itself."""
    return glyphs.mark(STATES.get(state, "warning"))._replace(word=state)


def phase_mark(phase: PhaseLine, entry: Entry | None, glyphs: Glyphs) -> Mark:
    """The mark of a phase; one that runs although nobody works on it was interrupted."""
    state = phase.state
    if state == "running" and entry is not None and entry.state != "running":
        mark = glyphs.mark("lost" if entry.state == "interrupted" else STATES.get(entry.state, "lost"))
        return mark._replace(word=entry.state)
    words = {"open": "to come", "waiting": "waiting"}
    return glyphs.mark(PHASE_STATES.get(state, "warning"))._replace(word=words.get(state, state))


def outcome(line: CycleLine, glyphs: Glyphs) -> tuple[str, str]:
    """What became of training, and its colour."""
    if line.gate:
        name = {"promoted": "approved", "refused": "rejected"}.get(line.gate, "info")
        mark = glyphs.mark(name)
        return f"{mark.glyph} {line.gate}", mark.token
    return ("trained", "judge") if line.trained else ("–", "muted")


def share(value: float | None) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{value:.0%}" if value in (0.0, 1.0) else f"{value:.1%}"


def ribbon(phases: Sequence[PhaseLine], entry: Entry, chosen: int | None, glyphs: Glyphs, width: int) -> Content:
    """Every phase with its glyph, as many on a line as fit; the present one with its state in words, the chosen one
    underlined."""
    lines: list[Content] = []
    row: list[Content] = []
    used = 0
    for number, phase in enumerate(phases):
        mark = phase_mark(phase, entry, glyphs)
        present = phase.state not in ("done", "open")
        words = f"{phase.phase} ({mark.word})" if present else phase.phase
        style = f"${mark.token} bold" if present else f"${mark.token}"
        part = Content.assemble(
            (f"{mark.glyph} ", style), (words, f"{style} reverse" if number == chosen else style)
        )  # fmt: skip
        if row and used + part.cell_length + 2 > width:
            lines.append(Content("  ").join(row))
            row, used = [], 0
        row.append(part)
        used += part.cell_length + 2
    lines.append(Content("  ").join(row))
    return Content("\n").join(lines)


def standing(entry: Entry, phases: Sequence[PhaseLine], glyphs: Glyphs, now: int) -> Content:
    """How a cycle stands: counts of phases, then who works on it, or whom it waits for and the key that goes there."""
    done = sum(phase.state == "done" for phase in phases)
    coming = sum(phase.state == "open" for phase in phases)
    mark = state_mark(entry.state, glyphs)
    parts = [Content.assemble(
        (f"{mark.glyph} {entry.state}", f"bold ${mark.token}"), (f"   {done} of {len(phases)} phases done", "$muted"),
        (f", {coming} to come" if coming and entry.is_open else "", "$muted"),
    )]  # fmt: skip
    if entry.job is not None and entry.line.state != "done":
        parts.append(_work(entry, glyphs))
    if entry.awaits:
        said = entry.awaits
        words = f"waits for {said.get('who', 'a person')}: {said.get('what', 'a decision')}"
        since = next((phase.awaits["since"] for phase in phases if phase.awaits and "since" in phase.awaits), None)
        waited = f"   (waited {human_duration(max(now - since, 0) / 1e6)} so far)" if isinstance(since, int) else ""
        parts.append(safe_text(words, multiline=False, limit=300, style="bold $edit"))
        parts.append(Content.styled(_key_for(said) + waited, "$muted"))
    elif entry.state in ("failed", "interrupted"):
        if entry.why:
            parts.append(safe_text(entry.why, multiline=False, limit=600, style="$text-error"))
        parts.append(Content.styled("r goes on from where it was; what was finished is not done again", "$muted"))
    elif entry.why:
        parts.append(safe_text(f"stopped: {entry.why}", multiline=False, limit=400, style="$muted"))
    return Content("\n").join(parts)


def _key_for(awaits: Mapping[str, Any]) -> str:
    if awaits.get("bundle"):
        return "o opens the evidence in Gate; then r goes on"
    if awaits.get("pairs"):
        return "o opens exactly these pairs in Label; then r goes on"
    return "r goes on once that is done"


def _work(entry: Entry, glyphs: Glyphs) -> Content:
    job = entry.job
    assert job is not None
    done = f"{human_number(job.done)} of {human_number(job.total)}" if job.total else ""
    rate = f"{job.rate:.3g}/s" if job.rate else ""
    left = f"{human_duration(job.eta_s)} left" if job.eta_s is not None else ""
    words = ", ".join(part for part in (job.phase or f"job {job.id}", done, rate, left) if part)
    bar = f"{glyphs.bar(job.done / job.total, 12)} " if job.total else ""
    return Content.assemble((bar, "$accent"), safe_text(words, multiline=False, limit=200))


def picture(entry: Entry, details: Details, glyphs: Glyphs, width: int) -> Content:
    """Everything of a cycle below its ribbon."""
    view = details.view
    parts = [_figures(entry, view), *failures(view.failures, glyphs)]
    parts += _seeds(view)
    if details.checklist is not None:
        parts += triggers(details.checklist, glyphs)
    parts += speed(details.velocity, glyphs, width)
    return Content("\n").join(parts)


def _figures(entry: Entry, view: CycleView) -> Content:
    line = view.line
    interval = f" ({share(line.low)} to {share(line.high)})" if line.low is not None and line.high is not None else ""
    corrected = ", corrected by labels" if line.corrected else ""
    over = bool(line.accepted) or not entry.is_open
    judged = f"{line.judged:,} judged, {line.passed:,} passed" + (f", {line.accepted:,} accepted" if over else "")
    times = f"{human_duration(line.seconds)} of work, {human_duration(line.waited)} waiting"
    rows = [
        ("into", line.dataset),
        ("pairs", f"{line.generated:,} made, {judged}"),
        ("pass rate", f"{share(line.pass_rate)}{interval}{corrected}" if line.pass_rate is not None else "not yet"),
        ("yield", f"{share(entry.made_use_of)} of what was made is accepted" if over else ""),
        ("took", f"{times}, ${line.cost_usd:,.4f}"),
        ("scenarios", f"{len(view.scenarios):,} approved ones seeded it" if view.scenarios else ""),
    ]  # fmt: skip
    if view.gate and view.gate.get("verdict"):
        said = f"{view.gate['verdict']}: {view.gate.get('decision', '')} by {view.gate.get('by', '')}"
        rows.append(("gate", f"{said}{': ' + str(view.gate['why']) if view.gate.get('why') else ''}"))
    return Content("\n").join([labelled(name, value) for name, value in rows if value])


def labelled(name: str, value: str, style: str = "", wide: int = 10) -> Content:
    """A figure with its name in front."""
    return Content.assemble((f"{name:<{wide}} ", "$muted"), safe_text(value, multiline=False, limit=400, style=style))


def heading(words: str, remark: str = "") -> list[Content]:
    """A section's title, with room above."""
    return [EMPTY, Content.assemble((words, "bold"), (f"  {remark}" if remark else "", "$muted"))]


def failures(found: Sequence[FailureLine], glyphs: Glyphs) -> list[Content]:
    """Failures by kind, and whether each shrank since the cycle before."""
    if not found:
        return []
    lines = heading("failures by kind", "failed of tried; points with their 95 % interval")
    lines.append(Content.styled(f"{'kind':<18} {'pairs':>6} {'before':>7} {'now':>7}  {'change':<26}",
                                "$muted underline"))  # fmt: skip
    for one in found:
        mark, words = _change(one, glyphs)
        kind = safe_text(_cut(one.kind, 18), multiline=False)
        lines.append(Content.assemble(
            kind, " " * max(19 - kind.cell_length, 1),
            (f"{one.pairs:>6,}" if one.pairs else f"{'–':>6}", "$muted"),
            f" {_counts(one.before):>7} {_counts(one.now):>7}  ", (f"{mark.glyph} {words}", f"${mark.token}"),
        ))  # fmt: skip
    return lines


def _change(one: FailureLine, glyphs: Glyphs) -> tuple[Mark, str]:
    if not one.before[1]:
        return glyphs.mark("info"), "first seen"
    if not one.now[1] or one.difference is None or one.low is None or one.high is None:
        return glyphs.mark("info"), "not tried"
    name, word = {True: ("done", "shrank"), False: ("failed", "grew"), None: ("open", "unclear")}[one.shrank]
    points = f"{100 * one.difference:+.0f} [{100 * one.low:+.0f}, {100 * one.high:+.0f}]"
    return glyphs.mark(name), f"{word} {points}"


def _counts(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,}/{counts[1]:,}" if counts[1] else "–"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _seeds(view: CycleView) -> list[Content]:
    if not view.seeds:
        return []
    lines = heading("seeds", f"{len(view.seeds):,}, from which pairs are made")
    for seed in view.seeds[:SEEDS]:
        lines.append(Content.assemble(
            (f"{seed.count:>4} × ", "$muted"), safe_text(seed.text, multiline=False, limit=100),
            safe_text(f"  {seed.kind}, {seed.origin}", multiline=False, limit=60, style="$muted"),
        ))  # fmt: skip
    if len(view.seeds) > SEEDS:
        lines.append(Content.styled(f"… {len(view.seeds) - SEEDS:,} more under planning (enter)", "$muted"))
    return lines


_ROLES = {
    ("data", True): ("done", "enough"), ("data", False): ("open", "needed"), ("force", True): ("running", "trains"),
    ("force", False): ("open", "not due"), ("brake", True): ("done", "holds"), ("brake", False): ("failed", "brakes"),
}  # fmt: skip


def triggers(found: Checklist, glyphs: Glyphs) -> list[Content]:
    """The checklist of training triggers: each with its value, its threshold and what it says."""
    words = "training would start now" if found.train else "training would not start now"
    lines = heading("training triggers", words)
    for line in found.lines:
        name, word = _ROLES[line.role, line.met]
        mark = glyphs.mark(name)
        lines.append(Content.assemble(
            (f"{mark.glyph} {word:<8} ", f"${mark.token}"), f"{line.title:<29} ", (line.said, "$muted")
        ))  # fmt: skip
    lines.append(safe_text(found.reason, multiline=False, limit=300, style="$muted"))
    return lines


def speed(found: Velocity, glyphs: Glyphs, width: int) -> list[Content]:
    """How long each phase takes on average, and the bottleneck in words."""
    if not found.cycles:
        return [*heading("speed"), Content.styled(found.advice, "$muted")]
    remark = f"{human_duration(found.cycle_seconds)} a cycle, over {found.cycles:,} finished"
    lines = heading("speed", remark)
    lines.append(safe_text(f"bottleneck: {found.advice}", multiline=False, limit=300, style="$edit"))
    room = max(min(width - 58, 24), 6)
    for one in found.phases:
        if one.share < 0.001:
            continue
        slow = one.phase == found.bottleneck
        waited = f", waits {human_duration(one.waited)}" if one.waited >= 0.05 else ""
        each = f", {human_number(one.per_hour)}/h" if one.per_hour else ""
        lines.append(Content.assemble(
            (f"{one.phase:<12}", "bold" if slow else ""),
            (glyphs.bar(one.share, room), "$edit" if slow else "$accent"),
            f" {one.share:>4.0%}  {human_duration(one.seconds)}", (waited + each, "$muted"),
        ))  # fmt: skip
    return lines


def words_of(value: Any) -> str:
    """Any value of evidence in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {words_of(one)}" for name, one in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return "; ".join(words_of(one) for one in value) or "none"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
