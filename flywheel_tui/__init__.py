"""flywheel_tui: the closed loop that makes fine-tuning data. `Workspace.open(path)` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel_tui.llm import get_backend as get_backend
    from flywheel_tui.stages.judge.alone import AsyncQualityJudge as AsyncQualityJudge
    from flywheel_tui.stages.judge.alone import JudgmentCache as JudgmentCache
    from flywheel_tui.stages.judge.alone import default_rubric as default_rubric
    from flywheel_tui.workspace import Workspace as Workspace

__all__ = ["AsyncQualityJudge", "JudgmentCache", "Workspace", "default_rubric", "get_backend"]
__version__ = "0.1.0"


_PLACES = {
    "AsyncQualityJudge": "flywheel_tui.stages.judge.alone",
    "JudgmentCache": "flywheel_tui.stages.judge.alone",
    "Workspace": "flywheel_tui.workspace",
    "default_rubric": "flywheel_tui.stages.judge.alone",
    "get_backend": "flywheel_tui.llm",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
