"""What a person should know about how rows were taken, counted while they are."""

from __future__ import annotations

EMPTY = "empty"


class Notes:
    """Counts by sentence, each with the line where it was first seen. Shared by all the rows of one reading."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], list[int]] = {}

    def add(self, noun: str, what: str, line: int) -> None:
        """One more `noun` that was `what`: ("response", "empty") reads as "3 responses were empty"."""
        entry = self._seen.get((noun, what))
        if entry is None:
            self._seen[noun, what] = [1, line]
        else:
            entry[0] += 1

    def count(self, noun: str, what: str) -> int:
        """How many there were."""
        return self._seen.get((noun, what), [0])[0]

    def sentences(self, unit: str = "line") -> list[str]:
        """One sentence each, in the order in which they were first seen; `unit` is what the source counts."""
        said = []
        for (noun, what), (count, first) in self._seen.items():
            head, of, rest = noun.partition(" of ")
            who = f"{count:,} {head}s{of}{rest} were" if count > 1 else f"1 {noun} was"
            said.append(f"{who} {what} ({'the first' if count > 1 else 'it is'} on {unit} {first})")
        return said

    def __bool__(self) -> bool:
        return bool(self._seen)
