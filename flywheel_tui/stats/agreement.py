"""How far two raters agree beyond chance, and what to say where the coefficients disagree among themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.stats import tables
from flywheel_tui.stats.arrays import Figure, coded, one, same_length, undefined
from flywheel_tui.stats.bootstrap import cells, interval
from flywheel_tui.stats.intervals import wilson, z_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flywheel_tui.stats.arrays import Floats, Values

PARADOX_PREVALENCE = 0.9
"""Above this share of one category AC1 and the agreement by class are the headline, not kappa."""
PARADOX_GAP = 0.2
"""Kappa this far below AC1 is worth an explanation."""
MOST_CATEGORIES = 64
"""With more than these the bootstrap of a table is left out."""
TOO_MANY = f"no interval above {MOST_CATEGORIES} categories; put the scores into bins, or look at their correlation"
ONE_CATEGORY = "both raters used a single category, so that chance alone agrees on everything"


class Paradox(NamedTuple):
    """Why kappa can be low where people agree (Feinstein, Cicchetti 1990), as figures instead of a verdict.

    `prevalence_index` |a - d| / n and `bias_index` |b - c| / n are of the yes/no table [[a, b], [c, d]] (Byrt, Bishop,
    Carlin 1993), None for more categories; `largest_share` is the mean share of the commonest category.
    `headline` names the coefficient to show first; `sentence` is empty where kappa can be read as it stands.
    """

    largest_share: float
    prevalence_index: float | None
    bias_index: float | None
    chance_agreement: float
    headline: str
    sentence: str


class Agreement(NamedTuple):
    """Two raters on the same items: agreement, the coefficients that take chance away, and how to read them."""

    categories: tuple[Any, ...]
    table: Floats
    n: int
    missing: int
    percent: Figure
    kappa: Figure
    ac1: Figure
    alpha: Figure
    scott_pi: Figure
    pabak: Figure
    by_class: tuple[float | None, ...]
    paradox: Paradox | None


def percent_agreement(first: Values, second: Values) -> float | None:
    """The share of items on which two raters (n,) say the same. Items missing on a side are left out; None for none.

    >>> percent_agreement([1, 2, 3, None], [1, 2, 1, 1])
    0.6666666666666666
    """
    table = _table(first, second, None)[0]
    return one(tables.observed(table)) if table.size else None


def cohens_kappa(
    first: Values,
    second: Values,
    *,
    weights: tables.Weights = "none",
    categories: Sequence[Any] | None = None,
) -> float | None:
    """Cohen's kappa of two raters (n,), 1 - Σ w·o / Σ w·e (Cohen 1960; weighted for ordered categories: 1968).

    `weights` "linear" and "quadratic" take the distance between places in the order of the categories: sorted, or as
    `categories` says. Items missing on a side are left out. None where there are no items or a single category.

    >>> cohens_kappa([True, False, True, False], [True, True, True, False])
    0.5
    """
    table = _table(first, second, categories)[0]
    return one(tables.kappa(table, weights)) if table.size else None


def kappa_interval(table: Values, level: float = 0.95) -> Figure:
    """Kappa of a table (q, q) with its large-sample interval (Fleiss, Cohen, Everitt 1969, eq. 13).

    For a hundred items and more; the bootstrap of `agreement` is for fewer.
    """
    import numpy as np

    counts = np.asarray(table, float)
    number = float(counts.sum())
    value = one(tables.kappa(counts)) if number else None
    if value is None:
        return undefined(ONE_CATEGORY if number else "no items", number)
    error = kappa_error(counts)
    half = z_of(level) * error
    return Figure(value, max(-1.0, value - half), min(1.0, value + half), number, "large sample")


def kappa_error(table: Floats) -> float:
    """The large-sample standard error of Cohen's kappa (Fleiss, Cohen, Everitt 1969, eq. 13)."""
    p = table / table.sum()
    rows, columns = p.sum(1), p.sum(0)
    chance = float(rows @ columns)
    kappa = (float(p.trace()) - chance) / (1 - chance)
    both = columns[:, None] + rows[None, :]
    on = float((p.diagonal() * (1 - both.diagonal() * (1 - kappa)) ** 2).sum())
    off = float((p * both**2).sum() - (p.diagonal() * both.diagonal() ** 2).sum()) * (1 - kappa) ** 2
    rest = (kappa - chance * (1 - kappa)) ** 2
    return math.sqrt(max(0.0, on + off - rest) / ((1 - chance) ** 2 * float(table.sum())))


def agreement(
    first: Values,
    second: Values,
    *,
    weights: tables.Weights = "none",
    categories: Sequence[Any] | None = None,
    families: Values | None = None,
    level: float = 0.95,
    times: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Everything about two raters (n,) on the same items, each coefficient with a bootstrap over families.

    Items missing on a side are left out and counted in `missing`. A coefficient that is undefined has `value` None and
    a reason; nothing is ever NaN. `weights` go into kappa only.
    """
    import numpy as np

    table, codes, kept, names = _table(first, second, categories)
    number, q = int(table.sum()), len(names)
    if not number:
        none = undefined("no items that both rated")
        return Agreement(names, table, 0, len(first), none, none, none, none, none, none, (), None)
    own = None if families is None else np.asarray(families)[kept]
    features = cells(codes, q * q, None, own) if q <= MOST_CATEGORIES else None

    def boot(formula: Callable[[Floats], Floats]) -> Figure:
        if features is None:
            return Figure(one(formula(table)), n=number, why=TOO_MANY)
        figure = interval(features, lambda sums: formula(sums.reshape(-1, q, q)), times=times, seed=seed, level=level)
        why = ONE_CATEGORY if figure.value is None else figure.why
        return figure._replace(n=number, why=why)

    same = float(table.trace())
    if families is None:
        percent = Figure(same / number, *wilson(same, number, level), number, "Wilson")
    else:
        percent = boot(tables.observed)
    kappa, gwet = boot(lambda t: tables.kappa(t, weights)), boot(tables.ac1)
    twice = table.sum(0) + table.sum(1)
    return Agreement(
        categories=names,
        table=table,
        n=number,
        missing=len(first) - number,
        percent=percent,
        kappa=kappa,
        ac1=gwet,
        alpha=boot(tables.alpha),
        scott_pi=boot(tables.scott_pi),
        pabak=boot(tables.pabak),
        by_class=tuple(one(share) for share in tables.ratio(2 * table.diagonal(), twice)),
        paradox=explain(table, names),
    )


def explain(table: Values, categories: Sequence[Any] = ()) -> Paradox | None:
    """Prevalence and bias of a table (q, q), and a sentence where they make kappa look worse than the agreement is.

    None for an empty table.

    >>> explain([[90, 5], [5, 0]]).headline
    'AC1'
    """
    import numpy as np

    counts = np.asarray(table, float)
    number = float(counts.sum())
    if not number:
        return None
    shares = (counts.sum(0) + counts.sum(1)) / (2 * number)
    largest = int(shares.argmax())
    name = categories[largest] if len(categories) == len(shares) else largest
    agreed, chance = float(tables.observed(counts)), float(counts.sum(0) @ counts.sum(1)) / number**2
    kappa, gwet = one(tables.kappa(counts)), one(tables.ac1(counts))
    two = len(shares) == 2
    skewed = float(shares[largest]) > PARADOX_PREVALENCE
    sentence = ""
    if kappa is None:
        sentence = f"Everything is {name!r}: agreement is {agreed:.0%}, and kappa cannot be computed."
    elif gwet is not None and gwet - kappa > PARADOX_GAP:
        sentence = (
            f"They agree on {agreed:.0%} of the items, but {float(shares[largest]):.0%} of all answers are {name!r}, "
            f"so that kappa expects {chance:.0%} agreement by chance and falls to {kappa:.2f}; AC1, which does not, is "
            f"{gwet:.2f}. Look at the agreement on the rarer classes."
        )
    return Paradox(
        largest_share=float(shares[largest]),
        prevalence_index=abs(float(counts[0, 0] - counts[1, 1])) / number if two else None,
        bias_index=abs(float(counts[0, 1] - counts[1, 0])) / number if two else None,
        chance_agreement=chance,
        headline="AC1" if skewed or kappa is None else "kappa",
        sentence=sentence,
    )


def _table(first: Values, second: Values, categories: Sequence[Any] | None) -> tuple[Floats, Any, Any, tuple[Any, ...]]:
    """The table of the items that both rated, the cell of each of them, which they are, and the categories."""
    import numpy as np

    same_length(first, second)
    numbers = coded(first, second, categories=categories)
    a, b = numbers.codes
    kept = (a >= 0) & (b >= 0)
    if not kept.all():
        a, b = a[kept], b[kept]
    q = len(numbers.categories)
    codes = a * q + b
    return np.bincount(codes, minlength=q * q).reshape(q, q).astype(float), codes, kept, numbers.categories
