"""The figures of a judge on labelled pairs: pass and fail at its own word or at a threshold, or preferences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.records.calibration import CalibrateOptions, ClassLine, Counts, Number, ThresholdAnswer
from flywheel_tui.store.calibration import PREFERENCES

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Figure
    from flywheel_tui.stats.confusion import Confusion, Rates
    from flywheel_tui.store.calibration import Floats, Ints, Verdicts

RATES = (
    "precision",
    "recall",
    "f1",
    "accuracy",
    "specificity",
    "npv",
    "balanced_accuracy",
    "mcc",
    "kappa",
    "pass_rate",
)
NO_ANSWER = 0
"""The code of a preference verdict that counts as wrong whatever people say."""


class Joined(NamedTuple):
    """Labelled versions that have a verdict: what people say, what the judge says, its score, and how drawn."""

    version: Ints
    truth: Ints
    said: Ints
    score: Floats | None
    inclusion: Floats
    no_verdict: dict[str, int]
    not_judged: int


def number(figure: Figure) -> Number:
    """A figure of the statistics as a record."""
    return Number(value=figure.value, low=figure.low, high=figure.high, n=figure.n, method=figure.method,
                  why=figure.why)  # fmt: skip


def family_numbers(versions: Ints, families: dict[int, bytes]) -> Ints | None:
    """A number for the family of each version; None where every version stands alone, and is there once."""
    import numpy as np

    if not families and ((np.diff(versions) > 0).all() or len(np.unique(versions)) == len(versions)):
        return None
    numbers: dict[Any, int] = {}
    keys = [families.get(version, version) for version in versions.tolist()]
    found = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return None if len(numbers) == len(found) else found


def measure_verdicts(
    joined: Joined, verdicts: Verdicts, families: dict[int, bytes], options: CalibrateOptions
) -> dict[str, Any]:
    """The fields of a Calibration of pass and fail."""
    import numpy as np

    from flywheel_tui.stats.confusion import rates

    threshold = threshold_of(joined, verdicts, families, options)
    said, kept = joined.said.astype(bool), np.ones(len(joined.said), bool)
    if threshold is not None and threshold.value is not None and joined.score is not None:
        kept = ~np.isnan(joined.score) | ~np.isin(joined.version, verdicts.version)
        said = np.where(np.isnan(joined.score), said, joined.score >= threshold.value)
    truth, said, version, inclusion = (
        joined.truth[kept].astype(bool),
        said[kept],
        joined.version[kept],
        joined.inclusion,
    )
    owners = family_numbers(version, families)
    found = rates(truth, said, families=owners, level=options.confidence)
    c = found.confusion
    drawn = ~np.isnan(inclusion[kept])
    weights = 1 / inclusion[kept][drawn]
    weighted = {}
    if drawn.any():
        own = None if owners is None else owners[drawn]
        weighted = named(rates(truth[drawn], said[drawn], weights, families=own, level=options.confidence))
    return {
        "kind": "verdict", "pairs": len(truth), "classes": (), "table": {},
        "counts": Counts(tp=int(c.tp), fp=int(c.fp), tn=int(c.tn), fn=int(c.fn)),
        "rates": named(found), "weighted": weighted, "weighted_labels": int(drawn.sum()), "threshold": threshold,
        "pass_rate": _pass_rate(c, verdicts, threshold, truth[drawn], weights, options.confidence),
        "no_skill": found.majority_accuracy, "families": len(truth) if owners is None else int(owners.max()) + 1,
        "labels_needed": labels_needed(c, options), "no_score": int(np.count_nonzero(~kept)),
        "headline": "", "remarks": (),
    }  # fmt: skip


def named(found: Rates) -> dict[str, Number]:
    """The rates that are shown, by name."""
    return {name: number(getattr(found, name)) for name in RATES}


def labels_needed(c: Confusion, options: CalibrateOptions) -> int | None:
    """Labels of any verdict that would likely decide whether the precision reaches the target; 0: it is decided."""
    from flywheel_tui.stats.planner import labels_to_decide

    passed = int(c.tp + c.fp)
    if not passed:
        return None
    more = labels_to_decide(int(c.tp), passed, options.target, 1 - options.confidence)
    return None if more is None else math.ceil(more * c.n / passed)


def _pass_rate(
    c: Confusion, verdicts: Verdicts, threshold: ThresholdAnswer | None, drawn_truth: Any, weights: Floats, level: float
) -> Number | None:
    """The true pass rate of everything that was judged."""
    import numpy as np

    from flywheel_tui.stats.weighted import weighted_rate

    if not c.n:
        return None
    if len(weights):
        return number(weighted_rate(drawn_truth, weights, level=level))
    passed, judged = int(np.count_nonzero(verdicts.passed)), len(verdicts.version)
    if threshold is not None and threshold.value is not None and verdicts.score is not None:
        passed = int(np.count_nonzero(verdicts.score >= threshold.value))
        judged = int(np.count_nonzero(~np.isnan(verdicts.score)))
    return corrected_pass_rate(c, passed, judged, level)


def corrected_pass_rate(c: Confusion, passed: int, judged: int, level: float) -> Number:
    """The true pass rate of `judged` pairs, `passed` of which the judge passes, from the labelled ones among them."""
    from flywheel_tui.stats.estimate import poststrat_beta

    # replies that could not be read are labelled, but not among the verdicts
    others = max(0.0, passed - c.tp - c.fp)
    unlabelled = max(others, judged - c.n)
    rate = poststrat_beta(c.tp, c.fp, c.fn, c.tn, others, unlabelled, level=level)
    return Number(value=rate.value, low=rate.low, high=rate.high, n=c.n, method="post-stratified Beta", why=rate.why)


def threshold_of(
    joined: Joined, verdicts: Verdicts, families: dict[int, bytes], options: CalibrateOptions
) -> ThresholdAnswer | None:
    """The threshold that was given, or the one that can be guaranteed ("auto"); None where none was asked for."""
    import numpy as np

    from flywheel_tui.stats.guarantee import ltt_threshold

    if options.threshold is None or verdicts.score is None or joined.score is None:
        return None
    known = verdicts.score[~np.isnan(verdicts.score)]
    if options.threshold != "auto":
        line = float(options.threshold)
        share = float((known >= line).mean()) if len(known) else None
        return ThresholdAnswer(value=line, guaranteed=False, coverage=share, labels_needed=None,
                               sentence=f"The threshold {line:g} was given: it carries no guarantee.")  # fmt: skip
    if not len(known):
        return ThresholdAnswer(value=None, guaranteed=False, coverage=None, labels_needed=None,
                               sentence="None: this run has no scores to draw a line on.")  # fmt: skip
    one = _one_a_family(joined, families)
    found = ltt_threshold(known, joined.score[one], joined.truth[one].astype(bool), options.target,
                          1 - options.confidence)  # fmt: skip
    return ThresholdAnswer(
        value=found.threshold, guaranteed=found.threshold is not None, coverage=found.coverage,
        labels_needed=found.labels_needed, sentence=found.why,
    )  # fmt: skip


def _one_a_family(joined: Joined, families: dict[int, bytes]) -> Any:
    """The first label of each family: a guarantee needs independent ones."""
    import numpy as np

    owners = family_numbers(joined.version, families)
    if owners is None:
        return slice(None)
    return np.unique(owners, return_index=True)[1]


def measure_preferences(
    joined: Joined, verdicts: Verdicts, families: dict[int, bytes], options: CalibrateOptions
) -> dict[str, Any]:
    """The fields of a Calibration of preferences: accuracy, kappa, and macro averages over the answers that occur."""
    import numpy as np

    from flywheel_tui.stats.agreement import agreement
    from flywheel_tui.stats.confusion import class_rates

    owners = family_numbers(joined.version, families)
    found = class_rates(joined.truth, joined.said, range(5))
    both = agreement(joined.truth, joined.said, families=owners, level=options.confidence)
    used = [code for code in range(1, 5) if found.table.size and (found.table[code].sum() + found.table[:, code].sum())]
    right = np.count_nonzero(joined.truth == joined.said)
    lines = tuple(
        ClassLine(name=PREFERENCES[code], precision=found.precision[code], recall=found.recall[code],
                  f1=found.f1[code], labels=int(found.table[code].sum()))
        for code in used if found.precision
    )  # fmt: skip
    rates = {name: _macro([getattr(line, name) for line in lines], len(joined.truth))
             for name in ("precision", "recall", "f1")}  # fmt: skip
    table = {
        PREFERENCES[row]: {PREFERENCES[at] or "no answer": int(found.table[row, at]) for at in range(5)
                           if found.table[row, at]} for row in used
    }  # fmt: skip
    weighted, drawn = _weighted_accuracy(joined, owners, options.confidence)
    share = max((line.labels for line in lines), default=0) / len(joined.truth) if len(joined.truth) else None
    return {
        "kind": "preference", "pairs": len(joined.truth), "counts": None, "classes": lines, "table": table,
        "rates": {
            **rates, "accuracy": number(both.percent), "kappa": number(both.kappa),
            "kappa_either_side": number(_either_side(joined, owners, options.confidence)), "ac1": number(both.ac1),
        },
        "weighted": weighted, "weighted_labels": drawn, "threshold": None, "pass_rate": None, "no_skill": share,
        "families": len(joined.truth) if owners is None else int(owners.max()) + 1,
        "labels_needed": _needed(int(right), len(joined.truth), options), "headline": "", "remarks": (),
    }  # fmt: skip


def _either_side(joined: Joined, owners: Ints | None, level: float) -> Figure:
    """Cohen's kappa with every pair counted both ways round, a for b: which answer stands first means nothing.

    Where people's choice always stands first (data sets of chosen and rejected) plain kappa is undefined, or far too
    low, since a judge would be right "by chance" by always saying a.
    """
    import numpy as np

    from flywheel_tui.stats.agreement import agreement

    other = np.array([0, 2, 1, 3, 4])
    own = np.arange(len(joined.truth)) if owners is None else owners
    both = agreement(
        np.concatenate([joined.truth, other[joined.truth]]), np.concatenate([joined.said, other[joined.said]]),
        families=np.concatenate([own, own]), level=level,
    )  # fmt: skip
    return both.kappa._replace(n=len(joined.truth))


def _needed(right: int, n: int, options: CalibrateOptions) -> int | None:
    from flywheel_tui.stats.planner import labels_to_decide

    return labels_to_decide(right, n, options.target, 1 - options.confidence) if n else None


def _macro(values: list[float | None], n: int) -> Number:
    """The plain mean over the answers; one that was never said, or is never right, counts 0."""
    if not values:
        return Number(value=None, why="no labels")
    return Number(value=math.fsum(value or 0.0 for value in values) / len(values), n=n, method="macro average",
                  why="no interval")  # fmt: skip


def _weighted_accuracy(joined: Joined, owners: Ints | None, level: float) -> tuple[dict[str, Number], int]:
    import numpy as np

    from flywheel_tui.stats.weighted import weighted_rate

    drawn = ~np.isnan(joined.inclusion)
    if not drawn.any():
        return {}, 0
    own = None if owners is None else owners[drawn]
    right = (joined.truth == joined.said)[drawn]
    return {"accuracy": number(weighted_rate(right, 1 / joined.inclusion[drawn], families=own, level=level))}, int(
        drawn.sum()
    )
