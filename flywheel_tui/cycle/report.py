"""The report over all cycles: one HTML file that needs nothing else, every text in it escaped."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.cycle.views import CycleLine, CycleView, Velocity, awaited, cycle_view, cycles, velocity
from flywheel_tui.text import visible

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2024;background:#fff}
table{border-collapse:collapse;margin:.7rem 0;width:100%}th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px
solid #d8dde2;vertical-align:top}th{font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem}small{color:#5b6670}
svg{max-width:100%;height:auto}.good{color:#116329}.bad{color:#a40e26}
@media(prefers-color-scheme:dark){body{background:#14181c;color:#e3e8ec}th,td{border-color:#333b43}small{color:#97a3ad}
.good{color:#57c78a}.bad{color:#ff7b86}}
"""
_WIDE, _HIGH, _LEFT, _BOTTOM = 720, 240, 46, 30


def write_report(workspace: Workspace, path: Path | None = None) -> Path:
    """Write the report (default: `reports/flywheel_report_TIME.html`); whole or not at all."""
    name = f"flywheel_report_{time.strftime('%Y%m%d_%H%M%S')}.html"
    path = path or workspace.folder("reports") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_text(report_html(workspace), "utf-8")
    draft.replace(path)
    return path


def report_html(workspace: Workspace) -> str:
    """The report as text."""
    history = cycles(workspace)
    views = [cycle_view(workspace, line.number) for line in history]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Flywheel report</title>",
        "<meta name='viewport' content='width=device-width'>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><h1>Flywheel report</h1>",
        f"<p><small>{_t(workspace.root)} · {time.strftime('%Y-%m-%d %H:%M')}</small></p>",
        *_waiting(awaited(workspace)),
    ]
    if not history:
        parts.append("<p>No cycle has been run yet: flywheel run -s &quot;seed one,seed two&quot;</p>")
    else:
        parts += [_table(history), _chart(history), *_speed(velocity(workspace))]
        parts += [part for view in views for part in _cycle(view)]
    return "".join([*parts, "</body></html>\n"])


def _t(value: Any) -> str:
    """Text that came from anywhere, for HTML."""
    return escape(visible(str(value), limit=2000))


def _cells(values: Sequence[Any], tag: str = "td") -> str:
    return "".join(f"<{tag}>{_t(value)}</{tag}>" for value in values)


def _rows(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{_cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _waiting(found: Sequence[dict[str, Any]]) -> list[str]:
    return [f"<p class='bad'>Waiting for {_t(one.get('who'))}: {_t(one.get('what'))}</p>" for one in found]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _table(history: Sequence[CycleLine]) -> str:
    head = ("cycle", "state", "data set", "made", "judged", "passed", "pass rate", "95 %", "accepted", "cost",
            "seconds", "trained", "gate", "stopped")  # fmt: skip
    rows = [
        (line.number, line.state, line.dataset, line.generated, line.judged, line.passed,
         _percent(line.pass_rate) + (" corrected" if line.corrected else ""),
         f"{_percent(line.low)} – {_percent(line.high)}", line.accepted,
         f"${line.cost_usd:.4f}", f"{line.seconds:.1f}", "yes" if line.trained else "no", line.gate,
         line.stop_reason or "")
        for line in history
    ]  # fmt: skip
    return "<h2>Cycles</h2>" + _rows(head, rows)


def _chart(history: Sequence[CycleLine]) -> str:
    """Pass rate with its interval, and pairs accepted, over cycles."""
    count = len(history)
    most = max((line.accepted for line in history), default=0) or 1
    step = (_WIDE - _LEFT - 20) / count
    plot = _HIGH - _BOTTOM - 14

    def x(at: int) -> float:
        return _LEFT + step * (at + 0.5)

    def y(share: float) -> float:
        return 14 + plot * (1 - share)

    marks = [
        f"<text x='4' y='{y(share) + 4:.1f}' font-size='11' fill='currentColor'>{share:.0%}</text>"
        f"<line x1='{_LEFT}' x2='{_WIDE - 10}' y1='{y(share):.1f}' y2='{y(share):.1f}' stroke='#8884'/>"
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for at, line in enumerate(history):
        tall = plot * line.accepted / most
        width = min(step * 0.5, 40.0)
        marks.append(
            f"<rect x='{x(at) - width / 2:.1f}' y='{14 + plot - tall:.1f}' width='{width:.1f}' height='{tall:.1f}'"
            f" fill='#4c8dd6' opacity='.35'><title>cycle {line.number}: {line.accepted} accepted</title></rect>"
            f"<text x='{x(at):.1f}' y='{_HIGH - 10}' font-size='11' text-anchor='middle' fill='currentColor'>"
            f"{line.number}</text>"
        )
        if line.pass_rate is not None:
            low, high = line.low or 0.0, 1.0 if line.high is None else line.high
            marks.append(
                f"<line x1='{x(at):.1f}' x2='{x(at):.1f}' y1='{y(high):.1f}' y2='{y(low):.1f}' stroke='#d2691e'"
                f" stroke-width='2'/><circle cx='{x(at):.1f}' cy='{y(line.pass_rate):.1f}' r='4' fill='#d2691e'>"
                f"<title>cycle {line.number}: {line.pass_rate:.1%} [{low:.1%}, {high:.1%}]</title></circle>"
            )
    return (
        f"<svg viewBox='0 0 {_WIDE} {_HIGH}' role='img' aria-label='pass rate and accepted pairs by cycle'>"
        + "".join(marks)
        + f"</svg><p><small>Points: pass rate with its 95 % interval. Bars: pairs accepted (highest {most})."
        "</small></p>"
    )


def _speed(speed: Velocity) -> list[str]:
    rows = [
        (one.title, f"{one.seconds:.1f}", f"{one.waited:.1f}", f"{one.share:.0%}",
         "–" if one.per_hour is None else f"{one.per_hour:,.0f}")
        for one in speed.phases
    ]  # fmt: skip
    return [f"<h2>Speed</h2><p>{_t(speed.advice)}</p>",
            _rows(("phase", "seconds at work", "seconds waiting", "share", "items an hour"), rows)]  # fmt: skip


def _cycle(view: CycleView) -> list[str]:
    line = view.line
    parts = [f"<h2>Cycle {line.number}</h2>"]
    if view.failures:
        rows = []
        for one in view.failures:
            word = (
                {True: "fewer", False: "more", None: "no clear change"}[one.shrank] if one.before[1] else "first seen"
            )
            interval = (
                ""
                if one.low is None or one.high is None
                else f"{one.difference:+.1%} [{one.low:+.1%}, {one.high:+.1%}]"
            )
            rows.append((one.kind, _share(one.before), _share(one.now), interval, word, one.seeds, one.pairs))
        head = ("kind of failure", "before", "now", "difference, 95 %", "", "seeds", "pairs made for it")
        parts += ["<h3>Failures</h3>", _rows(head, rows)]
    phases = [
        (one.title, one.state, "" if one.items is None else one.items, f"{one.seconds:.1f}", f"{one.waited:.1f}",
         one.attempts, (one.artefact or "")[:12], _words(one.evidence))
        for one in view.phases
    ]  # fmt: skip
    of_phases = ("phase", "state", "items", "seconds", "waited", "attempts", "artefact", "evidence")
    parts += ["<h3>Phases</h3>", _rows(of_phases, phases)]
    if view.gate and view.gate.get("decision") not in (None, "none"):
        verdict = view.gate.get("verdict", "")
        mark = "good" if verdict == "PASS" else "bad"
        parts.append(
            f"<h3>Gate</h3><p class='{mark}'>{_t(verdict)}: {_t(view.gate.get('decision'))} by"
            f" {_t(view.gate.get('by'))}</p><p>{_t(view.gate.get('why') or '')}</p>"
        )
    return parts


def _share(counts: tuple[int, int]) -> str:
    failed, tried = counts
    return f"{failed} of {tried}" if tried else "–"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(_words(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
