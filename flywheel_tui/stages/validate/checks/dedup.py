"""`dedup`: pairs that say the same once case, white space, punctuation and Unicode forms are folded."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check

# What separates words and sentences. Signs that calculate or program stay: 5 - 3 and 5 + 3 are not the same.
_FOLDED = " \t\n\r\v\f.,;:!?'\"`…‘’‚“”„«»‹›¡¿。、，．！？；：「」『』（）・–—"
_BYTES = bytes.maketrans(
    "".join(c for c in _FOLDED if c.isascii()).encode() + bytes(range(65, 91)),
    b" " * sum(c.isascii() for c in _FOLDED) + bytes(range(97, 123)),
)
_RUN = re.compile(f"[{re.escape(_FOLDED)}\\s\u200b\u200c\u200d\u2060\ufeff\u00ad]+")
_RANKS = {"approved": 0, "edited": 0, "open": 1, "skipped": 1, "disputed": 2, "rejected": 3}
_encode = msgspec.json.Encoder(order="sorted").encode


def folded(text: str) -> bytes:
    """The text in the form in which copies are equal: NFKC, case folded, words apart by one blank."""
    if text.isascii():
        return b" ".join(text.encode().translate(_BYTES).split())
    return _RUN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip().encode("utf-8", "surrogatepass")


def content_key(row: Candidate) -> bytes:
    """16 bytes over everything that a pair says."""
    # set apart by a sign that folding leaves alone; folded in one go, which takes half the time
    parts = [folded(f"{row.kind} \x02 {row.instruction} \x02 {row.input or ''} \x02 {row.output or ''}")]
    if row.has_body:
        body = row.body
        parts += [path.encode() + b"\x1e" + folded(text) for path, text in row.texts() if path.startswith("body.")]
        parts += [_encode(body[key]) for key in ("tools", "expected_calls", "desirable") if key in body]
        messages = body.get("messages")
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict) and (calls := message.get("tool_calls")):
                parts.append(_encode(calls))
    return blake2b(b"\x1f".join(parts) if len(parts) > 1 else parts[0], digest_size=16).digest()


@check
class Dedup(Check):
    """Keeps one of each: the first by position, or (`keep = "labelled"`) the best labelled."""

    name = "dedup"
    compares = True
    about = "exact duplicates after folding case, white space, punctuation and Unicode forms"
    options: ClassVar[dict[str, Any]] = {"keep": "first"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.settings["keep"] not in ("first", "labelled"):
            raise UsageError(f"dedup.keep is first or labelled, not {self.settings['keep']!r}")
        self.reads_labels = self.settings["keep"] == "labelled"
        self._kept: dict[bytes, int] = {}
        self._ranks: dict[bytes, int] = {}
        self._copies: dict[bytes, array[int]] = {}

    def feed(self, rows: Sequence[Candidate]) -> None:
        kept, ranked = self._kept, self.reads_labels
        keys = [content_key(row) for row in rows]
        for row, key in zip(rows, keys, strict=True):
            first = kept.setdefault(key, row.id)
            rank = _RANKS.get(row.status, 1) if ranked else 0
            if first == row.id:
                if ranked:
                    self._ranks[key] = rank
                continue
            others = self._copies.setdefault(key, array("q"))
            if ranked and rank < self._ranks[key]:
                kept[key], self._ranks[key] = row.id, rank
                others.append(first)
            else:
                others.append(row.id)

    def finish(self) -> Iterable[Found]:
        return self._findings()

    def _findings(self) -> Iterator[Found]:
        for key, others in self._copies.items():
            kept = self._kept[key]
            count = len(others)
            word = "a copy" if count == 1 else f"{count} copies"
            yield Found(
                kept, "info", None, None, None, f"kept: there {'is' if count == 1 else 'are'} {word} of this pair", kept
            )
            for copy in others:
                yield Found(copy, "error", None, None, None, "says the same as another pair, which is kept", kept)
