"""Runs, their figures and the adapters: what faces, the gate and the loop read and write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.locks import is_held
from flywheel_tui.store import training
from flywheel_tui.store.training import AdapterRow, MetricRow, RunRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

PARENT_LOCK, TRAINER_LOCK, STOP_FILE = "run.lock", "trainer.lock", "stop"
LOG_FILE = "log.txt"


def adapters(workspace: Workspace, *, state: str | None = None) -> list[AdapterRow]:
    """Every adapter (of one state), the newest first."""
    return training.adapters(workspace.store.read(), state=state)


def adapter_named(workspace: Workspace, name: str) -> AdapterRow:
    """The adapter of that name or number. Raises NotFoundError that lists the known ones."""
    return training.adapter_named(workspace.store.read(), name)


def adapter_path(workspace: Workspace, adapter: AdapterRow) -> Path:
    """The folder of an adapter. Raises UsageError where it is gone."""
    path = workspace.root / adapter.path
    if not (path / "adapter_model.safetensors").is_file():
        raise UsageError(f"{path}: the files of the adapter {adapter.name} are gone; train it again")
    return path


def set_adapter_state(workspace: Workspace, name: str, state: str) -> AdapterRow:
    """Move an adapter to a state. Raises NotFoundError, UsageError."""
    with workspace.store.tx() as connection:
        found = training.adapter_named(connection, name)
        training.set_adapter_state(connection, found.id, state)
    return adapter_named(workspace, name)


def runs(workspace: Workspace, *, dataset_id: int | None = None, limit: int = 200) -> list[RunRow]:
    """Training runs, the newest first. One that says it runs and whose processes are gone is marked interrupted."""
    found = training.runs(workspace.store.read(), dataset_id=dataset_id, limit=limit)
    return [_true(workspace, row) for row in found]


def run_numbered(workspace: Workspace, run_id: int) -> RunRow:
    """A run as it truly stands. Raises NotFoundError."""
    return _true(workspace, training.get_run(workspace.store.read(), run_id))


def metrics(workspace: Workspace, run_id: int, name: str | None = None, *, since: int = -1) -> list[MetricRow]:
    """Figures of a run after step `since`: loss, eval_loss, learning_rate, grad_norm, num_tokens, tokens_per_s …"""
    return training.metrics(workspace.store.read(), run_id, name, since=since)


def log_tail(workspace: Workspace, run_id: int, lines: int = 40, *, most: int = 64_000) -> list[str]:
    """The last lines that the trainer printed (at most `most` bytes of them); make them visible before showing."""
    row = training.get_run(workspace.store.read(), run_id)
    try:
        with (workspace.root / row.folder / LOG_FILE).open("rb") as stream:
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - most))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return text.replace("\r", "\n").splitlines()[-lines:]


def stop(workspace: Workspace, run_id: int) -> RunRow:
    """Ask a run to save and stop, whoever started it. Raises UsageError where it does not run."""
    row = run_numbered(workspace, run_id)
    if row.state not in ("queued", "running"):
        raise UsageError(f"run {run_id} does not run: it is {row.state}")
    (workspace.root / row.folder / STOP_FILE).touch()
    return row


def _true(workspace: Workspace, row: RunRow) -> RunRow:
    if row.state not in ("running", "queued"):
        return row
    folder = workspace.root / row.folder
    if not folder.is_dir() or is_held(folder / PARENT_LOCK) or is_held(folder / TRAINER_LOCK):
        return row
    with workspace.store.tx() as connection:
        now = training.get_run(connection, row.id)
        if now.state == row.state and now.updated == row.updated:
            reason = "its process is gone; go on with: flywheel train --resume " + str(row.id)
            training.set_run(connection, row.id, state="interrupted", reason=reason, pid=None, pgid=None)
        return training.get_run(connection, row.id)
