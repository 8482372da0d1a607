"""Jobs and workers in words: the cells of the table, the lines beneath it, everything about one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.content import Content

from flywheel_tui.text import human_duration, human_number
from screens.glyphs import Glyphs, Mark
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.jobs.overview import Details, Overview, WorkerLine
    from flywheel_tui.records.job import Job, JobEvent

_ORDER = ("running", "queued", "paused", "done", "failed", "cancelled", "dead")
_LEVELS = {"error": "$text-error", "warning": "$edit", "info": ""}
_OWNER = re.compile(r"\b(\d{1,10})/\d{1,20}/[0-9a-f-]{36}/[0-9a-f]{8}\b")
"""The whole name of a holder; in a line its process is enough."""
_WANTED = {"cancel": "cancelling", "pause": "pausing"}


def state_mark(job: Job, glyphs: Glyphs, lost: bool = False) -> Mark:
    """Glyph, word and colour of a job's state, and of what a person asked of it meanwhile."""
    if lost:
        return glyphs.mark("lost")
    if job.state == "running" and job.wanted in _WANTED:
        return glyphs.mark("stopping")._replace(word=_WANTED[job.wanted])
    return glyphs.mark(job.state)


def share_of(job: Job) -> float | None:
    """How much of a job is done (0 to 1), None where nobody knows how much there is."""
    return min(job.done / job.total, 1.0) if job.total else None


def progress_words(job: Job, glyphs: Glyphs, width: int = 8) -> str:
    """A bar with its share; a count where the whole is unknown."""
    share = share_of(job)
    if share is not None:
        return f"{glyphs.bar(share, width)} {share:>4.0%}"
    return human_number(job.done) if job.done else "–"


def rate_words(job: Job) -> str:
    """Units a second, of a job that runs."""
    if job.rate is None:
        return ""
    return f"{human_number(job.rate if job.rate < 10 else round(job.rate))}/s"


def left_words(job: Job) -> str:
    """Time that is left, of a job that runs."""
    return "" if job.eta_s is None else human_duration(job.eta_s)


def cost_words(job: Job) -> str:
    """What a job has cost so far."""
    return f"${job.cost_micro / 1e6:,.2f}" if job.cost_micro else ""


def short_age(moment: int, now: int) -> str:
    """How long ago, in one unit."""
    seconds = max(now - moment, 0) / 1e6
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def summary(found: Overview, glyphs: Glyphs, *, ended: bool) -> Content:
    """One line: jobs by state, and which of them are not shown."""
    parts: list[Content] = []
    for state in _ORDER:
        if count := found.counts.get(state, 0):
            mark = glyphs.mark(state)
            parts.append(Content.styled(f"{mark.glyph} {count:,} {mark.word}", f"${mark.token}"))
    if not ended:
        parts.append(Content.styled("ended hidden", "$muted"))
    elif len(found.jobs) < found.total:
        parts.append(Content.styled(f"{len(found.jobs):,} shown, m more", "$muted"))
    return Content(" ") + Content("   ").join(parts)


def workers_title(found: Overview, wanted: int) -> Content:
    """How many workers there are, of how many there may be; and what to do where jobs wait for nobody."""
    alive = sum(each.place == "pool" for each in found.workers)
    trouble = "  nobody works on the queue: + starts workers" if found.nobody else ""
    return Content.assemble(f"workers {alive} of {wanted}", (trouble, "$edit"))


def workers_content(found: Overview, glyphs: Glyphs, now: int, width: int) -> Content:
    """A line for each who works on the queue."""
    if not found.workers:
        if found.nobody:
            return Content.styled(f"{found.waiting:,} jobs wait, and no pool of workers lives.", "$edit")
        return Content.styled("Nobody works now; workers start by themselves with the next job.", "$muted")
    return Content("\n").join([_worker(each, glyphs, now, width) for each in found.workers])


def _worker(each: WorkerLine, glyphs: Glyphs, now: int, width: int) -> Content:
    state = "lost" if each.place == "gone" else "running" if each.job is not None else "idle"
    mark = glyphs.mark(state)
    who = f"worker {each.name}" if each.place == "pool" else each.place
    since = "" if each.since is None else f"for {short_age(each.since, now)}"
    head = f"{who:<9} {each.pid:>7}  {since:<10} "
    doing = "waits for work" if each.job is None else f"job {each.job}"
    lease = ""
    if each.lease_until is not None:
        left = (each.lease_until - now) / 1e6
        lease = f"  lease {human_duration(left)}" if left > 0 else "  lease over"
    room = width - len(head) - 2 - len(mark.word) - 2 - len(doing) - len(lease)
    title = safe_text(f" {each.title}" if each.job is not None else "", multiline=False, limit=400)
    return Content.assemble(
        (f"{mark.glyph} ", f"${mark.token}"),
        (head, ""),
        (f"{mark.word}  ", f"${mark.token}"),
        (doing, "" if each.job is not None else "$muted"),
        title.truncate(max(room, 0), ellipsis=True),
        (lease, "$muted"),
    )


def job_head(job: Job, glyphs: Glyphs, lost: bool) -> Content:
    """One line about the job at the cursor: state, phase, counts, rate, attempt, process, cost."""
    mark = state_mark(job, glyphs, lost)
    parts = [Content.styled(f"{mark.glyph} {mark.word}", f"bold ${mark.token}")]
    if job.phase and job.state == "running":
        parts.append(safe_text(job.phase, multiline=False, limit=40))
    unit = safe_text(job.unit, multiline=False, limit=20).plain
    if job.total:
        parts.append(Content(f"{job.done:,} of {job.total:,} {unit}"))
    elif job.done:
        parts.append(Content(f"{job.done:,} {unit}"))
    if job.rate is not None:
        parts.append(Content(rate_words(job)))
    if job.eta_s is not None:
        parts.append(Content(f"{left_words(job)} left"))
    if job.attempt:
        parts.append(Content(f"attempt {job.attempt} of {job.max_attempts}"))
    if job.cost_micro:
        parts.append(Content(cost_words(job)))
    return Content(" · ").join(parts)


def event_lines(events: Sequence[JobEvent], *, seconds_only: bool = True) -> list[Content]:
    """A line for each event: when, and what; warnings and errors say that they are."""
    return [event_line(event, seconds_only=seconds_only) for event in events]


def event_line(event: JobEvent, *, seconds_only: bool) -> Content:
    """When, how bad, what."""
    when = clock_time(event.at)
    level = f"{event.level}: " if event.level in ("warning", "error") else ""
    text = _OWNER.sub(r"process \1", event.text)
    return Content.assemble(
        (f"{when[11:] if seconds_only else when}  ", "$muted"),
        safe_text(f"{level}{text}", multiline=not seconds_only, limit=2_000, style=_LEVELS.get(event.level, "")),
    )


def clock_time(moment: int) -> str:
    """A date with the time of day, here."""
    return datetime.fromtimestamp(moment / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def details_content(found: Details, glyphs: Glyphs, now: int, *, dataset: str) -> Content:
    """Everything about a job."""
    job = found.job
    rows: Mapping[str, Content] = {
        "kind": safe_text(job.kind, multiline=False),
        "data set": safe_text(dataset or "–", multiline=False),
        "state": job_head(job, glyphs, found.gone or job.stalled(now)),
        "slot": safe_text(f"{job.slot}, priority {job.priority}", multiline=False),
        "held by": safe_text(f"process {job.owner.split('/')[0]}" if job.owner else "nobody", multiline=False),
        "made": Content(clock_time(job.created)),
        "begun": Content(clock_time(job.started) if job.started else "not yet"),
        "ended": Content(_ended(job)),
    }
    lines = [Content.assemble((f"{name:<9} ", "$muted"), value) for name, value in rows.items()]
    if job.error:
        lines += [Content(), Content.styled("error", "bold $text-error"), safe_text(job.error, limit=4_000)]
    if found.result:
        lines += [Content(), Content.styled("result", "bold $accent"), safe_text(found.result, limit=21_000)]
    lines += [Content(), Content.styled("arguments", "bold $accent"), safe_text(found.args, limit=21_000)]
    lines += [Content(), Content.styled(f"events ({len(found.events):,})", "bold $accent")]
    lines += event_lines(found.events, seconds_only=False)
    return Content("\n").join(lines)


def _ended(job: Job) -> str:
    if job.finished is None:
        return "not yet"
    took = f", took {human_duration((job.finished - job.started) / 1e6)}" if job.started else ""
    return f"{clock_time(job.finished)}{took}"
