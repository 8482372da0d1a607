"""The doctor's lines about back ends: which answer, with which models, and what to do about the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.back_ends import WITHIN_S, BackEndState, ask_all
from flywheel_tui.stages.doctor import Check

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

MODELS = 4
"""Names of models that are listed."""


def back_end_checks(workspace: Workspace, within_s: float = WITHIN_S) -> Iterator[Check]:
    """A line for each back end. One that the settings ask for and that does not answer is wrong, any other a hint."""
    try:
        settings = workspace.settings
    except FlywheelError:
        return  # said by the check of the settings
    for state in ask_all(settings, within_s=within_s):
        yield _check(state)


def _check(state: BackEndState) -> Check:
    name, health = f"back end {state.name}", state.health
    if health is None:
        return Check(name, "wrong" if state.asked_for else "ok", f"not set up: {state.setup}")
    if not health.reachable:
        return Check(name, "wrong" if state.asked_for else "hint", health.text, health.remedy)
    if health.key in ("missing", "refused"):
        return Check(name, "wrong", f"{health.text}; the key is {health.key}", health.remedy)
    took = f", {state.ms:,.0f} ms" if state.ms is not None and state.ms >= 1 else ""
    key = "; key taken" if health.key == "ok" else ""
    return Check(name, "hint" if health.remedy else "ok", f"{health.text}{took}{key}{_models(health.models)}",
                 health.remedy)  # fmt: skip


def _models(models: tuple[str, ...]) -> str:
    if not models:
        return ""
    more = f" and {len(models) - MODELS} more" if len(models) > MODELS else ""
    return f": {', '.join(models[:MODELS])}{more}"
