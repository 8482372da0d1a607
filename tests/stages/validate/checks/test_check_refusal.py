"""Refusals and boilerplate in several languages, and sentences that only resemble them."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_tui.errors import UsageError

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I can’t assist you with this request.",
    "I cannot provide medical advice.",
    "I am unable to answer this question.",
    "As an AI language model, I do not eat.",
    "As an AI, I have no opinion.",
    "I'm just an AI and cannot taste.",
    "My knowledge cutoff is 2021.",
    "As of my last update, the record stood.",
    "Als KI-Sprachmodell habe ich keine Meinung.",
    "Dabei kann ich Ihnen leider nicht helfen.",
    "Je ne peux pas répondre à cette question.",
    "En tant qu'intelligence artificielle, je n'ai pas de corps.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Mi dispiace, ma non posso aiutarti.",
    "Desculpe, mas não posso ajudar com isso.",
    "Het spijt me, maar ik kan je daar niet mee helpen.",
    "Извините, но я не могу помочь с этим.",
    "抱歉，我无法回答这个问题。",
    "申し訳ありませんが、その質問にはお答えできません。",
    "죄송하지만 그 요청은 도와드릴 수 없습니다.",
    "作为一个人工智能语言模型，我没有感情。",
    "Human: hello there\nAssistant: hi!",
    "#Rewritten Prompt# Write a story.",
    "### Response:\nHere it is.",
    "<|im_start|>assistant Hello",
    "[INST] what [/INST] that",
    "I was trained by OpenAI.",
]
NONE = [
    "I'm sorry the lamp arrived broken; a new one is on its way.",
    "I can't recommend it highly enough!",
    'Look for phrases such as "As an AI language model" where nobody asked.',
    "“I cannot answer that,” she said, and left.",
    "As an AI therapist, I would ask you how that felt.",
    "As an air force pilot she flew for years.",
    "You cannot provide water to a plant too early.",
    "Als Kind habe ich das oft gemacht.",
    "Como una casa vieja, la idea se cae.",
    "### Heading\nText",
    "She said: I can help with that.",
    "The human: a short history.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_and_boilerplate(ask: Any, text: str) -> None:
    found = ask("refusal", text)
    assert found
    assert {one.severity for one in found} == {"warning"}


@pytest.mark.parametrize("text", NONE)
def test_what_only_resembles_one(ask: Any, text: str) -> None:
    assert ask("refusal", text) == []


def test_a_refusal_deep_in_an_answer_is_no_refusal_of_the_request(ask: Any) -> None:
    story = "The guard looked up from his paper and thought for a while about what to say. " * 8
    assert ask("refusal", story + "I cannot help with that.") == []
    assert ask("refusal", story + "As an AI language model, I end here.") != []


def test_only_answers_are_looked_at_and_the_span_is_exact(ask: Any) -> None:
    assert ask("refusal", instruction="Why do models say: As an AI language model, I cannot?") == []
    [found] = ask("refusal", kind="preference", body={"rejected": "Ça: as an AI language model, no."})
    assert (found.field, found.start) == ("body.rejected", 4)
    [found] = ask("refusal", "Straße 🙂 as an AI, I pass.")
    assert "Straße 🙂 as an AI, I pass."[found.start : found.end] == "as an AI"


def test_patterns_of_ones_own_run_on_re2(ask: Any) -> None:
    [found] = ask("refusal", "Please contact our hotline today.", options={"patterns": ["contact our \\w+"]})
    assert found.message == "matches a pattern of yours"
    for pattern in ("(a)\\1", "(?=x)y", "("):
        with pytest.raises(UsageError, match=r"refusal\.patterns"):
            ask("refusal", options={"patterns": [pattern]})
    assert ask("refusal", "a" * 50_000 + "!", options={"patterns": ["(a+)+$"]}) == []


def test_a_bad_pattern_prints_nothing(ask: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError):
        ask("refusal", options={"patterns": ["(?<!x)y"]})
    assert capfd.readouterr() == ("", "")
