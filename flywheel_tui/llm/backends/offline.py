"""No model: answers made by fixed rules, for demonstrations, tests and machines without any.

Every answer says that a rule made it: the model is called `rules`, the mode of the reply is `rule`, and every rationale
begins with "Rule-based". Its scores tell a complete answer from an empty or unrelated one and nothing finer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Health, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.tokens import estimate_prompt, estimate_text

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

MODEL = "rules"
SAYS = "Rule-based, no model was asked:"
_WORD = re.compile(r"[^\W_]{3,}")
_REFUSES = re.compile(r"(?i)^\W*(?:i'?m sorry|i am sorry|i can(?:'?t|not)|as an ai)\b")
_SUBJECTLESS = """
the and for are was with that this you your have has not but from what which how why when who can will would about
into than then them they their its our out all any some one two write give explain describe list make please
"""
_COMMON = frozenset(_WORD.findall(_SUBJECTLESS))


class Estimate(msgspec.Struct, frozen=True):
    """A share of 0 (bad) to 1 (good) and the reasons for it."""

    share: float
    reasons: tuple[str, ...]


def estimate_answer(question: str, answer: str) -> Estimate:
    """How good an answer looks from outside: there, long enough, on the subject, not repeating itself, not refusing."""
    words = _WORD.findall(answer.lower())
    if not answer.strip():
        return Estimate(0.0, ("the answer is empty",))
    reasons: list[str] = []
    share = 0.35 + 0.35 * min(len(words) / 40, 1.0)
    if len(words) < 3:
        reasons.append("it has hardly any words")
        share = min(share, 0.3)
    asked = {word for word in _WORD.findall(question.lower()) if word not in _COMMON}
    if asked:
        covered = len(asked & set(words)) / len(asked)
        share += 0.3 * min(covered * 2, 1.0)
        if not covered:
            reasons.append("it shares no word with the question")
    if len(words) >= 20 and len(set(words)) / len(words) < 0.35:
        reasons.append("it repeats itself")
        share *= 0.5
    if _REFUSES.match(answer):
        reasons.append("it begins as a refusal")
        share *= 0.3
    return Estimate(round(min(share, 1.0), 3), tuple(reasons) or ("length and subject fit",))


class OfflineBackend:
    """Judges by rule where the request has a schema, else fills a template.

    It reads `request.context`: `write`, a function that gives the answer by template (recipes have one); or `question`
    and `answer` to judge (two answers as `first` and `second`); or nothing: then the last message is the question.
    """

    name = "offline"
    place = "offline"
    model = MODEL

    async def complete(self, request: Request) -> Reply:
        """An answer made by rule. Raises BackendFault (`bad_schema`) for schemas it has no rule for."""
        started = time.perf_counter()
        text = _written(request) or (_generated(request) if request.schema is None else _judged(request))
        return Reply(
            text=text,
            finish_reason="stop",
            tokens_in=estimate_prompt(request.messages),
            tokens_out=estimate_text(text),
            tokens_estimated=True,
            model=MODEL,
            backend=self.name,
            latency_ms=(time.perf_counter() - started) * 1000,
            parse_mode="rule",
            cost_micro=0,
        )

    async def check(self) -> Health:
        """Always there."""
        return Health(reachable=True, key="not needed", models=(MODEL,), text="fixed rules, no model")

    async def aclose(self) -> None:
        """Nothing to give back."""


def _written(request: Request) -> str:
    """What the maker of the request says an answer by template is; it knows what its messages were made from."""
    write = request.context.get("write")
    if not callable(write):
        return ""
    made = write()
    return made if isinstance(made, str) else msgspec.json.encode(made).decode()


def _generated(request: Request) -> str:
    question = str(request.context.get("question") or request.messages[-1].content).strip()
    topic = " ".join(question.split())[:200].rstrip(".?!")
    return f"{SAYS} this text stands where an answer to \u201c{topic}\u201d would be."


def _judged(request: Request) -> str:
    context = request.context
    question = str(context.get("question") or request.messages[-1].content)
    if "first" in context and "second" in context:
        first = estimate_answer(question, str(context["first"])).share
        second = estimate_answer(question, str(context["second"])).share
        share = min(max(0.5 + (first - second), 0.0), 1.0)
        found = Estimate(share, (f"the first answer looks like {first:.2f}, the second like {second:.2f}",))
    else:
        found = estimate_answer(question, str(context.get("answer", "")))
    value = _fill(request.schema, found, 0)
    return msgspec.json.encode(value).decode()


_DEEPEST = 20


def _fill(schema: Any, found: Estimate, depth: int) -> Any:
    """A value for a schema: numbers by the share within their bounds, texts with the reasons."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        raise BackendFault("bad_schema", "the offline back end has no rule for this schema", retryable=False)
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), Sequence):
        return _pick(list(schema["enum"]), found.share)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    match kind:
        case "object":
            return {name: _fill(part, found, depth + 1) for name, part in schema.get("properties", {}).items()}
        case "array":
            count = min(int(schema.get("minItems", 0)), 100)
            return [_fill(schema.get("items", {"type": "string"}), found, depth + 1) for _ in range(count)]
        case "boolean":
            return found.share >= 0.5
        case "integer" | "number":
            low, high = float(schema.get("minimum", 0)), float(schema.get("maximum", 1 if kind == "number" else 10))
            number = low + found.share * (high - low)
            return round(number) if kind == "integer" else round(number, 2)
        case "string":
            return f"{SAYS} {'; '.join(found.reasons)}."
        case "null":
            return None
    raise BackendFault("bad_schema", "the offline back end has no rule for this schema", retryable=False)


_GOOD = ("yes", "pass", "first", "a", "good", "true")
_BAD = ("no", "fail", "second", "b", "bad", "false")
_EVEN = ("tie", "equal", "same")


def _pick(values: list[Any], share: float) -> Any:
    """The value of an enumeration that the share points at; words known to be good or bad are found by meaning."""
    by_word = {str(value).lower(): value for value in values}
    if abs(share - 0.5) < 0.02 and (even := next((by_word[word] for word in _EVEN if word in by_word), None)):
        return even
    wanted = _GOOD if share >= 0.5 else _BAD
    if word := next((word for word in wanted if word in by_word), None):
        return by_word[word]
    return values[min(int(share * len(values)), len(values) - 1)]


@backend("offline")
def make(*, model: str = "", settings: Settings | None = None) -> OfflineBackend:
    """The rules; a model name is not taken, because there is none."""
    return OfflineBackend()
