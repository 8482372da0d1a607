"""What calibration reads: labels and verdicts of a whole data set as arrays.

The arrays come out of covering indexes, each as one text that SQLite joins and numpy reads: a million in tenths of a
second, where a million rows through Python would take several times as long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.records.label import PICKING_ORDERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

STATUS_CODES = {"approved": 1, "rejected": 2, "edited": 3, "skipped": 4}
PREFERENCE_CODES = {"a": 1, "b": 2, "tie": 3, "neither": 4}
PREFERENCES = ("", "a", "b", "tie", "neither")


def _coded(column: str, codes: dict[str, int]) -> str:
    cases = " ".join(f"WHEN '{word}' THEN {code}" for word, code in codes.items())
    return f"CASE {column} {cases} ELSE 0 END"


_LABEL = f"pair_id * 64 + ({_coded('status', STATUS_CODES)}) * 8 + ({_coded('preference', PREFERENCE_CODES)})"
_VERDICT = f"pair_id * 16 + passed * 8 + ({_coded('preference', PREFERENCE_CODES)})"
_COUNTED = 'judge_run_id = ? AND "order" = 0 AND repeat = 0'
_PICKED = f"policy IN ({', '.join(repr(order) for order in PICKING_ORDERS)})"
"""As in the index `label_event_picked`, word for word."""
_DRAWN = "(blind = 0 OR revealed = 1 OR inclusion IS NOT NULL)"


class Labels(NamedTuple):
    """People's current labels, one place for each: version, status and preference as codes, event (or empty)."""

    version: Ints
    status: Ints
    preference: Ints
    event: Ints


class Drawn(NamedTuple):
    """The events that are not plain blind labels: whether the verdict had been seen, and π (NaN where unknown)."""

    event: Ints
    seen: NDArray[np.bool_]
    inclusion: Floats


class Adjudication(NamedTuple):
    """A decision that stands above the labels of a pair."""

    event: int
    version: int
    status: str | None
    preference: str | None


class Verdicts(NamedTuple):
    """What a run says of versions, in their order; scores (NaN: none) only where they were asked for."""

    version: Ints
    passed: NDArray[np.bool_]
    preference: Ints
    score: Floats | None


@contextmanager
def one_moment(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Read several things of the same moment."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def _numbers(text: str | None, kind: type = int) -> Any:
    import numpy as np

    dtype = np.int64 if kind is int else np.float64
    return np.fromstring(text, dtype=dtype, sep=",") if text else np.zeros(0, dtype)


def human_labels(
    connection: sqlite3.Connection, dataset_id: int, reviewer: str | None = None, *, events: bool = True,
    source: str = "human",
) -> Labels:  # fmt: skip
    """The current labels of people (never of judges, scripts or imports); of one reviewer where one is named.

    `source` "script" reads those of scripts instead, for a demonstration that says so.
    """
    event = ", group_concat(event_id)" if events else ", NULL"
    row = connection.execute(
        f"SELECT group_concat({_LABEL}){event} FROM label_current INDEXED BY label_current_said"
        " WHERE dataset_id = ? AND source = ?3 AND (?2 IS NULL OR reviewer = ?2)",
        (dataset_id, reviewer, source),
    ).fetchone()
    packed = _numbers(row[0])
    return Labels(packed >> 6, (packed >> 3) & 7, packed & 7, _numbers(row[1]))


class Rating(NamedTuple):
    """A rating that a person gave a version."""

    version: int
    rating: int
    event: int


def ratings(connection: sqlite3.Connection, dataset_id: int, reviewer: str | None = None) -> list[Rating]:
    """The current ratings of people; of one reviewer where one is named."""
    rows = connection.execute(
        "SELECT pair_id, rating, event_id FROM label_current WHERE dataset_id = ?1 AND source = 'human'"
        " AND rating IS NOT NULL AND (?2 IS NULL OR reviewer = ?2) ORDER BY pair_id, event_id",
        (dataset_id, reviewer),
    )
    return [Rating(*row) for row in rows]


def has_ratings(connection: sqlite3.Connection, dataset_id: int) -> bool:
    """Whether any person rated a pair."""
    query = "SELECT 1 FROM label_current WHERE dataset_id = ? AND source = 'human' AND rating IS NOT NULL LIMIT 1"
    return connection.execute(query, (dataset_id,)).fetchone() is not None


def reviewers(connection: sqlite3.Connection, dataset_id: int) -> list[str]:
    """Who has labels there, by name."""
    query = "SELECT DISTINCT reviewer FROM label_current WHERE dataset_id = ? AND source = 'human' ORDER BY reviewer"
    return [name for (name,) in connection.execute(query, (dataset_id,))]


def drawn_events(connection: sqlite3.Connection, dataset_id: int) -> Drawn:
    """The label events that had seen a verdict or have a known inclusion probability, by event."""
    row = connection.execute(
        "SELECT group_concat(id * 2 + (blind = 0 OR revealed = 1)), group_concat(coalesce(inclusion, 'nan'))"
        f" FROM label_event INDEXED BY label_event_drawn WHERE dataset_id = ? AND {_DRAWN}",
        (dataset_id,),
    ).fetchone()
    packed = _numbers(row[0])
    return Drawn(packed >> 1, (packed & 1).astype(bool), _numbers(row[1], float))


def picked_events(connection: sqlite3.Connection, dataset_id: int) -> Ints:
    """The label events of pairs that an order picked because of what judges say or where doubt is.

    A person who had labelled the pair before, in an order that does not look at it, did not come to it by that.
    """
    row = connection.execute(
        f"SELECT group_concat(id) FROM label_event e INDEXED BY label_event_picked WHERE dataset_id = ? AND {_PICKED}"
        " AND action = 'label' AND NOT EXISTS (SELECT 1 FROM label_event f WHERE f.root_id = e.root_id"
        " AND f.reviewer = e.reviewer AND f.action = 'label' AND (f.answered, f.uid) < (e.answered, e.uid)"
        f" AND NOT f.{_PICKED} AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = f.uid))",
        (dataset_id,),
    ).fetchone()
    found: Ints = _numbers(row[0])
    return found


def bulk_events(connection: sqlite3.Connection, dataset_id: int) -> list[tuple[int, str]]:
    """`(batch, expression)` of the bulk actions that were chosen by an expression."""
    query = "SELECT id, expression FROM batch WHERE dataset_id = ? AND expression IS NOT NULL"
    return [(int(batch), str(text)) for batch, text in connection.execute(query, (dataset_id,))]


def events_of_batches(connection: sqlite3.Connection, batches: Sequence[int]) -> Ints:
    """The label events of bulk actions."""
    row = connection.execute(
        "SELECT group_concat(e.id) FROM json_each(?) j CROSS JOIN label_event e ON e.batch_id = j.value",
        (msgspec.json.encode(list(batches)).decode(),),
    ).fetchone()
    found: Ints = _numbers(row[0])
    return found


def blind_before(
    connection: sqlite3.Connection, events: Sequence[int], judged: set[int]
) -> list[tuple[int, int, int, int, float]]:
    """For label events that had seen a verdict: what the same person had said of the same version before, blind.

    `(version, status, preference, event, inclusion)`, the newest that stands and is none of the `judged` events.
    """
    rows = connection.execute(
        f"SELECT e.id, b.pair_id, {_coded('b.status', STATUS_CODES)}, {_coded('b.preference', PREFERENCE_CODES)}, b.id,"
        " coalesce(b.inclusion, 'nan') FROM json_each(?) j CROSS JOIN label_event e ON e.id = j.value"
        " CROSS JOIN label_event b INDEXED BY label_event_by_pair ON b.root_id = e.root_id AND b.reviewer = e.reviewer"
        " WHERE b.pair_id = e.pair_id AND b.action = 'label' AND b.source = 'human' AND b.blind = 1 AND b.revealed = 0"
        " AND (b.answered, b.uid) < (e.answered, e.uid) AND (b.status IS NOT NULL OR b.preference IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = b.uid)"
        " AND (b.batch_id IS NULL OR NOT EXISTS (SELECT 1 FROM batch t JOIN label_event u ON u.undoes = t.uid"
        " WHERE t.id = b.batch_id)) ORDER BY e.id, b.answered DESC, b.uid DESC",
        (msgspec.json.encode(list(events)).decode(),),
    )
    found: dict[int, tuple[int, int, int, int, float]] = {}
    for event, version, status, preference, before, inclusion in rows:
        if before not in judged:
            found.setdefault(event, (version, status, preference, before, float(inclusion)))
    return list(found.values())


def adjudications(connection: sqlite3.Connection, dataset_id: int) -> list[Adjudication]:
    """The standing adjudications of people."""
    rows = connection.execute(
        "SELECT e.id, e.pair_id, e.status, e.preference FROM label_event e INDEXED BY label_event_adjudicated"
        " JOIN pair_current c ON c.id = e.root_id AND c.adjudicated = e.uid"
        " WHERE e.dataset_id = ? AND e.action = 'adjudicate' AND e.source = 'human' ORDER BY e.id",
        (dataset_id,),
    )
    return [Adjudication(*row) for row in rows]


def verdicts(connection: sqlite3.Connection, run_id: int, *, scores: bool = False) -> Verdicts:
    """The verdicts of a run that count, by version."""
    import numpy as np

    row = connection.execute(
        f"SELECT group_concat({_VERDICT}) FROM verdict INDEXED BY verdict_said WHERE {_COUNTED}", (run_id,)
    ).fetchone()
    packed = _numbers(row[0])
    if not (np.diff(packed) > 0).all():
        packed = np.sort(packed)
    score = _scores(connection, run_id) if scores else None
    return Verdicts(packed >> 4, ((packed >> 3) & 1).astype(bool), packed & 7, score)


def _scores(connection: sqlite3.Connection, run_id: int) -> Floats:
    """By version. Floats are dear to print and to read again: they come as rows, infinity (never stored) for none."""
    import numpy as np

    rows = connection.execute(
        f"SELECT coalesce(score, 9e999) FROM verdict INDEXED BY verdict_said WHERE {_COUNTED} ORDER BY pair_id",
        (run_id,),
    )
    found = np.fromiter((score for (score,) in rows), np.float64)
    found[np.isinf(found)] = np.nan
    return found


def missing_verdicts(connection: sqlite3.Connection, run_id: int) -> dict[int, str]:
    """Why versions have no verdict in a run, by version."""
    return dict(connection.execute("SELECT pair_id, kind FROM judge_error WHERE judge_run_id = ?", (run_id,)))


def verdicts_mark(connection: sqlite3.Connection, run_id: int) -> str:
    """What a run holds, in short: another mark means other verdicts. Verdicts are never changed, only added."""
    counts = connection.execute(f"SELECT count(*), coalesce(max(id), 0) FROM verdict WHERE {_COUNTED}", (run_id,))
    missing = connection.execute("SELECT count(*) FROM judge_error WHERE judge_run_id = ?", (run_id,))
    return "-".join(str(number) for number in (*counts.fetchone(), *missing.fetchone()))


def last_event(connection: sqlite3.Connection, dataset_id: int) -> int:
    """The number of the newest label event of a data set: another one means other labels. 0 where there is none."""
    query = "SELECT coalesce(max(id), 0) FROM label_event INDEXED BY label_event_by_dataset WHERE dataset_id = ?"
    return int(connection.execute(query, (dataset_id,)).fetchone()[0])


def families(connection: sqlite3.Connection, dataset_id: int) -> dict[int, bytes]:
    """The family of each version that has one (a seed, named by others, is of its own family)."""
    found = dict(connection.execute(
        "SELECT id, family FROM pair INDEXED BY pair_family WHERE dataset_id = ? AND family IS NOT NULL", (dataset_id,)
    ))  # fmt: skip
    if found:
        listed = list(set(found.values()))
        for start in range(0, len(listed), 500):
            some = listed[start : start + 500]
            marks = ",".join("?" * len(some))
            seeds = f"SELECT id, uid FROM pair WHERE dataset_id = ? AND uid IN ({marks})"
            found |= {id: uid for id, uid in connection.execute(seeds, (dataset_id, *some)) if id not in found}
    return found


def family_names(connection: sqlite3.Connection, versions: Sequence[int]) -> list[bytes]:
    """The name of the family of each version, in this order: its seed's uid, else its own (an edit names the first)."""
    rows = connection.execute(
        "SELECT p.id, coalesce(p.family, p.uid) FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value",
        (msgspec.json.encode(list(versions)).decode(),),
    )
    found: dict[int, bytes] = dict(rows)
    return [found[version] for version in versions]


def pairs_of(connection: sqlite3.Connection, versions: Sequence[int]) -> list[int]:
    """The numbers of the pairs that these versions belong to, in order: up from edit to edit."""
    rows = connection.execute(
        "WITH RECURSIVE up (id, above) AS ("
        " SELECT p.id, p.supersedes FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value"
        " UNION ALL SELECT p.id, p.supersedes FROM up CROSS JOIN pair p ON p.id = up.above)"
        " SELECT DISTINCT id FROM up WHERE above IS NULL ORDER BY id",
        (msgspec.json.encode(list(versions)).decode(),),
    )
    return [id for (id,) in rows]


def tagged_versions(connection: sqlite3.Connection, dataset_id: int, tag: str) -> list[int]:
    """The versions that people see of the pairs that carry a tag, in order."""
    rows = connection.execute(
        "SELECT pair_id FROM pair_current c INDEXED BY pair_current_tagged WHERE dataset_id = ? AND tags IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM json_each(c.tags) t WHERE t.value = ?) ORDER BY pair_id",
        (dataset_id, tag),
    )
    return [version for (version,) in rows]


class AnchorSaid(NamedTuple):
    """What a run says of a version."""

    run_id: int
    version: int
    passed: bool


def said_on(connection: sqlite3.Connection, dataset_id: int, versions: Sequence[int]) -> list[AnchorSaid]:
    """What every run of a data set says of these few versions."""
    rows = connection.execute(
        "SELECT v.judge_run_id, v.pair_id, v.passed FROM json_each(?) j CROSS JOIN verdict v INDEXED BY verdict_by_pair"
        ' ON v.pair_id = j.value AND v."order" = 0 AND v.repeat = 0'
        " WHERE v.judge_run_id IN (SELECT id FROM judge_run WHERE dataset_id = ?) ORDER BY v.judge_run_id, v.pair_id",
        (msgspec.json.encode(list(versions)).decode(), dataset_id),
    )
    return [AnchorSaid(run, version, bool(passed)) for run, version, passed in rows]


def judged_since(connection: sqlite3.Connection, judge_hash: str, mark: str, since: int) -> int:
    """How many pairs a judge has judged, anywhere, since a calibration with that mark of its run was made."""
    newest = int(mark.split("-")[1])
    row = connection.execute(
        "SELECT count(*) FROM verdict v JOIN judge_run r ON r.id = v.judge_run_id JOIN judge j ON j.id = r.judge_id"
        ' WHERE v.id > ? AND v.created > ? AND v."order" = 0 AND v.repeat = 0 AND j.hash = ?',
        (newest, since, judge_hash),
    ).fetchone()
    return int(row[0])


class CriterionRow(NamedTuple):
    """What a run says of a version criterion by criterion, and what people answered (None: nobody did)."""

    version: int
    scores: dict[str, float | None]
    answers: dict[str, str]
    human: dict[str, str]


def criteria(connection: sqlite3.Connection, run_id: int, dataset_id: int) -> Iterator[CriterionRow]:
    """Verdicts by criterion beside the newest answers of people on the same version."""
    human: dict[int, dict[str, str]] = {}
    rows = connection.execute(
        "SELECT e.pair_id, e.answers FROM label_current l JOIN label_event e ON e.id = l.event_id"
        " WHERE l.dataset_id = ? AND l.source = 'human' AND e.answers IS NOT NULL AND e.blind = 1 AND e.revealed = 0"
        " ORDER BY e.answered, e.uid",
        (dataset_id,),
    )
    load = msgspec.json.decode
    for version, answers in rows:
        human.setdefault(version, {}).update(load(answers))
    query = f"SELECT pair_id, scores, answers FROM verdict WHERE {_COUNTED} ORDER BY pair_id"
    for version, scores, answers in connection.execute(query, (run_id,)):
        yield CriterionRow(version, load(scores) if scores else {}, load(answers) if answers else {},
                           human.get(version, {}))  # fmt: skip
