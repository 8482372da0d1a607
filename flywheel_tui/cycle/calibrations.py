"""Measure the judges of a cycle against its labels, and keep that where the gate looks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages.calibrate import kept_calibrations, labelled, measured

if TYPE_CHECKING:
    from flywheel_tui.cycle.phase import Context

LEAST = 20
"""So many labels the report split must hold to be measured on alone."""


def keep_calibrations(context: Context, tags: Sequence[str], *, scripted: bool) -> list[str]:
    """Measure each of these judge runs on the labels of the report split, which nothing was tuned on, or on all labels
    where that split holds too few. One that holds is not measured again, so that a phase that was killed looks at the
    labels no more often than one that was not. A line on each.
    """
    workspace, name = context.workspace, context.options.into
    lines = []
    for tag in tags:
        found = [one.calibration for one in kept_calibrations(workspace, name) if not one.stale]
        held = [one for one in found if one.tag == tag and one.options.scripts == scripted]
        if not held:
            report = CalibrateOptions(tag=tag, split="report", scripts=scripted)
            read = labelled(workspace, name, report)
            if len(read.joined.truth) < LEAST:
                read = labelled(workspace, name, CalibrateOptions(tag=tag, scripts=scripted))
            held = [measured(workspace, read)]
        lines.append(f"{held[0].judge} ({tag}): {held[0].pairs} labels, split {held[0].options.split}")
    return lines
