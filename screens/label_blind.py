"""What a reviewer may see of what others said of a pair, and when: never before the decision, unless asked for."""

from __future__ import annotations

from flywheel_tui.records.sitting import Item
from flywheel_tui.stages.cards import Card


class Blindness:
    """The rules, over the pair at hand (`label_state.LabelState` says what is at hand)."""

    blind: bool
    card: Card | None
    item: Item | None
    revealed: bool
    adjudicating: bool

    @property
    def repeating(self) -> bool:
        """Whether this pair is shown a second time to measure consistency: earlier answers are hidden."""
        return self.item is not None and self.item.repeat_of is not None

    @property
    def judge_visible(self) -> bool:
        """Whether there is a verdict that may be shown."""
        return self.card is not None and self.card.verdict is not None and self.verdicts_visible

    @property
    def verdicts_visible(self) -> bool:
        """Whether verdicts may be shown: never before the decision while blind, unless asked for."""
        return self.revealed or not self.blind or self._decided

    @property
    def labels_visible(self) -> bool:
        """Whether labels may be shown: once one has decided, or to settle a dispute. They would decide for one."""
        return not self.repeating and (self._decided or self.adjudicating)

    @property
    def _decided(self) -> bool:
        return self.card is not None and self.card.decided and not self.repeating
