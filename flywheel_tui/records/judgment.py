"""What comes of asking a judge about a pair: a whole verdict, or the reason why there is none. Nothing in between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec


class Missing(StrEnum):
    """Why there is no verdict. None of these is ever a number, and none is ever kept in the cache."""

    CONNECT = "connect"
    TIMEOUT = "timeout"
    RESET = "reset"
    TRUNCATED = "truncated"
    HTTP_4XX = "http_4xx"
    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    EMPTY = "empty"
    LENGTH = "length"
    BAD_JSON = "bad_json"
    BAD_SCHEMA = "bad_schema"
    OUT_OF_RANGE = "out_of_range"
    CTX_TRUNCATED = "ctx_truncated"
    TOO_LARGE = "too_large"
    CANCELLED = "cancelled"
    COST_CAP = "cost_cap"
    NOT_APPLICABLE = "not_applicable"
    """Every question was answered NA."""
    SPLIT = "split"
    """The members of a jury draw, or too few of them have a verdict."""
    UNPARSED = "unparsed"
    """A recorded judgment of another tool whose own parser gave up."""
    OTHER = "other"


MISSING: frozenset[str] = frozenset(kind.value for kind in Missing)

ASK_AGAIN: frozenset[str] = frozenset({Missing.BAD_JSON, Missing.BAD_SCHEMA})
"""A judge that answered in the wrong form is asked once more, with what was wrong."""

WHOLE_SERVICE: frozenset[str] = frozenset({Missing.AUTH, Missing.QUOTA})
"""Nothing more is asked after these: every other pair would get the same answer until a person acts."""

INFRASTRUCTURE: frozenset[str] = frozenset({
    Missing.CONNECT, Missing.TIMEOUT, Missing.RESET, Missing.TRUNCATED, Missing.RATE_LIMITED, Missing.OVERLOADED,
})  # fmt: skip
"""The service did not answer: says nothing about the pair."""


COUNTS, A_FIRST, B_FIRST = 0, 1, 2
"""The `order` of a verdict: 0 is the one that counts; 1 and 2 are its halves of a judge asked in both orders."""

PREFERENCES = ("a", "b", "tie", "neither")
WIN_SHARE = {"a": 1.0, "tie": 0.5, "b": 0.0, "neither": 0.0}
"""The score of a pairwise verdict: how much of a win it is for answer a, the pair's `output`."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A whole verdict. `score` is the overall score (None where a recorded judgment gives none), `scores` by criterion.

    Binary rubrics: `answers` holds YES, NO or NA by question, `scores` 1, 0 or None by question and the share of each
    category; `gates` names the safety gates that were answered NO. Pairwise: `preference` is a, b, tie or neither,
    `score` the win share of answer a, `consistent` whether both orders said the same (None: asked in one order).
    """

    passed: bool
    score: float | None = None
    scores: dict[str, float | None] = {}
    answers: dict[str, str] = {}
    gates: tuple[str, ...] = ()
    preference: str | None = None
    consistent: bool | None = None
    rationale: str = ""

    def __post_init__(self) -> None:
        if type(self.passed) is not bool:
            raise TypeError("a verdict passes or fails: True or False")
        numbers = (self.score, *self.scores.values())
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise ValueError("the scores of a verdict are finite")
        if self.preference is not None and self.preference not in PREFERENCES:
            raise ValueError(f"no preference {self.preference!r}")


class NoVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Why a pair has no verdict: `kind` is one of `Missing`, `raw` the reply (its head) where there was one."""

    kind: str
    detail: str
    retryable: bool = False
    raw: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in MISSING:
            raise ValueError(f"no kind of missing verdict {self.kind!r}")


Outcome = Verdict | NoVerdict


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What an outcome cost. `asked` counts calls that were answered; `cached` answers cost nothing now."""

    asked: int = 0
    cached: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micro: int = 0
    latency_ms: int = 0

    def __add__(self, other: Use) -> Use:
        return sum_of((self, other))


def sum_of(uses: Iterable[Use]) -> Use:
    """All of it together."""
    asked = cached = tokens_in = tokens_out = cost = latency = 0
    for use in uses:
        asked += use.asked
        cached += use.cached
        tokens_in += use.tokens_in
        tokens_out += use.tokens_out
        cost += use.cost_micro
        latency += use.latency_ms
    return Use(
        asked=asked, cached=cached, tokens_in=tokens_in, tokens_out=tokens_out, cost_micro=cost, latency_ms=latency
    )


NOTHING = Use()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One pair, judged: what came of it and what it cost; `halves` are the two orders of a pairwise verdict."""

    outcome: Outcome
    use: Use = NOTHING
    halves: tuple[tuple[int, Verdict], ...] = ()


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges: its `hash` is over everything that can change an answer. Another hash is another judge."""

    hash: str
    backend: str
    model: str
    rubric: str
    """The hash of the rubric ('' for recorded judgments)."""
    params: dict[str, Any]

    @property
    def name(self) -> str:
        """`backend:model`."""
        return f"{self.backend}:{self.model}" if self.model else self.backend
