"""A figure as it is kept and shown."""

from __future__ import annotations

import msgspec


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its interval and what it stands on; `value` None means undefined, and `why` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0
    method: str = ""
    why: str = ""
