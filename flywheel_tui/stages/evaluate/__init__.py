"""An adapter against its base on the same items: answers that are checked, losses, preferences, past failures."""

from flywheel_tui.stages.evaluate.measure import measure
from flywheel_tui.stages.evaluate.run import again, check_criteria, evaluate, register, run_job

__all__ = ["again", "check_criteria", "evaluate", "measure", "register", "run_job"]
