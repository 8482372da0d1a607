"""A judge measured against people: what was asked for, what was left out, what came of it."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.bias import BiasAudit, Stability
from flywheel_tui.records.figures import Number as Number

PASSING: tuple[str, ...] = ("approved", "edited")
"""The statuses that may count as a pass; rejected never does, skipped and disputed pairs are left out."""
POLICIES: tuple[str, ...] = ("leave-out", "wrong", "fail", "tie")
"""What is done with replies that could not be read: left out, counted as wrong, as a fail, or as a tie."""
IMPORT_POLICIES: tuple[str, ...] = ("skip", "tie", "wrong")
"""What `judge --import` keeps with a run; skip is its word for leave-out."""
SPLITS: tuple[str, ...] = ("all", "prompt-dev", "calibrate", "report")
"""Which labels: all, or those of one of the three disjoint splits by family."""
UNREADABLE: frozenset[str] = frozenset({
    "unparsed", "bad_json", "bad_schema", "out_of_range", "empty", "refusal", "length",
})  # fmt: skip
"""Kinds of missing verdicts where the judge did answer: the policy is about these, a dead server is none of them."""


def policy_named(word: str) -> str:
    """The policy that a word stands for. Raises UsageError for an unknown one.

    >>> policy_named("skip")
    'leave-out'
    """
    name = "leave-out" if word == "skip" else word
    if name not in POLICIES:
        raise UsageError(f"no policy {word!r} for unreadable replies; there are: {', '.join(POLICIES)}")
    return name


def policies_for(preference: bool) -> tuple[str, ...]:
    """The policies that make sense: a preference has no fail, a pass or fail has no tie."""
    return ("leave-out", "wrong", "tie") if preference else ("leave-out", "wrong", "fail")


VOTES: tuple[str, ...] = ("majority", "each")
TIES: tuple[str, ...] = ("count", "leave-out")


class CalibrateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure. `threshold` None keeps the judge's own pass or fail; "auto" looks for one with a guarantee.

    `scripts` measures against the labels of scripts instead of people's (a demonstration), which every word then says.
    """

    tag: str
    approved_is: tuple[str, ...] = ("approved",)
    threshold: float | str | None = None
    target: float = 0.9
    confidence: float = 0.95
    reviewer: str | None = None
    include_unblinded: bool = False
    include_picked: bool = False
    """Also labels of pairs that an order picked by what judges say or where doubt is."""
    unreadable: str | None = None
    per_criterion: bool = False
    ratings: bool = False
    votes: str = "majority"
    """"majority" decides each pair once, "each" lets every label count for itself."""
    ties: str = "count"
    """"leave-out" takes only the preferences where neither people nor the judge see a tie."""
    split: str = "all"
    scripts: bool = False


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Labels and pairs that are in no figure. Labels: the first two; labelled pairs: the others."""

    not_blind: int = 0
    """Labels of people who had seen the verdict, or bulk labels chosen by what the judge had said."""
    picked: int = 0
    """Labels of pairs that an order picked by what judges say or where doubt is: they stand for no others."""
    adjudications_not_blind: int = 0
    skipped: int = 0
    disputed: int = 0
    no_verdict: dict[str, int] = {}
    """By the kind of failure."""
    not_judged: int = 0
    """The run has not looked at the version that was labelled."""
    no_score: int = 0
    ties: int = 0
    """Preferences that were a tie (or neither) on a side and were to be left out."""
    in_prompts: int = 0
    """Labels of the split that examples for the judge's prompt were taken from."""


class ThresholdAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Where the line is drawn; `value` None is "none yet", and `labels_needed` more would likely settle it."""

    value: float | None
    guaranteed: bool
    coverage: float | None
    labels_needed: int | None
    sentence: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The confusion matrix; the positive class is pass."""

    tp: int
    fp: int
    tn: int
    fn: int


class ClassLine(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a preference judge."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    labels: int


class CriterionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One criterion: against people's own answers where they gave some, else how well it tells their passes apart."""

    name: str
    n: int
    against: str
    agreement: Number
    kappa: Number
    auroc: float | None = None


class RatingAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """A judge's scores against people's ratings (the mean of each version). `kappa` is weighted by squared distance.

    `kappa` and `same` (the share of equal grades) are of whole grades alone.
    """

    n: int
    ratings: int
    pearson: Number
    spearman: Number
    kendall: Number
    kappa: Number
    same: Number


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome. `kind` is verdict (pass and fail) or preference (a, b, tie); `rates` are by name.

    `weighted` are the same rates for the whole population, from the labels with a known inclusion probability.
    """

    dataset: str
    tag: str
    judge: str
    judge_hash: str
    labels_hash: str
    verdicts_mark: str
    kind: str
    options: CalibrateOptions
    pairs: int
    counts: Counts | None
    rates: dict[str, Number]
    weighted: dict[str, Number]
    weighted_labels: int
    classes: tuple[ClassLine, ...]
    table: dict[str, dict[str, int]]
    threshold: ThresholdAnswer | None
    left_out: LeftOut
    pass_rate: Number | None
    no_skill: float | None
    families: int
    labels_needed: int | None
    headline: str
    remarks: tuple[str, ...]
    criteria: tuple[CriterionLine, ...] = ()
    ratings: RatingAgreement | None = None
    looks: int = 1
    """How many judges these very labels have measured, this one included."""
    stability: Stability | None = None
    """How often the judge says the same (`judge --repeat`); None where nothing was asked twice."""
    bias: BiasAudit | None = None
    report_looks: int = 0
    """How many judges were measured on the report split of this data set, this time included."""


class KeptCalibration(msgspec.Struct, frozen=True, kw_only=True):
    """A calibration as it was written; `stale` names what has changed since (empty: it holds)."""

    id: int
    created: int
    calibration: Calibration
    stale: tuple[str, ...]


class RaterLine(msgspec.Struct, frozen=True, kw_only=True):
    """One judge or reviewer on the common pairs; `passed` is None for preferences, `mean` where there are no scores."""

    name: str
    what: str
    said: int
    passed: int | None
    mean: float | None
    answers: dict[str, int]


class PairLine(msgspec.Struct, frozen=True, kw_only=True):
    """Two raters on the pairs that both answered."""

    first: str
    second: str
    n: int
    agreement: Number
    kappa: Number
    band: str | None
    sure_band: str | None
    ac1: Number
    pearson: Number
    sentence: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Raters side by side. `pairs` counts the pairs that all of them answered; `overlap` those of at least two."""

    dataset: str
    kind: str
    pairs: int
    overlap: int
    raters: tuple[RaterLine, ...]
    matrix: tuple[PairLine, ...]
    fleiss: Number | None
    alpha: Number | None
    remarks: tuple[str, ...]
    output: str | None = None


def plain(value: Any) -> Any:
    """A record as dicts and lists."""
    return msgspec.to_builtins(value)
