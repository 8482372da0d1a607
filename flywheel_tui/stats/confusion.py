"""What a judge gets right and wrong against people: the confusion matrix and the rates that follow from it.

The positive class is *pass*; the feared mistake is the false pass (FP). Everything has its n and an interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import tables
from flywheel_tui.stats.arrays import Figure, as_flags, as_floats, coded, one, same_length, undefined
from flywheel_tui.stats.bootstrap import Features, cells, intervals
from flywheel_tui.stats.intervals import wilson
from flywheel_tui.stats.weighted import weighted_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flywheel_tui.stats.arrays import Floats, Values


RESAMPLED: dict[str, Callable[[Floats], Floats]] = {
    "f1": tables.f_beta,
    "f_half": lambda t: tables.f_beta(t, 0.5),
    "balanced_accuracy": tables.balanced_accuracy,
    "mcc": tables.mcc,
    "kappa": tables.kappa,
    "youden": tables.youden,
}
"""The figures whose intervals are bootstrapped."""
NONE_PASSED, NONE_FAILED = "the judge passed nothing", "the judge failed nothing"
NO_PASS, NO_FAIL, NO_LABELS = "no label is a pass", "no label is a fail", "no labels"


class Confusion(NamedTuple):
    """Counts (or sums of weights) of yes/no verdicts against the truth."""

    tp: float
    fp: float
    tn: float
    fn: float

    @property
    def n(self) -> float:
        """All of them."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def table(self) -> Floats:
        """[[TN, FP], [FN, TP]], as the formulas of `tables` take it."""
        import numpy as np

        return np.array([[self.tn, self.fp], [self.fn, self.tp]], float)


class Rates(NamedTuple):
    """Every rate of one judge, each with interval and n; the last two say what no skill at all would reach
    (always saying the commoner class; the area under precision and recall is the prevalence)."""

    confusion: Confusion
    precision: Figure
    recall: Figure
    specificity: Figure
    npv: Figure
    accuracy: Figure
    pass_rate: Figure
    f1: Figure
    f_half: Figure
    balanced_accuracy: Figure
    mcc: Figure
    kappa: Figure
    youden: Figure
    lr_plus: float | None
    lr_minus: float | None
    majority_accuracy: float | None
    prevalence: float | None


def confusion(truth: Values, said: Values, weights: Values | None = None) -> Confusion:
    """Count yes/no verdicts (n,) against yes/no truths (n,), or add up their weights. Nothing may be missing.

    >>> confusion([True, True, False, False], [True, False, True, False])
    Confusion(tp=1, fp=1, tn=1, fn=1)
    """
    import numpy as np

    same_length(truth, said)
    y, yhat = as_flags(truth, "labels"), as_flags(said, "verdicts")
    if weights is None:
        tp, positive, passed = (int(np.count_nonzero(flags)) for flags in (y & yhat, y, yhat))
        return Confusion(tp, passed - tp, len(y) - positive - passed + tp, positive - tp)
    same_length(truth, weights)
    sums = np.bincount(y * 2 + yhat, as_floats(weights), 4).tolist()
    return Confusion(sums[3], sums[1], sums[0], sums[2])


def prf(truth: Values, said: Values) -> dict[str, float | int | None]:
    """Precision, recall, F1 and accuracy with the four counts; None where a rate has nothing below its line.

    >>> prf([True, True, False, False], [True, False, True, False])
    {'precision': 0.5, 'recall': 0.5, 'f1': 0.5, 'accuracy': 0.5, 'tp': 1, 'fp': 1, 'tn': 1, 'fn': 1}
    """
    c = confusion(truth, said)
    formulas = {
        "precision": tables.precision, "recall": tables.recall, "f1": tables.f_beta, "accuracy": tables.observed,
    }  # fmt: skip
    counts = {"tp": int(c.tp), "fp": int(c.fp), "tn": int(c.tn), "fn": int(c.fn)}
    return {name: one(formula(c.table)) for name, formula in formulas.items()} | counts


def rates(
    truth: Values,
    said: Values,
    weights: Values | None = None,
    *,
    families: Values | None = None,
    level: float = 0.95,
    times: int = 2000,
    seed: int = 0,
) -> Rates:
    """All rates of verdicts (n,) against labels (n,), positive class pass.

    Plain labels get Wilson intervals; with `weights` (1/π of each label) or `families` the rates are Hájek's with
    Wilson at the effective n. F, MCC, kappa, balanced accuracy and Youden's J get a cluster bootstrap over families.
    """
    c = confusion(truth, said, weights)
    y, yhat = as_flags(truth), as_flags(said)
    w = None if weights is None else as_floats(weights)
    plain = w is None and families is None
    features = _features(c) if plain else cells(y * 2 + yhat, 4, w, families)

    def rate(right: Any, among: Any, above: float, below: float, nothing: str) -> Figure:
        if not below:
            return undefined(nothing)
        if plain:
            return Figure(above / below, *wilson(above, below, level), below, "Wilson")
        chosen = None if families is None else _kept(families, among)
        return weighted_rate(right[among], (_ones(y) if w is None else w)[among], families=chosen, level=level)

    everything = y | ~y
    return Rates(
        confusion=c,
        precision=rate(y, yhat, c.tp, c.tp + c.fp, NONE_PASSED),
        recall=rate(yhat, y, c.tp, c.tp + c.fn, NO_PASS),
        specificity=rate(~yhat, ~y, c.tn, c.tn + c.fp, NO_FAIL),
        npv=rate(~y, ~yhat, c.tn, c.tn + c.fn, NONE_FAILED),
        accuracy=rate(y == yhat, everything, c.tp + c.tn, c.n, NO_LABELS),
        pass_rate=rate(yhat, everything, c.tp + c.fp, c.n, NO_LABELS),
        **_others(c, features, len(y), level, times, seed),
    )


def rates_of_counts(c: Confusion, *, level: float = 0.95, times: int = 2000, seed: int = 0) -> Rates:
    """The same rates from the four whole counts of unweighted labels: some milliseconds, however many they count."""

    def rate(above: float, below: float, nothing: str) -> Figure:
        return Figure(above / below, *wilson(above, below, level), below, "Wilson") if below else undefined(nothing)

    return Rates(
        confusion=c,
        precision=rate(c.tp, c.tp + c.fp, NONE_PASSED),
        recall=rate(c.tp, c.tp + c.fn, NO_PASS),
        specificity=rate(c.tn, c.tn + c.fp, NO_FAIL),
        npv=rate(c.tn, c.tn + c.fn, NONE_FAILED),
        accuracy=rate(c.tp + c.tn, c.n, NO_LABELS),
        pass_rate=rate(c.tp + c.fp, c.n, NO_LABELS),
        **_others(c, _features(c), int(c.n), level, times, seed),
    )


def _features(c: Confusion) -> Features:
    import numpy as np

    counts = c.table.ravel().astype(np.int64)
    used = np.flatnonzero(counts)
    return Features(np.eye(4)[used], counts[used])


def _others(c: Confusion, features: Features, number: int, level: float, times: int, seed: int) -> dict[str, Any]:
    """The figures that need resamples, and those that need no interval."""

    def of_sums(formula: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
        return lambda sums: formula(sums.reshape(-1, 2, 2))

    stats = {name: of_sums(formula) for name, formula in RESAMPLED.items()}
    figures = intervals(features, stats, times=times, seed=seed, level=level)
    table = c.table
    tpr, tnr = one(tables.recall(table)), one(tables.specificity(table))
    share = (c.tp + c.fn) / c.n if c.n else None
    return {name: figure._replace(n=number) for name, figure in figures.items()} | {
        "lr_plus": None if tpr is None or tnr is None or tnr == 1 else tpr / (1 - tnr),
        "lr_minus": None if tpr is None or not tnr else (1 - tpr) / tnr,
        "majority_accuracy": None if share is None else max(share, 1 - share),
        "prevalence": share,
    }


class ClassRates(NamedTuple):
    """Precision, recall and F1 of every class and their plain (macro) means, as classification reports print them."""

    categories: tuple[Any, ...]
    table: Floats
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    accuracy: float | None
    macro_precision: float | None
    macro_recall: float | None
    macro_f1: float | None


def class_rates(truth: Values, said: Values, categories: Sequence[Any] | None = None) -> ClassRates:
    """Rates of verdicts of any number of classes. Pairs with a missing side are left out: say so beside the figure.

    A class that was never said has precision None and one that is never true recall None; in the macro means such a
    class counts 0, as in scikit-learn, so that ignoring a class never raises a mean.
    """
    import numpy as np

    same_length(truth, said)
    numbers = coded(truth, said, categories=categories)
    first, second = numbers.codes
    kept = (first >= 0) & (second >= 0)
    q = len(numbers.categories)
    if not q or not kept.any():
        return ClassRates(numbers.categories, np.zeros((q, q)), (), (), (), None, None, None, None)
    table = tables.crosstab(first[kept], second[kept], q)
    right, said_as, true_as = table.diagonal(), table.sum(0), table.sum(1)
    each = (tables.ratio(right, said_as), tables.ratio(right, true_as), tables.ratio(2 * right, said_as + true_as))
    seen = (said_as + true_as) > 0
    means = [float(np.nan_to_num(values)[seen].mean()) for values in each]
    lists = [tuple(one(v) for v in values) for values in each]
    return ClassRates(
        numbers.categories,
        table,
        lists[0],
        lists[1],
        lists[2],
        one(tables.observed(table)),
        means[0],
        means[1],
        means[2],
    )


def _ones(like: Any) -> Floats:
    import numpy as np

    return np.ones(len(like))


def _kept(families: Values, among: Any) -> Any:
    import numpy as np

    names = np.asarray(families)
    if len(names) != len(among):
        raise UsageError(f"{len(names)} families were named for {len(among)} items; name one for each")
    return names[among]
