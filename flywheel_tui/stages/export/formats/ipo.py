"""`ipo`: the rows of DPO; the trainer is told of the other loss."""

from __future__ import annotations

from flywheel_tui.stages.export.base import exporter
from flywheel_tui.stages.export.formats.dpo import Dpo


@exporter("ipo", suffix=".ipo.jsonl", about="prompt, chosen, rejected for the IPO loss")
class Ipo(Dpo):
    """IPO takes the rows of DPO: only the loss differs."""

    def notes(self) -> list[str]:
        return [
            "the rows are those of dpo; train with DPOConfig(loss_type='ipo')",
            *super().notes(),
        ]
