"""Labels: what a reviewer (or a judge, or a script) decided about a pair, as append-only events."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    """What was decided. `open` (no decision yet) and `disputed` (people disagree) are derived, never written."""

    APPROVED = "approved"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    EDITED = "edited"


DECIDED: tuple[str, ...] = tuple(status.value for status in Status)
STATUSES: tuple[str, ...] = ("open", *DECIDED, "disputed")


class Source(StrEnum):
    """Who speaks: only `human` labels ever count as human truth."""

    HUMAN = "human"
    JUDGE = "judge"
    SCRIPT = "script"
    IMPORT = "import"


class Preference(StrEnum):
    """Which answer of a preference pair is better: a is the pair's output, b its `rejected` text."""

    A = "a"
    B = "b"
    TIE = "tie"
    NEITHER = "neither"


PICKING_ORDERS = ("most informative", "judges disagree", "near threshold", "score")
"""Orders that pick pairs by what judges say or where doubt is: their labels stand for no others, in no estimate."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, before it is written. `uid` is the idempotency key: writing it twice writes it once.

    `pair` is the number of the pair, `version` that of the version shown (see `PairView.id` and `.pair_id`).
    `status` None keeps the pair open (a note, a flag or tags alone). `edit` names the fields that the reviewer changed
    (`{"output": "…"}`): the decision then makes a new version. Times are microseconds UTC; `active_ms` is the time
    spent on the pair with pauses cut. `blind` is whether the judge's verdict was hidden, `revealed` whether it was
    looked at before deciding; `policy`, `stratum` and `inclusion` say how the pair came to be chosen.
    """

    uid: bytes
    pair: int
    version: int
    reviewer: str
    status: str | None
    source: str = Source.HUMAN.value
    preference: str | None = None
    rating: int | None = None
    answers: dict[str, str] | None = None
    reasons: tuple[str, ...] = ()
    note: str | None = None
    tags: tuple[str, ...] = ()
    flagged: bool = False
    blind: bool = True
    revealed: bool = False
    policy: str = "as is"
    stratum: str | None = None
    inclusion: float | None = None
    seed: int | None = None
    session: bytes | None = None
    presented: int | None = None
    answered: int = 0
    active_ms: int | None = None
    repeat_of: bytes | None = None
    edit: dict[str, Any] | None = None


class CurrentLabel(msgspec.Struct, frozen=True, kw_only=True):
    """The newest label of one reviewer on one pair that has not been undone."""

    uid: bytes
    pair: int
    version: int
    reviewer: str
    source: str
    status: str | None
    preference: str | None
    rating: int | None
    answers: dict[str, str]
    reasons: tuple[str, ...]
    note: str | None
    tags: tuple[str, ...]
    flagged: bool
    blind: bool
    answered: int
    active_ms: int | None
