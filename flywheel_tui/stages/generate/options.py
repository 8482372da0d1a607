"""What to generate and how, and what came of it."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.generate.recipe import Teacher, checked_options, recipe_named
from flywheel_tui.store.datasets import valid_name

MAX_COUNT = 10_000_000


class GenerateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the job kind "generate".

    `count` rows shall be there when the same command has run to its end, however often it was interrupted; another
    `seed` makes other rows. `seeds` names a data set, a file, a shipped or own list, or lists the seeds themselves;
    `where` narrows them. `models` are teachers: `model`, or `backend:model`. `preview` makes that many rows and writes
    none, `estimate` asks nobody. `watch` pauses the job where variety falls, `stop_failing_at` where that share of the
    last items failed. `cycle` is written with every row.
    """

    recipe: str
    into: str = ""
    seeds: str = ""
    where: str | None = None
    count: int = 100
    backend: str = ""
    models: tuple[str, ...] = ()
    temperature: float | None = None
    max_tokens: int = 0
    seed: int = 0
    concurrency: int | None = None
    budget_usd: float | None = None
    budget_tokens: int | None = None
    preview: int = 0
    estimate: bool = False
    watch: bool = True
    window: int = 50
    stop_failing_at: float = 0.8
    cycle: int | None = None
    tags: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    backend_options: dict[str, Any] = {}
    seeds_dataset: str = ""
    """Where the seeds lie, and the newest of them: fixed when the job is made, so that every attempt sees the same."""
    seeds_upto: int | None = None
    seeds_versions: tuple[tuple[int, int], ...] | None = None
    """The very rows, as (first version, how many in a row): what is labelled or edited meanwhile changes no item."""
    carried: dict[str, Any] | None = None

    def checked(self) -> GenerateOptions:
        """Itself with the recipe's options filled in. Raises NotFoundError or UsageError for what cannot be meant."""
        recipe = recipe_named(self.recipe)
        if self.into:
            valid_name(self.into)
        elif not self.estimate and not self.preview:
            raise UsageError(f"say where the pairs shall go: flywheel generate {self.recipe} --into NAME")
        if not 1 <= self.count <= MAX_COUNT:
            raise UsageError(f"--count lies between 1 and {MAX_COUNT:,}")
        if not 0 <= self.preview <= 100:
            raise UsageError("--preview lies between 1 and 100")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise UsageError("--temperature lies between 0 and 2")
        if self.concurrency is not None and not 1 <= self.concurrency <= 1024:
            raise UsageError("--concurrency lies between 1 and 1024")
        if self.budget_usd is not None and not 0 < self.budget_usd < 1e9:
            raise UsageError("--budget-usd takes an amount of dollars above 0")
        if self.budget_tokens is not None and self.budget_tokens < 1:
            raise UsageError("--budget-tokens takes a number from 1 up")
        if not 10 <= self.window <= 1000:
            raise UsageError("--window lies between 10 and 1,000")
        if not 0 < self.stop_failing_at <= 1:
            raise UsageError("--stop-failing-at is a share between 0 and 1 such as 0.8")
        return msgspec.structs.replace(self, options=checked_options(recipe, self.options))

    def teachers(self) -> tuple[Teacher, ...]:
        """The models named; `backend:model` names its own back end, everything else is asked of `backend`."""
        return tuple(teacher_of(name, self.backend) for name in self.models) or (Teacher(self.backend),)


def teacher_of(name: str, backend: str) -> Teacher:
    """A teacher from what a person wrote. Names of models may hold colons themselves (`llama3:8b`)."""
    from flywheel_tui.llm.registry import backend_names

    head, colon, tail = name.partition(":")
    if colon and head in backend_names():
        return Teacher(head, tail)
    return Teacher(backend, name)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How varied a window of rows was: Vendi score over n, distinct-2 (expectation-adjusted), mean ROUGE-L of each
    instruction to its nearest in the pool, and the share of pairs of rows with a cosine above 0.8."""

    rows: int
    vendi: float
    distinct2: float
    nearest: float
    alike: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a preview, as a person reads it."""

    kind: str
    instruction: str
    input: str | None
    output: str | None
    body: dict[str, Any]
    teacher: str
    notes: dict[str, Any]


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a number of rows would take. None in dollars: no price is known for one of the teachers.

    `cost_usd` and `tokens` are the likely figures, `most_usd` what answers at their limits of tokens would cost.
    """

    rows: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    most_usd: float | None
    basis: str


class GenerateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job. `made` rows are there now, `new` of them from this job; `rejected` counts items by rule,
    `failed` by the kind of fault of the service (they are asked again by the same command)."""

    recipe: str
    dataset: str
    wanted: int
    made: int
    new: int
    items: int
    rejected: dict[str, int]
    failed: dict[str, int]
    teachers: dict[str, int]
    calls: int
    hits: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    unpriced: bool
    seconds: float
    offline: bool
    exhausted: bool = False
    variety: tuple[Figures, ...] = ()
    variants: dict[str, int] = {}
    stopped: str = ""
    seeds: str = ""
    """Of an estimate: how many seeds there are, and what they were taken from."""
    golden: int = 0
    """Real rows that the recipe put into the data set beside those it made."""
    preview: tuple[Row, ...] = ()
    price: Price | None = None
