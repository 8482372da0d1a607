"""A sample that does not depend on the order in which things come, nor on how they are batched."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")


class BottomK(Generic[T]):
    """Keeps the `size` things whose seeded hash of their key is smallest (all of them while there are no more).

    Every subset of that size is as likely as any other; the same keys and seed give the same sample.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed, self.seen = size, seed, 0
        self._heap: list[tuple[int, int, T]] = []
        self._keys: set[int] = set()

    def add(self, key: int, thing: T) -> None:
        """Take in one thing; a key that is in the sample already is the same thing."""
        if key in self._keys:
            return
        self.seen += 1
        entry = (-_hashed(key, self.seed), key, thing)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, entry)
            self._keys.add(key)
        elif entry > self._heap[0]:
            self._keys.discard(heapq.heapreplace(self._heap, entry)[1])
            self._keys.add(key)

    def items(self) -> list[tuple[int, T]]:
        """The sample, ascending by key."""
        return sorted(((key, thing) for _, key, thing in self._heap), key=lambda item: item[0])


def _hashed(key: int, seed: int) -> int:
    """splitmix64 (Steele, Lea, Flood 2014), one step from a state made of key and seed."""
    value = (key * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03 + 0x9E3779B97F4A7C15) & _ALL
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _ALL
    return value ^ (value >> 31)


_ALL = 2**64 - 1
