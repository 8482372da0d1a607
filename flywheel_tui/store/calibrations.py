"""Calibrations as they were written: what was measured of a judge, on which labels, how often."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.records.calibration import CalibrateOptions, Calibration


class CalibrationRow(NamedTuple):
    """A calibration as it was written."""

    id: int
    judge_run_id: int
    created: int
    calibration: Calibration


def _key(options: CalibrateOptions) -> str:
    return msgspec.json.Encoder(order="sorted").encode(options).decode()


def write(connection: sqlite3.Connection, dataset_id: int, run_id: int, found: Calibration) -> int:
    """Keep a calibration (inside a write transaction); measuring the same again replaces it. Returns its id."""
    threshold, options = found.threshold, found.options
    method = "judge" if threshold is None else "learn then test" if threshold.guaranteed else "given"
    connection.execute(
        "INSERT INTO calibration (dataset_id, judge_run_id, judge_hash, labels_hash, verdicts_mark, options, split,"
        " target, confidence, method, n, threshold, result, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (judge_run_id, judge_hash, labels_hash, verdicts_mark, options) DO UPDATE SET"
        " result = excluded.result, threshold = excluded.threshold, n = excluded.n, created = excluded.created",
        (
            dataset_id, run_id, found.judge_hash, found.labels_hash, found.verdicts_mark, _key(options), options.split,
            options.target, options.confidence, method, found.pairs, threshold.value if threshold else None,
            msgspec.json.encode(found).decode(), now_us(),
        ),
    )  # fmt: skip
    row = connection.execute(
        "SELECT id FROM calibration WHERE judge_run_id = ? AND judge_hash = ? AND labels_hash = ?"
        " AND verdicts_mark = ? AND options = ?",
        (run_id, found.judge_hash, found.labels_hash, found.verdicts_mark, _key(options)),
    ).fetchone()
    return int(row[0])


def kept(connection: sqlite3.Connection, dataset_id: int) -> list[CalibrationRow]:
    """Every calibration of a data set, the newest first."""
    rows = connection.execute(
        "SELECT id, judge_run_id, created, result FROM calibration WHERE dataset_id = ? ORDER BY created DESC, id DESC",
        (dataset_id,),
    ).fetchall()
    load = msgspec.json.Decoder(Calibration).decode
    return [CalibrationRow(id, run_id, created, load(result)) for id, run_id, created, result in rows]


def looks(connection: sqlite3.Connection, labels_hash: str, judge_hash: str) -> int:
    """How many judges these very labels have measured, this one included: each choice made on them wears them out."""
    query = "SELECT count(DISTINCT judge_hash) FROM calibration WHERE labels_hash = ? AND judge_hash <> ?"
    return 1 + int(connection.execute(query, (labels_hash, judge_hash)).fetchone()[0])


def report_looks(connection: sqlite3.Connection, dataset_id: int, judge_hash: str | None) -> int:
    """How many judges were measured on the report split, alone or with all labels; one that is about to be (its hash)
    is among them.
    """
    query = "SELECT DISTINCT judge_hash FROM calibration WHERE dataset_id = ? AND split IN ('report', 'all')"
    seen = {found for (found,) in connection.execute(query, (dataset_id,))}
    return len(seen | ({judge_hash} if judge_hash is not None else set()))
