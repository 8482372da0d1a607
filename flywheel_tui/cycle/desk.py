"""What a person at the desk sees of cycles: how each stands, who works on it, what it waits for, how it is begun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.engine import identity
from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.cycle.views import CycleLine, CycleView, Velocity, cycle_view, cycles, velocity
from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.job import ACTIVE, Job
from flywheel_tui.stages.triggers import Checklist, checklist
from flywheel_tui.store import cycles as store
from flywheel_tui.store import jobs
from flywheel_tui.store.cycles import RunRow, hash_of
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

KIND = "cycle"
BY_STATE = {"queued": "queued", "paused": "paused"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A cycle of the history as it stands.

    `state` is done, running, queued, paused, waiting (for a person), failed, interrupted (nobody works on it) or
    abandoned; `why` says why it, or its run, ended; `job` is the one that turns it now.
    """

    line: CycleLine
    state: str
    why: str = ""
    awaits: dict[str, Any] | None = None
    job: Job | None = None

    @property
    def made_use_of(self) -> float | None:
        """The share of what was generated that was accepted (the yield); None where nothing was generated."""
        return self.line.accepted / self.line.generated if self.line.generated else None

    @property
    def is_open(self) -> bool:
        """Whether it can go on."""
        return self.state not in ("done", "abandoned")


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle in full, with the triggers of its data set (None where that is gone) and the speed of the wheel."""

    view: CycleView
    checklist: Checklist | None
    velocity: Velocity


def entries(workspace: Workspace) -> list[Entry]:
    """The history, the newest cycle first."""
    connection = workspace.store.read()
    runs = {run.id: run for run in store.list_runs(connection)}
    turning = _jobs(workspace)
    found, seen = [], set()
    for line in reversed(cycles(workspace)):
        run = runs.get(line.run) if line.run is not None else None
        newest = line.run not in seen
        seen.add(line.run)
        found.append(_entry(line, run if newest else None, turning))
    return found


def _jobs(workspace: Workspace) -> dict[str, Job]:
    """The jobs that turn cycles now, by the hash of what their run is known by."""
    found = {}
    for job in reversed(jobs.list_jobs(workspace.store, states=ACTIVE, limit=1000)):
        if job.kind == KIND:
            try:
                options = msgspec.convert(job.args, CycleOptions)
            except msgspec.ValidationError:  # it will say so itself once it is taken up
                continue
            found[hash_of(identity(options))] = job
    return found


def _entry(line: CycleLine, run: RunRow | None, turning: dict[str, Job]) -> Entry:
    if run is None:
        return Entry(line=line, state=line.state, why=line.stop_reason or "")
    why = line.stop_reason or run.stop_reason or ""
    job = turning.get(run.config_hash) if run.state in store.OPEN else None
    if line.state not in store.OPEN:
        return Entry(line=line, state=line.state, why=why, job=job)
    if job is not None:
        return Entry(line=line, state=BY_STATE.get(job.state, "running"), job=job)
    state = "interrupted" if run.state == "running" else run.state
    return Entry(line=line, state=state, why=why, awaits=run.awaits if state == "waiting" else None)


def waiting_to_begin(workspace: Workspace) -> list[Job]:
    """Jobs that will turn cycles and have not been taken up."""
    return [job for job in jobs.list_jobs(workspace.store, states=("queued",), limit=1000) if job.kind == KIND]


def details(workspace: Workspace, number: int) -> Details:
    """One cycle in full. Raises NotFoundError."""
    view = cycle_view(workspace, number)
    try:
        found = checklist(workspace, view.line.dataset) if view.line.dataset else None
    except NotFoundError:
        found = None
    return Details(view=view, checklist=found, velocity=velocity(workspace))


def artefact_text(workspace: Workspace, hash: str) -> str:
    """What a phase made, as JSON for people. Raises NotFoundError."""
    body = store.get_artefact(workspace.store.read(), hash).body
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def arguments(workspace: Workspace, number: int) -> dict[str, Any]:
    """The arguments of a job that goes on with the run of a cycle.

    Raises NotFoundError, UsageError where the run is over.
    """
    connection = workspace.store.read()
    row = store.get_cycle(connection, number)
    if row.run_id is None:
        raise UsageError(f"cycle {number} belongs to no run that could go on")
    run = store.get_run(connection, row.run_id)
    if run.state not in store.OPEN:
        raise UsageError(f"the run of cycle {number} is {run.state}; begin a new one")
    return run.config


def checked_start(workspace: Workspace, options: CycleOptions) -> CycleOptions:
    """Options that a run can begin with. Raises FlywheelError with the remedy."""
    from flywheel_tui.stages.generate.recipe import recipe_named
    from flywheel_tui.stages.scenarios import approved_traces

    options = options.checked()
    recipe_named(options.recipe)
    if not options.seeds and not approved_traces(workspace):
        raise UsageError("there is nothing to begin from: give seeds, or approve a scenario")
    for name in options.heldout:
        get_dataset(workspace.store.read(), name)
    if options.train == "never":
        return options
    if not options.base:
        raise UsageError("training needs a base model: a folder with one")
    if not options.heldout:
        raise UsageError("training needs a held-out data set: what was trained is measured on it")
    path = Path(options.base).expanduser()
    # a worker may run in another folder
    return msgspec.structs.replace(options, base=str(path.resolve())) if path.exists() else options


def recipes() -> list[str]:
    """The recipes that there are, by name."""
    from flywheel_tui.stages.generate.recipe import load_recipes

    return sorted(load_recipes())
