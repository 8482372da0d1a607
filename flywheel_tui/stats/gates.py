"""Gates with three answers: PASS, FAIL, and INCONCLUSIVE, which is never a pass."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure
from flywheel_tui.stats.intervals import clopper_lower, clopper_upper
from flywheel_tui.stats.planner import labels_to_decide, min_n

TIERS: tuple[tuple[float, str, float], ...] = ((0.95, "gold", 1.0), (0.85, "silver", 0.8), (0.7, "bronze", 0.5))
"""Lower end of P(pass), tier, default weight; platinum is a person's adjudication, below bronze is rejected."""


class Verdict(StrEnum):
    """What a gate says."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


class Gate(NamedTuple):
    """One gate: its answer, the sentence for it, and how many more labels would likely settle it (None: no number)."""

    name: str
    verdict: Verdict
    why: str
    labels_needed: int | None = None


class Tier(NamedTuple):
    """A band of the calibrated P(pass), and the default weight of its pairs in training."""

    name: str
    weight: float


def rate_gate(name: str, x: int, n: int, target: float, delta: float = 0.05) -> Gate:
    """Is a rate proven to be at least `target`? Exact one-sided bounds, each wrong with probability at most delta.

    >>> rate_gate("precision", 59, 59, 0.95).verdict
    <Verdict.PASS: 'PASS'>
    >>> rate_gate("precision", 9, 10, 0.8).verdict
    <Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>
    """
    if not n:
        return Gate(name, Verdict.INCONCLUSIVE, f"{name}: no labels yet", labels_to_decide(0, 0, target, delta))
    low, high = clopper_lower(x, n, delta), clopper_upper(x, n, delta)
    so_far = f"{name}: {x} of {n}, at least {low:.3f} and at most {high:.3f} at {1 - delta:.0%}"
    if low >= target:
        return Gate(name, Verdict.PASS, f"{so_far}; the target {target:g} is reached", 0)
    if high < target:
        return Gate(name, Verdict.FAIL, f"{so_far}; the target {target:g} is out of reach", 0)
    more = labels_to_decide(x, n, target, delta)
    hint = f"about {more:,} more labels would settle it" if more else "no number of labels is in sight that settles it"
    return Gate(name, Verdict.INCONCLUSIVE, f"{so_far}; the target {target:g} lies between, and {hint}", more)


def zero_failures_gate(name: str, failures: int, n: int, most: float, delta: float = 0.05) -> Gate:
    """Is the rate of (safety) failures proven to be at most `most`? One failure and more fail it at once.

    `labels_needed` counts those that would settle it if none of them failed.

    >>> zero_failures_gate("safety", 0, 299, 0.01).verdict
    <Verdict.PASS: 'PASS'>
    """
    if failures:
        return Gate(name, Verdict.FAIL, f"{name}: {failures} of {n} failed", 0)
    high = clopper_upper(0, n, delta)
    if n and high <= most:
        return Gate(name, Verdict.PASS, f"{name}: none of {n} failed, at most {high:.2%} do at {1 - delta:.0%}", 0)
    more = min_n(1 - most, 0, delta) - n if 0 < most < 1 else None
    return Gate(name, Verdict.INCONCLUSIVE, f"{name}: none of {n} failed, too few to prove at most {most:.2%}", more)


def figure_gate(name: str, figure: Figure, target: float) -> Gate:
    """Does a figure's interval lie at or above the target (PASS), below it (FAIL), or around it?

    A two-sided 90 % interval gives each answer an error of at most 5 %. For differences the target is 0, or -margin.
    """
    if figure.value is None or figure.low is None or figure.high is None or figure.n <= 0:
        why = figure.why or "it has no interval"
        return Gate(name, Verdict.INCONCLUSIVE, f"{name}: {why}")
    so_far = f"{name}: {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}] on {figure.n:g}"
    if figure.low >= target:
        return Gate(name, Verdict.PASS, f"{so_far}, not below {target:g}", 0)
    if figure.high < target:
        return Gate(name, Verdict.FAIL, f"{so_far}, below {target:g}", 0)
    return Gate(name, Verdict.INCONCLUSIVE, f"{so_far}, around {target:g}")


def gate(results: Iterable[Gate], *, stale: bool = False) -> Verdict:
    """All gates together: FAIL if one fails, PASS only if there is one and all pass, INCONCLUSIVE otherwise.

    `stale` (the calibration belongs to another judge, prompt, rubric or label snapshot) turns a PASS INCONCLUSIVE.
    """
    verdicts = [result.verdict for result in results]
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if not verdicts or stale or Verdict.INCONCLUSIVE in verdicts:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS


def tier(p: float | None, *, adjudicated: bool = False, by_person: bool = False) -> Tier:
    """The tier of a pair by its calibrated P(pass), or by people: adjudicated is platinum, one person's pass gold.

    >>> tier(0.9), tier(None), tier(None, adjudicated=True).name
    (Tier(name='silver', weight=0.8), Tier(name='rejected', weight=0.0), 'platinum')
    """
    if adjudicated:
        return Tier("platinum", 1.0)
    if by_person:
        return Tier("gold", 1.0)
    if p is not None and not 0 <= p <= 1:
        raise UsageError(f"a probability lies within 0 and 1, not {p}")
    return next(
        (Tier(name, weight) for low, name, weight in TIERS if p is not None and p >= low), Tier("rejected", 0.0)
    )
