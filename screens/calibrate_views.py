"""What each view of Calibrate is read by, in a thread, and drawn by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from textual.content import Content

from flywheel_tui.stages import calibrate_views as stage
from flywheel_tui.stages.calibrate_criteria import criteria_of
from flywheel_tui.stages.calibrate_desk import runs_of
from flywheel_tui.stages.compare import Asked, compare, everybody
from screens import calibrate_tabs as draw

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import Comparison
    from flywheel_tui.stages.calibrate_desk import Desk
    from flywheel_tui.workspace import Workspace
    from screens.glyphs import Glyphs

MOST_JUDGES, MOST_PEOPLE = 8, 12


class View(NamedTuple):
    """`read` runs in a thread and gives what `draw` shows (with the width there is); views without have their own."""

    name: str
    read: Callable[[Workspace, Desk], Any] | None = None
    draw: Callable[[Any, Glyphs, int], Content] | None = None


def _judges(workspace: Workspace, desk: Desk) -> Comparison | str:
    tags = [run.tag for run in runs_of(workspace, desk.found.dataset)]
    # the judge at hand first, then the newest
    chosen = dict.fromkeys((desk.found.tag, *tags))
    if len(chosen) < 2:
        return "There is one judge run only; another one to set beside it: flywheel judge --tag …"
    options = desk.read.options
    asked = Asked(tags=tuple(chosen)[:MOST_JUDGES], approved_is=options.approved_is)
    return compare(workspace, desk.found.dataset, asked, write=False)


def _people(workspace: Workspace, desk: Desk) -> Comparison | str:
    names = everybody(workspace, desk.found.dataset)
    if not names:
        return "No person has labelled here; labels of two people on the same pairs show how far they agree."
    if len(names) < 2:
        return "One person alone has labelled here; a second opinion on the same pairs shows how far people agree."
    options = desk.read.options
    asked = Asked(
        reviewers=names[:MOST_PEOPLE], approved_is=options.approved_is, include_unblinded=options.include_unblinded,
        include_picked=options.include_picked,
    )  # fmt: skip
    return compare(workspace, desk.found.dataset, asked, write=False)


def _drift(workspace: Workspace, desk: Desk) -> stage.Drift:
    return stage.drift_of(workspace, desk.found.dataset, desk.read.options, preference=desk.read.preference)


VIEWS: tuple[View, ...] = (
    View("matrix"),
    View("curve"),
    View(
        "reliability",
        lambda workspace, desk: stage.reliability_of(desk.read),
        lambda found, glyphs, room: draw.reliability_content(found, glyphs, room=room),
    ),
    View(
        "criteria",
        lambda workspace, desk: criteria_of(workspace, desk.read),
        lambda found, glyphs, room: draw.criteria_content(found, glyphs),
    ),
    View("judges", _judges, lambda found, glyphs, room: draw.agreement_content(found, "Judges side by side")),
    View("people", _people, lambda found, glyphs, room: draw.agreement_content(found, "People side by side")),
    View(
        "drift",
        lambda workspace, desk: _drift(workspace, desk),
        lambda found, glyphs, room: draw.drift_content(found),
    ),
    View(
        "stand-in",
        lambda workspace, desk: stage.stand_in(workspace, desk.read),
        lambda found, glyphs, room: draw.stand_in_content(found),
    ),
)
"""In the order of their digits."""
