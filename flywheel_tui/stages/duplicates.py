"""Duplicates: clusters of pairs that say the same, how alike two of them are, and what a person decides on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import CurrentLabel, Decision
from flywheel_tui.records.pair import PairView
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.fields import joined_text
from flywheel_tui.store import batches as batch_store
from flywheel_tui.store import finding_figures as store
from flywheel_tui.store import labels as label_store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.finding_figures import ClusterSize, Member

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

__all__ = ["CHECKS", "DISTINCT", "REASON", "ClusterSize", "Member"]

CHECKS = ("dedup", "neardup")
"""The checks whose clusters are walked."""
REASON = "duplicate"
"""Why a copy is rejected; a reason of the shipped rubrics."""
DISTINCT = "distinct"
"""The tag of pairs that resemble others and are to stay."""


def clusters(workspace: Workspace, dataset: str, check: str) -> list[ClusterSize]:
    """The clusters that a check found. Raises NotFoundError for an unknown data set. Not for the event loop."""
    connection = workspace.store.read()
    return store.cluster_sizes(connection, get_dataset(connection, dataset).id, check, DISTINCT)


def members(workspace: Workspace, dataset: str, check: str, kept: int) -> list[Member]:
    """The pairs of a cluster, the kept one first. Raises NotFoundError where it is no more."""
    connection = workspace.store.read()
    found = store.cluster_members(connection, get_dataset(connection, dataset).id, check, DISTINCT, kept)
    if not found:
        raise NotFoundError("cluster", f"{check} {kept}")
    return found


def similarity(one: PairView, other: PairView) -> float:
    """Jaccard similarity of all that two pairs say, over runs of three words (of characters where one is short)."""
    from flywheel_tui.stats.shingles import character_shingles, word_shingles

    texts = [joined_text(_candidate(pair), None) for pair in (one, other)]
    sets, counts = word_shingles(texts, 3)
    if min(counts.tolist()) < 20:
        sets = character_shingles(texts, 3)
    first, second = (set(sets.elements[sets.bounds[at] : sets.bounds[at + 1]].tolist()) for at in (0, 1))
    return len(first & second) / len(first | second) if first or second else 1.0


def _candidate(pair: PairView) -> Candidate:
    body = msgspec.json.encode(pair.body).decode() if pair.body else None
    return Candidate(pair.pair_id, pair.kind, pair.instruction, pair.input, pair.output, body)


def copies(workspace: Workspace, dataset: str, check: str = "dedup") -> list[int]:
    """The pairs to reject so that one of every cluster is left: the kept one, or where that is rejected the first left.

    Pairs tagged as distinct and those that are rejected already are not among them. Not for the event loop.
    """
    connection = workspace.store.read()
    rows = store.clustered(connection, get_dataset(connection, dataset).id, check, DISTINCT)
    return [pair for _, group in groupby(rows, key=lambda row: row[0]) for pair in _superfluous(list(group))]


def _superfluous(rows: Sequence[tuple[int, int, int, str]]) -> Iterator[int]:
    standing = [(cluster, version, pair) for cluster, version, pair, status in rows if status != "rejected"]
    standing.sort(key=lambda row: row[1] != row[0])
    yield from sorted(pair for _, _, pair in standing[1:])


def settle(workspace: Workspace, pairs: Sequence[int], keep: Collection[int], reviewer: str) -> int:
    """Decide on pairs of a cluster: those in `keep` stay, the others are rejected as duplicates; how many changed.

    Where all are kept, each is tagged as distinct. A pair that this reviewer had rejected as a duplicate and that is to
    stay is open again; whatever else was said of a pair is said again. On disk on return; one batch, undone as one.
    """
    now = now_us()
    with workspace.store.tx(durable=True) as connection:
        said = list(_decisions(connection, pairs, set(keep), reviewer, now))
        if not said:
            return 0
        label_store.know_reviewer(connection, reviewer)
        dataset_id = label_store.place(connection, said[0].pair).dataset_id
        dropped = any(decision.status == "rejected" for decision in said)
        batch = batch_store.begin(
            connection, uid=new_uid(), dataset_id=dataset_id, at=now, reviewer=reviewer, expression=None,
            status="rejected" if dropped else "kept", reasons=(REASON,) if dropped else (), matched=len(pairs),
        )  # fmt: skip
        for decision in said:
            label_store.append_decision(connection, decision, dataset_id=dataset_id, batch_id=batch)
        batch_store.set_changed(connection, batch, len(said))
        batch_store.finish(connection, batch)
    return len(said)


def _decisions(
    connection: Connection, pairs: Sequence[int], keep: set[int], reviewer: str, now: int
) -> Iterator[Decision]:
    """What has to be said that is not said yet."""
    distinct = keep.issuperset(pairs)
    for pair in pairs:
        mine = label_store.current(connection, pair, reviewer)
        before = _words(mine)
        after = _kept(mine, distinct) if pair in keep else _dropped(mine)
        if after != before:
            status, reasons, tags = after
            version = label_store.place(connection, pair).version
            yield _decision(pair, version, reviewer, mine, now, status=status, reasons=reasons, tags=tags)


Words = tuple[str | None, tuple[str, ...], tuple[str, ...]]


def _words(mine: CurrentLabel | None) -> Words:
    return (mine.status, mine.reasons, mine.tags) if mine else (None, (), ())


def _kept(mine: CurrentLabel | None, distinct: bool) -> Words:
    status, reasons, tags = _words(mine)
    if status == "rejected" and REASON in reasons:
        reasons = tuple(reason for reason in reasons if reason != REASON)
        status = "rejected" if reasons else None
    if distinct:
        tags = tuple(dict.fromkeys([*tags, DISTINCT]))
    return status, reasons, tags


def _dropped(mine: CurrentLabel | None) -> Words:
    status, reasons, tags = _words(mine)
    if status == "rejected":
        return status, tuple(dict.fromkeys([*reasons, REASON])), tags
    return "rejected", (REASON,), tuple(tag for tag in tags if tag != DISTINCT)


def _decision(
    pair: int, version: int, reviewer: str, mine: CurrentLabel | None, now: int, *, status: str | None,
    reasons: tuple[str, ...], tags: tuple[str, ...],
) -> Decision:  # fmt: skip
    said = Decision(
        uid=new_uid(), pair=pair, version=version, reviewer=reviewer, status=status, reasons=reasons, tags=tags,
        policy="duplicates", answered=now,
    )  # fmt: skip
    if mine is None:
        return said
    return msgspec.structs.replace(
        said, preference=mine.preference, rating=mine.rating, answers=mine.answers or None, note=mine.note,
        flagged=mine.flagged, blind=mine.blind,
        # a clock that was set back must not make this older than what it replaces
        answered=max(now, mine.answered + 1),
    )  # fmt: skip
