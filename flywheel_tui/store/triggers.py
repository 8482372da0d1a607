"""Figures behind the training triggers."""

from __future__ import annotations

import sqlite3

import msgspec

_decode = msgspec.json.Decoder().decode


def last_training(connection: sqlite3.Connection, dataset_id: int) -> int | None:
    """When the newest finished training run on a data set ended (microseconds UTC); None where there was none."""
    row = connection.execute(
        "SELECT max(finished) FROM training_run WHERE dataset_id = ? AND state = 'done'", (dataset_id,)
    ).fetchone()
    return None if row[0] is None else int(row[0])


def new_rows(connection: sqlite3.Connection, dataset_id: int, since: int | None) -> tuple[int, int]:
    """Accepted pairs made since then, and how many of them are of high quality.

    Accepted: a person said so, or the judge passed it and nobody decided. High quality: a person said so, or the tier
    is gold or platinum.
    """
    row = connection.execute(
        "SELECT count(*), coalesce(sum(c.status IN ('approved', 'edited') OR c.tier IN ('gold', 'platinum')), 0)"
        " FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.dataset_id = ?1 AND p.created > ?2"
        " AND (c.status IN ('approved', 'edited') OR (c.status = 'open' AND c.passed = 1))",
        (dataset_id, since or 0),
    ).fetchone()
    return int(row[0]), int(row[1])


def pass_rates(connection: sqlite3.Connection, dataset_id: int) -> tuple[float | None, float | None]:
    """The newest pass rate of a cycle on a data set, and the best before it; None where there are no two."""
    rates = [rate for rate in (_rate(row[0]) for row in _summaries(connection, dataset_id)) if rate is not None]
    return (rates[-1], max(rates[:-1])) if len(rates) > 1 else (rates[-1] if rates else None, None)


def newest_calibration(connection: sqlite3.Connection, dataset_id: int) -> int | None:
    """On how many labels of people (a script's are none) the judge was measured in the newest cycle; None: never."""
    row = connection.execute(
        "SELECT a.body FROM phase_run p JOIN cycle c ON c.id = p.cycle_id JOIN artefact a ON a.hash = p.artefact"
        " WHERE p.phase = 'calibration' AND p.state = 'done' AND json_extract(c.config, '$.into') ="
        " (SELECT name FROM dataset WHERE id = ?) ORDER BY p.id DESC LIMIT 1",
        (dataset_id,),
    ).fetchone()
    if row is None:
        return None
    body = _decode(row[0])
    return 0 if body.get("scripted") else int(body.get("n", 0))


def _summaries(connection: sqlite3.Connection, dataset_id: int) -> list[tuple[str]]:
    return connection.execute(
        "SELECT summary FROM cycle WHERE summary IS NOT NULL AND state = 'done'"
        " AND json_extract(config, '$.into') = (SELECT name FROM dataset WHERE id = ?) ORDER BY number",
        (dataset_id,),
    ).fetchall()


def _rate(summary: str) -> float | None:
    value = (_decode(summary).get("pass_rate") or {}).get("value")
    return None if value is None else float(value)
