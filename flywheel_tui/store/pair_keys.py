"""Finding pairs by what other tools call them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import parse_uid


class Found(NamedTuple):
    """A pair: its number, its current version, and the uid of its first version."""

    id: int
    version: int
    uid: bytes


_FROM = "SELECT c.id, c.pair_id, p.uid, p.hash{} FROM pair_current c JOIN pair p ON p.id = c.id WHERE c.dataset_id = ?"
_INDEXED = {"id": "c.id", "uid": "p.uid", "position": "c.position"}
_SCANNED = {"line": "p.line", "instruction": "p.instruction"}


def finder(connection: sqlite3.Connection, dataset_id: int, match: str) -> Callable[[Any], Found | None]:
    """A function from a key to the pair of a data set whose `match` it is, or None.

    `match` is id, uid, position, line, instruction or meta.NAME, or several of the last four with + between them: the
    key is then a sequence of as many. Raises UsageError for any other; the function raises SharedKeyError where several
    pairs of different content have the key (of equal ones it gives the first). Keys compare
    as texts, since a CSV knows nothing else.
    """
    if match in _INDEXED:
        query = f"{_FROM.format('')} AND {_INDEXED[match]} = ?"

        def look(key: Any) -> Found | None:
            value = _as_key(match, key)
            row = connection.execute(query, (dataset_id, value)).fetchone() if value is not None else None
            return Found(*row[:3]) if row else None

        return look
    columns, parameters = "", []
    for name in match.split("+"):
        if name.startswith("meta."):
            columns += ", json_extract(p.meta, ?)"
            parameters.append(_path(name[5:]))
        elif name in _SCANNED:
            columns += f", {_SCANNED[name]}"
        else:
            known = ", ".join([*_INDEXED, *_SCANNED])
            raise UsageError(f"cannot match by {name!r}; use one of: {known}, meta.NAME")
    by_values = _scanned(connection, dataset_id, columns, parameters, match)
    if "+" in match:
        return by_values
    return lambda key: by_values([key]) if key is not None else None


class SharedKeyError(UsageError):
    """Several pairs have a key: whose it is, nobody can know. `reason` says so without naming the key."""

    def __init__(self, match: str, key: str) -> None:
        remedy = f"add what tells them apart, e.g. --match {match}+meta.NAME with pair=COLUMN+COLUMN"
        self.reason = f"several pairs have the same {match}: {remedy}"
        super().__init__(f"several pairs have {key[:60]!r} as their {match}; {remedy}")


def _scanned(
    connection: sqlite3.Connection, dataset_id: int, columns: str, parameters: Sequence[Any], match: str
) -> Callable[[Sequence[Any]], Found | None]:
    table: dict[tuple[str, ...], Found] = {}
    shared: set[tuple[str, ...]] = set()
    query = f"{_FROM.format(columns)} ORDER BY c.position DESC"
    contents: dict[tuple[str, ...], bytes] = {}
    for id, version, uid, content, *values in connection.execute(query, [*parameters, dataset_id]):
        if None not in values:
            key = tuple(map(str, values))
            if contents.setdefault(key, content) != content:
                shared.add(key)
            table[key] = Found(id, version, uid)

    def look(values: Sequence[Any]) -> Found | None:
        key = tuple(map(str, values))
        if key in shared:
            raise SharedKeyError(match, ", ".join(key))
        return table.get(key)

    return look


def known_meta(connection: sqlite3.Connection, dataset_id: int, names: Sequence[str]) -> list[str]:
    """Those of the names that the metadata of some pair of a data set has, in this order."""
    query = (
        "SELECT 1 FROM pair_current c JOIN pair p ON p.id = c.id WHERE c.dataset_id = ?"
        " AND json_extract(p.meta, ?) IS NOT NULL LIMIT 1"
    )
    return [name for name in names if connection.execute(query, (dataset_id, _path(name))).fetchone()]


def finder_by_meta(
    connection: sqlite3.Connection, dataset_id: int, names: Sequence[str]
) -> Callable[[Sequence[Any]], Found | None]:
    """A function from several values of the metadata, all of which have to be so, to the pair that has them."""
    columns = "".join(", json_extract(p.meta, ?)" for _ in names)
    match = "+".join(f"meta.{name}" for name in names)
    return _scanned(connection, dataset_id, columns, [_path(name) for name in names], match)


def _path(name: str) -> str:
    return '$."' + name.replace('"', "") + '"'


def _as_key(match: str, key: Any) -> Any:
    if match == "uid":
        try:
            return parse_uid(str(key))
        except ValueError:
            return None
    return int(key) if not isinstance(key, bool) and str(key).isdigit() else None
