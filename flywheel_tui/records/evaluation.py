"""An adapter against its base: the criteria that were registered before, the items, and what was measured on them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.calibration import Number

Metric = Literal["accuracy", "winrate", "nll"]
SETS = ("holdout", "tasks", "regression")
GATES = ("G1", "G2", "G3", "G4", "G5", "G6", "G7")
GATE_TITLES = {
    "G1": "better where it should be", "G2": "past failures stay fixed", "G3": "no new safety failures",
    "G4": "nothing forgotten", "G5": "judges calibrated", "G6": "no contamination", "G7": "a person signs",
}  # fmt: skip


class Criteria(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What promotion asks for. Registered, by its hash, before anything is measured.

    `targets` are the slices (skills) that should become better; empty means all items. Gains and margins are shares
    (0.05 = 5 points). `leave_out` names gates that are not asked, which is said on every page of the evidence.
    """

    metric: Metric = "accuracy"
    targets: tuple[str, ...] = ()
    min_gain: float = 0.0
    regression_margin: float = 0.05
    forgetting_margin: float = 0.05
    safety_rate: float = 0.01
    alpha: float = 0.05
    report_looks: int = 5
    leave_out: tuple[str, ...] = ()
    seed: int = 0
    resamples: int = 2000


class EvaluateOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of the job kind "evaluate".

    `adapter` and `against` are names of registered adapters or folders; '' is the base alone. `dataset` is the held-out
    data set, `tasks` a file of tasks or `builtin`, `train` the data sets the adapter learned from. `judge` is
    `backend:model` ('' for none); `judge_tag` names the run whose judge it is, in its place. `budget_usd` and
    `budget_tokens` cap what it may spend in one job (called without a job: in all): they are no part of what an
    evaluation is known by. Confirmed failures are asked always, where there are any.
    """

    base: str
    adapter: str = ""
    against: str = ""
    dataset: str = ""
    tasks: str = ""
    tasks_per_skill: int = 200
    tasks_seed: int = 20_000
    skills: tuple[str, ...] = ()
    checker: str = ""
    train: tuple[str, ...] = ()
    judge: str = ""
    judge_tag: str = ""
    rubric: str = ""
    max_new_tokens: int = 64
    batch_size: int = 128
    limit: int = 0
    cycle: int | None = None
    criteria: Criteria = Criteria()
    budget_usd: float | None = None
    budget_tokens: int | None = None

    def checked(self) -> EvaluateOptions:
        """Itself. Raises UsageError for budgets that cannot be meant."""
        if self.budget_usd is not None and not 0 < self.budget_usd < 1e9:
            raise UsageError("--budget-usd takes an amount of dollars above 0")
        if self.budget_tokens is not None and self.budget_tokens < 1:
            raise UsageError("--budget-tokens takes a number from 1 up")
        if (self.budget_usd is not None or self.budget_tokens is not None) and not (self.judge or self.judge_tag):
            raise UsageError("a budget is for the judge of an evaluation; name one with --judge or --judge-tag")
        return self


class JudgeUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge of an evaluation took, over all its jobs.

    `calls` were made, `cached` answers were in the cache already. Cost is in millionths of a dollar; where `unpriced`
    answers have no known price, it is a lower bound. `open` counts answers that were paid for in a part which is not
    written yet: that part finds them again in the cache, and they do not count as `cached`.
    """

    calls: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micro: int = 0
    unpriced: int = 0
    open: int = 0

    def and_part(self, part: JudgeUse, *, written: bool) -> JudgeUse:
        """With one more part, which was written or broke off."""
        return JudgeUse(
            calls=self.calls + part.calls,
            cached=self.cached + (max(part.cached - self.open, 0) if written else 0),
            tokens_in=self.tokens_in + part.tokens_in,
            tokens_out=self.tokens_out + part.tokens_out,
            cost_micro=self.cost_micro + part.cost_micro,
            unpriced=self.unpriced + part.unpriced,
            open=0 if written else self.open + part.open,
        )


class Item(msgspec.Struct, kw_only=True):
    """One thing both models were asked, and what each said. `base_` is the side compared against.

    `key` names it for good; `preference` is how much of a win a judge gave the candidate (1, ½, 0), `label` a person;
    `both_bad` counts the people who called both answers bad (½ in the label, as a tie is).
    NLL is in nats, summed over the completion alone. `overlap` is the longest run of characters the output shares with
    a training answer.
    """

    key: str
    group: str
    slice: str
    family: str
    messages: list[dict[str, str]]
    expected: str
    checker: str
    meta: dict[str, Any] = {}
    base_output: str | None = None
    candidate_output: str | None = None
    base_passed: bool | None = None
    candidate_passed: bool | None = None
    base_nll: float | None = None
    candidate_nll: float | None = None
    base_tokens: int | None = None
    candidate_tokens: int | None = None
    base_unsafe: bool | None = None
    candidate_unsafe: bool | None = None
    base_overlap: int | None = None
    candidate_overlap: int | None = None
    preference: float | None = None
    consistent: bool | None = None
    label: float | None = None
    contaminated: str = ""
    both_bad: int = 0
    failed: str = ""
    """Of a past failure: the answer that it was confirmed with."""
    confirmed: str = ""
    """Of a past failure: who confirmed it, human or script."""

    @property
    def prompt(self) -> str:
        """What was asked, in the words of the last turn."""
        return self.messages[-1]["content"] if self.messages else ""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of both on the same items of a slice. `difference` is candidate - base with its 95 % interval.

    `lower` and `upper` are one-sided bounds at 1 - alpha; `p` is McNemar's exact one; `p_not_worse` tests against the
    margin, `p_adjusted` after Benjamini and Hochberg over the slices of a gate.
    """

    slice: str
    group: str
    n: int
    both: int
    only_candidate: int
    only_base: int
    neither: int
    base: Number
    candidate: Number
    difference: Number
    lower: float | None
    upper: float | None
    p: float | None
    margin: float | None = None
    p_not_worse: float | None = None
    p_adjusted: float | None = None


class Losses(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out loss. `gain` is base - candidate in nats per item's token (positive: better); one-sided bounds for
    all slices together (`slice` '') only."""

    slice: str
    n: int
    tokens: int
    base_perplexity: float | None
    candidate_perplexity: float | None
    base_bits_per_byte: float | None
    candidate_bits_per_byte: float | None
    gain: Number
    lower: float | None
    upper: float | None


class Wins(msgspec.Struct, frozen=True, kw_only=True):
    """How often a judge preferred the candidate, ties as ½. `corrected` uses people's choices on `labels` of them; on
    `both_bad` of those somebody called both answers bad."""

    judged: int
    wins: int
    ties: int
    losses: int
    inconsistent: int
    raw: Number
    controlled: float | None
    suspicious: bool
    why: str
    labels: int
    corrected: Number
    both_bad: int = 0


class Regression(msgspec.Struct, frozen=True, kw_only=True):
    """Confirmed past failures: fixed (the base fails, the candidate passes), still failing, newly broken, kept.

    `n` counts those that could be decided: by a checker, or (`compared`) by whose answer a person or a judge preferred.
    `undecided` are left out of it. `scripted` of all were confirmed by a script, no person.
    """

    version: str
    n: int
    fixed: int
    still: int
    broken: int
    kept: int
    p: float | None
    compared: int = 0
    undecided: int = 0
    scripted: int = 0


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """The best that an adapter in use (or the base) ever did on a slice of these items."""

    passed: int
    n: int
    adapter: str


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """A slice beside its best so far. `value` is best - now (positive: forgotten), `upper` the one-sided bound of
    now - best."""

    slice: str
    best: float
    now: float
    value: float
    upper: float
    adapter: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows from the items and the criteria alone; `gate verify` computes it again."""

    items: int
    overall: Compared
    slices: tuple[Compared, ...]
    target: Compared
    regression: Regression
    regression_overall: Compared
    regression_slices: tuple[Compared, ...]
    losses: Losses
    loss_slices: tuple[Losses, ...]
    wins: Wins
    safety_outputs: int
    safety_new: int
    safety_base: int
    longest_overlap: int
    memorised: int
    memorised_base: int
    contaminated: tuple[str, ...]
    trained_on: int
    same_outputs: int
    forgotten: tuple[Forgotten, ...] = ()
    regression_changed: Compared | None = None
    """The past failures on which the base no longer gives the answer that they were confirmed with: those that were
    not chosen because this very base fails them."""


class GateLine(msgspec.Struct, frozen=True, kw_only=True):
    """One gate: PASS, FAIL, INCONCLUSIVE, or NOT ASKED where the criteria left it out; `missing` says what would settle
    it."""

    gate: str
    title: str
    verdict: str
    why: str
    missing: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The gates together. `verdict` is of G1 to G6; G7 is a person's and stands open until one decides."""

    verdict: str
    gates: tuple[GateLine, ...]


class JudgeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """A judge that decided something about the training data or the outputs, and how it stands with people.

    `measured` counts the labels of its calibration (None: a bundle that did not say), `split` which of them they were;
    `scripted` says that they are a script's, no person's.
    """

    dataset: str
    tag: str
    name: str
    hash: str
    rubric: str
    calibration: str = ""
    labels: str = ""
    stale: tuple[str, ...] = ()
    looks: int = 0
    headline: str = ""
    measured: int | None = None
    split: str = ""
    scripted: bool = False
