"""What can go wrong with a call to a model, as data: the kind, whether another try can help, and when.

A back end either returns a reply that is true or raises `BackendFault`; nothing in between.
"""

from __future__ import annotations

from typing import Literal, get_args

from flywheel_tui.errors import ServiceError

Kind = Literal[
    "connect",
    "timeout",
    "reset",
    "truncated",
    "http_4xx",
    "auth",
    "quota",
    "rate_limited",
    "overloaded",
    "content_filter",
    "refusal",
    "empty",
    "length",
    "bad_json",
    "bad_schema",
    "out_of_range",
    "ctx_truncated",
    "too_large",
    "cancelled",
    "cost_cap",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

RETRIED: frozenset[Kind] = frozenset({"connect", "timeout", "reset", "truncated", "rate_limited", "overloaded"})
"""Kinds where the same request may succeed a moment later."""

ASKED_AGAIN: frozenset[Kind] = frozenset({"bad_json", "bad_schema", "out_of_range"})
"""Kinds where the model is told once what was wrong with its answer."""

INFRASTRUCTURE: frozenset[Kind] = frozenset({"connect", "timeout", "reset", "truncated", "overloaded"})
"""Kinds that speak against the server; five in a row open the circuit breaker."""

UNTIL_A_PERSON_ACTS: frozenset[Kind] = frozenset({"auth", "quota"})
"""Kinds that no waiting mends: the breaker stays open until it is reset."""

PERHAPS_BILLED: frozenset[Kind] = frozenset({"timeout", "reset", "truncated", "too_large", "cancelled"})
"""Kinds where the server may have done (and may charge for) the work though no reply arrived."""


class BackendFault(ServiceError):
    """A call to a model failed. `str()` is one sentence for a person and holds no key.

    `retry_after` is in seconds and is what the server asked for; `retry_at` (seconds since 1970) is set where the wait
    is so long that the caller should lay the work aside. `tokens_in`/`tokens_out` are set where the server counted
    (and bills) the call though its answer is of no use.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: float | None = None,
        retry_at: float | None = None,
        status: int | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        answer: str = "",
    ) -> None:
        self.kind: Kind = kind
        self.message = message
        self.retryable = kind in RETRIED if retryable is None else retryable
        self.retry_after, self.retry_at, self.status = retry_after, retry_at, status
        self.tokens_in, self.tokens_out = tokens_in, tokens_out
        self.answer = answer
        super().__init__(f"{message} ({kind})")

    def __repr__(self) -> str:
        return f"BackendFault({self.kind!r}, {self.message!r}, retryable={self.retryable})"
