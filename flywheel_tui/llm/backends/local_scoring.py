"""Scores of a local model from its probabilities: no text is generated, so none has to be parsed.

Prompts are padded on the left with positions taken from the mask and sorted by length; only the last logits are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.protocol import Message

YES = ("yes", " yes", "Yes", " Yes", "YES")
NO = ("no", " no", "No", " No", "NO")


class YesNo(NamedTuple):
    """`probability` is P(yes) / (P(yes) + P(no)). `mass` is P(yes) + P(no): where it is low, say below 0.5, the model
    wanted to say something else and the probability means nothing."""

    probability: float
    mass: float


def yes_no_probabilities(model: Any, tokenizer: Any, prompts: Sequence[tuple[Message, ...]], batch: int) -> list[YesNo]:
    """P(yes) for each prompt, by the first token of its answer. Raises UsageError where yes and no begin alike."""
    import torch

    yes, no = _first_ids(tokenizer, YES), _first_ids(tokenizer, NO)
    if set(yes) & set(no):
        raise UsageError("this model's tokenizer begins yes and no with the same token; judge by generated text")
    encoded = [_prompt_ids(tokenizer, messages) for messages in prompts]
    found: list[YesNo] = [YesNo(0.0, 0.0)] * len(encoded)
    with torch.inference_mode():
        for places in by_length([len(ids) for ids in encoded], batch):
            logits = _last_logits(model, tokenizer, [encoded[place] for place in places], 1)[:, -1]
            logs = logits.float().log_softmax(-1)
            log_yes, log_no = logs[:, yes].logsumexp(-1), logs[:, no].logsumexp(-1)
            shares = torch.sigmoid(log_yes - log_no).tolist()
            masses = (log_yes.exp() + log_no.exp()).tolist()
            for place, share, mass in zip(places, shares, masses, strict=True):
                found[place] = YesNo(share, mass)
    return found


def completion_log_probabilities(
    model: Any, tokenizer: Any, items: Sequence[tuple[tuple[Message, ...], str]], batch: int
) -> list[tuple[float, int]]:
    """The natural log-probability of each answer (its end token included) after its prompt, and its tokens."""
    import torch
    from torch.nn import functional

    encoded = []
    for messages, completion in items:
        answer = tokenizer(completion + (tokenizer.eos_token or ""), add_special_tokens=False)["input_ids"]
        encoded.append((_prompt_ids(tokenizer, messages), answer))
    found: list[tuple[float, int]] = [(0.0, 0)] * len(encoded)
    with torch.inference_mode():
        for places in by_length([len(prompt) + len(answer) for prompt, answer in encoded], batch):
            rows = [encoded[place] for place in places]
            longest = max(len(answer) for _, answer in rows)
            sequences = [prompt + answer for prompt, answer in rows]
            logits = _last_logits(model, tokenizer, sequences, longest + 1)[:, :-1].float()
            ids = padded(tokenizer, sequences)[0][:, -longest:].to(logits.device)
            losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
            for place, loss, (_, answer) in zip(places, losses, rows, strict=True):
                found[place] = (-float(loss[longest - len(answer) :].sum()), len(answer))
    return found


def _prompt_ids(tokenizer: Any, messages: tuple[Message, ...]) -> list[int]:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    return list(tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"])


def _first_ids(tokenizer: Any, words: tuple[str, ...]) -> list[int]:
    """The tokens that stand for a word: those that are one token; where none is, the first pieces."""
    encoded = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    whole = [ids for ids in encoded if len(ids) == 1]
    return sorted({ids[0] for ids in whole or encoded})


def by_length(lengths: list[int], batch: int) -> Iterator[list[int]]:
    """The places of all items in batches of like length, so that little is padded."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    for start in range(0, len(order), batch):
        yield order[start : start + batch]


def padded(tokenizer: Any, sequences: list[list[int]]) -> tuple[Any, Any]:
    """Token ids and attention mask of sequences padded on the left."""
    import torch

    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, width - len(sequence) :] = torch.tensor(sequence)
        mask[row, width - len(sequence) :] = 1
    return ids, mask


def _last_logits(model: Any, tokenizer: Any, sequences: list[list[int]], keep: int) -> Any:
    ids, mask = (part.to(model.device) for part in padded(tokenizer, sequences))
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    return model(
        input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, logits_to_keep=keep
    ).logits
