"""A SQLite file for other people's tools: one table with a full-text index, written by sqlite-utils.

Our own store is not written this way: `insert_all` decides column types from the rows and is not made for a hot path.
Here that is what is wanted: any record becomes a row, nested values become JSON.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class TableFile:
    """The table `pairs` of a new file at `path`; `close` finishes it as one plain file without a journal."""

    def __init__(self, path: Path, columns: Mapping[str, type]) -> None:
        from sqlite_utils import Database

        self._connection = sqlite3.connect(path)
        self._database = Database(self._connection)
        self._table = self._database["pairs"]
        self._table.create(dict(columns), pk="uid")  # type: ignore[union-attr]

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Add rows; two pairs with the same uid are one row."""
        self._table.insert_all(records, replace=True)  # type: ignore[union-attr]

    def close(self) -> None:
        """Make the full-text index and let go of the file."""
        self._table.enable_fts(["instruction", "input", "output"], tokenize="unicode61")  # type: ignore[union-attr]
        self._connection.commit()
        self._database.close()
