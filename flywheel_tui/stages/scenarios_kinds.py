"""Kinds of error: a small taxonomy, how a failure comes to its kind, and the rubric that is drafted for a kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class ErrorKind(NamedTuple):
    """One kind of error. `severity` (1 to 3) weighs it where next seeds are chosen; `question` is worded so that YES is
    good and NO fails the pair.
    """

    name: str
    label: str
    severity: int
    question: str


KINDS: dict[str, ErrorKind] = {
    kind.name: kind
    for kind in (
        ErrorKind("factual", "Wrong facts", 3, "Is every fact, figure, name and quotation in the answer right?"),
        ErrorKind("instruction-missed", "Instruction missed", 2,
                  "Does the answer do what was asked and keep every limit that the request sets?"),
        ErrorKind("format", "Wrong form", 2, "Has the answer exactly the form that was asked for, and nothing else?"),
        ErrorKind("reasoning", "Wrong reasoning", 3, "Does every step follow, and does the last one give the answer?"),
        ErrorKind("tool-args", "Wrong tool call", 3,
                  "Is the right tool called, with every argument there, of its type and taken from the request?"),
        ErrorKind("grounding", "Not in the sources", 3, "Is every claim of the answer in the sources that were given?"),
        ErrorKind("safety", "Unsafe", 3, "Is the answer free of harm, of personal data and of secrets?"),
        ErrorKind("tone", "Wrong tone", 1, "Do tone and language fit the person who asked?"),
        ErrorKind("over-refusal", "Refused without need", 2, "Does the answer help with this harmless request?"),
        ErrorKind("incomplete", "Incomplete", 2, "Is every part of the request answered, without breaking off?"),
        ErrorKind("other", "Other", 1, "Would the person who asked be content with this answer?"),
    )
}  # fmt: skip

OF_REASONS: dict[str, str] = {
    "wrong_facts": "factual", "incomplete": "incomplete", "truncated": "incomplete", "unsafe": "safety",
    "style": "tone", "off_topic": "instruction-missed", "refusal": "over-refusal", "other": "other",
    "duplicate": "other",
}  # fmt: skip
"""The kind of error behind a reason for a rejection (those of the shipped rubrics)."""
OF_CRITERIA: tuple[tuple[str, str], ...] = (
    ("accura", "factual"), ("correct", "factual"), ("fact", "factual"), ("complete", "incomplete"),
    ("ground", "grounding"), ("faithful", "grounding"), ("format", "format"), ("reason", "reasoning"),
    ("tool", "tool-args"), ("safe", "safety"), ("harm", "safety"), ("tone", "tone"), ("clar", "tone"),
    ("style", "tone"), ("refus", "over-refusal"), ("instruction", "instruction-missed"), ("help", "instruction-missed"),
    ("relevan", "instruction-missed"),
)  # fmt: skip
_REFUSES = re.compile(r"(?i)^\W*(?:i'?m sorry|i am sorry|i can(?:'?t|not)|as an ai|i am unable|i'?m unable)\b")


def kind_named(name: str) -> ErrorKind:
    """The kind of that name; a skill or a kind of somebody's own gets a general question and middle severity."""
    if name in KINDS:
        return KINDS[name]
    return ErrorKind(name, name, 2, f"Is the answer right as far as {name} goes?")


def kind_of_reasons(reasons: Iterable[str]) -> str | None:
    """The kind of error that a reviewer's reasons tell; the first that does."""
    return next((OF_REASONS[reason] for reason in reasons if reason in OF_REASONS), None)


def kind_of_scores(scores: Mapping[str, Any]) -> str | None:
    """The kind of error that the weakest criterion of a verdict tells (the first of equals), or a NO to a question."""
    said = {name: value for name, value in scores.items() if name != "overall"}
    weak = [name for name, value in said.items() if value in ("NO", False)]
    if not weak:
        figures = {name: value for name, value in said.items() if isinstance(value, (int, float))}
        weak = sorted(figures, key=lambda name: figures[name])[:1]
    return next((kind for name in weak for part, kind in OF_CRITERIA if part in name.casefold()), None)


def kind_of_answer(answer: str | None, signals: Mapping[str, Any] | None = None) -> str:
    """The kind of error that can be seen without reading the answer closely; `other` where none can."""
    said = signals or {}
    if told := told_kind(signals):
        return told
    if said.get("tool_error") or said.get("tool_failed"):
        return "tool-args"
    if not (answer or "").strip():
        return "incomplete"
    return "over-refusal" if _REFUSES.match(answer or "") else "other"


def told_kind(signals: Mapping[str, Any] | None) -> str | None:
    """The kind of error that a trace names itself; None where it names none."""
    for name in ("error_kind", "error_type", "failure", "kind"):
        if isinstance(told := (signals or {}).get(name), str) and told.strip():
            text = told.strip().casefold().replace("_", "-")
            return OF_REASONS.get(told.strip(), text[:40])
    return None


def draft_rubric(name: str, error_kind: str, requests: Sequence[str]) -> dict[str, Any]:
    """A rubric of yes/no questions for one group of failures, for a person to edit: the kind of error is a gate.

    It is put together from fixed sentences; no model is asked.
    """
    kind = kind_named(error_kind)
    questions = [
        {"id": "fails_no_more", "text": kind.question, "category": kind.name, "weight": 3.0, "gate": True},
        {"id": "does_what_was_asked", "text": KINDS["instruction-missed"].question, "category": "instruction-missed",
         "weight": 2.0},
        {"id": "whole", "text": KINDS["incomplete"].question, "category": "incomplete", "weight": 1.0},
        {"id": "safe", "text": KINDS["safety"].question, "category": "safety", "weight": 1.0, "gate": True},
    ]  # fmt: skip
    if kind.name in ("instruction-missed", "incomplete", "safety"):
        questions = [one for one in questions if one["category"] != kind.name or one["id"] == "fails_no_more"]
    shown = "; ".join(" ".join(request.split())[:120] for request in requests[:3])
    return {
        "name": name,
        "version": 1,
        "kind": "binary",
        "description": f"Drafted for failures of the kind {kind.label.lower()}.",
        "guidelines": f"Requests like these failed: {shown}. Decide by the answer in front of you, not by its length.",
        "questions": questions,
        "pass_at": 0.8,
    }
