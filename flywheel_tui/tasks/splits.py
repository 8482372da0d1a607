"""Which tasks may be used for what: decided by a hash of what is asked, so that no two uses ever share a task.

- `base`: what the small model that ships was trained on
- `probe`: where failures are looked for
- `generate`: what may be generated as training data
- `heldout`: what results are measured on; never trained on, never taken as a seed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from random import Random
from typing import Literal, get_args

from flywheel_tui.errors import UsageError
from flywheel_tui.tasks.base import Task, make, skill_named, vary

Split = Literal["base", "probe", "generate", "heldout"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SHARES = {"base": 50, "probe": 10, "generate": 25, "heldout": 15}
_TRIES = 400


def split_of(task: Task) -> Split:
    """The use that a task belongs to; other wordings of it belong there too."""
    place = int.from_bytes(blake2b(task.key.encode(), digest_size=4).digest(), "big") % 100
    for split in SPLITS:
        place -= _SHARES[split]
        if place < 0:
            return split
    raise AssertionError("the shares add up to 100")


def make_in(name: str, split: Split, rng: Random, difficulty: int | None = None) -> Task:
    """A new task that belongs to a split. Raises UsageError where none was found."""
    for _ in range(_TRIES):
        task = make(name, rng, difficulty)
        if split_of(task) == split:
            return task
    raise UsageError(f"no task {name} of the split {split} was found in {_TRIES} tries")


def vary_in(task: Task, split: Split, rng: Random) -> Task:
    """A new task like this one that belongs to a split. Raises UsageError where none was found."""
    for _ in range(_TRIES):
        near = vary(task, rng)
        if split_of(near) == split and near.key != task.key:
            return near
    raise UsageError(f"no task like {task.prompt!r} of the split {split} was found in {_TRIES} tries")


def make_many(
    names: Sequence[str], count: int, *, seed: int, split: Split, difficulty: int | None = None
) -> list[Task]:
    """`count` different tasks of each skill, the difficulties in turn. The same seed makes the same tasks.

    Raises UsageError where a skill has not so many.
    """
    made: list[Task] = []
    for name in names:
        levels = skill_named(name).levels if difficulty is None else (difficulty,)
        rng = Random(f"{seed} {split} {name}")
        made += _different(name, count, split, rng, levels)
    return made


def vary_many(seeds: Sequence[Task], count: int, *, seed: int, split: Split = "generate") -> list[Task]:
    """`count` different tasks like those in `seeds`, the seeds in turn.

    Raises UsageError where there are not so many.
    """
    rng = Random(f"{seed} {split} vary")
    made: dict[str, Task] = {}
    turns = max(count, 1) * 20
    for turn in range(turns if seeds else 0):
        if len(made) == count:
            break
        near = vary_in(seeds[turn % len(seeds)], split, rng)
        made.setdefault(near.key, near)
    if len(made) < count:
        raise UsageError(f"only {len(made)} of {count} tasks like the {len(seeds)} seeds were found")
    return list(made.values())


def _different(name: str, count: int, split: Split, rng: Random, levels: Sequence[int]) -> Iterable[Task]:
    made: dict[str, Task] = {}
    for turn in range(max(count, 1) * 40):
        if len(made) == count:
            break
        task = make_in(name, split, rng, levels[turn % len(levels)])
        made.setdefault(task.key, task)
    if len(made) < count:
        raise UsageError(f"the skill {name} has only {len(made)} different tasks in the split {split}, not {count}")
    return made.values()
