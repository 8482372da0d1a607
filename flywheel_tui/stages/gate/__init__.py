"""The gate: evidence bundles, what they prove, what a person decides, two adapters side by side."""

from flywheel_tui.stages.gate.bundle import make_bundle, renewed
from flywheel_tui.stages.gate.decide import GateClosed, approve, in_use, reject, rollback
from flywheel_tui.stages.gate.verify import verify_bundle

__all__ = ["GateClosed", "approve", "in_use", "make_bundle", "reject", "renewed", "rollback", "verify_bundle"]
