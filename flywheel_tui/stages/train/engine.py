"""A training run from its plan to its adapter, resumable at any point."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from flywheel_tui.errors import Cancelled, FlywheelError, Paused, StoreError, StoreFullError, UsageError
from flywheel_tui.identity import new_uid, now_us, show_uid
from flywheel_tui.locks import alone
from flywheel_tui.records.job import Job
from flywheel_tui.records.task import Task
from flywheel_tui.stages.tiers import ensure
from flywheel_tui.stages.train import hardware
from flywheel_tui.stages.train.data import prepare, record_snapshot
from flywheel_tui.stages.train.history import PARENT_LOCK, STOP_FILE, TRAINER_LOCK
from flywheel_tui.stages.train.launch import Trainer, end_left_over, environment
from flywheel_tui.stages.train.listen import Listener
from flywheel_tui.stages.train.models import hash_folder
from flywheel_tui.stages.train.options import DataPlan, TrainingResult, TrainOptions, human_bytes
from flywheel_tui.stages.train.planning import ADAPTER, CHECKPOINTS, LOG_FILE, PLAN_FILE, base_of, command, make_plan
from flywheel_tui.store import training
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.training import RunRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SAVE_WITHIN_S, LEFT_OVER_S = 300.0, 120.0
CANCEL_WITHIN_S, INTERRUPT_WITHIN_S = 20.0, 30.0


class JobTask(Task, Protocol):
    """What a running job hands to this stage."""

    job: Job

    def stop(self, reason: str) -> None:
        """Ask the job to stop: 'pause' or 'cancel'."""


class TrainingFailed(FlywheelError):
    """The trainer gave up: `kind` is oom, disk_full, nan, template, data, device, killed or error."""

    def __init__(self, run_id: int, kind: str, text: str, advice: str) -> None:
        self.run_id, self.kind, self.advice = run_id, kind, advice
        super().__init__(f"training run {run_id}: {text}; {advice}")


class TrainingStopped(Paused):
    """The run was stopped and kept: `result` says where it stands."""

    def __init__(self, result: TrainingResult) -> None:
        self.result = result
        super().__init__(
            f"training run {result.run}: {result.reason}; go on with: flywheel train --resume {result.run}"
        )


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "train": the arguments are the fields of TrainOptions. The result is a TrainingResult."""
    result = train(workspace, msgspec.convert(dict(args), TrainOptions), task, job_id=task.job.id)
    if result.state == "stopped":
        task.stop("pause")
        raise TrainingStopped(result)
    made: dict[str, Any] = msgspec.to_builtins(result)
    return made


def train(
    workspace: Workspace, options: TrainOptions, task: Task | None = None, *, job_id: int | None = None
) -> TrainingResult:
    """Train an adapter; it becomes a candidate in the store.

    A run that was stopped or interrupted goes on from its last whole checkpoint: with `options.resume`, or by itself
    where the same job is taken up again. Raises what `plan` raises, TrainingFailed with advice, Cancelled and Paused
    with the run kept.
    """
    hardware.check_extra()
    options = options.checked()
    row = _row_to_resume(workspace, options, job_id)
    if row is not None and row.state == "done":
        return train_result(workspace, row)
    run = _Run(workspace, options, task, row, job_id)
    with alone(
        run.folder / PARENT_LOCK, f"{run.folder.name} is being trained by another process; stop it, or wait for it"
    ):
        return run.go()


def _in_order(adapter: Path) -> None:
    """Write the lists of an adapter's configuration in order: PEFT keeps names of layers as a set, whose order is
    another one in each process, and the same adapter shall have the same hash.
    """
    path = adapter / "adapter_config.json"
    said = msgspec.json.decode(path.read_bytes())
    ordered = {
        name: sorted(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value
        for name, value in sorted(said.items())
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(ordered), indent=2) + b"\n")


def _row_to_resume(workspace: Workspace, options: TrainOptions, job_id: int | None) -> RunRow | None:
    if options.resume is not None:
        row = training.get_run(workspace.store.read(), options.resume)
        if row.state == "done":
            raise UsageError(f"run {row.id} is done; train again without --resume")
        return row
    return training.run_of_job(workspace.store.read(), job_id) if job_id is not None else None


class _Run:
    """One attempt at a run."""

    def __init__(
        self, workspace: Workspace, options: TrainOptions, task: Task | None, row: RunRow | None, job_id: int | None
    ) -> None:
        self.workspace, self.task, self.changed = workspace, task, False
        if row is None:
            self.options = options
            row = self._open(job_id)
        else:
            said = msgspec.convert(row.plan["options"], TrainOptions)
            self.options = msgspec.convert(
                msgspec.to_builtins(said) | options.changes | {"resume": row.id, "extra_env": options.extra_env},
                TrainOptions,
            ).checked()
            self.changed = bool(options.changes)
            if job_id is not None and row.job_id != job_id:
                with workspace.store.tx() as connection:
                    training.set_run(connection, row.id, job_id=job_id)
        self.row = row
        self.folder = workspace.root / row.folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def _open(self, job_id: int | None) -> RunRow:
        options, workspace = self.options, self.workspace
        base, parent = base_of(workspace, options)
        dataset = get_dataset(workspace.store.read(), options.dataset)
        name = options.name or f"{options.dataset}-{options.method}-{show_uid(new_uid())[-6:].lower()}"
        known = {adapter.name for adapter in training.adapters(workspace.store.read())}
        if name in known:
            raise UsageError(f"an adapter named {name!r} exists already; choose another --name")
        self.options = msgspec.structs.replace(options, name=name, base=str(base.path))
        with workspace.store.tx() as connection:
            return training.add_run(connection, training.NewRun(
                name=name, dataset_id=dataset.id, job_id=job_id, parent_id=parent.id if parent else None,
                method=options.method, base=base.name, base_hash=base.hash, seed=options.seed,
                plan={"options": msgspec.to_builtins(self.options)},
            ))  # fmt: skip

    def go(self) -> TrainingResult:
        (self.folder / STOP_FILE).unlink(missing_ok=True)
        end_left_over(self.folder / TRAINER_LOCK, LEFT_OVER_S)
        try:
            self._prepare()
            listener = self._train()
        except FlywheelError as error:
            state = "stopped" if isinstance(error, Cancelled) else "failed"
            # on a full disk not even this can be written; the run is found to be interrupted later
            with suppress(StoreError):
                self._set(state=state, reason=str(error), pid=None, pgid=None)
            raise
        if listener.stopped:
            self._set(state="stopped", reason="stopped after saving", pid=None, pgid=None)
            return train_result(self.workspace, self._row())
        return self._finish(listener)

    def _prepare(self) -> None:
        """Write the rows and the plan; a run that goes on keeps the rows it began with."""
        began = (self.folder / PLAN_FILE).is_file() and "arguments" in self.row.plan
        if began and not self.changed:
            return
        base, parent = base_of(self.workspace, self.options)
        if base.hash != self.row.base_hash:
            raise UsageError(f"{base.path}: its files have changed since run {self.row.id} began; start another run")
        if began:
            data = msgspec.convert(self.row.plan["data"], DataPlan)
        else:
            ensure(self.workspace, self.options.dataset, self.options.tiers, self.options.tag, self.task)
            data = prepare(self.workspace, self.options, base, self.folder, self.task)
            record_snapshot(self.workspace, self.options, data, self.row.id)
        plan = make_plan(self.workspace, self.options, base, parent, data, self.folder)
        free = shutil.disk_usage(self.folder).free
        if free < plan.disk:
            raise StoreFullError(
                f"training would write about {human_bytes(plan.disk)} and {human_bytes(free)} are free; free some"
                " space, or lower --keep-checkpoints"
            )
        draft = self.folder / f"{PLAN_FILE}.tmp"
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(plan.arguments), indent=1))
        draft.replace(self.folder / PLAN_FILE)
        kept = msgspec.to_builtins(plan) | {"options": msgspec.to_builtins(self.options)}
        self._set(plan=kept, steps=plan.steps)

    def _train(self) -> Listener:
        listener = Listener(self.workspace, self.row.id, self.task)
        if (self.folder / ADAPTER / "adapter_model.safetensors").is_file():
            # the trainer had finished; what was missing is the store's word for it
            return listener
        options = self.options
        trainer = Trainer(
            command(options, self.folder), self.folder / LOG_FILE, environment(options.extra_env, options.threads),
            pipes=options.launcher != "local",
        )  # fmt: skip
        self._set(state="running", started=now_us(), pid=trainer.process.pid,
                  pgid=trainer.process.pid, reason=None, finished=None)  # fmt: skip
        try:
            return self._hear(trainer, listener)
        finally:
            trainer.end()
            trainer.close()
            with suppress(StoreError):
                listener.flush()

    def _hear(self, trainer: Trainer, listener: Listener) -> Listener:
        try:
            return self._hear_out(trainer, listener)
        except KeyboardInterrupt:
            # a second Ctrl-C ends it at once
            trainer.stop()
            for event in trainer.events():
                if event is not None:
                    listener.take(event)
                if (trainer.stopping or 0) > INTERRUPT_WITHIN_S:
                    break
            listener.flush()
            self._set(state="stopped", reason="interrupted by Ctrl-C", pid=None, pgid=None)
            raise

    def _hear_out(self, trainer: Trainer, listener: Listener) -> Listener:
        raised: Cancelled | None = None
        for event in trainer.events():
            if event is not None:
                listener.take(event)
            listener.flush_if_due()
            if raised is None and trainer.stopping is None:
                raised = self._wish()
                if raised is not None or (self.folder / STOP_FILE).exists():
                    trainer.stop()
            within = CANCEL_WITHIN_S if raised is not None and not isinstance(raised, Paused) else SAVE_WITHIN_S
            if (trainer.stopping or 0) > within:
                trainer.end(0)
        code = trainer.process.wait()
        if raised is not None and not listener.done:
            raise raised
        if listener.failed is not None:
            raise TrainingFailed(self.row.id, *listener.failed)
        if not listener.done and not listener.stopped:
            raise self._died(code)
        return listener

    def _wish(self) -> Cancelled | None:
        if self.task is None:
            return None
        try:
            self.task.check()
        except Cancelled as asked:
            return asked
        return None

    def _died(self, code: int) -> TrainingFailed:
        """What an end without a word means."""
        resume = f"flywheel train --resume {self.row.id} goes on from the last checkpoint"
        if code in (-9, 137):
            text = "the trainer was killed (SIGKILL): by hand, or by the system because memory ran out"
            return TrainingFailed(self.row.id, "killed", text, f"{resume}; a smaller --batch needs less memory")
        return TrainingFailed(
            self.row.id, "error", f"the trainer ended with code {code}", f"{self.folder / LOG_FILE} says why; {resume}"
        )

    def _finish(self, listener: Listener) -> TrainingResult:
        """Put the adapter in its place, and say so in the store."""
        made, target = self.folder / ADAPTER, self.workspace.root / "adapters" / self.row.name
        if self.row.name in {known.name for known in training.adapters(self.workspace.store.read())}:
            raise UsageError(
                f"an adapter named {self.row.name!r} came to be while run {self.row.id} went on; what it made stays in"
                f" {made}"
            )
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(made, target)
        _in_order(target)
        row = self._row()
        totals = row.totals | listener.totals() | self._last_losses()
        adapter = training.NewAdapter(
            name=row.name, training_run_id=row.id, base=str(self.options.base), base_hash=row.base_hash,
            path=target.relative_to(self.workspace.root).as_posix(), method=row.method, hash=hash_folder(target),
            parent_id=row.parent_id,
        )  # fmt: skip
        with self.workspace.store.tx() as connection:
            training.add_adapter(connection, adapter)
            training.set_run(
                connection, row.id, state="done", phase="done", reason=None, totals=totals, pid=None, pgid=None,
                checkpoint=None,
                finished=now_us(),
            )  # fmt: skip
        for rest in (made, self.folder / CHECKPOINTS):
            shutil.rmtree(rest, ignore_errors=True)
        return train_result(self.workspace, self._row())

    def _last_losses(self) -> dict[str, float]:
        found = {}
        for name, figure in (("loss", "loss"), ("held_out_loss", "eval_loss")):
            if rows := training.metrics(self.workspace.store.read(), self.row.id, figure):
                found[name] = rows[-1].value
        return found

    def _row(self) -> RunRow:
        return training.get_run(self.workspace.store.read(), self.row.id)

    def _set(self, **values: Any) -> None:
        with self.workspace.store.tx() as connection:
            training.set_run(connection, self.row.id, **values)
        self.row = self._row()


def train_result(workspace: Workspace, row: RunRow) -> TrainingResult:
    """What came of a run, from the store."""
    connection = workspace.store.read()
    made = [found for found in training.adapters(connection) if found.training_run_id == row.id]
    totals = row.totals

    def ends(name: str) -> tuple[float | None, float | None]:
        values = [found.value for found in training.metrics(connection, row.id, name)]
        return (values[0], values[-1]) if values else (None, None)

    return TrainingResult(
        run=row.id, state=row.state, adapter=made[0].name if made else "", adapter_id=made[0].id if made else None,
        adapter_hash=made[0].hash if made else "", path=str(workspace.root / made[0].path) if made else "",
        snapshot_hash=str(row.plan.get("data", {}).get("snapshot_hash", "")), steps=row.step, loss=ends("loss"),
        held_out_loss=ends("eval_loss"), tokens=int(totals.get("tokens", 0)),
        tokens_per_s=float(totals.get("tokens_per_s", 0.0)), seconds=float(totals.get("seconds", 0.0)),
        peak_bytes=int(totals.get("peak_bytes", 0)), device=str(totals.get("device", "")),
        notes=tuple(totals.get("notes", ())), reason=row.reason or "",
    )  # fmt: skip
