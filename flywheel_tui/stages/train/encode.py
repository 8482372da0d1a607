"""Conversations as tokens with labels: only answers teach, and the token that ends an answer must be among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel_tui.stages.train.channel import Channel
from flywheel_tui.stages.train.faults import TrainFault

IGNORED = -100
SAY_EVERY = 500


def end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens at which generation stops."""
    found: set[int] = set()
    for value in (getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id):
        if isinstance(value, int):
            found.add(value)
        elif isinstance(value, (list, tuple)):
            found.update(value)
    return found


def encode_rows(
    rows: Sequence[dict[str, Any]], plan: dict[str, Any], tokenizer: Any, ends: set[int], channel: Channel,
    notes: list[str],
) -> list[dict[str, Any]]:  # fmt: skip
    """`input_ids`, `labels` and `weight` of each row, cut to the longest length. Raises TrainFault.

    Rows whose answer was cut off whole are left out and counted in a note.
    """
    limit = plan["trainer"]["max_length"]
    made, dropped, without_end, cut = [], 0, 0, 0
    for number, row in enumerate(rows):
        ids, labels = encode(row, tokenizer, plan["assistant_loss"])
        if len(ids) > limit:
            cut += 1
        elif not any(label in ends for label in labels):
            without_end += 1
        ids, labels = ids[:limit], labels[:limit]
        # the first label is never predicted
        if all(label == IGNORED for label in labels[1:]):
            dropped += 1
            continue
        made.append({"input_ids": ids, "labels": labels, "weight": float(row.get("weight", 1.0))})
        if number % SAY_EVERY == 0:
            channel.send("progress", done=number, total=len(rows))
    _check_ends(len(rows), without_end, plan, tokenizer)
    if dropped:
        notes.append(f"{dropped:,} rows of {len(rows):,} were left out: nothing of their answer is within the length")
    if cut:
        notes.append(f"{cut:,} rows of {len(rows):,} were cut at {limit:,} tokens: they do not teach where to stop")
    if without_end:
        notes.append(f"{without_end:,} rows of {len(rows):,} do not teach the end token")
    if not made:
        raise TrainFault("data", "no row has anything to learn within the length", "raise --max-length")
    return made


def _check_ends(rows: int, without_end: int, plan: dict[str, Any], tokenizer: Any) -> None:
    if without_end < rows or not rows:
        return
    named = "the chat template" if plan["chat"] else "the tokenizer"
    raise TrainFault(
        "template",
        f"{named} of {plan['base_name']} leaves the end token {tokenizer.eos_token!r} out of what is learned, so the"
        " model would not learn to stop",
        "put the end token between {% generation %} and {% endgeneration %} in the chat template, or take"
        " --assistant-loss last",
    )


def encode(row: dict[str, Any], tokenizer: Any, assistant_loss: str) -> tuple[list[int], list[int]]:
    """The tokens of a row, and their labels (-100 for what is not learned)."""
    if "messages" not in row:
        return _text(row, tokenizer)
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    messages = row["messages"]
    if assistant_loss == "all":
        made = tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True, **tools)
        ids, mask = list(made["input_ids"]), made["assistant_masks"]
        return ids, [token if said else IGNORED for token, said in zip(ids, mask, strict=True)]
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=True, **tools)
    whole = tokenizer.apply_chat_template(messages, return_dict=True, **tools)
    before, ids = list(prompt["input_ids"]), list(whole["input_ids"])
    start = common(before, ids)
    return ids, [IGNORED] * start + ids[start:]


def _text(row: dict[str, Any], tokenizer: Any) -> tuple[list[int], list[int]]:
    before = list(tokenizer(row["prompt"])["input_ids"])
    ids = list(tokenizer(row["prompt"] + row["completion"])["input_ids"])
    start = common(before, ids)
    if tokenizer.eos_token_id is not None and (not ids or ids[-1] != tokenizer.eos_token_id):
        ids.append(tokenizer.eos_token_id)
    return ids, [IGNORED] * start + ids[start:]


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences share at their beginning."""
    shared = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared += 1
    return shared
