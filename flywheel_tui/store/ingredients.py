"""What rows were made from besides pairs, in the versions that were used."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.store.db import Store


class Ingredient(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a taxonomy, constitution, catalogue or list. `created`: microseconds UTC of its first use."""

    id: int
    kind: str
    name: str
    version: int
    hash: str
    body: dict[str, Any]
    created: int


_COLUMNS = "id, kind, name, version, hash, body, created"


def keep(store: Store, kind: str, name: str, version: int, hash: str, body: dict[str, Any]) -> None:
    """Write a version where it is new."""
    query = "SELECT 1 FROM ingredient WHERE kind = ? AND hash = ?"
    if store.read().execute(query, (kind, hash)).fetchone():
        return
    with store.tx() as connection:
        connection.execute(
            "INSERT INTO ingredient (kind, name, version, hash, body, created) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, hash) DO NOTHING",
            (kind, name, version, hash, msgspec.json.encode(body).decode(), now_us()),
        )


def keep_next(store: Store, kind: str, name: str, hash: str, body: dict[str, Any]) -> None:
    """Write what has no version of its own (a list of seeds): another content under the same name is the next one."""
    query = "SELECT coalesce(max(version), 0) + 1 FROM ingredient WHERE kind = ? AND name = ?"
    version = store.read().execute(query, (kind, name)).fetchone()[0]
    keep(store, kind, name, version, hash, body)


def list_ingredients(store: Store, kind: str | None = None) -> list[Ingredient]:
    """Every version that was used, by kind, name and version."""
    query = f"SELECT {_COLUMNS} FROM ingredient WHERE ?1 IS NULL OR kind = ?1 ORDER BY kind, name, version, id"
    return [
        Ingredient(
            id=row[0], kind=row[1], name=row[2], version=row[3], hash=row[4], body=msgspec.json.decode(row[5]),
            created=row[6],
        )
        for row in store.read().execute(query, (kind,))
    ]  # fmt: skip
