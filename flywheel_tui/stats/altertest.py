"""The alternative annotator test: may this judge stand in for one more person (Calderon, Reichart, Dror 2025)?"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.multiplicity import benjamini_yekutieli

Score = Callable[[Any, list[Any]], float]
PASS_AT = 0.5


class Against(NamedTuple):
    """The judge against one person: items that both and others did, mean advantages, the p of "no better"."""

    person: Hashable
    n: int
    judge_wins: float
    person_wins: float
    p: float | None
    rejected: bool


class AltTest(NamedTuple):
    """`omega` is the share of people that the judge may stand in for, `rho` its mean advantage probability.

    `passed` is None where the test cannot be made: `why` says what is missing.
    """

    omega: float | None
    rho: float | None
    passed: bool | None
    people: tuple[Against, ...]
    why: str = ""


def agreement_with(answer: Any, others: list[Any]) -> float:
    """The share of the others who said the same: for categories."""
    return sum(bool(answer == other) for other in others) / len(others)


def closeness_to(answer: Any, others: list[Any]) -> float:
    """Minus the root-mean-square distance to the others: for scores."""
    return -math.sqrt(sum((answer - other) ** 2 for other in others) / len(others))


def alt_test(
    judge: Mapping[Hashable, Any],
    people: Mapping[Hashable, Mapping[Hashable, Any]],
    eps: float = 0.2,
    q: float = 0.05,
    *,
    score: Score = agreement_with,
    min_items: int = 30,
) -> AltTest:
    """For each person: on the items of theirs, is the judge nearer to the *other* people than they are?

    `judge` maps item → answer, `people` maps person → item → answer. With W the wins (ties win for both) and
    d = W_person - W_judge, H0 is mean d ≥ eps, by the one-sided t-test from 30 items, Wilcoxon's below; all persons
    together by Benjamini-Yekutieli at q. eps: .2 for experts, .15 skilled, .1 crowd. At least two people (better three)
    with `min_items` shared items each.
    """
    if not 0 <= eps < 1:
        raise UsageError(f"eps is a share of items from 0 and below 1, not {eps}")
    found: list[Against] = []
    for person, answers in people.items():
        judged: list[float] = []
        own: list[float] = []
        for item, answer in answers.items():
            others = [theirs[item] for other, theirs in people.items() if other != person and item in theirs]
            if others and item in judge:
                ours, mine = score(judge[item], others), score(answer, others)
                judged.append(float(ours >= mine))
                own.append(float(mine >= ours))
        if judged and len(judged) >= min_items:
            p = _p_below([a - b for a, b in zip(own, judged, strict=True)], eps)
            n = len(judged)
            found.append(Against(person, n, math.fsum(judged) / n, math.fsum(own) / n, p, False))
    if not found:
        return AltTest(None, None, None, (), f"no two people share {min_items} items with each other and the judge")
    adjusted = benjamini_yekutieli([against.p for against in found])
    tested = tuple(a._replace(rejected=p is not None and p <= q) for a, p in zip(found, adjusted, strict=True))
    omega = sum(against.rejected for against in tested) / len(tested)
    why = "" if len(tested) >= 3 else "fewer than three people: a weak test"
    return AltTest(omega, math.fsum(a.judge_wins for a in tested) / len(tested), omega >= PASS_AT, tested, why)


def _p_below(differences: list[float], eps: float) -> float:
    """p of H0: mean ≥ eps. Where nothing varies the mean itself decides."""
    n = len(differences)
    mean = math.fsum(differences) / n
    spread = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / max(1, n - 1))
    if not spread:
        return 0.0 if mean < eps else 1.0
    if n < 30:
        from scipy.stats import wilcoxon

        return float(wilcoxon([d - eps for d in differences], alternative="less").pvalue)
    from scipy.special import stdtr

    return float(stdtr(n - 1, (mean - eps) / (spread / math.sqrt(n))))
