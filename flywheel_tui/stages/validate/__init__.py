"""Validate: deterministic checks over pairs, before a person or a judge spends a minute on them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.engine import ValidateOptions as ValidateOptions
    from flywheel_tui.stages.validate.engine import run_job as run_job
    from flywheel_tui.stages.validate.engine import validate as validate
    from flywheel_tui.stages.validate.report import ValidationReport as ValidationReport

_PLACES = {"ValidateOptions": "engine", "validate": "engine", "run_job": "engine", "ValidationReport": "report"}
__all__ = ["ValidateOptions", "ValidationReport", "run_job", "validate"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"flywheel_tui.stages.validate.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
