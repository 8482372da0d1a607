"""Where pairs came from: one row for each time a file (or a generator) was taken in."""

from __future__ import annotations

import sqlite3

import msgspec

from flywheel_tui.identity import now_us


def add_source(
    connection: sqlite3.Connection, dataset_id: int, *, name: str, format: str, layout: str, fingerprint: str | None
) -> int:
    """Record that a source is being read; its id marks every pair that comes from it."""
    row = connection.execute(
        "INSERT INTO source (dataset_id, name, format, layout, fingerprint, created) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING id",
        (dataset_id, name, format, layout, fingerprint, now_us()),
    ).fetchone()
    return int(row[0])


def finish_source(
    connection: sqlite3.Connection, source_id: int, *, rows: int, added: int, rejected: int, notes: list[str]
) -> None:
    """Record what came of it; a source that added nothing and rejected nothing leaves no row behind."""
    if not added and not rejected:
        connection.execute("DELETE FROM source WHERE id = ?", (source_id,))
        return
    connection.execute(
        "UPDATE source SET rows = ?, added = ?, rejected = ?, notes = ? WHERE id = ?",
        (rows, added, rejected, msgspec.json.encode(notes).decode(), source_id),
    )


def known_source(connection: sqlite3.Connection, dataset_id: int, name: str, fingerprint: str | None) -> bool:
    """Whether this data set was made from (or has had added to it) the same source before."""
    return (
        connection.execute(
            "SELECT 1 FROM source WHERE dataset_id = ? AND (name = ? OR fingerprint = ?) LIMIT 1",
            (dataset_id, name, fingerprint),
        ).fetchone()
        is not None
    )
