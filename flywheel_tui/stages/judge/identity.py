"""Who judges: a hash over everything that can change an answer. A calibration points at it and goes stale by itself."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from flywheel_tui.records.judgment import Judge
from flywheel_tui.stages.judge.prompt import Prompt
from flywheel_tui.stages.judge.read import threshold

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is asked: temperature 0 for verdicts, unless somebody wants to know how stable they are."""

    temperature: float = 0.0
    max_tokens: int = 0
    """0: enough for the rubric (600, and 80 for every question of a binary one)."""
    seed: int | None = None
    top_p: float | None = None

    def tokens_for(self, prompt: Prompt) -> int:
        """The token limit of an answer."""
        return self.max_tokens or 600 + 80 * len(prompt.rubric.questions)


def identity(backend: str, model: str, prompt: Prompt, sampling: Sampling, pass_at: float | None) -> Judge:
    """The judge that these make: hash(back end, model, prompt, rubric, parameters, examples)."""
    params: dict[str, Any] = {
        "prompt": prompt.hash,
        "rubric": prompt.rubric.title,
        "pass_at": threshold(prompt.rubric, pass_at),
        "few_shot": [example.id for example in prompt.examples],
        "temperature": sampling.temperature,
        "max_tokens": sampling.tokens_for(prompt),
        "seed": sampling.seed,
        "top_p": sampling.top_p,
        "orders": len(prompt.orders),
    }
    return judge_of(backend, model, prompt.rubric.hash, params)


def judge_of(backend: str, model: str, rubric: str, params: dict[str, Any]) -> Judge:
    """A judge and its hash."""
    said = _encode_sorted([backend, model, rubric, params])
    return Judge(
        hash=blake2b(said, digest_size=16).hexdigest(), backend=backend, model=model, rubric=rubric, params=params
    )
