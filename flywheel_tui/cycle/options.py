"""What a run of cycles is asked to do, and what it may spend."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.store.datasets import valid_name

PHASES: tuple[str, ...] = (
    "signals", "grouping", "priorities", "planning", "generation", "validation", "screening", "judging", "labelling",
    "calibration", "export", "training", "gate",
)  # fmt: skip
TRAIN = ("never", "auto", "always")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent; None: no limit."""

    usd: float | None = None
    tokens: int | None = None
    minutes: float | None = None

    def checked(self, flag: str) -> Budget:
        """Itself. Raises UsageError for amounts that are none."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e12:
                raise UsageError(f"{flag}: {name} is an amount above 0, not {value:g}")
        return self


class CycleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the job kind "cycle", and the configuration of a run.

    `driver` says what turns: "text" (recipes, a judge, people) or "tasks" (checkable tasks and a small model).
    `count` pairs are generated in a cycle (0: as many as there are seeds). `labels` of them are asked from people
    (None: 0 where nothing is trained, else 20). `target_pass_rate` ends a run that is good enough; `min_pass_rate`
    ends one whose generator is at fault. `cost_per_item` is in dollars for each accepted pair. `extra` is the driver's.
    """

    driver: str = "text"
    seeds: tuple[str, ...] = ()
    into: str = "flywheel"
    recipe: str = "instruction"
    recipe_options: dict[str, Any] = {}
    count: int = 0
    backend: str = ""
    model: str = ""
    judge_backend: str = ""
    judge_model: str = ""
    rubric: str = ""
    checks: tuple[str, ...] | None = None
    heldout: tuple[str, ...] = ()
    """Data sets that nothing generated may repeat."""
    labels: int | None = None
    train: str = "never"
    base: str = ""
    max_cycles: int = 10
    min_pass_rate: float = 0.5
    target_pass_rate: float | None = None
    plateau_cycles: int = 3
    plateau_width: float = 0.2
    cost_per_item: float | None = None
    diversity_drop: float = 0.1
    seed: int = 0
    budget: Budget = Budget()
    budgets: dict[str, Budget] = {}
    """By phase, over the whole run."""
    extra: dict[str, Any] = {}

    def checked(self) -> CycleOptions:
        """Itself. Raises UsageError for values that cannot be meant."""
        valid_name(self.into)
        if self.train not in TRAIN:
            raise UsageError(f"--train is one of {', '.join(TRAIN)}, not {self.train!r}")
        for flag, value in (("--min-pass-rate", self.min_pass_rate), ("--target-pass-rate", self.target_pass_rate)):
            if value is not None and not 0 <= value <= 1:
                raise UsageError(f"{flag} is a share from 0 to 1, not {value:g}")
        if self.max_cycles < 1:
            raise UsageError("--max-cycles takes a number from 1 up")
        if self.count < 0 or (self.labels or 0) < 0:
            raise UsageError("--count and --labels take numbers from 0 up")
        if unknown := sorted(set(self.budgets) - set(PHASES)):
            raise UsageError(f"no phase {unknown[0]!r}; there are: {', '.join(PHASES)}")
        self.budget.checked("--budget")
        for phase, budget in self.budgets.items():
            budget.checked(f"--phase-budget {phase}")
        return self

    @property
    def labels_wanted(self) -> int:
        """How many labels are asked from people in each cycle."""
        return (0 if self.train == "never" else 20) if self.labels is None else self.labels


def parse_budgets(texts: tuple[str, ...]) -> dict[str, Budget]:
    """Budgets by phase from texts like `generation:usd=1,tokens=5000,minutes=10`. Raises UsageError."""
    found: dict[str, Budget] = {}
    for text in texts:
        phase, sign, rest = text.partition(":")
        parts = dict(part.partition("=")[::2] for part in rest.split(",") if part)
        try:
            budget = msgspec.convert(parts, Budget, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"--phase-budget {text!r}: {error}; write PHASE:usd=1,tokens=5000,minutes=10") from None
        if not sign or not parts or set(parts) - set(Budget.__struct_fields__):
            raise UsageError(f"--phase-budget {text!r} is not PHASE:usd=1,tokens=5000,minutes=10")
        found[phase.strip()] = budget
    return found
