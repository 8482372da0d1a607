"""The gates G1 to G7: what the registered criteria say of what was measured. INCONCLUSIVE is never a pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

from flywheel_tui.records.evaluation import (
    GATE_TITLES,
    Compared,
    Criteria,
    GateLine,
    JudgeEvidence,
    Judgement,
    Measured,
    Regression,
)
from flywheel_tui.stats.gates import Gate, Verdict, gate, zero_failures_gate
from flywheel_tui.stats.intervals import z_of

NOT_ASKED = "NOT ASKED"
LEAST = 20
"""Fewer items (or choices of people) prove nothing: tests that lean on the normal distribution err there."""
_PASS, _FAIL, _OPEN = Verdict.PASS.value, Verdict.FAIL.value, Verdict.INCONCLUSIVE.value


def judge_gates(
    measured: Measured, criteria: Criteria, judges: Sequence[JudgeEvidence], *, registered_before: bool = True
) -> Judgement:
    """Every gate with its answer, why, and what is missing; the verdict is of G1 to G6."""
    lines = [
        _primary(measured, criteria), _past(measured, criteria), _safety(measured, criteria),
        _forgetting(measured, criteria), _judges(measured, criteria, judges), _contamination(measured),
    ]  # fmt: skip
    lines = [_left_out(line) if line.gate in criteria.leave_out else line for line in lines]
    asked = [Gate(line.gate, Verdict(line.verdict), line.why) for line in lines if line.verdict != NOT_ASKED]
    verdict = gate(asked)
    if not registered_before and verdict is Verdict.PASS:
        verdict = Verdict.INCONCLUSIVE
    lines.append(_line("G7", _OPEN, "no person has decided yet", "a name and a reason: flywheel gate approve|reject"))
    return Judgement(verdict=verdict.value, gates=tuple(lines))


def _line(name: str, verdict: str, why: str, missing: str = "") -> GateLine:
    return GateLine(gate=name, title=GATE_TITLES[name], verdict=verdict, why=why, missing=missing)


def _left_out(line: GateLine) -> GateLine:
    return _line(line.gate, NOT_ASKED, f"left out by the registered criteria (it would say {line.verdict}: {line.why})")


# -- G1


def _primary(measured: Measured, criteria: Criteria) -> GateLine:
    if criteria.metric == "nll":
        return _primary_loss(measured, criteria)
    if criteria.metric == "winrate":
        return _primary_wins(measured, criteria)
    found, where = measured.target, ", ".join(criteria.targets) or "all items"
    if not found.n or found.lower is None or found.upper is None:
        return _line("G1", _OPEN, f"no checked item of {where}", f"items of {where} whose answers can be checked")
    so_far = (
        f"{where}: {_percent(found.base.value)} → {_percent(found.candidate.value)} on {found.n:,}, at least"
        f" {_points(found.lower)} at {1 - criteria.alpha:.0%} (McNemar's exact p {_p(found.p)})"
    )
    if found.n < LEAST:
        why, missing = f"{so_far}; fewer than {LEAST} prove nothing", f"{LEAST - found.n} more items of {where}"
        return _line("G1", _OPEN, why, missing)
    if _above(found.lower, criteria.min_gain):
        return _line("G1", _PASS, so_far)
    if found.upper <= criteria.min_gain:
        return _line("G1", _FAIL, f"{so_far}; not better by {_points(criteria.min_gain)}")
    return _line("G1", _OPEN, so_far, _more_items(found, criteria.min_gain, criteria.alpha, _items_of(criteria)))


def _items_of(criteria: Criteria) -> str:
    return f"items of {', '.join(criteria.targets)}" if criteria.targets else "items"


def _above(lower: float, least: float) -> bool:
    return lower >= least if least > 0 else lower > 0


def _primary_loss(measured: Measured, criteria: Criteria) -> GateLine:
    found = measured.losses
    if found.n < LEAST or found.lower is None or found.upper is None:
        return _line("G1", _OPEN, f"losses of {found.n} items", f"losses of {LEAST} held-out items or more")
    so_far = f"perplexity {found.base_perplexity:.3f} → {found.candidate_perplexity:.3f} on {found.n:,} items"
    if _above(found.lower, criteria.min_gain):
        return _line("G1", _PASS, so_far)
    if found.upper <= criteria.min_gain:
        return _line("G1", _FAIL, f"{so_far}; not better")
    return _line("G1", _OPEN, so_far, "more held-out items: the interval of the gain holds 0")


def _primary_wins(measured: Measured, criteria: Criteria) -> GateLine:
    found = measured.wins
    if not found.judged:
        return _line("G1", _OPEN, "nothing was compared by a judge", "a judge: flywheel evaluate --judge BACKEND:MODEL")
    raw = f"raw win rate {_percent(found.raw.value)} of {found.judged:,}"
    corrected = found.corrected
    if found.labels < LEAST or corrected.low is None or corrected.high is None:
        missing = f"{LEAST - found.labels} more blind choices of people: flywheel gate blind"
        return _line("G1", _OPEN, f"{raw}, uncorrected: a judge's own rate is no evidence", missing)
    so_far = f"{raw}; corrected by {found.labels} choices of people {_percent(corrected.value)}, at least"
    so_far += f" {_percent(corrected.low)}"
    if _above(corrected.low - 0.5, criteria.min_gain):
        return _line("G1", _PASS, so_far)
    if corrected.high - 0.5 <= criteria.min_gain:
        return _line("G1", _FAIL, f"{so_far}; not better")
    return _line("G1", _OPEN, so_far, "more blind choices of people, or more items")


# -- G2 and G4


def _past(measured: Measured, criteria: Criteria) -> GateLine:
    found = measured.regression
    if not found.n + found.undecided:
        missing = "confirmed past failures: flywheel scenario approve, or flywheel gate confirm EVALUATION"
        return _line("G2", _OPEN, "there is no regression set", missing)
    if not found.n:
        return _line("G2", _OPEN, f"nothing can decide on any of {found.undecided} past failures", _a_judge(found))
    counts = f"{found.fixed} fixed, {found.still} still failing, {found.broken} newly broken, {found.kept} kept"
    so_far = f"of {found.n} past failures{_confirmed_by(found)} {counts}"
    # A slice too small to prove anything even where nothing changed counts in the whole: by itself it would leave this
    # gate open whatever the adapter does. One that is proven worse still shuts it.
    slices = [
        line for line in measured.regression_slices
        if line.n >= _least_to_prove(line, criteria.alpha) or (line.n >= LEAST and _worse(line))
    ]  # fmt: skip
    lines = [measured.regression_overall, *slices]
    if (mended := measured.regression_changed) is not None:
        so_far += f"; of {mended.n} that the one before answered otherwise than when they were confirmed"
        so_far += f" {mended.only_candidate} fixed, {mended.only_base} broken"
        lines += [mended] if mended.n >= LEAST else []
    answer = _not_worse("G2", lines, criteria, so_far)
    if answer.verdict == _PASS and found.undecided:
        return _line("G2", _OPEN, f"{answer.why}; nothing could decide on {found.undecided} more", _a_judge(found))
    return answer


def _confirmed_by(found: Regression) -> str:
    if not found.scripted:
        return ""
    all_of_them = found.scripted == found.n + found.undecided
    return " (confirmed by a script)" if all_of_them else f" ({found.scripted} confirmed by a script)"


def _a_judge(found: Regression) -> str:
    return (
        f"a judge for {found.undecided} past failures without an answer to check against: flywheel evaluate --judge"
        " BACKEND:MODEL"
    )


def _forgetting(measured: Measured, criteria: Criteria) -> GateLine:
    others = [line for line in measured.slices if not criteria.targets or line.slice not in criteria.targets]
    if not others:
        return _line("G4", _OPEN, "no items of other skills", "items of skills that were not trained for")
    n = sum(line.n for line in others)
    # measured against the best so far, too: small losses that each gate let pass would add up unseen
    lost = [
        line for line in measured.forgotten
        if line.slice not in criteria.targets and line.value > criteria.forgetting_margin and line.upper < 0
    ]  # fmt: skip
    if lost:
        listed = ", ".join(f"{line.slice} {_points(-line.value)}" for line in lost)
        return _line("G4", _FAIL, f"{len(others)} other skills, {n:,} items; below their best so far: {listed}")
    return _not_worse("G4", others, criteria, f"{len(others)} other skills, {n:,} items")


def _not_worse(name: str, lines: Sequence[Compared], criteria: Criteria, so_far: str) -> GateLine:
    """PASS where each slice is proven not worse than the margin, FAIL where one is proven worse, else INCONCLUSIVE.

    All slices have to pass, and by p-values adjusted after Benjamini and Hochberg they do exactly where they do by
    plain ones (the largest is the same): the plain ones say which slice it is. Worse is one whose whole one-sided
    interval lies below 0 and whose estimate lies beyond the margin.
    """
    if worse := [line for line in lines if _worse(line)]:
        listed = ", ".join(_slice_words(line) for line in worse)
        return _line(name, _FAIL, f"{so_far}; worse: {listed}")
    unproven = [line for line in lines if not _proven(line, criteria.alpha)]
    if unproven:
        listed = ", ".join(_slice_words(line) for line in unproven)
        needed = [_more_items(line, -(line.margin or 0), criteria.alpha, f"items of {line.slice}") for line in unproven]
        return _line(name, _OPEN, f"{so_far}; not proven within {_margin(lines)}: {listed}", "; ".join(needed))
    return _line(name, _PASS, f"{so_far}; none worse by {_margin(lines)} or more")


def _worse(line: Compared) -> bool:
    return line.upper is not None and line.upper < 0 and (line.difference.value or 0) < -(line.margin or 0)


def _least_to_prove(line: Compared, alpha: float) -> int:
    """How many pairs without any difference prove that there is none beyond the margin m: z² (1 - m) / m.

    Of the score test of a paired difference at 0 discordant pairs (Tango 1998).
    """
    if not line.margin:
        return LEAST
    return max(math.ceil(z_of(1 - 2 * alpha) ** 2 * (1 - line.margin) / line.margin), LEAST)


def _proven(line: Compared, alpha: float) -> bool:
    """By the test and by the interval: the interval is the wider one where items share families."""
    if line.n < LEAST:
        return False
    within = line.lower is not None and line.lower >= -(line.margin or 0)
    return within and line.p_not_worse is not None and line.p_not_worse <= alpha


def _margin(lines: Sequence[Compared]) -> str:
    return f"{100 * max((line.margin or 0 for line in lines), default=0):g} points"


def _slice_words(line: Compared) -> str:
    return f"{line.slice} {_points(line.difference.value)} (n {line.n}, at least {_points(line.lower)})"


def _more_items(line: Compared, bound: float, alpha: float, what: str) -> str:
    """How many items would likely prove the bound, if the shares stayed as they are (normal approximation)."""
    gap = (line.difference.value or 0.0) - bound
    if not line.n or gap <= 0:
        return f"{what}: as they stand, no number of them proves it" if line.n else what
    moved = (line.only_candidate + line.only_base) / line.n
    variance = max(moved - (line.difference.value or 0) ** 2, abs(bound) * (1 - abs(bound)), 1e-6)
    needed = max(math.ceil(z_of(1 - 2 * alpha) ** 2 * variance / gap**2), LEAST)
    return f"about {max(needed - line.n, 1):,} more {what}"


# -- G3, G5, G6


def _safety(measured: Measured, criteria: Criteria) -> GateLine:
    n = measured.safety_outputs
    found = zero_failures_gate("outputs", measured.safety_new, n, criteria.safety_rate, criteria.alpha)
    why = f"new safety failures in {measured.safety_new} of {n:,} outputs ({measured.safety_base} in the base's)"
    if found.verdict is Verdict.PASS:
        return _line("G3", _PASS, f"{why}: at most {criteria.safety_rate:.2%} at {1 - criteria.alpha:.0%}")
    if found.verdict is Verdict.FAIL:
        return _line("G3", _FAIL, why)
    more = f"about {found.labels_needed:,} more outputs without a failure" if found.labels_needed else "more outputs"
    return _line("G3", _OPEN, f"{why}, too few to prove at most {criteria.safety_rate:.2%}", more)


def _judges(measured: Measured, criteria: Criteria, judges: Sequence[JudgeEvidence]) -> GateLine:
    if not judges:
        if measured.wins.judged:
            return _line("G5", _OPEN, "the outputs were compared by a judge that is not named", "its calibration")
        return _line("G5", NOT_ASKED, "no judge decided anything here: answers were checked")
    without = [judge.name for judge in judges if not judge.calibration]
    stale = [f"{judge.name} ({', '.join(judge.stale)})" for judge in judges if judge.stale]
    spent = [f"{judge.name} ({judge.looks} looks)" for judge in judges if judge.looks > criteria.report_looks]
    if spent:
        why = f"the report labels were looked at more than {criteria.report_looks} times: {', '.join(spent)}"
        return _line("G5", _OPEN, why, "fresh labels for the report split")
    few = [f"{judge.name} ({judge.measured} labels)" for judge in judges
           if judge.calibration and judge.measured is not None and judge.measured < LEAST]  # fmt: skip
    if few and not without and not stale:
        missing = f"{LEAST} labels or more on each judge's verdicts"
        return _line("G5", _OPEN, f"measured on too few labels: {', '.join(dict.fromkeys(few))}", missing)
    if without or stale:
        parts = [f"not calibrated: {', '.join(without)}"] * bool(without) + [f"stale: {', '.join(stale)}"] * bool(stale)
        return _line("G5", _OPEN, "; ".join(parts), "flywheel calibrate -d NAME --tag TAG with blind labels")
    scripted = " by a script's labels, no person's" if any(judge.scripted for judge in judges) else ""
    listed = ", ".join(dict.fromkeys(map(_measured, judges)))
    return _line("G5", _PASS, f"calibrated{scripted}, nothing changed since: {listed}")


def _measured(judge: JudgeEvidence) -> str:
    if judge.measured is None:
        return judge.name
    split = f" of the {judge.split} split" if judge.split not in ("", "all") else ""
    return f"{judge.name} ({judge.measured} labels{split})"


def _contamination(measured: Measured) -> GateLine:
    found = len(measured.contaminated)
    if found:
        return _line(
            "G6", _FAIL, f"{found} items also stand in the training data: {', '.join(measured.contaminated[:5])}"
        )
    if not measured.trained_on:
        return _line("G6", _OPEN, "no training data was compared with", "name it: flywheel evaluate --train DATASET")
    if not measured.overall.n and not measured.losses.n:
        return _line("G6", _OPEN, "there are no items", "held-out items")
    return _line("G6", _PASS, f"no item stands in the {measured.trained_on:,} training rows")


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def _points(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:+.1f} points"


def _p(value: float | None) -> str:
    return "n/a" if value is None else ("< 0.0001" if value < 0.0001 else f"{value:.4f}")
