"""Examples for a judge: pairs that people decided blind, from the part of the families that is kept for prompts."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.judge.prompt import Example, Text
from flywheel_tui.store.judge_examples import ExampleRow, candidates

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SPLITS = {"prompt-dev": 0.15, "calibrate": 0.425, "report": 0.425}
"""The three disjoint uses of labels, by the hash of the pair's family: prompts never see what calibrates or reports."""
EXAMPLE_CHARACTERS = 6_000


def splits_of(families: Sequence[bytes]) -> list[str]:
    """The split of each family (a seed's uid, or the pair's own): the same on every machine and for ever."""
    from flywheel_tui.stats.stratified import split_by_family

    return [str(name) for name in split_by_family([family.hex() for family in families], SPLITS)] if families else []


def pick_examples(workspace: Workspace, dataset_id: int, count: int, seed: int) -> tuple[Example, ...]:
    """Up to `count` examples, approved and rejected in turn, those with a note first; in a shuffled, repeatable order.

    Fewer (or none) where people have not decided on enough pairs of the prompt split.
    """
    by_status: dict[str, list[tuple[bool, bytes, Example]]] = {"approved": [], "rejected": []}
    rows = candidates(workspace.store.read(), dataset_id)
    for row, split in zip(rows, splits_of([row.family for row in rows]), strict=True):
        if split == "prompt-dev" and row.length <= EXAMPLE_CHARACTERS:
            text = Text(row.version, row.kind, row.instruction, row.input, row.output, row.body)
            example = Example(row.uid.hex(), text, row.status, row.note or "")
            by_status[row.status].append((not row.note, _order(row.uid, seed), example))
    ranked = [sorted(some, key=lambda one: one[:2]) for some in by_status.values()]
    chosen: list[Example] = []
    for turn in range(count):
        for some in ranked:
            if turn < len(some) and len(chosen) < count:
                chosen.append(some[turn][2])
    return tuple(sorted(chosen, key=lambda example: _order(bytes.fromhex(example.id), seed + 1)))


class Decided(NamedTuple):
    """A version that people decided on blind, all of one mind."""

    root: int
    text: Text
    passed: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    family: bytes


def decided_pairs(workspace: Workspace, dataset_id: int, split: str) -> list[Decided]:
    """What people decided blind in one split (or "all"), by version; where they disagree a pair is left out.

    Raises UsageError for an unknown split.
    """
    if split != "all" and split not in SPLITS:
        raise UsageError(f"no split {split!r}; there are: {', '.join(SPLITS)} and all")
    rows = candidates(workspace.store.read(), dataset_id)
    by_version: dict[int, list[ExampleRow]] = {}
    for row, found in zip(rows, splits_of([row.family for row in rows]), strict=True):
        if split in ("all", found):
            by_version.setdefault(row.version, []).append(row)
    out = []
    for version, same in sorted(by_version.items()):
        first = same[0]
        if len({row.status for row in same}) == 1:
            reasons = dict.fromkeys(name for row in same if row.reasons for name in msgspec.json.decode(row.reasons))
            text = Text(version, first.kind, first.instruction, first.input, first.output, first.body)
            notes = tuple(row.note for row in same if row.note)
            out.append(Decided(first.root, text, first.status == "approved", tuple(reasons), notes, first.family))
    return out


def _order(uid: bytes, seed: int) -> bytes:
    return blake2b(uid, digest_size=8, key=seed.to_bytes(8, "big", signed=True)).digest()
