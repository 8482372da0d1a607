"""The real pairs of an export: what people wrote is kept beside what was generated from it, never replaced by it.

Training on generated data alone, generation after generation, loses the tails of the distribution; where real data
accumulates beside it the error stays bounded (Gerstgrasser et al. 2024, arXiv 2404.01413).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.store.connection import Connection
from flywheel_tui.store.export_provenance import generated, real_pairs_of, seeds_elsewhere
from flywheel_tui.store.export_rows import ExportRow
from flywheel_tui.store.selections import CHUNK, Selection

LEAST = 0.1
"""The share of real pairs that an export keeps by adding real ones, and below which it says so."""


class Share(NamedTuple):
    """What is real in a selection: pairs made by generators, and the real ones of other data sets beside them."""

    made: frozenset[int]
    seeds: dict[int, int]
    """The data set of each seed that these grew from, by the number of the pair."""
    added: dict[int, int]
    """The data set of each further real pair that was added for the share."""


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
    return Share(frozenset(made), seeds, {})


def missing(real: int, made: int, share: float) -> int:
    """How many real pairs have to be added to `real` ones so that they are `share` of all beside `made` ones."""
    return max(0, math.ceil(share * made / (1 - share) - 1e-9) - real)


def add(
    connection: Connection, dataset_id: int, selection: Selection, found: Share, count: int,
    fits: Callable[[Selection], list[ExportRow]],
) -> int:  # fmt: skip
    """Add real pairs of the data sets that the seeds stand in; how many. `fits` gives those that the format can hold.

    They come by their hash, so that more generated pairs add to them and change none.
    """
    known = {*found.seeds, *found.added}
    rows = [
        row for row in real_pairs_of(connection, dataset_id, sorted(set(found.seeds.values()))) if row[0] not in known
    ]
    rows.sort(key=lambda row: blake2b(row[4], digest_size=8).digest())
    added = 0
    for start in range(0, len(rows), CHUNK):
        part = {row[0]: row for row in rows[start : start + CHUNK]}
        tried = Selection()
        tried.extend([row[:3] for row in part.values()])
        for fit in fits(tried)[: count - added]:
            chosen = part[fit.id]
            selection.extend([chosen[:3]])
            found.added[fit.id] = chosen[3]
            added += 1
        if added == count:
            break
    return added


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


def remarks(real: int, made: int, seeds: int, added: int, lost: Mapping[str, int], share: float | None) -> list[str]:
    """What to say about the share that was written: `seeds` of other data sets that these grew from, those `added`
    for the share, and how many seeds the format could not hold, by the reason."""
    if not made:
        return []
    said = [f"{real:,} of {real + made:,} pairs are real ({real / (real + made):.1%})"]
    if seeds:
        said.append(f"{seeds:,} seeds of other data sets are in it, from which pairs of this one grew")
    if added:
        said.append(f"{added:,} more real pairs were added from the data sets of the seeds, for the share")
    said += [
        f"{count:,} of the seeds that these grew from left out: each {reason}"
        for reason, count in Counter(lost).most_common()
    ]
    if share != 0 and real < LEAST * (real + made):
        said.append(
            f"below {LEAST:.0%} of real pairs a model forgets what is rare, and there are no more of them here: add"
            + (" some, or leave generated ones out with --real-share" if real else " some")
        )
    return said
