"""Training adapters: a plan, a trainer in a process of its own, figures that stream to the store.

`from flywheel_tui.stages import train` gives the functions below; nothing heavy is imported before it is needed, and
torch never in this process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel_tui.stages.train.engine import run_job as run_job
    from flywheel_tui.stages.train.engine import train as train
    from flywheel_tui.stages.train.history import adapter_named as adapter_named
    from flywheel_tui.stages.train.history import adapter_path as adapter_path
    from flywheel_tui.stages.train.history import adapters as adapters
    from flywheel_tui.stages.train.history import log_tail as log_tail
    from flywheel_tui.stages.train.history import metrics as metrics
    from flywheel_tui.stages.train.history import run_numbered as run_numbered
    from flywheel_tui.stages.train.history import runs as runs
    from flywheel_tui.stages.train.history import set_adapter_state as set_adapter_state
    from flywheel_tui.stages.train.history import stop as stop
    from flywheel_tui.stages.train.options import Plan as Plan
    from flywheel_tui.stages.train.options import TrainingResult as TrainingResult
    from flywheel_tui.stages.train.options import TrainOptions as TrainOptions
    from flywheel_tui.stages.train.planning import plan as plan

_PLACES = {
    "adapter_named": "history", "adapter_path": "history", "adapters": "history", "log_tail": "history",
    "metrics": "history", "run_numbered": "history", "runs": "history", "set_adapter_state": "history",
    "stop": "history",
    "Plan": "options", "TrainOptions": "options", "TrainingResult": "options",
    "plan": "planning", "run_job": "engine", "train": "engine",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
