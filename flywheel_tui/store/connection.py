"""What other floors may name of SQLite: the type of a connection, its errors, its version. No statement."""

from __future__ import annotations

from sqlite3 import Connection, Error, sqlite_version

__all__ = ["Connection", "Error", "sqlite_version"]
