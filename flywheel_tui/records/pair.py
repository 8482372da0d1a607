"""Pairs of every kind, as they travel between a reader and the store, and as people see them.

One shape serves every kind, so that search, filters and screens need no special case:

| kind       | instruction      | input      | output          | body                                              |
|------------|------------------|------------|-----------------|---------------------------------------------------|
| sft        | instruction      | context    | response        | messages (only where there is more than one turn, |
|            |                  |            |                 | or a system message)                              |
| preference | prompt           | context    | answer a        | rejected (answer b), undecided (true: nobody has  |
|            |                  |            | ("chosen")      | said yet which is better), messages               |
| kto        | prompt           | context    | completion      | desirable (bool)                                  |
| prompt     | prompt           | context    | –               | messages, reference (an answer to check against)  |
| tools      | the last request | –          | final answer    | tools (JSON Schemas), messages, expected_calls    |
| rag        | question         | –          | answer          | chunks [{id, title, text, gold}], citations       |
| reasoning  | question         | –          | answer          | reasoning, final                                  |
| trace      | first request    | –          | last answer     | messages, signals                                 |
| document   | title            | the text   | –               | path                                              |
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """The kinds of pair; the value is the word used everywhere."""

    SFT = "sft"
    PREFERENCE = "preference"
    KTO = "kto"
    PROMPT = "prompt"
    TOOLS = "tools"
    RAG = "rag"
    REASONING = "reasoning"
    TRACE = "trace"
    DOCUMENT = "document"


KINDS: tuple[str, ...] = tuple(kind.value for kind in Kind)


class Draft(msgspec.Struct, gc=False, kw_only=True):
    """A pair on its way into the store: what a layout makes of one row of a file.

    `line` is 1-based: the line of a text file, the row number of a table, the element of a JSON array.
    Strings are as they came (the hash is over normalised text, the store keeps the original).
    """

    kind: str = "sft"
    instruction: str = ""
    input: str | None = None
    output: str | None = None
    body: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    category: str | None = None
    tags: list[str] | None = None
    author: str | None = None
    line: int = 0


class PairView(msgspec.Struct, frozen=True, kw_only=True):
    """One pair as people see it: its current version with what is known about it.

    `id` is the number of the pair (it stays when the pair is edited), `pair_id` that of the version shown.
    """

    id: int
    pair_id: int
    dataset: str
    dataset_id: int
    position: int
    uid: str
    kind: str
    instruction: str
    input: str | None
    output: str | None
    body: dict[str, Any]
    meta: dict[str, Any]
    category: str | None
    tags: tuple[str, ...]
    source: str | None
    line: int | None
    author: str | None
    length: int
    version: int
    status: str
    reviewer: str | None
    flagged: bool
    score: float | None
    passed: bool | None
    findings: int


class PairRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one line of a table shows; texts are cut by the store (240 characters)."""

    id: int
    pair_id: int
    position: int
    kind: str
    status: str
    flagged: bool
    score: float | None
    findings: int
    severity: str | None
    instruction: str
    output: str
    tags: tuple[str, ...]
    reviewer: str | None
    length: int
