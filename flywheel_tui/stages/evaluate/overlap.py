"""What the items share with the training data (contamination), and what outputs recite from it (memorisation)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.evaluation import Item
from flywheel_tui.store import evaluations as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.text import normalise

if TYPE_CHECKING:
    from flywheel_tui.stats.substrings import Substrings
    from flywheel_tui.workspace import Workspace

RUN = 13
"""Words in a row that make an item a copy."""
COMMON = 10
"""Runs that more items than this have are the wording of a task, which says nothing."""


class Trained(NamedTuple):
    """The rows that an adapter learned from, as far as they are compared with, and the hash of each data set."""

    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    families: frozenset[str]
    tasks: frozenset[str]
    hashes: dict[str, dict[str, Any]]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.prompts)

    def recited(self) -> Substrings:
        """Ready to say what an output shares with the answers."""
        from flywheel_tui.stats.substrings import Substrings

        return Substrings(dict.fromkeys(self.answers))


def trained_on(workspace: Workspace, names: Iterable[str]) -> Trained:
    """The rows of the training data sets. Raises NotFoundError for an unknown one."""
    prompts: list[str] = []
    answers: list[str] = []
    families: set[str] = set()
    tasks: set[str] = set()
    hashes: dict[str, dict[str, Any]] = {}
    connection = workspace.store.read()
    for name in dict.fromkeys(names):
        pairs = store.pairs_of(connection, get_dataset(connection, name).id)
        hashes[name] = snapshot(pairs)
        for pair in pairs:
            prompts.append(f"{pair.instruction}\n\n{pair.input}" if pair.input else pair.instruction)
            answers += [pair.output] if pair.output else []
            families.add((pair.family or pair.uid).hex())
            if key := _task_key(pair.meta):
                tasks.add(key)
    return Trained(tuple(prompts), tuple(answers), frozenset(families), frozenset(tasks), hashes)


def snapshot(pairs: Sequence[store.HeldOut]) -> dict[str, Any]:
    """How many pairs a data set has, and a hash over the hashes of their contents in order."""
    digest = sha256()
    for pair in pairs:
        digest.update(pair.hash)
    return {"rows": len(pairs), "sha256": digest.hexdigest()}


def _task_key(meta: str | None) -> str:
    from flywheel_tui.tasks import task_of

    found = msgspec.json.decode(meta) if meta else {}
    if not isinstance(found, dict) or not isinstance(found.get("params"), dict):
        return ""
    try:
        return task_of(str(found.get("skill")), found["params"]).key
    except FlywheelError:
        return ""


def contaminated(items: Sequence[Item], trained: Trained) -> dict[str, str]:
    """By item, why it is contaminated: the same request, the same task in other words, the same family, or a run of 13
    words that few other items have. Past failures are not looked at: learning from them is what they are for.
    """
    found: dict[str, str] = {}
    known = {_plain(prompt) for prompt in trained.prompts}
    looked = [item for item in items if item.group != "regression"]
    for item in looked:
        if _plain(item.prompt) in known:
            found[item.key] = "the same request"
        elif _same_task(item, trained):
            found[item.key] = "the same task"
        elif item.family in trained.families:
            found[item.key] = "the same family"
    for item in _long_runs(looked, trained):
        found.setdefault(item.key, f"{RUN} words in a row")
    return found


def _plain(text: str) -> str:
    """A text without what does not make it another request: case, spaces, ways of writing the same letter."""
    return " ".join(normalise(text).casefold().split())


def _same_task(item: Item, trained: Trained) -> bool:
    if not trained.tasks or "params" not in item.meta:
        return False
    return _task_key(msgspec.json.encode(item.meta).decode()) in trained.tasks


def _long_runs(items: Sequence[Item], trained: Trained) -> list[Item]:
    from flywheel_tui.stats.overlap import Reference, runs

    reference = Reference([f"{item.prompt}\n{item.expected}" for item in items], RUN, COMMON)
    if not len(reference) or not trained.prompts:
        return []
    _, owners = reference.hits(runs([*trained.prompts, *trained.answers], RUN))
    return [items[number] for number in sorted(set(owners.tolist()))]
