"""Many prompts at once through a model on this disk: greedy answers, and the loss of given answers.

For measuring a model before and after training, where each prompt by itself (the back end `local`) would take minutes.
The same prompts give the same answers, whatever the batch size but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flywheel_tui.llm.backends.local import load_model, model_folder
from flywheel_tui.llm.backends.local_scoring import by_length, completion_log_probabilities, padded
from flywheel_tui.llm.protocol import Message

Prompt = str | tuple[Message, ...]
"""What is asked: a text of the user, or the messages so far."""
Progress = Callable[[int], None]
"""Is told how many are done after every batch; may raise to stop."""


class Generated(NamedTuple):
    """An answer, its tokens, and whether the model ended it itself."""

    text: str
    tokens: int
    ended: bool


class Loss(NamedTuple):
    """The mean negative log-likelihood (nats) of an answer's tokens, its end token included, and how many they are."""

    mean: float
    tokens: int


class LoadedModel:
    """A model of a folder (or a name in the hub's cache), with an adapter on top where one is given."""

    def __init__(self, model: str | Path, *, adapter: str | Path | None = None, device: str = "") -> None:
        folder = model_folder(str(model))
        self._model, self._tokenizer = load_model(folder, Path(adapter) if adapter else None, device)

    @property
    def parts(self) -> tuple[Any, Any]:
        """The model and its tokenizer."""
        return self._model, self._tokenizer

    def replace(self, model: Any) -> None:
        """Go on with another model of the same tokenizer, such as this one with an adapter on top."""
        self._model = model

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int = 64,
        batch_size: int = 128,
        on_progress: Progress | None = None,
    ) -> list[Generated]:
        """The greedy answer to each prompt, in order."""
        import torch

        encoded = [self._encoded(prompt) for prompt in prompts]
        found: list[Generated] = [Generated("", 0, False)] * len(encoded)
        done = 0
        with torch.inference_mode():
            for places in by_length([len(ids) for ids in encoded], batch_size):
                for place, made in zip(
                    places, self._answers([encoded[at] for at in places], max_new_tokens), strict=True
                ):
                    found[place] = made
                done += len(places)
                if on_progress is not None:
                    on_progress(done)
        return found

    def losses(
        self,
        items: Sequence[tuple[Prompt, str]],
        *,
        batch_size: int = 128,
        on_progress: Progress | None = None,
    ) -> list[Loss]:
        """For each prompt and answer how surprised the model is by the answer."""
        found: list[Loss] = []
        for start in range(0, len(items), batch_size * 8):
            part = [(_messages(prompt), answer) for prompt, answer in items[start : start + batch_size * 8]]
            for total, tokens in completion_log_probabilities(self._model, self._tokenizer, part, batch_size):
                found.append(Loss(-total / max(tokens, 1), tokens))
            if on_progress is not None:
                on_progress(len(found))
        return found

    def _encoded(self, prompt: Prompt) -> list[int]:
        turns = [{"role": message.role, "content": message.content} for message in _messages(prompt)]
        made = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)
        return list(made["input_ids"])

    def _answers(self, rows: list[list[int]], max_new_tokens: int) -> list[Generated]:
        ids, mask = padded(self._tokenizer, rows)
        device = self._model.device
        output = self._model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), do_sample=False, max_new_tokens=max_new_tokens
        )
        ends = self._ends()
        made = []
        for tokens in output[:, ids.shape[1] :].tolist():
            stop = next((at for at, token in enumerate(tokens) if token in ends), None)
            said = tokens if stop is None else tokens[:stop]
            text = self._tokenizer.decode(said, skip_special_tokens=True)
            made.append(Generated(text.strip(), len(said) + (stop is not None), stop is not None))
        return made

    def _ends(self) -> set[int]:
        ids = self._model.generation_config.eos_token_id
        return {*(ids if isinstance(ids, list) else [ids]), self._tokenizer.eos_token_id}


def generate_batch(
    model: str | Path,
    prompts: Sequence[Prompt],
    *,
    adapter: str | Path | None = None,
    max_new_tokens: int = 64,
    batch_size: int = 128,
    device: str = "",
) -> list[str]:
    """Greedy answers of a model to many prompts, in order. Raises UsageError where the model cannot be loaded."""
    loaded = LoadedModel(model, adapter=adapter, device=device)
    return [made.text for made in loaded.generate(prompts, max_new_tokens=max_new_tokens, batch_size=batch_size)]


def nll_batch(
    model: str | Path,
    items: Sequence[tuple[Prompt, str]],
    *,
    adapter: str | Path | None = None,
    batch_size: int = 128,
    device: str = "",
) -> list[Loss]:
    """Mean negative log-likelihood of each answer after its prompt. Raises UsageError as `generate_batch` does."""
    return LoadedModel(model, adapter=adapter, device=device).losses(items, batch_size=batch_size)


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    return (Message("user", prompt),) if isinstance(prompt, str) else prompt
