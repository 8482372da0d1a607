"""Evidence in words, view by view: gates, data, people, what is in use. Pure: records in, Content out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

from textual.content import Content

from flywheel_tui.stages.gate.ab import AbResult
from flywheel_tui.stages.gate.blind import BlindResult
from flywheel_tui.stages.gate.desk import Evidence, GateView, Used
from flywheel_tui.stages.gate.verify import Verification
from flywheel_tui.store.gate import BundleRow, DecisionRow
from flywheel_tui.text import relative_time, visible
from screens.cycles_text import heading, labelled, words_of
from screens.glyphs import Glyphs, Mark
from screens.safe import safe_text

VERDICTS = {"PASS": "approved", "FAIL": "rejected", "INCONCLUSIVE": "warning", "NOT ASKED": "no verdict"}
ACTIONS = {"approve": "promoted", "reject": "refused", "rollback": "rolled back"}
ACTION_MARKS = {"approve": "approved", "reject": "rejected", "rollback": "skipped"}
BASE_ALONE = "the base alone"
WIDE = 12
HASH = re.compile(r"\b([0-9a-f]{16})[0-9a-f]{16,}\b")
"""Their beginnings are shown; the files have them whole."""


def verdict_mark(verdict: str, glyphs: Glyphs) -> Mark:
    """The mark of a verdict; its word is the verdict."""
    return glyphs.mark(VERDICTS.get(verdict, "warning"))._replace(word=verdict)


def name_of(adapter: str) -> str:
    """An adapter in a word; a folder by its last part."""
    return Path(adapter).name or BASE_ALONE


def decision_mark(row: BundleRow, glyphs: Glyphs) -> tuple[str, str]:
    """What was decided last on a bundle, and its colour."""
    if row.decision is None:
        return f"{glyphs.mark('open').glyph} to decide", "edit"
    mark = glyphs.mark(ACTION_MARKS.get(row.decision, "info"))
    return f"{mark.glyph} {ACTIONS.get(row.decision, row.decision)}", mark.token


def gates(view: GateView, checked: Verification | None, glyphs: Glyphs, now: int, width: int) -> Content:
    """G1 to G7, each with its answer, why and what is missing; whether the files hold; who decided on it."""
    row = view.bundle
    mark = verdict_mark(row.verdict, glyphs)
    lines = [
        Content.assemble(
            ("verdict of G1 to G6: ", "$muted"), (f"{mark.glyph} {row.verdict}", f"bold ${mark.token}"),
            safe_text(f"   {name_of(row.adapter)}, bundle {row.hash[:12]}", multiline=False, limit=100, style="$muted"),
        ),
        *verification(checked, glyphs),
    ]  # fmt: skip
    if view.problem:
        lines.append(safe_text(f"the evidence cannot be read: {view.problem}", multiline=False, limit=400,
                               style="$text-error"))  # fmt: skip
    elif view.evidence is not None and not view.evidence.registered.registered_before:
        lines.append(Content.styled("the criteria were registered after an outcome could be seen: no PASS", "$edit"))
    signed = [one for one in view.decisions if one.bundle_id == row.id]
    if row.decision == "rollback":
        lines += [decision(one, glyphs, now) for one in view.decisions if _takes_back(one, row.adapter)][:1]
    lines += [decision(one, glyphs, now) for one in signed]
    for gate in row.gates:
        verdict, why, missing = gate.verdict, gate.why, gate.missing
        if gate.gate == "G7" and signed:
            last = signed[0]
            verdict = {"approve": "PASS", "reject": "FAIL"}.get(last.action, verdict)
            why = f"{ACTIONS[last.action]} by {last.reviewer}"
            why, missing = f"{why}, against the verdict {last.verdict}" if last.override else why, ""
        elif gate.gate == "G7":
            missing = "your name and your reason: a promotes, r refuses"
        sign = verdict_mark(verdict, glyphs)
        lines.append(Content.assemble(
            (f"{gate.gate} ", "bold"), (f"{sign.glyph} {verdict:<13}", f"${sign.token}"),
            safe_text(gate.title, multiline=False, limit=60, style="bold"),
        ))  # fmt: skip
        lines.append(_indented(why, width=width))
        if missing:
            lines.append(_indented(f"missing: {missing}", "$edit", width))
    return Content("\n").join(lines)


def _takes_back(one: DecisionRow, adapter: str) -> bool:
    return one.action == "rollback" and one.previous == adapter


def _indented(text: str, style: str = "$muted", width: int = 0) -> Content:
    """A text moved in; with a width, its other lines too."""
    shown = visible(text, multiline=False, limit=700)
    lines = wrap(shown, max(width - 5, 20)) if width else [shown]
    return Content("\n").join([Content.styled(f"   {line}", style) for line in lines])


def verification(found: Verification | None, glyphs: Glyphs) -> list[Content]:
    """Whether every byte is what was sealed, and every number what the items give."""
    if found is None:
        return [Content.styled("not verified in this sitting: v checks every byte and every number", "$muted")]
    numbers = f"{found.numbers:,} numbers from {found.items:,} items, {found.files} files"
    if found.ok:
        return [Content.styled(f"{glyphs.mark('approved').glyph} verified: {numbers} hold", "$approve")]
    lines = [Content.styled(f"{glyphs.mark('failed').glyph} DOES NOT HOLD: nothing can be decided on it",
                            "bold $text-error")]  # fmt: skip
    for problem in found.problems[:12]:
        lines.append(Content.assemble(
            "   ", safe_text(problem.file, multiline=False, limit=120, style="bold"), ": ",
            safe_text(problem.what, multiline=False, limit=300),
        ))  # fmt: skip
    if len(found.problems) > 12:
        lines.append(Content.styled(f"   … and {len(found.problems) - 12:,} more", "$muted"))
    return lines


def decision(one: DecisionRow, glyphs: Glyphs, now: int) -> Content:
    """One decision: what, by whom, when, why."""
    mark = glyphs.mark(ACTION_MARKS.get(one.action, "info"))
    who = f"{one.reviewer}{' (a script)' if one.source == 'script' else ''}"
    against = f", against the verdict {one.verdict}" if one.override else ""
    subject = {"approve": f" {name_of(one.adapter)}", "rollback": f" {name_of(one.previous)} to {name_of(one.adapter)}"}
    return Content.assemble(
        (f"{mark.glyph} {ACTIONS.get(one.action, one.action)}", f"${mark.token}"),
        safe_text(f"{subject.get(one.action, '')} by {who}{against}, {relative_time(one.at, now)}: ", multiline=False,
                  limit=200, style="$muted"),
        safe_text(one.reason, multiline=False, limit=400),
    )  # fmt: skip


# -- data


def data(found: Evidence) -> Content:
    """What triggered it, the data and where it comes from, judges and their calibration, training, costs."""
    kinds = words_of(found.trigger_kinds) if found.trigger_kinds else ""
    lines = heading("what triggered it", f"{found.trigger_count:,} failures at the root of the training rows")[1:]
    if kinds:
        lines.append(labelled("kinds", kinds, wide=WIDE))
    for one in found.triggers[:5]:
        lines.append(Content.assemble(
            "   ", safe_text(one.get("request") or "", multiline=False, limit=90),
            safe_text(f"  {one.get('error_kind') or ''}, {one.get('origin') or ''}", multiline=False, limit=60,
                      style="$muted"),
        ))  # fmt: skip
    lines += heading("training data", f"{sum(found.lineage.values()):,} rows and their parents")
    for name, count in found.lineage.items():
        lines.append(labelled(name[:40], f"{count:,} rows", wide=max(WIDE, len(name[:40]))))
    lines.append(labelled("made by", words_of(found.recipes), wide=WIDE))
    lines.append(labelled("labels", words_of(found.labels), wide=WIDE))
    lines += heading("snapshots")
    lines += _tree(found.data)
    lines += heading("judges and their calibration", f"{len(found.judges)}")
    for judge in found.judges:
        state = "stale: " + ", ".join(judge.stale) if judge.stale else judge.headline or "not calibrated"
        words = f"{judge.name} ({judge.tag} on {judge.dataset})"
        lines.append(safe_text(words, multiline=False, limit=160))
        lines.append(_indented(state, "$edit" if judge.stale or not judge.calibration else "$muted"))
    for title, value in (("training", found.training), ("costs", found.costs), ("cycle", found.cycle)):
        if value:
            lines += [*heading(title), *_tree(value)]
    packages = found.environment.get("packages") if isinstance(found.environment, dict) else None
    how_many = f"{len(packages):,} packages" if isinstance(packages, dict) else ""
    python = found.environment.get("python", "") if isinstance(found.environment, dict) else ""
    lines += heading("computed by", f"Python {python}, {how_many}"[:80])
    lines.append(labelled("criteria", found.registered.hash[:32], wide=WIDE))
    lines.append(labelled("adapter", found.about.adapter_hash[:32], wide=WIDE))
    return Content("\n").join(lines)


def _tree(value: Any, most: int = 24) -> list[Content]:
    """A file of JSON, a line a name."""
    if not isinstance(value, dict):
        return [_indented(words_of(value))]
    lines = [
        labelled(str(name)[:20], HASH.sub(r"\1…", words_of(one)), wide=WIDE) for name, one in list(value.items())[:most]
    ]
    return [*lines, Content.styled(f"… and {len(value) - most} more", "$muted")] if len(value) > most else lines


# -- people, and what is in use


def people(view: GateView, glyphs: Glyphs) -> Content:
    """Blind comparisons of this evaluation."""
    lines = heading("blind comparisons", "nobody is told whose an answer is; B begins")[1:]
    if not view.sittings:
        lines.append(Content.styled("nobody has chosen blind yet", "$muted"))
    for one in view.sittings:
        lines += sitting(one, glyphs)
    return Content("\n").join(lines)


def sitting(one: BlindResult, glyphs: Glyphs) -> list[Content]:
    """A blind comparison: how far it is; what came of it only once it is over."""
    title = safe_text(f"no. {one.test} by {one.reviewer}", multiline=False, limit=80, style="bold")
    if not one.over or one.rate is None or one.rate.value is None:
        bar = glyphs.bar(one.done / max(one.planned, 1), 16)
        words = f"  {one.done} of {one.planned} chosen; sealed until the last one"
        return [Content.assemble(title, "  ", (bar, "$accent"), (words, "$muted"))]
    low, high = one.rate.low or 0.0, one.rate.high if one.rate.high is not None else 1.0
    name, word = "open", "not told apart"
    if low > 0.5 or high < 0.5:
        name, word = ("approved", "the candidate is preferred") if low > 0.5 else ("rejected", "the base is preferred")
    mark = glyphs.mark(name)
    p = f", sign test p {one.p:.4f}" if one.p is not None else ""
    first = "" if one.first_shown is None else f"; the left one was chosen {one.first_shown:.0%} of the time"
    return [
        Content.assemble(title, "  ", (f"{mark.glyph} {word}", f"${mark.token}")),
        Content(
            f"   candidate {one.candidate}, base {one.base}, ties {one.ties}, both bad {one.both_bad} of {one.done}"
        ),
        Content(f"   win rate {one.rate.value:.1%} (95 % interval {low:.1%} to {high:.1%}){p}"),
        Content.styled(f"   a tie counts half, and so does both bad{first}", "$muted"),
    ]


def in_use(view: GateView, used: Sequence[Used], glyphs: Glyphs, now: int) -> Content:
    """What is in use, tests of two adapters in use, and every decision so far."""
    lines = heading("in use")[1:]
    if not used:
        lines.append(Content.styled("nothing was ever promoted: every base is used alone", "$muted"))
    for one in used:
        lines.append(Content.assemble(
            safe_text(name_of(one.now.adapter), multiline=False, limit=80, style="bold $approve"),
            safe_text(f"  for {name_of(one.now.base)} ({one.now.base_hash[:12]}), {relative_time(one.now.since, now)}",
                      multiline=False, limit=120, style="$muted"),
        ))  # fmt: skip
        if one.now.adapter:
            back = f"   b puts {name_of(one.before)} back in use"
            lines.append(safe_text(back, multiline=False, limit=120, style="$muted"))
    lines += heading("tests of two adapters in use", "flywheel gate ab new plans one")
    if not view.tests:
        lines.append(Content.styled("none", "$muted"))
    for test in view.tests:
        lines += ab_test(test, glyphs)
    lines += heading("decisions", f"{len(view.decisions):,}, kept for good")
    lines += [decision(one, glyphs, now) for one in view.decisions[:100]]
    return Content("\n").join(lines)


def ab_test(found: AbResult, glyphs: Glyphs) -> list[Content]:
    """A test of two adapters in use: locked until its plan is kept, or open at any time."""
    test = found.test
    mark = glyphs.mark({
        "locked": "paused", "go on": "running", "treatment better": "approved", "treatment worse": "rejected",
        "arms off": "warning",
    }.get(found.advice, "open"))  # fmt: skip
    plan = "fixed: sealed until all are there" if test.plan == "fixed" else "anytime: may be looked at whenever"
    lines = [
        Content.assemble(
            safe_text(test.name, multiline=False, limit=80, style="bold"), "  ",
            (f"{mark.glyph} {found.advice}", f"${mark.token}"), (f"  {plan}", "$muted"),
        ),
        Content.assemble("   ", (glyphs.bar(found.outcomes / max(test.planned, 1), 20), "$accent"),
                         f" {found.outcomes:,} of {test.planned:,} outcomes"),
    ]  # fmt: skip
    for arm in found.arms:
        mean = "sealed" if found.locked else "–" if arm.mean is None else _mean(arm.mean, test.metric)
        lines.append(safe_text(f"   {arm.name:<10} {name_of(arm.adapter)}: {mean} of {arm.n:,}", multiline=False,
                               limit=160))  # fmt: skip
    gap = found.difference
    if gap is not None and gap.value is not None:
        ends = (
            ""
            if gap.low is None or gap.high is None
            else f" [{_mean(gap.low, test.metric)}, {_mean(gap.high, test.metric)}]"
        )
        p = f", p {found.p:.4g}" if found.p is not None else ""
        lines.append(Content(f"   difference {_mean(gap.value, test.metric)}{ends}{p}"))
    return [*lines, _indented(found.why)]


def _mean(value: float, metric: str) -> str:
    return f"{value:.1%}" if metric == "binary" else f"{value:.4g}"
