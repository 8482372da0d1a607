"""What is there already: the contents of the data set, and the instructions that a new one is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from flywheel_tui.stats.rouge import Pool

NEAREST = 10


class Neighbour(NamedTuple):
    """An instruction that is near to a new one."""

    uid: bytes
    text: str
    score: float


class Known:
    """Contents by hash and instructions by words. `compare=False` keeps no instructions (recipes that repeat them)."""

    def __init__(self, hashes: set[bytes], instructions: Iterable[tuple[bytes, str]], *, compare: bool = True) -> None:
        self._hashes, self._compare = hashes, compare
        unique: dict[str, bytes] = {}
        if compare:
            for uid, text in instructions:
                unique.setdefault(text, uid)
        self._uids, self._texts = list(unique.values()), list(unique)
        self._pool = Pool(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def has(self, hash: bytes) -> bool:
        """Whether the data set has this content."""
        return hash in self._hashes

    def nearest(self, instruction: str) -> list[Neighbour]:
        """The ten nearest instructions, nearest first."""
        if not self._compare:
            return []
        found = self._pool.nearest(instruction, NEAREST)
        return [Neighbour(self._uids[near.place], self._texts[near.place], near.score) for near in found]

    def add(self, hash: bytes, instruction: str) -> None:
        """Take in a row that was accepted."""
        self._hashes.add(hash)
        if self._compare:
            self._uids.append(hash)
            self._texts.append(instruction)
            self._pool.extend([instruction])
