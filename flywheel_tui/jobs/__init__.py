"""Long work: a queue in the store, workers that outlive the terminal, and jobs run in front of a person."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel_tui.jobs.pool import ensure_workers as ensure_workers
    from flywheel_tui.jobs.runner import run_foreground as run_foreground
    from flywheel_tui.jobs.task import Task as Task

_PLACES = {"ensure_workers": "pool", "run_foreground": "runner", "Task": "task"}
__all__ = ["Task", "ensure_workers", "run_foreground"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"flywheel_tui.jobs.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
