"""What a model says and how likely it finds an answer: a side of an evaluation, loaded once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from flywheel_tui.llm.protocol import Message
from flywheel_tui.stages.evaluate.sides import Base, Side

Messages = list[dict[str, str]]
SMALL_BYTES = 200_000_000
"""Models up to this size are computed in one thread: where others work too, more threads wait for each other (measured
with a model of 3.7 MB on two busy cores: 0.9 s of processor time instead of 5.7 s)."""


class Model(Protocol):
    """A base with an adapter or without."""

    def generate(self, prompts: Sequence[Messages]) -> list[str]:
        """The greedy answer to each."""
        ...

    def nll(self, items: Sequence[tuple[Messages, str]]) -> list[tuple[float, int]]:
        """For each request and answer: nats of the answer given the request (its end too), and its tokens."""
        ...


class LocalModel:
    """A model in this process. Greedy, so that the same requests together have the same answers every time."""

    def __init__(self, base: Base, side: Side, *, max_new_tokens: int, batch_size: int) -> None:
        """Raises MissingExtraError without torch or peft, UsageError where the model cannot be loaded."""
        from flywheel_tui.llm.local_batch import LoadedModel

        self._small = sum(file.stat().st_size for file in Path(base.path).glob("*.safetensors")) <= SMALL_BYTES
        with self._threads(), warnings.catch_warnings():
            # peft and transformers warn of each other's old names: nothing that a person could act on
            warnings.simplefilter("ignore", FutureWarning)
            self._model = LoadedModel(base.path, adapter=side.path)
        self._new, self._batch = max_new_tokens, batch_size

    def generate(self, prompts: Sequence[Messages]) -> list[str]:
        """The greedy answer to each."""
        asked = [_turns(messages) for messages in prompts]
        with self._threads():
            found = self._model.generate(asked, max_new_tokens=self._new, batch_size=self._batch)
        return [one.text for one in found]

    def nll(self, items: Sequence[tuple[Messages, str]]) -> list[tuple[float, int]]:
        """Nats and tokens of each answer."""
        asked = [(_turns(messages), answer) for messages, answer in items]
        with self._threads():
            found = self._model.losses(asked, batch_size=self._batch)
        return [(one.mean * one.tokens, one.tokens) for one in found]

    @contextmanager
    def _threads(self) -> Iterator[None]:
        if not self._small:
            yield
            return
        try:
            import torch
        except ImportError:
            yield
            return
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _turns(messages: Messages) -> tuple[Message, ...]:
    return tuple(Message(turn["role"], turn["content"]) for turn in messages)  # type: ignore[arg-type]


def open_model(base: Base, side: Side, *, max_new_tokens: int, batch_size: int) -> Model:
    """The model of a side."""
    return LocalModel(base, side, max_new_tokens=max_new_tokens, batch_size=batch_size)
