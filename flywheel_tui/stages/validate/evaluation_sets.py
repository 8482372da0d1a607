"""Files that data sets are compared with: evaluation sets, seeds. Any format that can be ingested; all their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from flywheel_tui.stages.readers import open_source

_DEEPEST = 40


class Item(NamedTuple):
    """One row of a file: its line (or record) number and every text in it."""

    line: int
    texts: tuple[str, ...]


def items_of_file(path: str) -> Iterator[Item]:
    """The rows of a file that has some text, by the reader of its format.

    Raises InputError where the file cannot be read.
    """
    for batch in open_source(path).rows():
        for line, row in zip(batch.lines, batch.rows, strict=True):
            if texts := tuple(_texts(row)):
                yield Item(line, texts)


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if value.strip():
            yield value
    elif depth < _DEEPEST and isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, depth + 1)


def digest_of(texts: Iterable[str]) -> str:
    """A hash of texts in their order: tells whether a file says something else now."""
    hashed = blake2b(digest_size=16)
    for text in texts:
        hashed.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return hashed.hexdigest()
