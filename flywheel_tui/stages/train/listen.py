"""What a trainer says, kept: figures in batches, phases and checkpoints at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import StoreError
from flywheel_tui.stages.train.planning import CHECKPOINTS
from flywheel_tui.store import training
from flywheel_tui.store.training import MetricRow

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace

WRITE_EVERY_S = 0.5
_NOT_KEPT = frozenset({"epoch", "total_flos", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second"})


class Listener:
    """Takes the events of one attempt; `flush` writes what was not written yet."""

    def __init__(self, workspace: Workspace, run_id: int, task: Task | None) -> None:
        self.workspace, self.run_id, self.task = workspace, run_id, task
        row = training.get_run(workspace.store.read(), run_id)
        self.folder = Path(row.folder)
        self.before: dict[str, Any] = row.totals
        self.done = self.stopped = False
        self.failed: tuple[str, str, str] | None = None
        self.notes: list[str] = [str(note) for note in row.totals.get("notes", [])]
        self._used: dict[str, Any] = {}
        self._metrics: list[MetricRow] = []
        self._changes: dict[str, Any] = {}
        self._wrote = 0.0
        self._last: tuple[float, float] | None = None
        self._first_figures = True
        self._tokens_before = self._step = 0
        self._steps: int | None = None

    def take(self, event: dict[str, Any]) -> None:
        """One event of the trainer; unknown ones are left alone."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    def flush_if_due(self) -> None:
        """Write at most twice a second, but the first figures at once."""
        if time.monotonic() - self._wrote >= WRITE_EVERY_S or (self._first_figures and self._metrics):
            try:
                self.flush()
            except StoreError:
                # hours of training must not end because the database was held or full for a moment: once more later
                self._wrote = time.monotonic()

    def flush(self) -> None:
        """Write what is new."""
        if not self._metrics and not self._changes:
            return
        with self.workspace.store.tx(durable=False) as connection:
            training.add_metrics(connection, self.run_id, self._metrics)
            if self._changes:
                training.set_run(connection, self.run_id, **self._changes)
        self._first_figures = self._first_figures and not self._metrics
        self._metrics, self._changes, self._wrote = [], {}, time.monotonic()

    def totals(self) -> dict[str, Any]:
        """What the run has used in all its attempts."""
        before, used = self.before, self._used
        seconds = float(before.get("seconds", 0.0)) + float(used.get("seconds", 0.0))
        tokens = self._tokens_before + int(used.get("tokens", 0))
        return {
            "seconds": seconds, "tokens": tokens, "tokens_per_s": tokens / seconds if seconds else 0.0,
            "peak_bytes": max(int(before.get("peak_bytes", 0)), int(used.get("peak_bytes", 0))),
            "device": used.get("device", before.get("device", "")), "notes": self.notes,
        }  # fmt: skip

    # -- events ------------------------------------------------------------------------------------------------------

    def _on_phase(self, event: dict[str, Any]) -> None:
        name = str(event.get("name", ""))
        self._changes["phase"] = name
        if name == "importing" and isinstance(event.get("pgid"), int):
            self._changes |= {"pid": event.get("pid"), "pgid": event["pgid"]}
        self.flush()
        if self.task is not None:
            self.task.progress(self._step, self._steps, name)
            if name == "training" and event.get("resume_from"):
                self.task.event("info", f"goes on from {event['resume_from']}")

    def _on_begin(self, event: dict[str, Any]) -> None:
        step = self._step = int(event.get("step", 0))
        self._steps = int(event.get("steps", 0)) or None
        with self.workspace.store.tx() as connection:
            training.drop_metrics_after(connection, self.run_id, step)
            training.set_run(connection, self.run_id, step=step, steps=self._steps)
            known = training.metrics(connection, self.run_id, "num_tokens")
        # a trainer that goes on counts its tokens from zero again
        self._tokens_before = int(known[-1].value) if known else 0

    def _on_progress(self, event: dict[str, Any]) -> None:
        if self.task is not None:
            self.task.progress(int(event["done"]), int(event["total"]))

    def _on_figures(self, event: dict[str, Any]) -> None:
        step, at = int(event["step"]), float(event["at"])
        figures = {
            str(name): float(value) for name, value in event["figures"].items()
            if isinstance(value, (int, float)) and name not in _NOT_KEPT
        }  # fmt: skip
        if "num_tokens" in figures:
            self._used |= {"tokens": int(figures["num_tokens"]), "seconds": float(event.get("seconds", 0.0))}
            self._changes["totals"] = self.totals()
            figures["num_tokens"] += self._tokens_before
        tokens = figures.get("num_tokens")
        if tokens is not None and "loss" in figures:
            if self._last is not None and at > self._last[0] and tokens > self._last[1]:
                figures["tokens_per_s"] = (tokens - self._last[1]) / (at - self._last[0])
            self._last = (at, tokens)
        self._metrics += [MetricRow(step, name, value, round(at * 1e6)) for name, value in figures.items()]
        self._changes["step"] = step
        if "loss" in figures:
            self._step, self._steps = step, int(event["steps"])
            if self.task is not None:
                self.task.progress(step, self._steps, "training")

    def _on_checkpoint(self, event: dict[str, Any]) -> None:
        self._changes["checkpoint"] = (self.folder / CHECKPOINTS / str(event["name"])).as_posix()
        self.flush()

    def _on_note(self, event: dict[str, Any]) -> None:
        text = str(event["text"])
        if text not in self.notes:
            self.notes.append(text)
            if self.task is not None:
                self.task.event("warning", text)

    def _on_used(self, event: dict[str, Any]) -> None:
        self._used |= event
        self._changes["totals"] = self.totals()

    def _on_stopped(self, event: dict[str, Any]) -> None:
        self.stopped = True
        self._changes["step"] = int(event["step"])

    def _on_done(self, event: dict[str, Any]) -> None:
        self.done = True
        self._changes["step"] = self._step = int(event["step"])
        if self.task is not None:
            self.task.progress(self._step, self._steps)

    def _on_failed(self, event: dict[str, Any]) -> None:
        self.failed = (str(event.get("kind", "error")), str(event.get("text", "")), str(event.get("advice", "")))
