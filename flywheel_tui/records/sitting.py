"""Words of a sitting at the label screen: what is said of a pair, and the places of a queue."""

from __future__ import annotations

import msgspec

from flywheel_tui.records.label import Decision


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer says of the pair at hand. `stay`: a remark, after which the same pair stays on the screen."""

    status: str | None
    preference: str | None = None
    rating: int | None = None
    answers: dict[str, str] = {}
    reasons: tuple[str, ...] = ()
    note: str | None = None
    tags: tuple[str, ...] = ()
    flagged: bool = False
    edit: dict[str, object] | None = None
    blind: bool = True
    revealed: bool = False
    stay: bool = False
    adjudicate: bool = False


class Earlier(msgspec.Struct, frozen=True):
    """What the reviewer said of a pair before, in this sitting."""

    uid: bytes
    status: str | None
    preference: str | None

    def agrees(self, decision: Decision) -> bool:
        """Whether the second answer is the first one."""
        return (self.status, self.preference) == (decision.status, decision.preference)


class Item(msgspec.Struct, frozen=True):
    """A place in the queue: a pair, and the earlier answer where it is shown again to compare."""

    pair: int
    repeat_of: Earlier | None = None
    seed: int = 0
