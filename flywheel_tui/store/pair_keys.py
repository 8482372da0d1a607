"""Finding pairs by what other tools call them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import parse_uid


class Found(NamedTuple):
    """A pair: its number, its current version, and the uid of its first version."""

    id: int
    version: int
    uid: bytes


_FROM = "SELECT c.id, c.pair_id, p.uid{} FROM pair_current c JOIN pair p ON p.id = c.id WHERE c.dataset_id = ?"
_INDEXED = {"id": "c.id", "uid": "p.uid", "position": "c.position"}
_SCANNED = {"line": "p.line", "instruction": "p.instruction"}


def finder(connection: sqlite3.Connection, dataset_id: int, match: str) -> Callable[[Any], Found | None]:
    """A function from a key to the pair of a data set whose `match` it is, or None.

    `match` is id, uid, position, line, instruction or meta.NAME; where several pairs share a key the first counts.
    Raises UsageError for any other. Keys compare as texts, since a CSV knows nothing else.
    """
    if match in _INDEXED:
        query = f"{_FROM.format('')} AND {_INDEXED[match]} = ?"

        def look(key: Any) -> Found | None:
            value = _as_key(match, key)
            row = connection.execute(query, (dataset_id, value)).fetchone() if value is not None else None
            return Found(*row) if row else None

        return look
    if match.startswith("meta."):
        column, parameters = ", json_extract(p.meta, ?)", ['$."' + match[5:].replace('"', "") + '"']
    elif match in _SCANNED:
        column, parameters = f", {_SCANNED[match]}", []
    else:
        known = ", ".join([*_INDEXED, *_SCANNED])
        raise UsageError(f"cannot match by {match!r}; use one of: {known}, meta.NAME")
    table: dict[str, Found] = {}
    query = f"{_FROM.format(column)} ORDER BY c.position DESC"
    for id, version, uid, key in connection.execute(query, [*parameters, dataset_id]):
        if key is not None:
            table[str(key)] = Found(id, version, uid)
    return lambda key: table.get(str(key)) if key is not None else None


def _as_key(match: str, key: Any) -> Any:
    if match == "uid":
        try:
            return parse_uid(str(key))
        except ValueError:
            return None
    return int(key) if not isinstance(key, bool) and str(key).isdigit() else None
