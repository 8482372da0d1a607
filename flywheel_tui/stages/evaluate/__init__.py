"""An adapter against its base on the same items: answers that are checked, losses, preferences, past failures."""

from flywheel_tui.stages.evaluate.measure import measure
from flywheel_tui.stages.evaluate.plan import check_criteria
from flywheel_tui.stages.evaluate.run import again, evaluate, register, run_job

__all__ = ["again", "check_criteria", "evaluate", "measure", "register", "run_job"]
