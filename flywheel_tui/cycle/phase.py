"""What a phase of a cycle is, and what it works with.

A phase reads artefacts of earlier phases and makes one of its own. Its entry hash is over its name and version, the
settings it obeys and the artefacts it reads: a phase with the same entry hash is not run twice. What it writes on the
way must be named by content, so that running it again after a crash writes nothing twice.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from flywheel_tui.cycle.options import PHASES, Budget, CycleOptions
from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.store.cycles import ArtefactRow, CycleRow, RunRow, hash_of

if TYPE_CHECKING:
    from flywheel_tui.cycle.driver import Driver
    from flywheel_tui.stages.judge.run import JobTask
    from flywheel_tui.workspace import Workspace

Say = Callable[[str], None]


class Halt(Exception):
    """There is nothing more to do in this run, and why; the cycle ends here."""


class BudgetSpent(FlywheelError):
    """What may be spent is spent; what was finished is kept, and a larger budget goes on from there."""


class Done(NamedTuple):
    """A phase that is over: what it made (`body`), what shows that it is (`evidence`), what it took."""

    body: dict[str, Any]
    evidence: dict[str, Any]
    items: int
    cost_micro: int = 0
    tokens: int = 0


class Awaiting(NamedTuple):
    """A phase that waits for people: who, for what, which command does it (and figures for a screen)."""

    awaits: dict[str, Any]
    evidence: dict[str, Any]
    items: int = 0


class PhaseTask:
    """The task of a job as a phase sees it: its progress names the phase, its safe points mind the budget's minutes."""

    def __init__(self, inner: JobTask | None, words: str, deadline: float | None) -> None:
        self._inner, self._words, self._deadline = inner, words, deadline

    @property
    def inner(self) -> JobTask | None:
        """The job's own task, for stages that write with its claim."""
        return self._inner

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Say how far the phase is."""
        if self._inner is not None:
            self._inner.progress(done, total, f"{self._words}: {phase}" if phase else self._words)

    def event(self, level: str, text: str) -> None:
        """Leave a line in the job's log."""
        if self._inner is not None:
            self._inner.event(level, f"{self._words}: {text}")

    def check(self) -> None:
        """A safe point. Raises Cancelled or Paused where somebody asked for it, BudgetSpent past the deadline."""
        if self._inner is not None:
            self._inner.check()
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise BudgetSpent(f"{self._words}: the minutes of its budget are spent; give more, then run it again")

    def say(self, done: int, total: int | None, phase: str) -> None:
        """`progress` and `check` in one, as the stages call back."""
        self.progress(done, total, phase)
        self.check()


class Context(NamedTuple):
    """Everything that a phase works with. `left` is what may still be spent in it."""

    workspace: Workspace
    options: CycleOptions
    run: RunRow
    cycle: CycleRow
    previous: CycleRow | None
    artefacts: Mapping[str, ArtefactRow]
    driver: Driver
    task: PhaseTask
    say: Say
    left: Budget

    @property
    def number(self) -> int:
        """The number of the cycle."""
        return self.cycle.number

    @property
    def seed(self) -> int:
        """What chance hangs on in this cycle: its place in the run and the seed of the run."""
        return int(hash_of([self.options.seed, self.number])[:8], 16)

    def body(self, phase: str) -> dict[str, Any]:
        """What a phase of this cycle made."""
        return self.artefacts[phase].body


class Phase(ABC):
    """A registered phase. `reads` are the phases whose artefacts it looks at; `governed` ones may wait for people."""

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ()
    governed: ClassVar[bool] = False

    def settings(self, context: Context) -> dict[str, Any]:
        """The settings that it obeys: another value is another entry, and the phase runs again."""
        return {}

    def guard(self, context: Context) -> None:
        """Raise FlywheelError where it cannot begin, Halt where there is nothing left to do in this run."""
        return

    @abstractmethod
    def run(self, context: Context) -> Done | Awaiting:
        """Do it, or say what is awaited."""


REGISTRY: dict[str, Phase] = {}


def phase(cls: type[Phase]) -> type[Phase]:
    """Register a phase; its name is one of `options.PHASES`."""
    if cls.name not in PHASES:
        raise UsageError(f"{cls.name!r} is no phase of a cycle; there are: {', '.join(PHASES)}")
    REGISTRY[cls.name] = cls()
    return cls


def phases() -> list[Phase]:
    """Every phase in the order of the cycle."""
    package = import_module("flywheel_tui.cycle.phases")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    return [REGISTRY[name] for name in PHASES]


def entry_hash(phase: Phase, context: Context) -> str:
    """The entry of a phase: name, version, settings, and the artefacts that it reads."""
    read = {name: context.artefacts[name].hash for name in phase.reads}
    return hash_of([context.number, phase.name, phase.version, phase.settings(context), read])
