"""What the orders of a labelling queue are made from, and the samples that were drawn for labels."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.identity import now_us

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

TEXT_CHARACTERS = 1_200
_CHUNK = 2_000


class HumanLabel(NamedTuple):
    """A decision of a person that stands. `version` is what was shown to them."""

    root: int
    version: int
    reviewer: str
    status: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A sample that was drawn for labels from `population` pairs."""

    id: int
    run: str | None
    expression: str | None
    threshold: float | None
    population: int
    size: int
    seed: int
    created: int


class SampleItem(NamedTuple):
    """A pair of a sample: the version that was drawn, from which stratum, with which probability."""

    root: int
    version: int
    stratum: str
    inclusion: float


def versions(connection: sqlite3.Connection, dataset_id: int) -> tuple[Ints, Ints]:
    """Every pair of a data set in order, and its current version."""
    import numpy as np

    row = connection.execute(
        "SELECT group_concat(id), group_concat(pair_id) FROM"
        " (SELECT id, pair_id FROM pair_current WHERE dataset_id = ? ORDER BY position)",
        (dataset_id,),
    ).fetchone()
    roots, current = (np.fromstring(text, np.int64, sep=",") if text else np.zeros(0, np.int64) for text in row)
    return roots, current


def human_labels(connection: sqlite3.Connection, dataset_id: int) -> list[HumanLabel]:
    """The decisions of people that stand, by pair and reviewer."""
    rows = connection.execute(
        "SELECT root_id, pair_id, reviewer, status FROM label_current INDEXED BY label_current_said"
        " WHERE dataset_id = ? AND source = 'human' AND status IS NOT NULL ORDER BY root_id, reviewer",
        (dataset_id,),
    )
    return [HumanLabel(*row) for row in rows]


def blind_counts(
    connection: sqlite3.Connection,
    dataset_id: int,
    run_id: int | None,
    judged_batches: Sequence[int] = (),
    picked: Sequence[int] = (),
) -> tuple[int, int]:
    """Pairs with blind labels of people, and those of them that nobody found wanting; of a run, only what it passes.

    The labels of `judged_batches`, bulk actions that were chosen by what a judge had said, are not blind; the events
    `picked` are of pairs that an order picked, and count nowhere.
    """
    judged = (
        ' JOIN verdict v ON v.judge_run_id = ?2 AND v."order" = 0 AND v.repeat = 0 AND v.pair_id = l.pair_id'
        " AND v.passed = 1"
    )
    labels, passed = connection.execute(
        "SELECT count(*), coalesce(sum(good), 0) FROM (SELECT min(l.status = 'approved') AS good"
        f" FROM label_current l JOIN label_event e ON e.id = l.event_id{judged if run_id is not None else ''}"
        " WHERE l.dataset_id = ?1 AND l.source = 'human' AND e.blind = 1 AND e.revealed = 0"
        " AND (e.batch_id IS NULL OR e.batch_id NOT IN (SELECT value FROM json_each(?3)))"
        " AND e.id NOT IN (SELECT value FROM json_each(?4))"
        " AND l.status IN ('approved', 'rejected', 'edited') GROUP BY l.root_id)",
        (dataset_id, run_id, _numbers(judged_batches), _numbers(picked)),
    ).fetchone()
    return int(labels), int(passed)


def _numbers(found: Sequence[int]) -> str:
    return msgspec.json.encode([int(number) for number in found]).decode()


def wanting(connection: sqlite3.Connection, dataset_id: int) -> dict[int, str]:
    """The pairs that were flagged for a second opinion, or that people dispute: `flagged` or `disputed`."""
    flagged = "SELECT id FROM pair_current WHERE dataset_id = ? AND flagged = 1 ORDER BY position"
    disputed = "SELECT id FROM pair_current WHERE dataset_id = ? AND status = 'disputed' ORDER BY position"
    found = {root: "flagged" for (root,) in connection.execute(flagged, (dataset_id,))}
    return found | {root: "disputed" for (root,) in connection.execute(disputed, (dataset_id,)) if root not in found}


def texts(connection: sqlite3.Connection, wanted: Sequence[int]) -> list[str]:
    """The beginning of what versions ask and answer, in the order of `wanted`."""
    found: dict[int, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = msgspec.json.encode([int(version) for version in wanted[start : start + _CHUNK]]).decode()
        rows = connection.execute(
            f"SELECT p.id, substr(p.instruction, 1, {TEXT_CHARACTERS}) || ' '"
            f" || coalesce(substr(p.output, 1, {TEXT_CHARACTERS}), '') FROM json_each(?) j"
            " CROSS JOIN pair p ON p.id = j.value",
            (part,),
        )
        found |= dict(rows.fetchall())
    return [found.get(int(version), "") for version in wanted]


# -- samples


def labels_of_samples(connection: sqlite3.Connection, dataset_id: int) -> list[tuple[int, str]]:
    """`(pair, reviewer)` of the decisions that stand and carry the probability with which the pair was drawn."""
    rows = connection.execute(
        "SELECT l.root_id, l.reviewer FROM label_event e INDEXED BY label_event_drawn"
        " JOIN label_current l ON l.event_id = e.id AND l.root_id = e.root_id AND l.reviewer = e.reviewer"
        " WHERE e.dataset_id = ? AND (e.blind = 0 OR e.revealed = 1 OR e.inclusion IS NOT NULL)"
        " AND e.inclusion IS NOT NULL AND l.status IS NOT NULL AND l.source = 'human'",
        (dataset_id,),
    )
    return rows.fetchall()


def keep_sample(
    connection: sqlite3.Connection,
    dataset_id: int,
    items: Sequence[SampleItem],
    *,
    run_id: int | None,
    expression: str | None,
    threshold: float | None,
    population: int,
    seed: int,
) -> int:
    """Write a sample, in the order it is to be labelled (inside a write transaction). Returns its number."""
    sample = connection.execute(
        "INSERT INTO label_sample (dataset_id, judge_run_id, expression, threshold, population, size, seed, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (dataset_id, run_id, expression, threshold, population, len(items), seed, now_us()),
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO label_sample_item (sample_id, place, root_id, pair_id, stratum, inclusion)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(sample, place, *item) for place, item in enumerate(items)],
    )
    return int(sample)


def newest_sample(connection: sqlite3.Connection, dataset_id: int, expression: str | None) -> Sample | None:
    """The newest sample of a data set that was drawn under the same filter, or None."""
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT s.id, r.tag, s.expression, s.threshold, s.population, s.size, s.seed, s.created FROM label_sample s"
        " LEFT JOIN judge_run r ON r.id = s.judge_run_id WHERE s.dataset_id = ? AND s.expression IS ?"
        " ORDER BY s.id DESC LIMIT 1",
        (dataset_id, expression),
    ).fetchone()
    if row is None:
        return None
    return Sample(id=row[0], run=row[1], expression=row[2], threshold=row[3], population=row[4], size=row[5],
                  seed=row[6], created=row[7])  # fmt: skip


def sample_items(connection: sqlite3.Connection, sample: int) -> list[SampleItem]:
    """The pairs of a sample, in the order they are to be labelled."""
    rows = connection.execute(
        "SELECT i.root_id, i.pair_id, i.stratum, i.inclusion FROM label_sample_item i WHERE i.sample_id = ?"
        " ORDER BY i.place",
        (sample,),
    )
    return [SampleItem(*row) for row in rows]
