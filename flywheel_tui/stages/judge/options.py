"""What to judge and how, and what came of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.bias import Stability
from flywheel_tui.stats.intervals import wilson
from flywheel_tui.store.judging import Tally

MOST_REPEATS = 20
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,79}")


class JudgeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the job kind "judge". `rubric` is a name or an absolute path ('' for the one of the kind).

    `max_pairs` takes the first pairs that `where` matches, `sample` a random share of them (the same for a `seed`).
    `batch` hands the requests to the provider's batch API: half the price, answers within a day. `retry` asks only
    about the pairs that have no verdict. `split` takes only what people decided blind in that part of the labels
    (prompt-dev, calibrate, report or all): to try a rubric where it may be tuned. `estimate` judges a sample, says what
    the rest would take, and stops. `repeat` above 1 asks so many times about each pair, to learn how often the judge
    says the same; its first answer is the one that counts.
    """

    dataset: str
    tag: str = ""
    backend: str = ""
    model: str = ""
    rubric: str = ""
    where: str | None = None
    max_pairs: int | None = None
    sample: float | None = None
    seed: int = 0
    concurrency: int | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    estimate: bool = False
    retry: bool = False
    few_shot: int = 0
    temperature: float = 0.0
    max_tokens: int = 0
    batch: bool = False
    split: str = ""
    repeat: int = 1
    backend_options: dict[str, Any] = {}

    def checked(self) -> JudgeOptions:
        """Itself. Raises UsageError for values that cannot be meant."""
        if self.tag:
            valid_tag(self.tag)
        if self.sample is not None and not 0 < self.sample <= 1:
            raise UsageError(f"--sample is a share between 0 and 1 such as 0.05, not {self.sample:g}")
        if self.max_pairs is not None and self.max_pairs < 1:
            raise UsageError("--max-pairs takes a number from 1 up")
        if self.concurrency is not None and not 1 <= self.concurrency <= 1024:
            raise UsageError("--concurrency lies between 1 and 1024")
        if self.budget_usd is not None and not 0 < self.budget_usd < 1e9:
            raise UsageError("--budget-usd takes an amount of dollars above 0")
        if self.budget_tokens is not None and self.budget_tokens < 1:
            raise UsageError("--budget-tokens takes a number from 1 up")
        if not 0 <= self.few_shot <= 8:
            raise UsageError("--few-shot lies between 0 and 8")
        if self.retry and self.estimate:
            raise UsageError("--estimate and --retry do not go together: first one, then the other")
        if not 1 <= self.repeat <= MOST_REPEATS:
            raise UsageError(f"--repeat lies between 1 and {MOST_REPEATS}")
        if self.repeat > 1 and (self.retry or self.batch):
            raise UsageError("--repeat goes with neither --retry nor --batch: these come first")
        return self


def valid_tag(tag: str) -> str:
    """`tag` itself where it may name a run. Raises UsageError."""
    if not _TAG.fullmatch(tag):
        raise UsageError(f"{tag[:80]!r} cannot be a tag; use up to 80 letters, digits and . _ : + -, a letter first")
    return tag


def default_tag(name: str) -> str:
    """A tag made of the name of a judge."""
    return re.sub(r"[^A-Za-z0-9._:+-]+", "-", name).strip("-.:_+")[:80] or "judge"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole would be like, from the pairs judged so far (a random sample of it).

    The interval is that of the pass rate (95 %, Wilson); cost and seconds are what the pairs left would take, asked as
    often as was wished. `seconds` is None where the sample was known already.
    """

    sampled: int
    left: int
    pass_rate: float | None
    low: float
    high: float
    cost_usd: float
    tokens: int
    seconds: float | None


class JudgeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a judge job. `asked` pairs were to be judged in it; the verdicts are those of the run (its tag).

    `preferences` counts the choices of a pairwise judge: there a pair passes where answer a, its output, is preferred.
    `missing` counts pairs without a verdict by kind; `hits`, `misses` and `writes` are of the cache, in this job.
    """

    dataset: str
    tag: str
    backend: str
    model: str
    judge: str
    rubric: str
    asked: int
    done: int
    skipped: int
    judged: int
    passed: int
    pass_rate: float | None
    low: float
    high: float
    scored: int
    average: float | None
    missing: dict[str, int]
    unjudged: int
    both_orders: int
    inconsistent: int
    preferences: dict[str, int]
    hits: int
    misses: int
    writes: int
    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unpriced: bool
    seconds: float
    failed_for_all: bool
    stopped: str = ""
    estimate: Estimate | None = None
    stability: Stability | None = None
    settings: dict[str, Any] = {}
    remarks: tuple[str, ...] = ()
    """What a person should know of an import."""


def rate_of(tally: Tally) -> tuple[float | None, float, float]:
    """The pass rate of the judged pairs with its interval; None where nothing was judged."""
    low, high = wilson(tally.passed, tally.judged)
    return (tally.passed / tally.judged if tally.judged else None), low, high
