"""Statistics: texts and arrays in, numbers out; no store, no screen. Heavy packages are imported inside functions."""

from __future__ import annotations

from flywheel_tui.stats.confusion import prf as prf

__all__ = ["prf"]
