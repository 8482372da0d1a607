"""Which part of a split a pair belongs to: by its group, the same for the same seed however the data set grows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import blake2b

from flywheel_tui.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_EXAMPLE = "write it like train=0.8,val=0.2"


def parse_split(text: str) -> dict[str, float]:
    """`train=0.8,val=0.2` as shares by name. Raises UsageError that says what is off and what would be right."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, share = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UsageError(f"--split: {part.strip()!r} has no share; {_EXAMPLE}")
        if name in shares:
            raise UsageError(f"--split: {name!r} is named twice; {_EXAMPLE}")
        try:
            shares[name] = float(share)
        except ValueError:
            raise UsageError(f"--split: {share!r} is no number; {_EXAMPLE}") from None
    return check_split(shares)


def check_split(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares themselves where they can be used. Raises UsageError."""
    for name, share in shares.items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"--split: {name!r} cannot name a file; use a-z, 0-9, _ and -")
        if not math.isfinite(share) or share <= 0:
            raise UsageError(f"--split: the share of {name!r} must be a number above 0, not {share:g}")
    total = math.fsum(shares.values())
    if abs(total - 1) > 1e-6:
        raise UsageError(f"--split: the shares add up to {total:g} and must add up to 1; {_EXAMPLE}")
    return dict(shares)


class Splitter:
    """Assigns groups to parts.

    A keyed hash of the group gives a point of [0, 1); the parts are stretches of it, as long as their shares, in the
    order given. So a group is on one side whole, adding pairs moves none of the others, and making the last share
    larger only moves groups into it. The parts come near their shares as the number of groups grows: with n groups
    the standard deviation of a share s is sqrt(s (1 - s) / n).
    """

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        self._key = f"split:{seed}".encode()
        self._names = list(shares)
        self._bounds = [math.fsum(list(shares.values())[: index + 1]) for index in range(len(shares))]
        self._bounds[-1] = 1.0

    def part(self, group: bytes) -> str:
        """The name of the part that the group belongs to."""
        point = int.from_bytes(blake2b(group, digest_size=8, key=self._key).digest(), "big") / 2**64
        for name, bound in zip(self._names, self._bounds, strict=True):
            if point < bound:
                return name
        return self._names[-1]
