"""Runs, figures and adapters in the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from factories import make_workspace, sft

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.stages import train
from flywheel_tui.store import training
from flywheel_tui.store.training import MetricRow, NewAdapter, NewRun
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws", sft(3))


def begin(workspace: Workspace, **changes: object) -> training.RunRow:
    values = {"name": "a", "dataset_id": 1, "job_id": None, "parent_id": None, "method": "sft", "base": "b",
              "base_hash": "h", "seed": 0, "plan": {"options": {}}} | changes  # fmt: skip
    with workspace.store.tx() as connection:
        return training.add_run(connection, NewRun(**values))  # type: ignore[arg-type]


def register(workspace: Workspace, name: str) -> training.AdapterRow:
    made = NewAdapter(
        name=name, training_run_id=None, base="b", base_hash="h", path=f"adapters/{name}", method="sft", hash=name
    )
    with workspace.store.tx() as connection:
        return training.add_adapter(connection, made)


def test_figures_of_repeated_steps_replace_each_other(workspace: Workspace) -> None:
    run = begin(workspace)
    with workspace.store.tx() as connection:
        training.add_metrics(connection, run.id, [MetricRow(step, "loss", 1.0 / step, 0) for step in range(1, 6)])
        training.drop_metrics_after(connection, run.id, 3)
        training.add_metrics(connection, run.id, [MetricRow(3, "loss", 9.0, 1), MetricRow(4, "eval_loss", 2.0, 1)])
    assert [row.value for row in train.metrics(workspace, run.id, "loss")] == [1.0, 0.5, 9.0]
    assert [(row.step, row.name) for row in train.metrics(workspace, run.id, since=2)] == [
        (3, "loss"),
        (4, "eval_loss"),
    ]
    assert training.metric_names(workspace.store.read(), run.id) == ["eval_loss", "loss"]
    with pytest.raises(sqlite3.IntegrityError), workspace.store.tx() as connection:
        training.add_metrics(connection, run.id, [MetricRow(9, "loss", float("nan"), 0)])


def test_names_of_adapters_are_taken_once(workspace: Workspace) -> None:
    first = register(workspace, "a")
    with pytest.raises(ConflictError, match="another --name"):
        register(workspace, "a")
    assert train.adapter_named(workspace, str(first.id)) == first
    assert train.set_adapter_state(workspace, "a", "promoted").state == "promoted"
    assert train.adapters(workspace, state="candidate") == []
    with pytest.raises(UsageError, match="rolled_back"):
        train.set_adapter_state(workspace, "a", "gone")
    with pytest.raises(NotFoundError, match="there are: a"):
        train.adapter_named(workspace, "b")


def test_a_run_whose_processes_are_gone_is_interrupted(workspace: Workspace) -> None:
    from flywheel_tui.locks import alone
    from flywheel_tui.stages.train.history import PARENT_LOCK

    run = begin(workspace)
    folder = workspace.root / run.folder
    folder.mkdir(parents=True)
    with workspace.store.tx() as connection:
        training.set_run(connection, run.id, state="running", pid=1, pgid=1)
    with alone(folder / PARENT_LOCK, "never"):
        assert train.runs(workspace)[0].state == "running"
    found = train.run_numbered(workspace, run.id)
    assert found.state == "interrupted" and found.pid is None and "--resume" in str(found.reason)
    with pytest.raises(UsageError, match="does not run"):
        train.stop(workspace, run.id)


def test_the_tail_of_the_log(workspace: Workspace) -> None:
    run = begin(workspace)
    assert train.log_tail(workspace, run.id) == []
    folder = workspace.root / run.folder
    folder.mkdir(parents=True)
    (folder / "log.txt").write_bytes(b"\xff one\n" + b"x" * 100_000 + b"\nlast but one\nlast\n")
    assert train.log_tail(workspace, run.id, 2) == ["last but one", "last"]


def test_the_rate_is_that_of_the_newest_finished_run(workspace: Workspace) -> None:
    for rate, state in ((100.0, "done"), (200.0, "done"), (900.0, "failed")):
        run = begin(workspace)
        with workspace.store.tx() as connection:
            training.set_run(connection, run.id, state=state, totals={"tokens_per_s": rate, "device": "cpu"})
    read = workspace.store.read()
    assert training.measured_rate(read, "h", "sft", "cpu") == 200.0
    assert training.measured_rate(read, "h", "sft", "cuda") is None
    assert training.measured_rate(read, "other", "sft", "cpu") is None
