"""The real pairs of an export: what people wrote is kept beside what was generated from it, never replaced by it.

Training on generated data alone, generation after generation, loses the tails of the distribution; where real data
accumulates beside it the error stays bounded (Gerstgrasser et al. 2024, arXiv 2404.01413).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.store.connection import Connection
from flywheel_tui.store.export_provenance import generated, seeds_elsewhere
from flywheel_tui.store.selections import CHUNK, Selection

LEAST = 0.1
"""The share of real pairs under which an export says so."""


class Share(NamedTuple):
    """What is real in a selection: pairs made by generators, and the seeds in other data sets that they grew from."""

    made: frozenset[int]
    seeds: dict[int, int]
    """The data set of each seed, by the number of the pair."""


def check_share(share: float | None) -> None:
    """Raise UsageError for a share that is none."""
    if share is not None and not 0 <= share < 1:
        raise UsageError(f"--real-share: {share:g} is no share; name one from 0 to less than 1, like 0.2")


def look(connection: Connection, dataset_id: int, selection: Selection, share: float | None) -> Share:
    """What was generated, and the seeds to add: they are appended to the selection (none with a share of 0)."""
    made: set[int] = set()
    for chunk in selection.chunks():
        made |= generated(connection, list(chunk.roots))
    seeds: dict[int, int] = {}
    if made and share != 0:
        listed = sorted(made)
        for start in range(0, len(listed), CHUNK):
            for root, version, status, dataset in seeds_elsewhere(
                connection, dataset_id, listed[start : start + CHUNK]
            ):
                if root not in seeds:
                    seeds[root] = dataset
                    selection.extend([(root, version, status)])
    return Share(frozenset(made), seeds)


def allowed(real: int, share: float) -> int:
    """How many generated pairs may stand beside `real` ones so that these are at least `share` of all."""
    return math.floor(real * (1 - share) / share + 1e-9)


def over(made: Sequence[tuple[int, bytes]], real: int, share: float | None) -> set[int]:
    """Which generated pairs (number, uid) must stay out: those of the highest hash, so that more data adds, not moves.

    Raises UsageError where there is no real pair at all.
    """
    if not share or not made:
        return set()
    if not real:
        raise UsageError(
            f"--real-share {share:g} cannot be kept: there is no real pair here, nor a seed that these grew from;"
            " add some, or use --real-share 0"
        )
    ranked = sorted(made, key=lambda pair: blake2b(pair[1], digest_size=8).digest())
    return {number for number, _ in ranked[allowed(real, share) :]}


def remark(real: int, made: int, share: float | None) -> list[str]:
    """What to say about the share that was written."""
    if not made or share == 0 or real >= LEAST * (real + made):
        return []
    return [
        f"{real:,} of {real + made:,} pairs are real ({real / (real + made):.1%}); below {LEAST:.0%} a model forgets"
        " what is rare: add real pairs, or keep a share of them with --real-share"
    ]
