"""Statistics: texts and arrays in, numbers out; no store, no screen. Heavy packages are imported inside functions."""

from __future__ import annotations

from flywheel_tui.stats.agreement import cohens_kappa as cohens_kappa
from flywheel_tui.stats.confusion import prf as prf
from flywheel_tui.stats.correlation import pearson as pearson

__all__ = ["cohens_kappa", "pearson", "prf"]
