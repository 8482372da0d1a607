"""Layouts: the well-known shapes of rows; one file per layout (or family of them), each registers itself."""

from flywheel_tui.stages.layouts.base import LAYOUTS, Layout, RowError, layout, load_layouts
from flywheel_tui.stages.layouts.mapping import parse_map
from flywheel_tui.stages.layouts.notes import Notes
from flywheel_tui.stages.layouts.recognise import SAMPLE, Recognised, recognise

__all__ = [
    "LAYOUTS",
    "SAMPLE",
    "Layout",
    "Notes",
    "Recognised",
    "RowError",
    "layout",
    "load_layouts",
    "parse_map",
    "recognise",
]
