"""Making a judge better: where it differs from people, another wording of its rubric, and whether that helped.

All of it happens on the prompt-dev split of blind human labels: what calibrates and what reports is never looked at.
"""

from __future__ import annotations

from flywheel_tui.stages.improve.compare import Trial, compare_runs
from flywheel_tui.stages.improve.mismatches import Mismatch, Mismatches, mismatches

__all__ = ["Mismatch", "Mismatches", "Trial", "compare_runs", "mismatches"]
