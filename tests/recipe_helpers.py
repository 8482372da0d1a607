"""Teachers that answer each step of a recipe as a test says, and good answers for every step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from generate_helpers import phrase, served

from flywheel_tui.llm.protocol import Message, Request

GOOD = "This is the sound answer with the number 42 and the word always in it, and it takes 3 hours."
FIRST = "This is the first answer with the number 42 and the word always in it, and it takes 3 hours."
_TEXTS = {
    "You answer requests. A reference": "reference",
    "You answer requests.": "plain",
    "You write model answers": "answer",
    "You rewrite answers": "revise",
}


def step_of(request: Request) -> str:
    """The template that a request was made with, by the name of its schema or the beginning of its instructions."""
    if request.schema is not None:
        return str(request.schema_name)
    system = request.messages[0].content
    return next((name for start, name in _TEXTS.items() if system.startswith(start)), "other")


def part(request: Request, before: str, after: str = "") -> str:
    """The material of a request that stands behind some words of its template."""
    found = re.search(rf"{re.escape(before)}\n<<material \w+>>\n(.*?)\n<<end", request.messages[-1].content, re.DOTALL)
    assert found is not None, request.messages[-1].content
    return found[1]


def prefers(word: str, margin: int = 2) -> Callable[[Request], dict[str, Any]]:
    """A judge that finds the answer with that word better, in both orders."""

    def said(request: Request) -> dict[str, Any]:
        a, b = part(request, "Answer A:"), part(request, "Answer B:")
        better = "tie" if (word in a) == (word in b) else "a" if word in a else "b"
        return {"better": better, "margin": margin, "reason": "seen"}

    return said


def marks(word: str, good: int = 9, bad: int = 3) -> Callable[[Request], dict[str, Any]]:
    """A judge that gives good marks to answers with that word."""
    return lambda request: {"mark": good if word in part(request, "The answer:") else bad}


def flawed(request: Request) -> dict[str, Any]:
    """A fault of the sort that was asked for, in `GOOD`."""
    text = part(request, "The good answer:")
    made = {
        "number": text.replace("42", "43"), "negation": text.replace("This is", "This is not"),
        "citation": text.replace("the word", 'the word "Shakespeare"'), "step": text.split(",")[0],
        "unit": text.replace("hours", "minutes"), "scope": text.replace("always", "sometimes"),
    }  # fmt: skip
    sort = next(name for name in made if f"The sort of fault: {name}." in request.messages[-1].content)
    if sort == "step":
        made[sort] = text.split(". ")[0] if ". " in text else text
    return {"possible": True, "text": made[sort], "changed": sort}


def number_of(request: Request) -> int:
    return request.seed or 0


TOOL_CALL = {"calls": [{"name": "set_timer", "arguments": '{"minutes": 5}'}], "results": ['{"ok": true}']}
STEPS: dict[str, Any] = {
    "plain": lambda request: FIRST,
    "answer": lambda request: f"{GOOD} {phrase(number_of(request), 3)}",
    "reference": lambda request: GOOD,
    "revise": lambda request: GOOD,
    "constitution_critique": {"fault": True, "critique": "It is not sound."},
    "compare_better": prefers("sound"),
    "compare_score": marks("sound"),
    "preference_flaw": flawed,
    "tools_request": lambda request: {"request": f"Set a timer for 5 minutes for {phrase(number_of(request), 8)}."},
    "tools_trajectory": {"turns": [TOOL_CALL], "answer": "The timer runs for 5 minutes."},
    "rag_question": lambda request: {
        "question": f"What is said of {phrase(number_of(request), 9)}?",
        "answer": part(request, re.findall(r"The passage \(.*?\):", request.messages[-1].content, re.DOTALL)[0])
        .split(". ")[0].rstrip(".") + ".",
    },
    "rag_unanswerable": lambda request: {"question": f"Who paid for {phrase(number_of(request), 9)}?"},
    "rag_faithful": lambda request: {
        "answerable": not re.search("do not|not mentioned", part(request, "The answer:")),
        "claims": 2, "supported": 2, "unsupported": "",
    },
    "distill_trace": {"reasoning": "First 40 + 2 = 42, and that is what was asked for.", "final": "42"},
    "failures_mutate": lambda request: {"request": f"Please tell {phrase(number_of(request), 10)}."},
}  # fmt: skip


def teacher(**changed: Any) -> Callable[[Request], str]:
    """A scripted teacher with good answers to every step but for those that a test changes."""
    steps = STEPS | changed

    def answer(request: Request) -> str:
        value = steps[step_of(request)]
        said = value(request) if callable(value) else value
        return said if isinstance(said, str) else json.dumps(said)

    return answer


def served_steps(body: dict[str, Any]) -> str:
    """The good answer to each step for a request as it came over the wire; steps that are unknown get what fits."""
    messages = tuple(Message(one["role"], one["content"]) for one in body["messages"])
    request = Request(messages=messages, model="m", seed=body.get("seed"), temperature=body.get("temperature", 0.0))
    shape = body.get("response_format", {}).get("json_schema", {})
    system = body["messages"][0]["content"]
    step = shape.get("name") or next((name for start, name in _TEXTS.items() if system.startswith(start)), "other")
    if step not in STEPS:
        return served(body)
    value = STEPS[step]
    said = value(request) if callable(value) else value
    return said if isinstance(said, str) else json.dumps(said)
