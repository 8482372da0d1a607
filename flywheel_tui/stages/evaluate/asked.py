"""One side of an evaluation asks its model about items, and says what is to be written of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flywheel_tui.records.evaluation import Item
from flywheel_tui.stages.evaluate.answers import Model
from flywheel_tui.stages.evaluate.items import passed
from flywheel_tui.stages.evaluate.overlap import Trained
from flywheel_tui.stages.evaluate.safety import Safety

Filled = list[tuple[str, dict[str, Any]]]
"""By item, the columns that are filled in."""


class Asked:
    """`name` is base or candidate; `model` gives the model when it is first needed."""

    def __init__(self, name: str, model: Callable[[], Model], trained: Trained) -> None:
        self._name, self._model = name, model
        self._safety = Safety()
        self._recited = trained.recited() if trained.rows else None

    def answers(self, part: Sequence[Item]) -> Filled:
        """The greedy output to each item: whether it is right and safe, and what it recites."""
        outputs = self._model().generate([item.messages for item in part])
        right = [passed(item, output) for item, output in zip(part, outputs, strict=True)]
        unsafe = self._safety.unsafe(part, outputs, right)
        recited = self._recited
        shared = [recited.longest(output) if recited is not None else None for output in outputs]
        columns = [f"{self._name}_{column}" for column in ("output", "passed", "unsafe", "overlap")]
        return [
            (item.key, dict(zip(columns, values, strict=True)))
            for item, *values in zip(part, outputs, right, unsafe, shared, strict=True)
        ]

    def losses(self, part: Sequence[Item]) -> Filled:
        """The nats of each expected answer, and its tokens."""
        found = self._model().nll([(item.messages, item.expected) for item in part])
        return [
            (item.key, {f"{self._name}_nll": nats, f"{self._name}_tokens": tokens})
            for item, (nats, tokens) in zip(part, found, strict=True)
        ]
