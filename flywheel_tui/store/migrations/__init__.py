"""Numbered migrations: `mNNNN_name.sql` files beside this one, applied in order.

Each runs in one immediate transaction together with its record (`PRAGMA user_version`), after a consistent copy of
the database was put beside it; a failure leaves the database as it was.
"""

from __future__ import annotations

import re
from importlib import resources

_NAME = re.compile(r"m(\d{4})_\w+\.sql")


def all_steps() -> list[tuple[int, str]]:
    """`(number, script)` of every migration, ascending."""
    found = []
    for entry in resources.files(__package__).iterdir():
        if match := _NAME.fullmatch(entry.name):
            found.append((int(match[1]), entry.read_text("utf-8")))
    return sorted(found)


def statements(script: str) -> list[str]:
    """The script cut into single statements (`executescript` would commit behind our back)."""
    import sqlite3

    out, held = [], ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            out.append(held.strip())
            held = ""
    return [statement for statement in out if statement]
