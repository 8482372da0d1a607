"""The state machine: one phase after the other, each once; cycles until there is a reason to stop.

Everything that it knows is in the store, so it can be ended at any moment and go on. It never decides for a person:
where one is needed, the run waits, and the same command goes on once the person has acted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flywheel_tui.cycle.checkpoints import write_checkpoint
from flywheel_tui.cycle.driver import Driver, driver_named
from flywheel_tui.cycle.options import Budget, CycleOptions
from flywheel_tui.cycle.phase import (
    Awaiting,
    BudgetSpent,
    Context,
    Done,
    Halt,
    Phase,
    PhaseTask,
    Say,
    entry_hash,
    phases,
)
from flywheel_tui.cycle.stopping import stop_reason
from flywheel_tui.cycle.summary import closing_lines, summary_of
from flywheel_tui.errors import Cancelled
from flywheel_tui.locks import alone
from flywheel_tui.store import cycles as store
from flywheel_tui.store import judge_jobs
from flywheel_tui.store.cycles import ArtefactRow, CycleRow, PhaseRow, RunRow

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.run import JobTask
    from flywheel_tui.store.db import Store
    from flywheel_tui.workspace import Workspace

IDENTITY_LEAVES_OUT = ("budget", "budgets", "max_cycles")
"""Options that may be changed while a run is under way: they are no part of what it is known by."""
RULE = "=" * 60
Amount = TypeVar("Amount", int, float)
_LISTENER: ContextVar[Say | None] = ContextVar("listener", default=None)


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run stands: `state` done, waiting (`awaits` says for whom) or failed; a summary for each cycle."""

    run: int
    state: str
    stop_reason: str | None
    awaits: dict[str, Any] | None
    cycles: tuple[dict[str, Any], ...]


def identity(options: CycleOptions) -> dict[str, Any]:
    """What a run is known by: the same command goes on with the run that it began."""
    said: dict[str, Any] = msgspec.to_builtins(options)
    return {name: value for name, value in said.items() if name not in IDENTITY_LEAVES_OUT}


def run_cycles(
    workspace: Workspace, options: CycleOptions, *, task: JobTask | None = None, say: Say | None = None
) -> RunReport:
    """Turn the wheel: take up the unfinished run of these options, or begin one.

    Raises UsageError and its like before anything is begun; Cancelled or Paused (what was finished is kept),
    ConflictError where another process turns this run, and whatever a phase cannot go on from.
    """
    return _Turning(workspace, options.checked(), task, say or _silent).go()


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "cycle": the arguments are the fields of CycleOptions, the result is the report.

    A job is done where its run waits for people: once they have acted, another one goes on with the run.
    """
    options = msgspec.convert(dict(args), CycleOptions)
    listener = _LISTENER.get()

    def say(line: str) -> None:
        if listener is not None:
            listener(line)
        if line != RULE:
            task.event("info", line)

    result: dict[str, Any] = msgspec.to_builtins(run_cycles(workspace, options, task=task, say=say))
    return result


@contextmanager
def listening(say: Say) -> Iterator[None]:
    """Hear the lines of a job that runs in this thread."""
    token = _LISTENER.set(say)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def waiting_words(awaits: dict[str, Any] | None) -> str:
    """What is awaited, in a sentence."""
    said = awaits or {}
    command = f"; do it with: {said['command']}" if said.get("command") else ""
    return f"the cycle waits for {said.get('who', 'a person')}: {said.get('what', 'a decision')}{command}"


def unfinished(workspace: Workspace) -> CycleOptions | None:
    """The options of the newest run that can go on; None where there is none."""
    row = store.unfinished_run(workspace.store.read())
    return None if row is None else msgspec.convert(row.config, CycleOptions)


def abandon(workspace: Workspace, run_id: int, reason: str) -> RunRow:
    """Give up a run that waits or failed; what it made is kept. Raises ConflictError where it is being turned."""
    with _alone(workspace, run_id), workspace.store.tx() as connection:
        store.set_run(connection, run_id, "abandoned", stop_reason=reason)
        for row in store.list_cycles(connection, run_id):
            if row.state in store.OPEN:
                store.set_cycle(connection, row.id, "abandoned", stop_reason=reason)
        return store.get_run(connection, run_id)


def _silent(line: str) -> None:
    return


def _alone(workspace: Workspace, run_id: int) -> AbstractContextManager[None]:
    path = workspace.store.path
    refusal = f"run {run_id} is being turned already; wait for it (flywheel jobs ls)"
    return alone(path.with_name(f"{path.name}.cycles-{run_id}"), refusal)


class _Turning:
    """One attempt at a run."""

    def __init__(self, workspace: Workspace, options: CycleOptions, task: JobTask | None, say: Say) -> None:
        self.workspace, self.options, self.task, self.say = workspace, options, task, say
        self.driver: Driver = driver_named(options.driver)()
        self.phases: list[Phase] = phases()

    def go(self) -> RunReport:
        self.driver.check(self._context_before())
        known_by = identity(self.options)
        with self.workspace.store.tx() as connection:
            run = store.unfinished_run(connection, known_by)
            run = run or store.add_run(connection, msgspec.to_builtins(self.options), known_by)
        with _alone(self.workspace, run.id):
            self._set_run(run, "running")
            self.say(f"Starting Flywheel with max_cycles={self.options.max_cycles}")
            try:
                return self._cycles(run)
            except Cancelled as stopped:
                who = {"who": "somebody to go on", "what": str(stopped), "command": "flywheel run"}
                self._set_run(run, "waiting", awaits=who)
                raise
            except Exception as error:
                self._set_run(run, "failed", stop_reason=str(error))
                raise

    def _cycles(self, run: RunRow) -> RunReport:
        while True:
            rows = store.list_cycles(self.workspace.store.read(), run.id)
            if rows and rows[-1].state in store.OPEN:
                cycle = rows[-1]
            else:
                reason = stop_reason(self.options, rows)
                if reason is not None:
                    return self._finish(run, reason)
                with self.workspace.store.tx() as connection:
                    cycle = store.add_cycle(connection, run.id, run.config)
            done = [row for row in rows if row.state not in store.OPEN]
            awaits = self._turn(run, cycle, done[-1] if done else None)
            if awaits is not None:
                self._set_run(run, "waiting", awaits=awaits)
                return self._report(run)

    def _finish(self, run: RunRow, reason: str) -> RunReport:
        self._set_run(run, "done", stop_reason=reason)
        report = self._report(run)
        self.say(f"Flywheel complete. Ran {len(report.cycles)} cycles.")
        self.say(f"Stopped: {reason}")
        return report

    def _report(self, run: RunRow) -> RunReport:
        connection = self.workspace.store.read()
        now = store.get_run(connection, run.id)
        rows = store.list_cycles(connection, run.id)
        if self.task is not None:
            # a job that is over shows how many phases it has behind it, not where its last one stood
            ended = sum(row.state == "done" for cycle in rows for row in store.phases_of(connection, cycle.id))
            self.task.progress(ended, len(self.phases) * len(rows), now.state)
        return RunReport(
            run=run.id, state=now.state, stop_reason=now.stop_reason, awaits=now.awaits,
            cycles=tuple({"number": row.number, "state": row.state, **(row.summary or {})} for row in rows),
        )  # fmt: skip

    def _set_run(self, run: RunRow, state: str, **fields: Any) -> None:
        with self.workspace.store.tx() as connection:
            store.set_run(connection, run.id, state, **fields)

    def _set_cycle(self, cycle: CycleRow, state: str, reason: str | None = None) -> None:
        with self.workspace.store.tx() as connection:
            store.set_cycle(connection, cycle.id, state, stop_reason=reason)

    # -- one cycle ---------------------------------------------------------------------------------------------------

    def _turn(self, run: RunRow, cycle: CycleRow, previous: CycleRow | None) -> dict[str, Any] | None:
        """Run what is left of a cycle; what it waits for, or None where it is over."""
        for line in (RULE, f"Starting Cycle {cycle.number}", RULE):
            self.say(line)
        if cycle.state != "running":
            self._set_cycle(cycle, "running")
        artefacts: dict[str, ArtefactRow] = {}
        halted: str | None = None
        for position, phase in enumerate(self.phases):
            try:
                outcome = self._phase(run, cycle, previous, artefacts, position, phase)
            except Halt as halt:
                halted = str(halt)
                break
            except Exception as error:
                if not isinstance(error, Cancelled):
                    self._set_cycle(cycle, "failed", str(error))
                raise
            if isinstance(outcome, dict):
                with self.workspace.store.tx() as connection:
                    summary = summary_of(connection, cycle, artefacts, previous, self.driver)
                    store.set_cycle(connection, cycle.id, "waiting", summary=summary)
                return outcome
            artefacts[phase.name] = outcome
        with self.workspace.store.tx() as connection:
            summary = summary_of(connection, cycle, artefacts, previous, self.driver)
            store.set_cycle(connection, cycle.id, "done", summary=summary, stop_reason=halted)
        write_checkpoint(self.workspace, cycle, artefacts, summary)
        for line in closing_lines(cycle.number, summary):
            self.say(line)
        return None

    def _phase(
        self, run: RunRow, cycle: CycleRow, previous: CycleRow | None, artefacts: dict[str, ArtefactRow],
        position: int, phase: Phase,
    ) -> ArtefactRow | dict[str, Any]:  # fmt: skip
        """Run one phase where it has not been run; its artefact, or what it waits for."""
        context = self._context(run, cycle, previous, artefacts, phase)
        hash = entry_hash(phase, context)
        with self.workspace.store.tx() as connection:
            row, done = store.begin_phase(connection, cycle.id, phase.name, position, hash)
            if done and row.artefact is not None:
                return store.get_artefact(connection, row.artefact)
        started = time.monotonic()
        try:
            if self.task is not None:
                # what a job shows of itself, and counts, is that of its present phase
                _fresh_figures(self.workspace.store, self.task)
            context.task.progress(0, None)
            context.task.check()
            self._within(run, phase)
            phase.guard(context)
            outcome = phase.run(context)
        except BudgetSpent as error:
            self._end(row, "waiting", started, {"error": str(error)}, awaits=_more_budget(str(error)))
            return _more_budget(str(error))
        except Halt as halt:
            self._end(row, "halted", started, {"halted": str(halt)})
            raise
        except BaseException as error:
            stopped = isinstance(error, (Cancelled, KeyboardInterrupt))
            self._end(row, "stopped" if stopped else "failed", started, {"error": str(error)})
            raise
        if isinstance(outcome, Awaiting):
            self._end(row, "waiting", started, outcome.evidence, awaits=outcome.awaits, items=outcome.items)
            self.say(waiting_words(outcome.awaits))
            return {"phase": phase.name, "cycle": cycle.number, **outcome.awaits}
        return self._done(row, phase, artefacts, outcome, started)

    def _done(
        self, row: PhaseRow, phase: Phase, artefacts: dict[str, ArtefactRow], outcome: Done, started: float
    ) -> ArtefactRow:
        parents = [artefacts[name].hash for name in phase.reads]
        with self.workspace.store.tx() as connection:
            made = store.put_artefact(connection, phase.name, parents, outcome.body)
            store.end_phase(
                connection, row, "done", busy_us=_since(started), artefact=made.hash, evidence=outcome.evidence,
                items=outcome.items, cost_micro=outcome.cost_micro, tokens=outcome.tokens,
            )  # fmt: skip
        return made

    def _end(self, row: PhaseRow, state: str, started: float, evidence: dict[str, Any], **fields: Any) -> None:
        with self.workspace.store.tx() as connection:
            store.end_phase(connection, row, state, busy_us=_since(started), evidence=evidence, **fields)

    # -- budgets -----------------------------------------------------------------------------------------------------

    def _within(self, run: RunRow, phase: Phase) -> None:
        """Raise BudgetSpent where the run, or this phase over all its cycles, has nothing left."""
        for words, budget, name in (
            ("the run", self.options.budget, None),
            (phase.title, self.options.budgets.get(phase.name, Budget()), phase.name),
        ):
            left = self._left_of(run, budget, name)
            for unit in Budget.__struct_fields__:
                value = getattr(left, unit)
                if value is not None and value <= 0:
                    raise BudgetSpent(f"the budget of {words} is spent ({unit}); give more, then run it again")

    def _left_of(self, run: RunRow, budget: Budget, phase: str | None) -> Budget:
        spent = store.spent_by(self.workspace.store.read(), run.id, phase)
        return Budget(
            usd=None if budget.usd is None else budget.usd - spent.cost_micro / 1e6,
            tokens=None if budget.tokens is None else budget.tokens - spent.tokens,
            minutes=None if budget.minutes is None else budget.minutes - spent.busy_us / 6e7,
        )

    def _left(self, run: RunRow, phase: Phase) -> Budget:
        whole = self._left_of(run, self.options.budget, None)
        own = self._left_of(run, self.options.budgets.get(phase.name, Budget()), phase.name)
        return Budget(
            usd=_least(whole.usd, own.usd), tokens=_least(whole.tokens, own.tokens),
            minutes=_least(whole.minutes, own.minutes),
        )  # fmt: skip

    # -- contexts ----------------------------------------------------------------------------------------------------

    def _context(
        self, run: RunRow, cycle: CycleRow, previous: CycleRow | None, artefacts: dict[str, ArtefactRow], phase: Phase
    ) -> Context:
        left = self._left(run, phase)
        deadline = None if left.minutes is None else time.monotonic() + 60 * left.minutes
        words = f"cycle {cycle.number} · {phase.title}"
        return Context(
            self.workspace, self.options, run, cycle, previous, artefacts, self.driver,
            PhaseTask(self.task, words, deadline), self.say, left,
        )  # fmt: skip

    def _context_before(self) -> Context:
        run = RunRow(
            id=0, uid=b"", config={}, config_hash="", state="running", stop_reason=None, awaits=None, created=0,
            updated=0, finished=None,
        )  # fmt: skip
        cycle = CycleRow(
            id=0, number=0, run_id=0, config={}, state="running", stop_reason=None, summary=None, created=0,
            finished=None,
        )  # fmt: skip
        return Context(
            self.workspace, self.options, run, cycle, None, {}, self.driver, PhaseTask(self.task, "", None), self.say,
            self.options.budget,
        )  # fmt: skip


def _fresh_figures(open_store: Store, task: JobTask) -> None:
    """Begin a job's own figures anew."""
    with open_store.tx(durable=False) as connection:
        judge_jobs.require_claim(connection, task.claim)
        judge_jobs.show_live(connection, task.job.id, {})


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1e6)


def _least(one: Amount | None, two: Amount | None) -> Amount | None:
    return min((value for value in (one, two) if value is not None), default=None)


def _more_budget(why: str) -> dict[str, Any]:
    return {"who": "a larger budget", "what": why, "command": ""}
