"""Finding preference pairs by what they say, and which of their answers stands where."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from flywheel_tui.text import normalise


class Sides(NamedTuple):
    """A pair and its current version; `turned` where its answer a is the second of the two that were named."""

    id: int
    version: int
    turned: bool


def sides_finder(connection: sqlite3.Connection, dataset_id: int) -> Callable[[str, str, str], Sides | None]:
    """A function from an instruction and its two answers (as some file orders them) to the pair that holds them."""
    known: dict[tuple[str, str, str], Sides] = {}
    rows = connection.execute(
        "SELECT c.id, c.pair_id, p.instruction, p.output, json_extract(p.body, '$.rejected') FROM pair_current c"
        " JOIN pair p ON p.id = c.id WHERE c.dataset_id = ? AND p.kind = 'preference' ORDER BY c.position",
        (dataset_id,),
    )
    for id, version, instruction, first, second in rows:
        asked, a, b = normalise(instruction), normalise(first or ""), normalise(str(second or ""))
        known.setdefault((asked, a, b), Sides(id, version, False))
        known.setdefault((asked, b, a), Sides(id, version, True))
    return lambda instruction, one, two: known.get((normalise(instruction), normalise(one), normalise(two)))


def turning(connection: sqlite3.Connection) -> Callable[[int, str, str], bool | None]:
    """A function from a version and two answers, as some file orders them, to whether the pair holds them the other
    way round; None where they are not its answers.
    """

    def turned(version: int, one: str, two: str) -> bool | None:
        row = connection.execute(
            "SELECT output, json_extract(body, '$.rejected') FROM pair WHERE id = ?", (version,)
        ).fetchone()
        held = [normalise(str(text or "")) for text in row or ("", "")]
        named = [normalise(one), normalise(two)]
        return False if named == held else True if named == held[::-1] else None

    return turned
