"""Judges, their runs, and what they said: verdicts in one table, missing verdicts in another, never mixed.

A run is one judge over one data set under a tag. What was judged is known from the rows themselves: a version that has
a verdict (or a reason for having none) in a run is done, so a run that is stopped at any moment goes on from there.
`pair_current` shows the newest verdict of the current version, whichever run it came from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.records.judgment import COUNTS, Judge, Judged, NoVerdict, Use, Verdict, sum_of
from flywheel_tui.records.rubric import Rubric
from flywheel_tui.store.many_rows import execute_rows

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
RAW_CHARACTERS = 4_000
DETAIL_CHARACTERS = 500


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a judge over a data set; `kind` is judge, jury or import, the sums are of all its jobs together."""

    id: int
    dataset_id: int
    tag: str
    kind: str
    settings: dict[str, Any]
    judge: Judge | None
    created: int
    updated: int | None
    calls: int
    hits: int
    tokens_in: int
    tokens_out: int
    cost_micro: int


class Row(NamedTuple):
    """One judged pair on its way into the store: its number, the version that was judged, what came of it."""

    root: int
    version: int
    judged: Judged


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands: verdicts and missing ones. `mean` is over the `scored` verdicts that have a score."""

    judged: int
    passed: int
    scored: int
    mean: float | None
    inconsistent: int
    both_orders: int
    preferences: dict[str, int]
    missing: dict[str, int]

    @property
    def unjudged(self) -> int:
        """Pairs that were asked about and have no verdict."""
        return sum(self.missing.values())


# -- judges and runs


def keep_rubric(connection: sqlite3.Connection, rubric: Rubric) -> int:
    """The id of a rubric's version, written where it is new (its hash says whether it is)."""
    connection.execute(
        "INSERT INTO rubric (name, version, hash, body, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
        (rubric.name, rubric.version, rubric.hash, _encode(rubric).decode(), now_us()),
    )
    return int(connection.execute("SELECT id FROM rubric WHERE hash = ?", (rubric.hash,)).fetchone()[0])


def kept_rubric(connection: sqlite3.Connection, hash: str) -> Rubric:
    """The rubric of that hash, as it was when it was used. Raises NotFoundError."""
    row = connection.execute("SELECT body FROM rubric WHERE hash = ?", (hash,)).fetchone()
    if row is None:
        raise NotFoundError("rubric with the hash", hash)
    return msgspec.json.decode(row[0], type=Rubric)


def keep_judge(connection: sqlite3.Connection, judge: Judge, rubric_id: int | None) -> int:
    """The id of a judge, written where it is new."""
    connection.execute(
        "INSERT INTO judge (hash, backend, model, rubric_id, params, created) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (hash) DO NOTHING",
        (judge.hash, judge.backend, judge.model, rubric_id, _encode(judge.params).decode(), now_us()),
    )
    return int(connection.execute("SELECT id FROM judge WHERE hash = ?", (judge.hash,)).fetchone()[0])


_RUN = (
    "SELECT r.id, r.dataset_id, r.tag, r.kind, r.settings, r.created, r.updated, r.calls, r.hits, r.tokens_in,"
    " r.tokens_out, r.cost_micro, j.hash, j.backend, j.model, j.params, b.hash FROM judge_run r"
    " LEFT JOIN judge j ON j.id = r.judge_id LEFT JOIN rubric b ON b.id = j.rubric_id"
)


NO_RUN = "no judge has looked at this data set; make a run with: flywheel judge -d NAME --tag TAG"


def find_run(connection: sqlite3.Connection, dataset_id: int, tag: str) -> RunRow | None:
    """The run of that tag, or None."""
    row = connection.execute(f"{_RUN} WHERE r.dataset_id = ? AND r.tag = ?", (dataset_id, tag)).fetchone()
    return _run(row) if row else None


def get_run(connection: sqlite3.Connection, dataset_id: int, tag: str) -> RunRow:
    """The run of that tag. Raises NotFoundError that lists the known ones."""
    if found := find_run(connection, dataset_id, tag):
        return found
    known = connection.execute("SELECT tag FROM judge_run WHERE dataset_id = ? ORDER BY tag", (dataset_id,)).fetchall()
    raise NotFoundError("judge run", tag, [name for (name,) in known], "" if known else NO_RUN)


def list_runs(connection: sqlite3.Connection, dataset_id: int) -> list[RunRow]:
    """Every run of a data set, the oldest first."""
    return [_run(row) for row in connection.execute(f"{_RUN} WHERE r.dataset_id = ? ORDER BY r.id", (dataset_id,))]


def _run(row: tuple[Any, ...]) -> RunRow:
    judge = None
    if row[12] is not None:
        judge = Judge(hash=row[12], backend=row[13], model=row[14], rubric=row[16] or "", params=_decode(row[15]))
    return RunRow(
        id=row[0], dataset_id=row[1], tag=row[2], kind=row[3], settings=_decode(row[4]), judge=judge, created=row[5],
        updated=row[6], calls=row[7], hits=row[8], tokens_in=row[9], tokens_out=row[10], cost_micro=row[11],
    )  # fmt: skip


def open_run(
    connection: sqlite3.Connection,
    dataset_id: int,
    tag: str,
    judge: Judge,
    rubric: Rubric | None,
    *,
    kind: str = "judge",
    settings: dict[str, Any] | None = None,
) -> RunRow:
    """The run of that tag, made where there is none (inside a write transaction).

    Raises UsageError where the tag belongs to another judge: their verdicts would be one heap that nobody can tell
    apart.
    """
    found = find_run(connection, dataset_id, tag)
    if found is None:
        rubric_id = keep_rubric(connection, rubric) if rubric is not None else None
        connection.execute(
            "INSERT INTO judge_run (dataset_id, tag, judge_id, kind, settings, created, updated)"
            " VALUES (?, ?, ?, ?, ?, ?6, ?6)",
            (dataset_id, tag, keep_judge(connection, judge, rubric_id), kind, _encode(settings or {}).decode(),
             now_us()),
        )  # fmt: skip
        return get_run(connection, dataset_id, tag)
    if found.judge is None or found.judge.hash != judge.hash:
        whose = f"{found.judge.name} (identity {found.judge.hash[:8]})" if found.judge else "an unknown judge"
        raise UsageError(
            f"the tag {tag!r} holds verdicts of {whose}, and this judge is another one (identity {judge.hash[:8]}:"
            " model, prompt, rubric, parameters or examples differ); choose another --tag"
        )
    if settings is not None:
        connection.execute(
            "UPDATE judge_run SET settings = ?, updated = ? WHERE id = ?",
            (_encode(settings).decode(), now_us(), found.id),
        )
    return get_run(connection, dataset_id, tag)


# -- what is done


def judged_versions(connection: sqlite3.Connection, run_id: int, repeat: int = 0) -> set[int]:
    """The versions that have a verdict in a run; or were answered about again, the `repeat`-th time."""
    query = 'SELECT pair_id FROM verdict WHERE judge_run_id = ? AND "order" = 0 AND repeat = ?'
    return {version for (version,) in connection.execute(query, (run_id, repeat))}


def missing_versions(connection: sqlite3.Connection, run_id: int, *, not_of_job: int | None = None) -> set[int]:
    """The versions that have none, with a reason; `not_of_job` leaves out those that this job has met itself."""
    query = "SELECT pair_id FROM judge_error WHERE judge_run_id = ? AND (?2 IS NULL OR job_id IS NOT ?2)"
    return {version for (version,) in connection.execute(query, (run_id, not_of_job))}


def tally(connection: sqlite3.Connection, run_id: int) -> Tally:
    """Count a run."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(passed), 0), count(score), avg(score),"
        " coalesce(sum(consistent = 0), 0), count(consistent) FROM verdict"
        ' WHERE judge_run_id = ? AND "order" = 0 AND repeat = 0',
        (run_id,),
    ).fetchone()
    preferences = connection.execute(
        "SELECT preference, count(*) FROM verdict WHERE judge_run_id = ? AND preference IS NOT NULL"
        ' AND "order" = 0 AND repeat = 0 GROUP BY preference ORDER BY preference',
        (run_id,),
    ).fetchall()
    missing = connection.execute(
        "SELECT kind, count(*) FROM judge_error WHERE judge_run_id = ? GROUP BY kind ORDER BY count(*) DESC, kind",
        (run_id,),
    ).fetchall()
    mean = None if row[3] is None else round(row[3], 6)
    return Tally(
        judged=row[0], passed=row[1], scored=row[2], mean=mean, inconsistent=row[4], both_orders=row[5],
        preferences=dict(preferences), missing=dict(missing),
    )  # fmt: skip


class Again(NamedTuple):
    """One answer about a pair that was asked about several times: the version, what was said."""

    version: int
    passed: int
    preference: str | None
    score: float | None


def repeated(connection: sqlite3.Connection, run_id: int) -> list[Again]:
    """Every answer, the one that counts included, about the pairs that a run was asked about again, by version."""
    rows = connection.execute(
        'SELECT pair_id, passed, preference, score FROM verdict WHERE judge_run_id = ?1 AND "order" = 0'
        ' AND pair_id IN (SELECT pair_id FROM verdict WHERE judge_run_id = ?1 AND "order" = 0 AND repeat > 0)'
        " ORDER BY pair_id, repeat",
        (run_id,),
    )
    return [Again(*row) for row in rows]


# -- writing

_INSERT = (
    'INSERT INTO verdict (id, judge_run_id, pair_id, score, passed, scores, rationale, "order", repeat, tokens_in,'
    " tokens_out, cost_micro, latency_ms, created, preference, consistent, answers, gates, cached) VALUES {}"
)
_SHOW = (
    "UPDATE pair_current SET score = s.column1, passed = s.column2, verdict_id = s.column3, judge_run_id = s.column4"
    " FROM (VALUES {}) AS s WHERE pair_current.id = s.column5 AND pair_current.pair_id = s.column6"
)


def _json(value: Any) -> str | None:
    return _encode(value).decode() if value else None


def _storable(text: str) -> str:
    """What a reply may hold and SQLite cannot: halves of characters."""
    return text.encode("utf-8", "replace").decode()


def _values(
    id: int, run_id: int, version: int, place: tuple[int, int], verdict: Verdict, use: Use | None, now: int
) -> tuple[Any, ...]:
    spent: tuple[Any, ...] = (None, None, None, None) if use is None else (
        use.tokens_in, use.tokens_out, use.cost_micro, use.latency_ms,
    )  # fmt: skip
    return (
        id, run_id, version, verdict.score, int(verdict.passed), _json(verdict.scores), verdict.rationale or None,
        *place, *spent, now, verdict.preference, None if verdict.consistent is None else int(verdict.consistent),
        _json(verdict.answers), _json(verdict.gates), int(use is not None and use.cached > 0 and use.asked == 0),
    )  # fmt: skip


def write_rows(
    connection: sqlite3.Connection, run_id: int, rows: Sequence[Row], job_id: int | None = None, *, repeat: int = 0
) -> int:
    """Write a batch inside a transaction; how many verdicts were new. A version that has one in this run keeps it.

    A verdict takes the place of the reason why there was none; a new reason replaces the old one and counts attempts.
    What a judge says when it is asked again (`repeat` from 1) is no verdict that counts, and none missing is a reason.
    """
    now = now_us()
    known = _known(connection, run_id, [row.version for row in rows], repeat)
    id = int(connection.execute("SELECT coalesce(max(id), 0) FROM verdict").fetchone()[0])
    verdicts: list[tuple[Any, ...]] = []
    shown: list[tuple[Any, ...]] = []
    missing: list[tuple[Any, ...]] = []
    use = sum_of(row.judged.use for row in rows)
    for root, version, judged in rows:
        outcome = judged.outcome
        if version in known:
            continue
        if isinstance(outcome, NoVerdict):
            if repeat:
                continue
            raw = _storable(outcome.raw[:RAW_CHARACTERS]) if outcome.raw else None
            detail = _storable(outcome.detail[:DETAIL_CHARACTERS])
            missing.append((run_id, version, outcome.kind, detail, now, raw,
                            int(outcome.retryable), job_id))  # fmt: skip
            continue
        known.add(version)
        for order, half in judged.halves:
            id += 1
            verdicts.append(_values(id, run_id, version, (order, repeat), half, None, now))
        id += 1
        verdicts.append(_values(id, run_id, version, (COUNTS, repeat), outcome, judged.use, now))
        shown.append((outcome.score, int(outcome.passed), id, run_id, root, version))
    if verdicts:
        execute_rows(connection, _INSERT, verdicts)
    if verdicts and not repeat:
        execute_rows(connection, _SHOW, shown)
        _forget_missing(connection, run_id, [row[5] for row in shown])
    if missing:
        connection.executemany(
            "INSERT INTO judge_error (judge_run_id, pair_id, kind, detail, created, raw, retryable, job_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (judge_run_id, pair_id) DO UPDATE SET kind = excluded.kind,"
            " detail = excluded.detail, created = excluded.created, raw = excluded.raw,"
            " retryable = excluded.retryable, job_id = excluded.job_id, attempts = judge_error.attempts + 1",
            missing,
        )
    connection.execute(
        "UPDATE judge_run SET updated = ?, calls = calls + ?, hits = hits + ?, tokens_in = tokens_in + ?,"
        " tokens_out = tokens_out + ?, cost_micro = cost_micro + ? WHERE id = ?",
        (now, use.asked, use.cached, use.tokens_in, use.tokens_out, use.cost_micro, run_id),
    )
    if job_id is not None and use.cost_micro:
        connection.execute("UPDATE job SET cost_micro = cost_micro + ? WHERE id = ?", (use.cost_micro, job_id))
    return len(shown)


def _known(connection: sqlite3.Connection, run_id: int, versions: Sequence[int], repeat: int) -> set[int]:
    query = (
        "SELECT v.pair_id FROM json_each(?) j CROSS JOIN verdict v ON v.judge_run_id = ? AND v.pair_id = j.value"
        ' AND v."order" = 0 AND v.repeat = ?'
    )
    return {version for (version,) in connection.execute(query, (_encode(list(versions)).decode(), run_id, repeat))}


def _forget_missing(connection: sqlite3.Connection, run_id: int, versions: Iterable[int]) -> None:
    listed = _encode(list(versions)).decode()
    connection.execute(
        "DELETE FROM judge_error WHERE judge_run_id = ? AND pair_id IN (SELECT value FROM json_each(?))",
        (run_id, listed),
    )


def forget_run(connection: sqlite3.Connection, run_id: int) -> None:
    """Take a run's rows away and show what was said before it; for juries and imports that are made anew."""
    roots = [root for (root,) in connection.execute("SELECT id FROM pair_current WHERE judge_run_id = ?", (run_id,))]
    connection.execute("DELETE FROM verdict WHERE judge_run_id = ?", (run_id,))
    connection.execute("DELETE FROM judge_error WHERE judge_run_id = ?", (run_id,))
    project_current(connection, roots)


def project_current(connection: sqlite3.Connection, roots: Iterable[int]) -> None:
    """Derive what `pair_current` shows of these pairs from the verdicts alone."""
    connection.executemany(
        "UPDATE pair_current SET (verdict_id, score, passed, judge_run_id) = (SELECT v.id, v.score, v.passed,"
        " v.judge_run_id FROM (SELECT 1) LEFT JOIN (SELECT id, score, passed, judge_run_id FROM verdict"
        ' WHERE pair_id = pair_current.pair_id AND "order" = 0 AND repeat = 0 ORDER BY id DESC LIMIT 1) v ON TRUE)'
        " WHERE id = ?",
        ((root,) for root in roots),
    )


# -- reading


class Said(NamedTuple):
    """What a run says of a pair: None where there is no verdict (`kind` says why)."""

    root: int
    version: int
    passed: int | None
    score: float | None
    preference: str | None
    kind: str | None


_SAID = (
    "SELECT c.id, c.pair_id, {columns} FROM {table} v JOIN pair_current c ON {join}"
    " WHERE v.judge_run_id = ?1 AND c.dataset_id = ?2{counts}"
)
_VERDICTS = {"columns": "v.passed, v.score, v.preference, NULL", "table": "verdict",
             "counts": ' AND v."order" = 0 AND v.repeat = 0'}  # fmt: skip
_MISSING = {"columns": "NULL, NULL, NULL, v.kind", "table": "judge_error", "counts": ""}
# pairs that were edited are found by their partial index, all others by their own number
_JOINS = ("c.id = v.pair_id AND c.pair_id = c.id", "c.pair_id = v.pair_id AND c.pair_id <> c.id")


def said_by(connection: sqlite3.Connection, run_id: int, dataset_id: int) -> list[Said]:
    """What a run says of each pair it was asked about, in its current version, by pair number."""
    parts = [_SAID.format(join=join, **table) for table in (_VERDICTS, _MISSING) for join in _JOINS]
    query = " UNION ALL ".join(parts) + " ORDER BY 1"
    return [Said(*row) for row in connection.execute(query, (run_id, dataset_id))]
