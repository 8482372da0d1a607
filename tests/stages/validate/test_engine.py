"""What a run of the checks looks at: every version once, at any pace of interruptions."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from shouting import AddRows, Register, Shout, current, edit, known, numbered, run

from flywheel_tui.errors import Cancelled, ConflictError
from flywheel_tui.identity import new_uid
from flywheel_tui.jobs import run_foreground
from flywheel_tui.records.label import Decision
from flywheel_tui.stages.label import decide, undo
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.stages.validate.base import Check
from flywheel_tui.store import findings as store
from flywheel_tui.store import versions
from flywheel_tui.store.datasets import get_dataset

pytestmark = pytest.mark.usefixtures("shout")


def test_findings_counters_and_severity_are_written(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(50, loud=[3, 7]))
    report = run(workspace)
    assert report.pairs == 50
    assert report.findings == {"warning": 2}
    assert report.pairs_by_severity == {"warning": 2}
    assert report.passed
    assert current(workspace) == {4: (1, "warning"), 8: (1, "warning")}
    assert get_dataset(workspace.store.read(), "demo").counts["with findings"] == 2
    example = report.checks[0].examples[0]
    assert (example.position, example.field, example.start, example.end) == (4, "output", 0, 4)


def test_only_new_pairs_are_looked_at_again(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(2_500, loud=[3]))
    run(workspace)
    assert set(Shout.seen.values()) == {1} and len(Shout.seen) == 2_500
    add_rows(numbered(30, loud=[2_505], start=2_500))
    report = run(workspace)
    assert report.checks[0].looked_at == 30
    assert set(Shout.seen.values()) == {1} and len(Shout.seen) == 2_530
    assert [position for position, _, _ in known(workspace)] == [4, 2_506]
    assert run(workspace).checks[0].looked_at == 0
    assert run(workspace).findings == {"warning": 2}


def test_other_data_sets_between_do_not_matter(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(10, loud=[1]))
    add_rows(numbered(10, loud=[1], start=100), name="other")
    run(workspace)
    add_rows(numbered(10, loud=[15], start=10))
    assert run(workspace).checks[0].looked_at == 10
    assert [position for position, _, _ in known(workspace)] == [2, 16]
    assert len(Shout.seen) == 20


def test_an_edit_is_looked_at_and_the_superseded_version_counts_no_longer(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(10, loud=[3]))
    run(workspace)
    edit(workspace, 4, "now it is quiet")
    assert current(workspace) == {}
    assert run(workspace).findings == {}
    uid = edit(workspace, 6, "LOUD now")
    report = run(workspace)
    assert report.checks[0].looked_at == 1
    assert report.findings == {"warning": 1}
    assert current(workspace) == {6: (1, "warning")}
    undo(workspace, uid, "ann")
    assert current(workspace) == {}
    assert run(workspace).findings == {}


def test_an_edit_taken_back_before_the_first_run_leaves_nothing_unseen(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(5, loud=[2]))
    uid = edit(workspace, 3, "quiet")
    assert run(workspace).findings == {}
    undo(workspace, uid, "ann")
    assert current(workspace) == {3: (1, "warning")}
    report = run(workspace)
    assert report.checks[0].looked_at == 0
    assert report.findings == {"warning": 1}


def test_other_options_look_at_everything_again_and_replace_what_was_said(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(40, loud=[1, 2]))
    run(workspace)
    report = run(workspace, options={"shout": {"severity": "error"}})
    assert report.checks[0].looked_at == 40
    assert report.findings == {"error": 2}
    assert not report.passed
    assert current(workspace) == {2: (1, "error"), 3: (1, "error")}


def test_a_new_version_of_a_check_looks_again(add_rows: AddRows, registered: Register) -> None:
    workspace = add_rows(numbered(5, loud=[1]))
    run(workspace)
    registered(type("Newer", (Shout,), {"version": 2}))
    assert run(workspace).checks[0].looked_at == 5
    assert len(known(workspace)) == 1


def test_an_expression_limits_what_is_looked_at(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(30, loud=[1, 20]))
    report = run(workspace, where="'20' in output")
    assert report.checks[0].looked_at == 1
    assert [position for position, _, _ in known(workspace)] == [21]
    assert run(workspace).checks[0].looked_at == 30
    assert len(known(workspace)) == 2
    # some pairs with other options: the next full run must not trust what the rest says
    run(workspace, where="'20' in output", options={"shout": {"severity": "error"}})
    assert run(workspace).checks[0].looked_at == 30
    assert [severity for _, _, severity in known(workspace)] == ["warning", "warning"]


def test_a_run_that_is_stopped_goes_on_where_it_was(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(5_000, loud=range(0, 5_000, 10)))

    def stop(done: int, total: int | None, phase: str) -> None:
        if done >= 2_000:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        validate(workspace, ValidateOptions(dataset="demo", checks=("shout",)), on_progress=stop)
    assert 2_000 <= len(Shout.seen) < 5_000
    halfway = len(known(workspace))
    assert halfway >= 200
    run(workspace)
    assert len(Shout.seen) == 5_000
    assert set(Shout.seen.values()) == {1}
    assert len(known(workspace)) == 500
    assert get_dataset(workspace.store.read(), "demo").counts["with findings"] == 500


def test_progress_counts_up_to_its_total(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(2_100))
    said: list[tuple[int, int | None]] = []
    validate(
        workspace,
        ValidateOptions(dataset="demo", checks=("shout",)),
        on_progress=lambda done, total, phase: said.append((done, total)),
    )
    assert said[0] == (0, 2_100)
    assert said[-1] == (2_100, 2_100)
    assert [done for done, _ in said] == sorted(done for done, _ in said)


KILLED = """
import sys, time
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.workspace import Workspace

def slowly(done, total, phase):
    print(done, flush=True)
    time.sleep(0.02)

validate(Workspace.open(sys.argv[1]), ValidateOptions(dataset="demo", checks=("schema", "dedup")), on_progress=slowly)
"""


def test_killed_at_any_moment_it_ends_as_if_nothing_had_been(add_rows: AddRows, tmp_path: Path) -> None:
    rows = numbered(6_000)
    for n in range(0, 6_000, 3):
        rows[n]["output"] = ""
    workspace = add_rows(rows)
    for wait in (2_000, 4_000):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(workspace.root)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= wait:
                break
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    done = workspace.store.read().execute("SELECT count(*) FROM finding").fetchone()[0]
    assert 0 < done <= 2_000
    report = run(workspace, "schema", "dedup")
    assert report.checks[0].looked_at < 6_000, "what was done before the kill is not done again"
    assert report.findings == {"error": 2_000}
    rows_with = workspace.store.read().execute("SELECT count(*) FROM pair_current WHERE severity = 'error'").fetchone()
    assert rows_with[0] == 2_000
    duplicates = workspace.store.read().execute(
        "SELECT count(*) FROM (SELECT 1 FROM finding GROUP BY pair_id, check_name, field, message HAVING count(*) > 1)"
    )
    assert duplicates.fetchone()[0] == 0


def test_one_validation_of_a_data_set_at_a_time(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(3))

    def again(done: int, total: int | None, phase: str) -> None:
        with pytest.raises(ConflictError, match="being validated already"):
            run(workspace)

    validate(workspace, ValidateOptions(dataset="demo", checks=("shout",)), on_progress=again)
    assert run(workspace).pairs == 3


def test_a_comparing_check_starts_over_only_when_something_changed(add_rows: AddRows) -> None:
    workspace = add_rows([*numbered(4), {"instruction": "say  3", "output": "QUIET 3!"}])
    report = run(workspace, "dedup")
    assert report.findings == {"error": 1, "info": 1}
    assert report.checks[0].looked_at == 5
    before = workspace.store.read().execute("SELECT id FROM finding ORDER BY id").fetchall()
    assert run(workspace, "dedup").checks[0].looked_at == 0
    add_rows(numbered(1, start=50))
    assert run(workspace, "dedup").checks[0].looked_at == 6
    assert workspace.store.read().execute("SELECT id FROM finding ORDER BY id").fetchall() == before
    uid = edit(workspace, 5, "something else")
    assert current(workspace) == {4: (1, "info")}
    assert run(workspace, "dedup").findings == {}
    undo(workspace, uid, "ann")
    assert run(workspace, "dedup").findings == {"error": 1, "info": 1}
    assert current(workspace) == {4: (1, "info"), 5: (1, "error")}


def test_figures_of_a_check_are_kept_between_runs(add_rows: AddRows, registered: Register) -> None:
    class Measure(Check):
        name = "measure"
        compares = True
        default = False

        def figures(self) -> dict[str, Any]:
            return {"value": 0.5}

    registered(Measure)
    workspace = add_rows(numbered(3))
    assert run(workspace, "measure").checks[0].figures == {"value": 0.5}
    assert run(workspace, "measure").checks[0].figures == {"value": 0.5}


def test_as_a_job_it_leaves_a_report_and_its_row(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(30, loud=[4]))
    args = {"dataset": "demo", "checks": ["shout"], "every_finding": True}
    result = run_foreground(workspace, "validate", args, title="validate demo")
    path = Path(result["report"])
    assert path == workspace.root / "reports" / "demo" / "validation.json"
    assert path.stat().st_mode & 0o777 == 0o600
    report = json.loads(path.read_text("utf-8"))
    assert report["findings"] == {"warning": 1}
    assert report["every_finding"] == [
        {"position": 5, "pair": 5, "check": "shout", "severity": "warning", "message": "it shouts",
         "field": "output", "start": 0, "end": 4}
    ]  # fmt: skip
    state, done, total = workspace.store.read().execute("SELECT state, done, total FROM job").fetchone()
    assert (state, done, total) == ("done", 30, 30)


def test_reads_and_writes_are_short(add_rows: AddRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reviewer who labels meanwhile must not wait: no transaction of the run holds the lock for long."""
    workspace = add_rows(numbered(4_000, loud=range(4_000)))
    held: list[float] = []
    original = type(workspace.store).tx

    from contextlib import contextmanager

    @contextmanager
    def timed(self: Any, *, durable: bool = True) -> Any:
        with original(self, durable=durable) as connection:
            started = time.monotonic()
            before = connection.total_changes
            yield connection
            held.append(time.monotonic() - started)
            assert connection.total_changes - before < 3 * 2_100

    monkeypatch.setattr(type(workspace.store), "tx", timed)
    run(workspace)
    assert len(held) >= 4
    assert sorted(held)[len(held) // 2] < 0.2


def test_queries_of_the_run_scan_no_table(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(10))
    connection = workspace.store.read()
    for query, parameters in (
        (versions._FIRST, (1, 0, 100, 10)),
        (versions._LATER, (1, 0, 100, 10)),
        (store._SUPERSEDED, (1,)),
    ):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters)]
        assert not [step for step in plan if step.startswith("SCAN p") and "INDEX" not in step], plan


def test_clusters_side_by_side(add_rows: AddRows) -> None:
    rows = numbered(3)
    workspace = add_rows(
        [*rows, {"instruction": "SAY 0", "output": "quiet 0"}, {"instruction": "say 0", "output": "Quiet 0."}]
    )
    run(workspace, "dedup")
    connection = workspace.store.read()
    [cluster] = store.clusters(connection, 1, "dedup")
    assert cluster == store.Cluster(1, 2)
    assert store.cluster_pairs(connection, 1, "dedup", 1) == [1, 4, 5]
    assert store.superfluous(connection, 1) == [4, 5]


def test_the_best_labelled_copy_is_kept(add_rows: AddRows) -> None:
    workspace = add_rows([{"instruction": "A", "output": "b"}, {"instruction": "a", "output": "B"}])
    options = {"dedup": {"keep": "labelled"}}
    run(workspace, "dedup", options=options)
    assert current(workspace) == {1: (1, "info"), 2: (1, "error")}
    decide(
        workspace,
        Decision(uid=new_uid(), pair=2, version=2, reviewer="ann", status="approved", presented=1, answered=2),
    )
    run(workspace, "dedup", options=options)
    assert current(workspace) == {1: (1, "error"), 2: (1, "info")}


def test_the_migration_keeps_what_is_there(tmp_path: Path) -> None:
    from flywheel_tui.store import migrations
    from flywheel_tui.store.db import Store

    path = tmp_path / "old.db"
    old = sqlite3.connect(path)
    for number, script in migrations.all_steps():
        if number <= 2:
            old.executescript(script)
    old.execute("INSERT INTO dataset (name, kind, created) VALUES ('a', 'sft', 1)")
    old.execute("INSERT INTO check_state VALUES (1, 'schema', 1, 'x', 7, 1)")
    old.execute("PRAGMA user_version = 2")
    old.commit()
    old.close()
    path.chmod(0o600)
    with Store(path) as opened:
        assert store.states_of(opened.read(), 1) == {"schema": store.CheckState(1, "x", 7, None, None)}
