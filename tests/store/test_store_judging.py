"""Verdicts and missing verdicts in the store: what is shown, counted and fenced."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, sft
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import NotFoundError, StaleClaimError, UsageError
from flywheel_tui.records.job import Claim
from flywheel_tui.records.judgment import Judge, Judged, NoVerdict, Use, Verdict
from flywheel_tui.store import judge_jobs, judging, response_cache
from flywheel_tui.store.judging import Row
from flywheel_tui.store.response_cache import Cached
from flywheel_tui.workspace import Workspace

JUDGE = Judge(hash="h", backend="b", model="m", rubric="", params={})


def _run(workspace: Workspace, tag: str = "t", judge: Judge = JUDGE) -> int:
    with workspace.store.tx() as connection:
        return judging.open_run(connection, 1, tag, judge, None).id


def _write(workspace: Workspace, run: int, rows: list[Row]) -> int:
    with workspace.store.tx(durable=False) as connection:
        return judging.write_rows(connection, run, rows)


def _ok(pair: int, score: float = 8.0, use: Use | None = None) -> Row:
    return Row(pair, pair, Judged(outcome=Verdict(passed=score >= 7, score=score), use=use or Use()))


def _bad(pair: int, kind: str = "empty") -> Row:
    return Row(pair, pair, Judged(outcome=NoVerdict(kind=kind, detail="d")))


def test_no_table_takes_half_a_verdict(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        run = _run(workspace)
        for columns, values in (
            ("score, passed", (float("inf"), 1)), ("score, passed", (1.0, None)), ("score, passed", (1.0, 2)),
            ("preference, passed", ("left", 1)), ("answers, passed", ("{", 1)),
        ):  # fmt: skip
            query = f"INSERT INTO verdict (judge_run_id, pair_id, created, {columns}) VALUES ({run}, 1, 0, ?, ?)"
            with pytest.raises(sqlite3.IntegrityError), workspace.store.tx() as connection:
                connection.execute(query, values)


@settings(deadline=None, max_examples=25)
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from([2.0, 9.0, None])), max_size=25))
def test_projection_and_counters_follow_from_the_verdicts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, float | None]]
) -> None:
    with make_workspace(tmp_path_factory.mktemp("w"), sft(5)) as workspace:
        ids = pair_ids(workspace)
        runs = [_run(workspace, f"t{n}") for n in range(3)]
        for run, pair, score in steps:
            _write(workspace, runs[run], [_bad(ids[pair]) if score is None else _ok(ids[pair], score)])
        read = workspace.store.read()
        query = "SELECT id, score, passed, verdict_id, judge_run_id FROM pair_current ORDER BY id"
        shown = read.execute(query).fetchall()
        with workspace.store.tx() as connection:
            judging.project_current(connection, ids)
        assert read.execute(query).fetchall() == shown
        counts = dict(read.execute("SELECT name, value FROM counter").fetchall())
        assert counts.get("judged", 0) == sum(row[2] is not None for row in shown)
        assert counts.get("passed", 0) == sum(row[2] or 0 for row in shown)
        both = "SELECT count(*) FROM verdict v JOIN judge_error e USING (judge_run_id, pair_id)"
        assert read.execute(both).fetchone() == (0,)
        assert all(row[3] is not None for row in shown if row[2] is not None)


def test_a_version_keeps_its_first_verdict_of_a_run(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(2)) as workspace:
        run = _run(workspace)
        assert _write(workspace, run, [_ok(1, 9.0), _ok(1, 2.0), _bad(2)]) == 1
        assert _write(workspace, run, [_ok(1, 3.0), _ok(2, 3.0)]) == 1
        tally = judging.tally(workspace.store.read(), run)
        assert (tally.judged, tally.mean, tally.unjudged) == (2, 6.0, 0)


def test_sums_of_a_run_are_those_of_its_rows(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(3)) as workspace:
        run = _run(workspace)
        use = Use(asked=1, tokens_in=10, tokens_out=5, cost_micro=7, latency_ms=3)
        _write(workspace, run, [_ok(1, use=use), _ok(2, use=use), _ok(3, use=Use(cached=1))])
        found = judging.get_run(workspace.store.read(), 1, "t")
        assert (found.calls, found.hits, found.tokens_in, found.tokens_out, found.cost_micro) == (2, 1, 20, 10, 14)
        cached = workspace.store.read().execute("SELECT pair_id, cached FROM verdict ORDER BY pair_id").fetchall()
        assert cached == [(1, 0), (2, 0), (3, 1)]


def test_a_tag_of_another_judge_is_refused(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        _run(workspace)
        with pytest.raises(UsageError, match="another one"):
            _run(workspace, judge=Judge(hash="i", backend="b", model="n", rubric="", params={}))
        with pytest.raises(NotFoundError, match="there are: t"):
            judging.get_run(workspace.store.read(), 1, "x")


def test_forgetting_a_run_shows_what_was_said_before(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        first, second = _run(workspace, "a"), _run(workspace, "b")
        _write(workspace, first, [_ok(1, 9.0)])
        _write(workspace, second, [_ok(1, 1.0)])
        with workspace.store.tx() as connection:
            judging.forget_run(connection, second)
        assert workspace.store.read().execute("SELECT score FROM pair_current").fetchone() == (9.0,)


def test_who_lost_a_job_writes_nothing(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        run = _run(workspace)
        with pytest.raises(StaleClaimError), workspace.store.tx() as connection:
            judging.write_rows(connection, run, [_ok(1)])
            judge_jobs.require_claim(connection, Claim(1, "nobody", 1))
        assert judging.tally(workspace.store.read(), run).judged == 0


def test_the_cache_keeps_the_first_answer(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        keys = [number.to_bytes(16, "big") for number in range(1200)]
        with workspace.store.tx() as connection:
            response_cache.keep(connection, [Cached(key, "one", "m", 1, 1, 1) for key in keys[:-1]])
            response_cache.keep(connection, [Cached(keys[0], "two", "m", 1, 1, 1)])
        found = response_cache.look_up(workspace.store.read(), keys)
        assert (len(found), found[keys[0]].text) == (1199, "one")
        assert response_cache.nonce_secret(workspace.store) == response_cache.nonce_secret(workspace.store)


def test_plans_of_the_queries_that_screens_ask(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        read = workspace.store.read()
        seen: list[str] = []
        read.set_trace_callback(seen.append)
        judging.said_by(read, 1, 1)
        judging.tally(read, 1)
        read.set_trace_callback(None)
        plans = [row[3] for query in seen for row in read.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert plans
        assert not [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] in ("c", "p", "verdict", "v")]
