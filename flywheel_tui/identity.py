"""Names that hold on every machine: content hashes of pairs, and sortable identifiers of events."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from flywheel_tui.text import normalise

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def now_us() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def new_uid() -> bytes:
    """16 bytes that sort by time: 48 bits of milliseconds, 80 random ones (the layout of a ULID)."""
    return (time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10)


def show_uid(uid: bytes) -> str:
    """The 26 characters (Crockford's base 32) that stand for a uid in files and on screens."""
    number = int.from_bytes(uid, "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def parse_uid(text: str) -> bytes:
    """The inverse of `show_uid`. Raises ValueError for anything else."""
    if len(text) != 26 or any(letter not in _VALUES for letter in text):
        raise ValueError(f"{text[:40]!r} is not an identifier of 26 letters and digits")
    number = 0
    for letter in text:
        number = number << 5 | _VALUES[letter]
    if number >> 128:
        raise ValueError(f"{text!r} is out of range")
    return number.to_bytes(16, "big")


def content_hash(
    kind: str, instruction: str, input: str | None, output: str | None, body: Mapping[str, Any] | None
) -> bytes:
    """16 bytes over what a pair says (not where it came from): texts normalised, `body` as sorted JSON."""
    digest = blake2b(digest_size=16)
    joined = f"{kind}\x1f{normalise(instruction)}\x1f{normalise(input or '')}\x1f{normalise(output or '')}\x1f"
    digest.update(joined.encode())
    if body:
        digest.update(_encode_sorted(body))
    return digest.digest()


def occurrence_uid(hash: bytes, occurrence: int) -> bytes:
    """The uid of the n-th pair (from 0) with this content in one source."""
    return hash if occurrence == 0 else blake2b(hash + occurrence.to_bytes(8, "big"), digest_size=16).digest()


def edit_uid(parent: bytes, hash: bytes) -> bytes:
    """The uid of a version that an edit made: the same edit of the same pair has the same uid everywhere."""
    return blake2b(b"edit" + parent + hash, digest_size=16).digest()
