"""What a screen shows of training: the runs, one run's figures in short, and what a GPU does meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.stages.train.hardware import gpu_now
from flywheel_tui.stages.train.history import log_tail, metrics, runs
from flywheel_tui.store import training
from flywheel_tui.store.gate import current_pointers
from flywheel_tui.store.training import AdapterRow, MetricRow, RunRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

LOG_LINES = 8


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """A run and the adapter it made, where it has made one; `in_use` says whether that is used for its base now."""

    run: RunRow
    adapter: AdapterRow | None
    in_use: bool = False


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run, by step; `gpus` as of now (use in percent, bytes used and there)."""

    lines: dict[str, tuple[tuple[float, float], ...]]
    newest: dict[str, float]
    log: tuple[str, ...]
    gpus: tuple[dict[str, float], ...]


def run_lines(workspace: Workspace, *, limit: int = 200) -> list[RunLine]:
    """Every run, the newest first."""
    connection = workspace.store.read()
    made = {row.training_run_id: row for row in training.adapters(connection)}
    used = {(one.base_hash, one.adapter_hash) for one in current_pointers(connection) if one.adapter}
    found = []
    for row in runs(workspace, limit=limit):
        adapter = made.get(row.id)
        in_use = adapter is not None and (adapter.base_hash, adapter.hash) in used
        found.append(RunLine(run=row, adapter=adapter, in_use=in_use))
    return found


def run_figures(workspace: Workspace, run: RunRow) -> RunFigures:
    """What is known of a run's course."""
    rows: list[MetricRow] = metrics(workspace, run.id)
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        lines.setdefault(row.name, []).append((float(row.step), row.value))
    return RunFigures(
        lines={name: tuple(line) for name, line in lines.items()},
        newest={name: line[-1][1] for name, line in lines.items()},
        log=tuple(log_tail(workspace, run.id, LOG_LINES)),
        gpus=tuple(gpu_now()) if run.state == "running" else (),
    )
