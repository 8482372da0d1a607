"""What a cycle turns: a driver knows where failures come from, how pairs are made and checked, and what is measured.

One class in `drivers/` for each, registered by `@driver`. Its methods are called by the phases of the same name; each
must give the same for the same artefacts and seed, and must be safe to repeat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

from flywheel_tui.cycle.shares import FLOOR
from flywheel_tui.errors import NotFoundError

if TYPE_CHECKING:
    from flywheel_tui.cycle.phase import Awaiting, Context, Done
    from flywheel_tui.store.cycle_pairs import CyclePair


class Signal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to learn from. `kind` is the kind of error, or "seed" for what a person gave.

    `group` names what belongs together (a scenario, a skill); `params` are the driver's own.
    """

    kind: str
    text: str
    origin: str
    group: str = ""
    pair: str = ""
    """The uid of the pair (or trace) that it comes from, hexadecimal."""
    params: dict[str, Any] = {}


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How often something was tried and how often it failed."""

    failed: int
    tried: int


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to learn from, and the failures behind it by kind."""

    signals: tuple[Signal, ...]
    rates: dict[str, Tried] = {}
    notes: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    """The uids of the approved scenarios that seed this cycle."""
    evidence: dict[str, Any] = {}


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """What the judge said: by uid, whether a pair passed, its score, and the kind of error where it did not."""

    passed: dict[str, bool]
    kinds: dict[str, str] = {}
    scores: dict[str, float] = {}
    unjudged: dict[str, str] = {}
    rates: dict[str, Tried] = {}
    judge: str = ""
    tag: str = ""
    cost_micro: int = 0
    tokens: int = 0


class Keys(NamedTuple):
    """Equal keys are the same thing: of each pair, of what earlier cycles made, of what results are measured on."""

    pairs: list[str]
    known: set[str]
    held_out: set[str]


class Driver(ABC):
    """A registered driver; one object serves one run."""

    name: ClassVar[str]
    about: ClassVar[str]
    floor: ClassVar[float] = FLOOR
    """The least share of a cycle that a kind of failure gets."""

    @abstractmethod
    def check(self, context: Context) -> None:
        """Raise FlywheelError with the remedy where the run cannot be done on this machine."""

    @abstractmethod
    def signals(self, context: Context) -> Signals:
        """What there is to learn from in this cycle."""

    @abstractmethod
    def generate(self, context: Context, planned: Sequence[dict[str, Any]]) -> Done:
        """Make the pairs of the cycle; the body holds `pairs`, their uids in order."""

    @abstractmethod
    def keys(self, context: Context, pairs: Sequence[CyclePair]) -> Keys:
        """What screening compares."""

    @abstractmethod
    def judge(self, context: Context, pairs: Sequence[CyclePair]) -> Verdicts:
        """Judge the pairs that are left."""

    def judge_tags(self, context: Context) -> tuple[str, ...]:
        """The judge runs of this cycle that are measured against its labels."""
        tag = context.body("judging")["tag"]
        return (tag,) if tag else ()

    def label(self, context: Context, pairs: Sequence[CyclePair]) -> bool:
        """Write labels for a sample where a script may (it says so in every label); False: people are asked."""
        return False

    @abstractmethod
    def train(self, context: Context) -> Done:
        """Train an adapter on what was exported; the body holds `adapter` (its hash)."""

    @abstractmethod
    def gate(self, context: Context) -> Done | Awaiting:
        """Evaluate what was trained and bring it before the gate."""

    def failures_now(self, bodies: dict[str, dict[str, Any]]) -> dict[str, Tried]:
        """The failures of a cycle by kind, from the artefacts there are: what it began from, and the next compares."""
        rates = bodies.get("judging", {}).get("rates", {})
        return {kind: msgspec.convert(value, Tried) for kind, value in rates.items()}


DRIVERS: dict[str, type[Driver]] = {}


def driver(cls: type[Driver]) -> type[Driver]:
    """Register a driver under its name."""
    DRIVERS[cls.name] = cls
    return cls


def driver_named(name: str) -> type[Driver]:
    """The driver of that name. Raises NotFoundError that lists the known ones."""
    package = import_module("flywheel_tui.cycle.drivers")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    if name not in DRIVERS:
        raise NotFoundError("cycle driver", name, sorted(DRIVERS))
    return DRIVERS[name]
