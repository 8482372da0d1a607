"""Where rows of other tools' files belong: the pair that a row is about, and which of its answers stands where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flywheel_tui.errors import InputError
from flywheel_tui.stages import said
from flywheel_tui.store import pair_keys
from flywheel_tui.store.connection import Connection
from flywheel_tui.store.pair_keys import Found
from flywheel_tui.store.pair_sides import sides_finder, turning

RawRow = Mapping[str, Any]


class Place(NamedTuple):
    """Where a row belongs: its pair, and whether the pair holds the answers the other way round (None: others)."""

    pair: tuple[int, int] | None
    turned: bool | None


def answers_finder(connection: Connection, dataset_id: int, key: str, column: str) -> Callable[[RawRow], Place]:
    """By a key of the metadata where the pairs have it, else by the texts of request (in `column`) and answers."""
    sides = sides_finder(connection, dataset_id)
    known = pair_keys.known_meta(connection, dataset_id, [key]) if key else []
    find = pair_keys.finder_by_meta(connection, dataset_id, known) if known else None
    check = turning(connection)

    def place(row: RawRow) -> Place:
        answers = said.answers_of(row)
        if find is not None and (found := find([row.get(key)])) is not None:
            return Place((found.id, found.version), check(found.version, *answers) if answers else False)
        here = sides(str(row.get(column)), *answers) if answers else None
        return Place((here.id, here.version), here.turned) if here else Place(None, False)

    return place


def models_finder(
    connection: Connection, dataset_id: int, file: str, names: tuple[str, str]
) -> Callable[[RawRow], tuple[Found | None, bool]]:
    """By question, both models (in either order: the second says which) and turn, as far as the pairs say them.

    Raises InputError where no pair of the data set has a question_id.
    """
    meta = pair_keys.known_meta(connection, dataset_id, ["question_id", "turn"])
    held = next((pair for pair in (("model_1", "model_2"), ("model_a", "model_b"))
                 if len(pair_keys.known_meta(connection, dataset_id, pair)) == 2), ())  # fmt: skip
    if "question_id" not in meta:
        raise InputError(
            "its rows are known by question_id, and no pair of this data set has one", file=file,
            remedy="ingest the answers with their question_id (and model_1, model_2), or name the columns with --map",
        )  # fmt: skip
    find = pair_keys.finder_by_meta(connection, dataset_id, [*meta, *held])

    def place(row: RawRow) -> tuple[Found | None, bool]:
        # without a turn in the data set the first turn is what was asked
        if "turn" not in meta and row.get("turn", 1) not in (1, "1"):
            return None, False
        keys = [row.get(name) for name in meta]
        models = [row.get(name) for name in names] if held else []
        if (found := find([*keys, *models])) is not None:
            return found, False
        found = find([*keys, *models[::-1]]) if models else None
        return found, found is not None

    return place
