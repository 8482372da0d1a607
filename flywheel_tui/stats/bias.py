"""What moves a judge besides quality: the order, the length, its own family, the form. Each with n and an interval."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_array, as_flags, as_floats, same_length, undefined
from flywheel_tui.stats.confusion import confusion
from flywheel_tui.stats.correlation import spearman
from flywheel_tui.stats.intervals import NORMAL, newcombe, wilson, z_of
from flywheel_tui.stats.logistic import logistic
from flywheel_tui.stats.paired import Outcome, sign_test
from flywheel_tui.stats.weighted import mean_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Values


class Position(NamedTuple):
    """Both orders of n pairs, and what counts as a win: only the same winner in both orders, else a tie.

    `direction` is (first - second) / inconsistent: 1 always prefers what stands first. Its test leaves ties out.
    `wins_a`, `wins_b`, `ties` add up to `n`; `inconsistent` of the ties are due to the order alone.
    """

    n: int
    consistency: Figure
    direction: float | None
    prefers_first: int
    prefers_second: int
    test: Outcome
    wins_a: int
    wins_b: int
    ties: int
    inconsistent: int


class Length(NamedTuple):
    """How far length moves a judge.

    `coefficient` is of tanh(Δlength / sd) in a logistic regression of "A preferred" that holds the human preference;
    `p` its two-sided Wald p. For single verdicts: `by_tercile` TPR and TNR of short, middle, long answers, and
    `rank_correlation` of score and length within the human passes and within the fails.
    """

    n: int
    coefficient: Figure | None
    p: float | None
    by_tercile: tuple[tuple[Figure, Figure], ...] = ()
    rank_correlation: tuple[float | None, float | None] = (None, None)


class Family(NamedTuple):
    """P(judge passes | own family) - P(judge passes | others), among human passes and among human fails.

    `at_fail` is the false-pass version, which matters more.
    """

    at_pass: Figure
    at_fail: Figure


def position(winner_first_order: Sequence[Any], winner_swapped: Sequence[Any]) -> Position:
    """Position bias (Shi et al. 2024) from winners "A", "B" or "tie" of the same pairs in the orders A-B and B-A.

    None (no verdict) in one of the orders leaves the pair out. The winner names the answer, not the place.
    """
    same_length(winner_first_order, winner_swapped)
    pairs = [
        (one, two)
        for one, two in zip(winner_first_order, winner_swapped, strict=True)
        if one is not None and two is not None
    ]
    for winner in {winner for pair in pairs for winner in pair} - {"A", "B", "tie"}:
        raise UsageError(f"a winner is 'A', 'B' or 'tie', not {winner!r}")
    counts, n = Counter(pairs), len(pairs)
    same = sum(count for (one, two), count in counts.items() if one == two)
    # A first and B when swapped: both times the one that stood first
    first = counts["A", "B"] + counts["A", "tie"] + counts["tie", "B"]
    second = counts["B", "A"] + counts["B", "tie"] + counts["tie", "A"]
    off = n - same
    return Position(
        n=n,
        consistency=Figure(same / n, *wilson(same, n), n, "Wilson") if n else undefined("no pair in both orders"),
        direction=(first - second) / off if off else None,
        prefers_first=first,
        prefers_second=second,
        test=sign_test(first, second),
        wins_a=counts["A", "A"],
        wins_b=counts["B", "B"],
        ties=n - counts["A", "A"] - counts["B", "B"],
        inconsistent=off,
    )


def repetition_stability(repeats: Sequence[Sequence[Any]]) -> Figure:
    """The mean share of the commonest verdict over k repeats of an item; items with fewer than two are left out."""
    shares = []
    for verdicts in repeats:
        known = [verdict for verdict in verdicts if verdict is not None]
        if len(known) > 1:
            shares.append(max(Counter(known).values()) / len(known))
    if not shares:
        return undefined("no item was judged twice")
    return mean_figure(shares)


def length_preference(
    prefers_a: Values, length_a: Values, length_b: Values, human_prefers_a: Values | None = None, level: float = 0.95
) -> Length:
    """Verbosity bias of pairwise verdicts (n,): 1 where A was preferred, ½ for a tie. Lengths in any unit.

    `human_prefers_a` (1, ½, 0) is held, so that the coefficient is what length adds to quality. Undefined where all
    lengths differ alike, or all verdicts are the same.
    """
    import numpy as np

    same_length(prefers_a, length_a, length_b)
    y, gap = as_floats(prefers_a), as_floats(length_a) - as_floats(length_b)
    n, spread = len(y), float(gap.std()) if len(gap) else 0.0
    if n < 10 or not spread or y.min() == y.max():
        why = "fewer than ten pairs" if n < 10 else "the lengths or the verdicts do not vary"
        return Length(n, undefined(why, n), None)
    columns = [np.ones(n), np.tanh(gap / spread)]
    if human_prefers_a is not None:
        same_length(prefers_a, human_prefers_a)
        columns.append(as_floats(human_prefers_a) - 0.5)
    fit = logistic(np.column_stack(columns), y)
    value, error = float(fit.coefficients[1]), float(fit.errors[1])
    if not fit.settled or error > 100:
        return Length(n, undefined("length separates the verdicts perfectly", n), None)
    half = z_of(level) * error
    return Length(
        n, Figure(value, value - half, value + half, n, "logistic, Wald"), 2 * NORMAL.cdf(-abs(value / error))
    )


def length(truth: Values, said: Values, lengths: Values, scores: Values | None = None) -> Length:
    """TPR and TNR of single verdicts by length tercile (ties together), and score against length within each label."""
    import numpy as np

    same_length(truth, said, lengths)
    y, yhat, size = as_flags(truth), as_flags(said), as_floats(lengths)
    if not len(y):
        return Length(0, None, None)
    ends = np.quantile(size, [1 / 3, 2 / 3])
    place = np.searchsorted(ends, size, side="left")
    terciles = []
    for third in range(3):
        c = confusion(y[place == third], yhat[place == third])
        terciles.append(
            (_share(c.tp, c.tp + c.fn, "no label is a pass"), _share(c.tn, c.tn + c.fp, "no label is a fail"))
        )
    ranked: tuple[float | None, float | None] = (None, None)
    if scores is not None:
        s = as_floats(scores)
        ranked = (spearman(s[y], size[y]), spearman(s[~y], size[~y]))
    return Length(len(y), None, None, tuple(terciles), ranked)


def family(truth: Values, said: Values, own: Values, level: float = 0.95) -> Family:
    """Self-preference as unequal opportunity (Wataoka et al. 2024): own family against others at the same human label.

    `own` (n,) says whether the pair was generated by the judge's own family. Newcombe's intervals.
    """
    same_length(truth, said, own)
    y, yhat, mine = as_flags(truth), as_flags(said), as_flags(own, "own-family marks")

    def gap(among: NDArray[np.bool_], what: str) -> Figure:
        x1, n1 = int((yhat & among & mine).sum()), int((among & mine).sum())
        x2, n2 = int((yhat & among & ~mine).sum()), int((among & ~mine).sum())
        if not n1 or not n2:
            return undefined(f"no {what} of {'its own family' if not n1 else 'others'}", n1 + n2)
        return Figure(x1 / n1 - x2 / n2, *newcombe(x1, n1, x2, n2, level), n1 + n2, "Newcombe")

    return Family(gap(y, "human pass"), gap(~y, "human fail"))


def perturb(before: Values, after: Values, level: float = 0.95) -> tuple[Figure, int, int]:
    """The flip rate of verdicts (n,) when only the form changes, and how many turned to pass and to fail.

    None (no verdict) on a side leaves the pair out. A judge should flip at most 2 %.
    """
    same_length(before, after)
    pairs = [
        (bool(a), bool(b))
        for a, b in zip(as_array(before).tolist(), as_array(after).tolist(), strict=True)
        if a is not None and b is not None
    ]
    up, down = pairs.count((False, True)), pairs.count((True, False))
    return _share(up + down, len(pairs), "no pair was judged in both forms", level), up, down


def leniency(judge_pass_rate: float, true_pass_rate: Figure) -> Figure:
    """The judge's raw pass rate minus the estimated true one, with the estimate's interval turned over."""
    if true_pass_rate.value is None:
        return undefined(true_pass_rate.why or "the true pass rate is not known", true_pass_rate.n)
    low = None if true_pass_rate.high is None else judge_pass_rate - true_pass_rate.high
    high = None if true_pass_rate.low is None else judge_pass_rate - true_pass_rate.low
    return Figure(judge_pass_rate - true_pass_rate.value, low, high, true_pass_rate.n, true_pass_rate.method)


def _share(x: float, n: float, nothing: str, level: float = 0.95) -> Figure:
    return Figure(x / n, *wilson(x, n, level), n, "Wilson") if n else undefined(nothing)
