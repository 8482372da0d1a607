"""What a task and a skill are, and the registry of skills.

A skill draws parameters; everything else (what is asked, the answer, what an output says, what is wrong with it)
follows from them alone, so that a task can be kept as the name of its skill and its parameters.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from random import Random
from typing import Any, ClassVar, NamedTuple

from flywheel_tui.errors import NotFoundError, UsageError

GROUP = "flywheel_tui.tasks"
Params = dict[str, Any]
"""Parameters of a task: JSON values. `level` is its difficulty, `wording` the number of the sentence that asks."""


class Checked(NamedTuple):
    """What a checker says of an output: `kind` names the error in a few fixed words, empty where it passed."""

    passed: bool
    kind: str
    reason: str
    got: str


class Spoilt(NamedTuple):
    """A wrong answer made on purpose, and the kind of error that its check reports."""

    answer: str
    kind: str


@dataclass(frozen=True, slots=True)
class Task:
    """One task: what is asked, the right answer, and the parameters that both follow from."""

    skill: str
    difficulty: int
    params: Params
    prompt: str
    answer: str

    @property
    def key(self) -> str:
        """What is asked, whatever the wording: equal for tasks with the same solution by the same means."""
        asked = skill_named(self.skill).identity(self.params)
        return f"{self.skill} {json.dumps(asked, sort_keys=True, separators=(',', ':'))}"

    def meta(self) -> dict[str, Any]:
        """What a pair keeps in its meta so that its answer can be checked later."""
        return {"skill": self.skill, "difficulty": self.difficulty, "params": dict(self.params)}


class Skill(ABC):
    """One kind of task. Register a subclass with `@skill`."""

    name: ClassVar[str]
    title: ClassVar[str]
    """What the tasks ask for, in a few words."""
    levels: ClassVar[tuple[int, ...]] = (1, 2, 3)
    wordings: ClassVar[tuple[str, ...]]

    @abstractmethod
    def draw(self, rng: Random, level: int) -> Params:
        """Parameters of a new task of this difficulty, without `level` and `wording`."""

    @abstractmethod
    def ask(self, params: Params) -> Mapping[str, object]:
        """What is filled into the wording."""

    @abstractmethod
    def solve(self, params: Params) -> str:
        """The right answer."""

    @abstractmethod
    def read(self, output: str, params: Params) -> str | None:
        """The answer that an output gives, written as `solve` writes; None where it gives none."""

    @abstractmethod
    def kind(self, got: str, params: Params) -> str:
        """The kind of error of a wrong answer as `read` wrote it."""

    @abstractmethod
    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """Answers as a careless solver would give them; right ones among them are left out later."""

    def near(self, params: Params, rng: Random) -> Params:
        """Parameters of a task like this one. Unless a skill knows better: of the same difficulty."""
        return self.draw(rng, int(params["level"]))

    def identity(self, params: Params) -> Params:
        """The parameters that make two tasks the same: without wording and difficulty."""
        return {name: value for name, value in params.items() if name not in ("level", "wording")}


SKILLS: dict[str, Skill] = {}


def skill(made: type[Skill]) -> type[Skill]:
    """Register a skill under its name."""
    SKILLS[made.name] = made()
    return made


def load_skills(external: bool = False) -> dict[str, Skill]:
    """Import every skill of this package, and those of other packages with `external`."""
    package = importlib.import_module("flywheel_tui.tasks.skills")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group=GROUP):
            point.load()
    return dict(sorted(SKILLS.items()))


def skill_named(name: str) -> Skill:
    """The skill of this name. Raises NotFoundError."""
    for external in (False, True):
        if name in SKILLS or name in load_skills(external):
            return SKILLS[name]
    raise NotFoundError("skill", name, sorted(SKILLS))


def task_of(name: str, params: Mapping[str, Any]) -> Task:
    """The task with these parameters. Raises NotFoundError, or UsageError where they do not fit the skill."""
    known, kept = skill_named(name), dict(params)
    try:
        level, wording = int(kept.setdefault("level", known.levels[0])), int(kept.setdefault("wording", 0))
        prompt = known.wordings[wording].format_map(known.ask(kept))
        return Task(name, level, kept, prompt, known.solve(kept))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise UsageError(f"these are no parameters of a task {name!r}: {error!r}"[:300]) from None


def make(name: str, rng: Random, difficulty: int | None = None) -> Task:
    """A new task. The same state of `rng` makes the same task. Raises UsageError for a difficulty it has not."""
    known = skill_named(name)
    level = rng.choice(known.levels) if difficulty is None else difficulty
    if level not in known.levels:
        raise UsageError(f"the skill {name} has no difficulty {level}; it has {', '.join(map(str, known.levels))}")
    return _worded(known, known.draw(rng, level), level, rng)


def vary(task: Task, rng: Random) -> Task:
    """A new task like this one: the same skill, near parameters. May be the same task again where there are few."""
    known = skill_named(task.skill)
    return _worded(known, known.near(task.params, rng), task.difficulty, rng)


def spoil(task: Task, rng: Random) -> Spoilt:
    """A wrong answer of the sort that is made by carelessness, and the kind of its error."""
    known = skill_named(task.skill)
    wrong = []
    for answer in known.slips(task.params, rng):
        checked = check(task, answer)
        if not checked.passed and answer.strip():
            wrong.append(Spoilt(answer, checked.kind))
    if not wrong:
        raise UsageError(f"the skill {task.skill} knows no wrong answer to {task.prompt!r}")
    kinds = sorted({spoilt.kind for spoilt in wrong})
    chosen = rng.choice(kinds)
    return rng.choice([spoilt for spoilt in wrong if spoilt.kind == chosen])


def check(task: Task, output: str) -> Checked:
    """Whether an output answers the task: harmless words around the answer do not matter, the answer does."""
    known = skill_named(task.skill)
    got = known.read(output, task.params)
    if got is None:
        return Checked(False, "no answer", f"no answer was found, expected {task.answer}", "")
    if got == task.answer:
        return Checked(True, "", f"it is {task.answer}", got)
    kind = known.kind(got, task.params)
    return Checked(False, kind, f"{kind}: it says {got[:80]}, expected {task.answer}", got)


def _worded(known: Skill, params: Params, level: int, rng: Random) -> Task:
    return task_of(known.name, params | {"level": level, "wording": rng.randrange(len(known.wordings))})
