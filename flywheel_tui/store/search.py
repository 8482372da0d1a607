"""Full-text search: the words of a person as an FTS5 query, and the index that is built behind the ingest.

The index (`pair_fts`) follows the table of pairs by a watermark: the id of the last pair that is in it. Ids only grow
and pairs never change, so one number says what is missing, whoever builds it and however often it is interrupted.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata

from flywheel_tui.store.db import Store

BATCH_ROWS = 500
BATCH_CHARACTERS = 2_000_000
RANKED_UP_TO = 20_000
"""Above this many hits ranking takes longer than a person waits between two letters; they come in file order then."""

_WATERMARK = "search.indexed"
_WORDS = re.compile(r'"([^"]*)"?|(\S+)')


def match_query(text: str) -> str | None:
    """FTS5's query for what a person typed: all words must occur, the last one may be unfinished (from two letters on:
    one letter begins too many words to be looked up between two keys).

    `"in quotes"` is a phrase; everything else is only ever a word: no operator of FTS5 can be reached. None where no
    letter or digit is in it.
    """
    parts: list[str] = []
    unfinished = bool(text) and not text[-1].isspace() and text[-1] != '"'
    words = [(phrase, word) for phrase, word in _WORDS.findall(text.replace("\0", " "))]
    for number, (phrase, word) in enumerate(words):
        chosen = (phrase or word).replace('"', " ").encode("utf-8", "replace").decode()
        if not any(unicodedata.category(letter)[0] in "LN" for letter in chosen):
            continue
        last = unfinished and number == len(words) - 1 and word and len(chosen) > 1
        parts.append(f'"{chosen}"*' if last else f'"{chosen}"')
    return " ".join(parts) or None


def progress(connection: sqlite3.Connection) -> tuple[int, int]:
    """`(id of the last pair in the index, id of the newest pair)`: equal when the index is complete."""
    newest = int(connection.execute("SELECT coalesce(max(id), 0) FROM pair").fetchone()[0])
    return min(_watermark(connection), newest), newest


def _watermark(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT CAST(value AS INTEGER) FROM setting WHERE key = ?", (_WATERMARK,)).fetchone()
    return int(row[0]) if row else 0


def index_batch(store: Store, rows: int = BATCH_ROWS) -> int:
    """Take the next pairs into the index, in one short transaction; how many (0: the index is complete)."""
    with store.tx(durable=False) as connection:
        after = _watermark(connection)
        sizes = connection.execute(
            "SELECT id, length FROM pair WHERE id > ? ORDER BY id LIMIT ?", (after, rows)
        ).fetchall()
        total, upto, taken = 0, after, 0
        for pair_id, length in sizes:
            total += length
            if taken and total > BATCH_CHARACTERS:
                break
            upto, taken = pair_id, taken + 1
        if not taken:
            return 0
        connection.execute(
            "INSERT INTO pair_fts (rowid, instruction, input, output)"
            " SELECT id, instruction, input, output FROM pair WHERE id > ? AND id <= ?",
            (after, upto),
        )
        connection.execute(
            "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_WATERMARK, str(upto)),
        )
    return taken


def best_hits(connection: sqlite3.Connection, match: str, limit: int = RANKED_UP_TO) -> list[int]:
    """Version ids, the best first."""
    query = "SELECT rowid FROM pair_fts WHERE pair_fts MATCH ? ORDER BY rank LIMIT ?"
    return [found for (found,) in connection.execute(query, (match, limit))]


def next_hits(connection: sqlite3.Connection, match: str, after: int, limit: int) -> list[int]:
    """Version ids beyond `after`, ascending: a keyset page."""
    query = "SELECT rowid FROM pair_fts WHERE pair_fts MATCH ? AND rowid > ? ORDER BY rowid LIMIT ?"
    return [found for (found,) in connection.execute(query, (match, after, limit))]
