"""One running job in words: the lines of Live. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from flywheel_tui.text import human_duration, human_number
from screens.glyphs import Glyphs
from screens.safe import safe_text
from screens.widgets.job_text import event_lines, left_words, rate_words, share_of, short_age, state_mark

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job, JobEvent
    from flywheel_tui.records.live import Calls, Histogram, Newest
    from flywheel_tui.stages.live import LiveView, Passing, Spent
    from screens.live_list import Line

_NAME = 11
"""Cells of the name before a figure."""


def _row(name: str, *parts: str | Content | tuple[str, str]) -> Content:
    return Content.assemble((f"{name:<{_NAME}}", "$muted"), *parts)


def title_line(view: LiveView, glyphs: Glyphs, place: tuple[int, int], lost: bool, width: int) -> Content:
    """State and title; on the right which of the jobs this is."""
    job = view.job
    mark = state_mark(job, glyphs, lost)
    right = f"job {job.id} · {place[0]} of {place[1]} "
    left = Content.assemble(
        (f" {mark.glyph} {mark.word}  ", f"bold ${mark.token}"),
        safe_text(job.title, multiline=False, limit=200, style="bold"),
    ).truncate(max(width - len(right) - 2, 10), ellipsis=True)
    gap = max(width - left.cell_length - len(right), 1)
    return Content.assemble(left, " " * gap, (right, "$muted"))


def progress_line(view: LiveView, glyphs: Glyphs, width: int) -> Content:
    """A bar, counts, rate with its sparkline, time left."""
    job = view.job
    share = share_of(job)
    unit = safe_text(job.unit, multiline=False, limit=20).plain
    parts: list[Content] = []
    if share is not None:
        bar = max(min(width // 5, 40), 8)
        parts.append(Content.assemble((glyphs.bar(share, bar), "$accent"), f" {share:>4.0%}"))
        parts.append(Content(f"{job.done:,} of {job.total:,} {unit}"))
    elif job.done:
        parts.append(Content(f"{job.done:,} {unit}"))
    if job.state == "running" and job.phase and (width >= 100 or share is None):
        parts.append(safe_text(job.phase, multiline=False, limit=24, style="$muted"))
    if job.state == "running" and job.rate is not None:
        spark = sparkline(view.rates, max(min(width // 8, 30), 8), glyphs)
        parts.append(Content.assemble(f"{rate_words(job)} ", (spark, "$accent")))
    if job.state == "running" and job.eta_s is not None:
        parts.append(Content(f"{left_words(job)} left"))
    return Content.assemble(" ", Content("  ").join(parts)).truncate(width, ellipsis=True)


def sparkline(rates: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The last rates, a column each; several share one where there are more than columns."""
    if not rates:
        return ""
    each = -(-len(rates) // width)
    means = [sum(rates[at : at + each]) / len(rates[at : at + each]) for at in range(0, len(rates), each)]
    return glyphs.blocks([round(1_000 * mean) for mean in means])


def word_line(view: LiveView, events: Sequence[JobEvent], lost: bool, now: int) -> Content:
    """What to know or to do now: why it stands still, what came of it, what happened last."""
    job = view.job
    if lost:
        return Content.styled("its worker is gone; another one takes it up where it was", "$edit")
    if job.state == "failed" or job.state == "dead":
        what = "R tries it again" if job.state == "failed" else f"tried {job.attempt} times in vain; R tries again"
        return safe_text(f"{job.error or 'no reason was given'}; {what}", multiline=False, limit=600, style="$reject")
    if job.state == "paused":
        told = [event for event in events if _says_why(event)]
        why = job.error or (told[-1].text.removeprefix("paused: ") if told else "")
        # first what one can do: a long reason is cut at the width of the screen
        return safe_text(f"paused, p goes on{': ' + why if why else ''}", multiline=False, limit=600, style="$edit")
    if job.state == "queued":
        why = f"tried before: {job.error}" if job.error else "waits for a worker (g w shows them)"
        return safe_text(why, multiline=False, limit=400, style="$muted")
    if job.state in ("done", "cancelled"):
        return _ended(view, now)
    if view.calls is not None and view.calls.breaker in ("open", "half-open", "locked"):
        return Content.styled("the back end does not answer: it is asked again in a while, nothing is lost", "$edit")
    if events:
        return event_lines(events[-1:])[0].stylize_before("$muted")
    return Content()


def _says_why(event: JobEvent) -> bool:
    """Whether an event gives a reason for a pause beyond that somebody asked for it."""
    own = event.text.startswith("paused: ") and " is paused; go on with:" not in event.text
    return event.level != "info" or own or "budget" in event.text


def _ended(view: LiveView, now: int) -> Content:
    job = view.job
    took = ""
    if job.finished is not None:
        length = f" in {human_duration((job.finished - job.started) / 1e6)}" if job.started else ""
        took = f"{length}, {short_age(job.finished, now)} ago"
    words = [f"{'done' if job.state == 'done' else 'cancelled, what was finished is kept;'}{took}"]
    if view.can_ask_again:
        words.append(f"R asks again about {view.can_ask_again:,} without a verdict")
    elif job.state == "cancelled":
        words.append("R puts it back into the queue")
    if view.passing is not None and view.passing.judged:
        words.append("enter opens one, g b all pairs")
    if job.kind == "generate" and (job.result or {}).get("new"):
        words.append("L labels its rows")
    estimate = (job.result or {}).get("estimate")
    if isinstance(estimate, Mapping):
        left, seconds, tokens = (float(estimate.get(name) or 0) for name in ("left", "seconds", "tokens"))
        cost = float(estimate.get("cost_usd") or 0)
        price = f", ${cost:,.2f}" if cost else ""
        words.insert(
            1,
            f"a sample; the {left:,.0f} left would take about {human_duration(seconds)},"
            f" {human_number(round(tokens))} tokens{price}; J on Datasets goes on",
        )
    return Content.styled("; ".join(words), "$approve" if job.state == "done" else "$muted")


# -- what comes out


def passing_lines(found: Passing, glyphs: Glyphs, width: int, height: int) -> list[Content]:
    """Pass rate with its interval, those without a verdict, the scores."""
    if not found.judged and not found.unjudged:
        return [Content.styled("no verdict yet", "$muted")]
    lines = []
    if found.preferences:
        told = ", ".join(f"{name} {count:,}" for name, count in found.preferences.items())
        lines.append(_row("preferred", told))
    elif found.rate is not None:
        told = f"  95 %: {found.low * 100:.1f}–{found.high:.1%}"
        lines.append(_row("passed", (f"{found.rate:.1%}", "bold"), told))
    lines.append(_row("judged", f"{found.judged:,}", ("" if found.unjudged else "  all with a verdict", "$muted")))
    if found.unjudged:
        mark = glyphs.mark("no verdict")
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.missing.items())
        lines.append(_row("no verdict", f"{mark.glyph} {found.unjudged:,}: {kinds}").truncate(width, ellipsis=True))
    if found.mean is not None and found.histogram is not None:
        lines.append(_row("score", f"mean {found.mean:.2f}"))
    if found.histogram is not None and found.histogram.total:
        lines += histogram_lines(found.histogram, glyphs, width, max(height - len(lines), 2))
    return lines


def histogram_lines(found: Histogram, glyphs: Glyphs, width: int, height: int) -> list[Content]:
    """Columns of blocks, their counts where there is room, and the ends of the scale beneath."""
    columns = len(found.counts)
    cell = max(min(width // max(columns, 1), 8), 1)
    rows = max(min(height - 1, 12), 1)
    most = max(found.counts, default=0)
    steps = " .:|#" if glyphs.ascii else " ▁▂▃▄▅▆▇█"
    last = len(steps) - 1
    lines = []
    for row in range(rows - 1, -1, -1):
        drawn = ""
        for count in found.counts:
            full = count / most * rows if most else 0.0
            part = min(max(full - row, 0.0), 1.0)
            step = max(round(part * last), 1 if count and row == 0 else 0)
            drawn += (steps[step] * (cell - 1) + " ") if cell > 1 else steps[step]
        lines.append(Content.styled(drawn, "$judge"))
    low, high = f"{found.low:g}", f"{found.high:g}"
    label = safe_text(found.label, multiline=False, limit=20).plain
    room = max(columns * cell - len(low) - len(high) - 1, 0)
    lines.append(Content.styled(f"{low}{f'{label}, most {most:,}':^{room}}{high}", "$muted"))
    return lines


def figure_lines(figures: Mapping[str, str | int | float]) -> list[Content]:
    """The figures that a kind of job has of its own."""
    names = {name: safe_text(name, multiline=False, limit=24).plain for name in figures}
    widest = max(map(len, names.values()), default=0)
    lines = []
    for name, value in figures.items():
        text = human_number(value) if isinstance(value, int | float) else value
        lines.append(
            Content.assemble((f"{names[name]:<{widest}}  ", "$muted"), safe_text(text, multiline=False, limit=200))
        )
    return lines


def job_lines(job: Job, dataset: str, now: int) -> list[Content]:
    """What can be said of any job."""
    lines = [_row("kind", safe_text(job.kind, multiline=False, limit=40))]
    if dataset:
        lines.append(_row("data set", safe_text(dataset, multiline=False, limit=60)))
    lines.append(_row("attempt", f"{job.attempt} of {job.max_attempts}" if job.attempt else "not begun"))
    if job.started:
        lines.append(_row("begun", f"{short_age(job.started, now)} ago"))
    return lines


# -- who is asked


def calls_lines(found: Calls, steerable: int | None, glyphs: Glyphs) -> list[Content]:
    """Calls under way, latencies, retries and errors by kind."""
    lines = []
    if steerable is not None:
        fewer = found.concurrency and found.concurrency < steerable
        why = f" ({found.concurrency} for now: it said slow down)" if fewer else ""
        lines.append(_row("at once", (f"{steerable:,}", "bold"), why, f"   in flight {found.in_flight:,}"))
    if found.p50_ms is not None and found.p95_ms is not None:
        lines.append(_row("latency", f"p50 {_milliseconds(found.p50_ms)}   p95 {_milliseconds(found.p95_ms)}"))
    if found.per_second:
        waiting = f"   waiting {found.waiting:,}" if found.waiting else ""
        lines.append(_row("answers", f"{found.per_second:,.1f}/s{waiting}"))
    if found.faults:
        kinds = ", ".join(
            f"{count:,} {kind}" for kind, count in sorted(found.faults.items(), key=lambda each: -each[1])
        )
        mark = glyphs.mark("warning")
        lines.append(_row("errors", (f"{mark.glyph} ", f"${mark.token}"), safe_text(kinds, multiline=False, limit=120)))
    if found.retries:
        lines.append(_row("retries", f"{found.retries:,}"))
    if found.breaker != "closed":
        lines.append(_row("back end", (f"! down ({found.breaker})", "$reject")))
    return lines


def spent_lines(found: Spent, glyphs: Glyphs) -> list[Content]:
    """Tokens and money, against the budget where there is one."""
    lines = []
    if found.tokens_in or found.tokens_out:
        tokens = f"{human_number(found.tokens_in)} in, {human_number(found.tokens_out)} out"
        lines.append(_row("tokens", tokens))
    if found.cap_tokens is not None:
        lines.append(_row("budget", *_against(found.held_tokens, found.cap_tokens, human_number, glyphs)))
    price = "unknown price" if found.unpriced and not found.cost_micro else f"${found.cost_micro / 1e6:,.4f}"
    more = " and more (some prices unknown)" if found.unpriced and found.cost_micro else ""
    if found.calls or found.cost_micro:
        lines.append(_row("cost", (price, "bold"), more))
    if found.cap_micro is not None:
        lines.append(
            _row("budget", *_against(found.held_micro, found.cap_micro, lambda value: f"${value / 1e6:,.2f}", glyphs))
        )
    if found.hits:
        lines.append(_row("cache", f"{found.hits:,} answers were known"))
    return lines


def _against(spent: int, cap: int, words: object, glyphs: Glyphs) -> list[str | tuple[str, str]]:
    share = min(spent / cap, 1.0) if cap else 1.0
    told = words(cap) if callable(words) else str(cap)
    return [(glyphs.bar(share, 10), "$edit" if share > 0.9 else "$accent"), f" {share:.0%} of {told}"]


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


# -- what scrolls by


def newest_lines(newest: Iterable[Newest], glyphs: Glyphs, *, wide: bool, made: bool = False) -> list[Line]:
    """A line for each: passed or not (or why there is no verdict), score, the beginning of the pair; of rows that were
    `made`: written, or rejected by which rule and why."""
    return [(each.pair, (_made if made else _newest)(each, glyphs, wide)) for each in newest]


def _made(each: Newest, glyphs: Glyphs, wide: bool) -> Content:
    rejected = each.passed is False
    mark = glyphs.mark("rejected" if rejected else "no verdict" if each.kind else "approved")
    word = "rejected" if rejected else "failed" if each.kind else "written"
    rest = [each.kind, each.note] if each.kind else [each.text, each.note if wide else ""]
    if rejected and wide and each.text != each.kind:
        rest.append(each.text)
    return Content.assemble(
        (f"{mark.glyph} {word:<10}", f"${mark.token}"),
        safe_text("  ".join(part for part in rest if part), multiline=False, limit=400),
    )


def _newest(each: Newest, glyphs: Glyphs, wide: bool) -> Content:
    if each.kind:
        mark, word = glyphs.mark("no verdict"), each.kind
    elif each.passed is None:
        mark, word = glyphs.mark("open"), ""
    else:
        mark, word = glyphs.mark("approved" if each.passed else "rejected"), "passed" if each.passed else "failed"
    score = "" if each.score is None else f"{each.score:g}"
    note = f"  {each.note}" if each.note and (wide or each.kind) else ""
    return Content.assemble(
        (f"{mark.glyph} {safe_text(word, multiline=False, limit=16).plain:<13}", f"${mark.token}"),
        f"{score:>5}  ",
        safe_text(each.text, multiline=False, limit=160),
        safe_text(note, multiline=False, limit=200, style="$muted"),
    )
