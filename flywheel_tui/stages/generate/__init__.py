"""Generate: recipes turn seeds into pairs, and every row knows what it was made from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.coverage import coverage as coverage
    from flywheel_tui.stages.generate.options import GenerateOptions as GenerateOptions
    from flywheel_tui.stages.generate.options import GenerateReport as GenerateReport
    from flywheel_tui.stages.generate.run import generate as generate
    from flywheel_tui.stages.generate.run import run_job as run_job

_PLACES = {
    "GenerateOptions": "options", "GenerateReport": "options", "generate": "run", "run_job": "run",
    "coverage": "coverage",
}  # fmt: skip
__all__ = ["GenerateOptions", "GenerateReport", "coverage", "generate", "run_job"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"flywheel_tui.stages.generate.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
