"""When a run of cycles stops: each rule looks at the summaries of finished cycles and gives a reason or None."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.stats.intervals import newcombe, wilson
from flywheel_tui.store.cycles import CycleRow


def stop_reason(options: CycleOptions, cycles: Sequence[CycleRow]) -> str | None:
    """Why no further cycle begins; None where one does. `cycles` are those of the run that are over."""
    if not cycles:
        return None
    last = cycles[-1]
    if last.stop_reason:
        return last.stop_reason
    found = [row.summary or {} for row in cycles]
    for rule in (_refused, _good_enough, _generator_at_fault, _plateau, _diversity, _cost):
        if (reason := rule(options, found)) is not None:
            return reason
    if len(cycles) >= options.max_cycles:
        return f"the maximum of {options.max_cycles} cycles is reached"
    return None


def _rate(summary: dict[str, Any]) -> tuple[float, float, float] | None:
    """The pass rate of a cycle with its interval (95 %): corrected by labels where there are enough, else Wilson's."""
    told = summary.get("pass_rate") or {}
    if told.get("value") is None:
        return None
    return told["value"], told["low"], told["high"]


def _refused(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    decisions = [(cycle.get("gate") or {}).get("decision") for cycle in found[-2:]]
    if decisions != ["refused", "refused"]:
        return None
    return "the gate refused twice what was trained; look at it before going on"


def _good_enough(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    rate, target = _rate(found[-1]), options.target_pass_rate
    if rate is None or target is None or rate[1] < target:
        return None
    return f"the pass rate is proven to be at least {target:.0%} (interval from {rate[1]:.1%})"


def _generator_at_fault(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    rate = _rate(found[-1])
    if rate is None or rate[2] >= options.min_pass_rate:
        return None
    return (
        f"the pass rate is below {options.min_pass_rate:.0%} for certain (interval up to {rate[2]:.1%}):"
        " the generator is at fault, and filtering more of it does not help"
    )


def _plateau(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    """The last cycles differ by nothing that could be told: every difference's interval holds 0 and is narrow.

    (science: a plateau is proven by narrow intervals, not by the absence of significance)
    """
    recent = found[-options.plateau_cycles :]
    if options.plateau_cycles < 2 or len(recent) < options.plateau_cycles:
        return None
    for before, after in pairwise(recent):
        (x1, n1), (x2, n2) = ((int(one.get("passed", 0)), int(one.get("judged", 0))) for one in (before, after))
        if not n1 or not n2:
            return None
        low, high = newcombe(x2, n2, x1, n1)
        if low > 0 or high < 0 or high - low > options.plateau_width:
            return None
    return (
        f"a plateau: over the last {len(recent)} cycles the pass rate changed by less than"
        f" {options.plateau_width:.0%} could show"
    )


def _diversity(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    """Two drops in a row of the effective number of different pairs (Vendi score over n)."""
    shares = [cycle.get("vendi_share") for cycle in found[-3:]]
    if len(shares) < 3 or any(not share for share in shares):
        return None
    one, two, three = (float(share) for share in shares if share)
    if two < one * (1 - options.diversity_drop) and three < two * (1 - options.diversity_drop):
        return f"the variety of what is generated has fallen twice by more than {options.diversity_drop:.0%}"
    return None


def _cost(options: CycleOptions, found: Sequence[dict[str, Any]]) -> str | None:
    last = found[-1]
    if options.cost_per_item is None or not last.get("cost_usd"):
        return None
    each = last["cost_usd"] / max(last.get("accepted", 0), 1)
    if each <= options.cost_per_item:
        return None
    return f"an accepted pair cost ${each:.4f} in the last cycle, more than ${options.cost_per_item:g}"


def rate_of(passed: int, judged: int) -> dict[str, Any]:
    """A pass rate as a summary keeps it, by counts alone."""
    if not judged:
        return {"value": None, "low": 0.0, "high": 1.0, "corrected": False}
    low, high = wilson(passed, judged)
    return {"value": passed / judged, "low": low, "high": high, "corrected": False}
