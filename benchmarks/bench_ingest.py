"""Taking in JSONL, beside sqlite-utils and beside msgspec with one executemany (the limit)."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness import Measure, make_rows, medians, peak_mb, told
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

TITLE = "Ingest of JSONL (ours: recognised, normalised, hashed, with lineage and rejects)"


def run(folder: Path, rows: int) -> list[Measure]:
    """Rows a second of each."""
    file = make_rows(folder / "rows.jsonl", rows)
    fresh = _Fresh(folder)

    def ours() -> None:
        with Workspace.open(fresh.path(), create=True) as workspace:
            ingest(workspace, IngestOptions(source=str(file), name="rows"))

    def sqlite_utils_way() -> None:
        import json

        from sqlite_utils import Database

        database = Database(fresh.path())
        with file.open() as lines:
            database["rows"].insert_all(json.loads(line) for line in lines)  # type: ignore[union-attr]
        database.close()

    class Row(msgspec.Struct):
        instruction: str
        input: str
        output: str

    def limit() -> None:
        decode = msgspec.json.Decoder(Row).decode
        connection = sqlite3.connect(fresh.path(), isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, i TEXT, j TEXT, o TEXT)")
        connection.execute("BEGIN")
        with file.open("rb") as lines:
            values: Any = ((row.instruction, row.input, row.output) for row in map(decode, lines))
            connection.executemany("INSERT INTO t (i, j, o) VALUES (?, ?, ?)", values)
        connection.execute("COMMIT")
        connection.close()

    def limit_with_hash() -> None:
        decode = msgspec.json.Decoder(Row).decode
        connection = sqlite3.connect(fresh.path(), isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, h BLOB UNIQUE, i TEXT, j TEXT, o TEXT)")
        connection.execute("BEGIN")
        with file.open("rb") as lines:
            values: Any = (
                (blake2b(f"{r.instruction}|{r.input}|{r.output}".encode(), digest_size=16).digest(), r.instruction,
                 r.input, r.output)
                for r in map(decode, lines)
            )  # fmt: skip
            connection.executemany("INSERT OR IGNORE INTO t (h, i, j, o) VALUES (?, ?, ?, ?)", values)
        connection.execute("COMMIT")
        connection.close()

    with told("ingest"):
        mine, utils, best, hashed = medians(ours, sqlite_utils_way, limit, limit_with_hash)
    with told("the same file again"), Workspace.open(fresh.path(), create=True) as workspace:
        options = IngestOptions(source=str(file), name="rows")
        ingest(workspace, options)
        (again,) = medians(lambda: ingest(workspace, options), times=1)
    return [
        Measure("ingest", rows / mine, "rows/s", rows / utils, "sqlite-utils insert_all", "more", "≥ 3 ×"),
        Measure("ingest", rows / mine, "rows/s", rows / best, "msgspec + executemany", "more", "≥ 0.5 ×"),
        Measure("ingest", rows / mine, "rows/s", rows / hashed, "the same with a hash and its index", "more"),
        Measure("ingest of the same file again", rows / again, "rows/s", better="more"),
        Measure("peak memory of all of it", peak_mb(), "MB"),
    ]


class _Fresh:
    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def path(self) -> Path:
        self._count += 1
        return self._folder / f"fresh{self._count}"
