"""Which function does which kind of job; nothing is imported before a job of that kind runs.

Another package adds a kind with an entry point of the group `flywheel_tui.jobs`: name = kind, value = module:function.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import NotFoundError

if TYPE_CHECKING:
    from flywheel_tui.jobs.task import Task
    from flywheel_tui.workspace import Workspace

    JobFunction = Callable[[Workspace, dict[str, Any], Task], dict[str, Any]]

GROUP = "flywheel_tui.jobs"
KINDS: dict[str, str] = {
    "ingest": "flywheel_tui.stages.ingest:run_job",
    "index": "flywheel_tui.stages.search_index:run_job",
    "export": "flywheel_tui.stages.export:run_job",
    "bulk": "flywheel_tui.stages.label:run_bulk_job",
    "validate": "flywheel_tui.stages.validate.engine:run_job",
    "judge": "flywheel_tui.stages.judge.run:run_job",
    "improve": "flywheel_tui.stages.improve.search:run_job",
    "cycle": "flywheel_tui.cycle.engine:run_job",
    "evaluate": "flywheel_tui.stages.evaluate.run:run_job",
    "generate": "flywheel_tui.stages.generate.run:run_job",
    "train": "flywheel_tui.stages.train.engine:run_job",
}


def register(kind: str, place: str) -> None:
    """Add a kind of job in this process: `place` is module:function. Raises ValueError where the kind is taken."""
    if KINDS.setdefault(kind, place) != place:
        raise ValueError(f"the kind of job {kind!r} is done by {KINDS[kind]} already")


def kinds() -> dict[str, str]:
    """Every kind of job with its place; ours win over those of other packages."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)} | KINDS


def function_of(kind: str) -> JobFunction:
    """The function that does a kind of job. Raises NotFoundError that lists the kinds there are."""
    known = kinds()
    if kind not in known:
        raise NotFoundError("kind of job", kind, sorted(known))
    module, _, attribute = known[kind].partition(":")
    function: JobFunction = getattr(import_module(module), attribute)
    return function
