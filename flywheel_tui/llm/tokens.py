"""Numbers of tokens guessed from texts, for budgets, limits and the detection of prompts that a server cut.

English runs at about four characters a token; other scripts at about 0.7 tokens a character. Exact counts come from the
server's `usage`.
"""

from __future__ import annotations

from flywheel_tui.llm.protocol import Message, Request
from flywheel_tui.llm.structured import OfSchema

_FRAME = 4
"""Tokens that a chat template puts around each message, roughly."""


def estimate_text(text: str) -> int:
    """The likely number of tokens of `text`."""
    if text.isascii():
        return len(text) // 4 + 1
    ascii_count = len(text.encode("ascii", "ignore"))
    return ascii_count // 4 + round(0.7 * (len(text) - ascii_count)) + 1


def estimate_prompt(messages: tuple[Message, ...]) -> int:
    """The likely number of tokens of a prompt."""
    return sum(estimate_text(message.content) + _FRAME for message in messages)


_of_schema = OfSchema(lambda schema: estimate_text(str(schema)))


def reserve_for(request: Request) -> tuple[int, int]:
    """(tokens in, tokens out) to reserve before a call: a third above the likely prompt, and all of the answer."""
    prompt = estimate_prompt(request.messages)
    if request.schema is not None:
        prompt += _of_schema(request.schema)
    return prompt + prompt // 3, request.max_tokens
