"""Answers with the way to them: GSM8K, and columns that hold the reasoning apart."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, layout
from flywheel_tui.stages.layouts.fields import build, first_of, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes

_MARK = "\n#### "
_QUESTIONS = ("question", "problem", "prompt", "instruction")
_REASONINGS = ("reasoning", "rationale", "thinking", "chain_of_thought", "cot")
_ANSWERS = ("answer", "output", "response", "final")


@layout(
    "gsm8k",
    kind="reasoning",
    columns="question answer",
    example=r'{"question": "What is 2 times 3, plus 1?", "answer": "2*3 = 6, 6+1 = 7\n#### 7"}',
    rank=40,
)
class Gsm8k(Layout):
    """The answer ends in a line `#### final`; the output is the whole, body has reasoning and final apart."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        answer = row.get("answer")
        return "question" in row and type(answer) is str and _MARK in answer

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        question = required_text(row, "question", line, notes)
        answer = required_text(row, "answer", line, notes)
        body: dict[str, Any] = {}
        reasoning, mark, final = answer.rpartition(_MARK)
        if mark:
            body = {"reasoning": reasoning.strip(), "final": final.strip()}
        else:
            notes.add("answer", "without a line '#### final'", line)
        used = frozenset(("question", "answer"))
        return [build(row, used, line, kind="reasoning", instruction=question, output=answer, body=body)]


@layout(
    "reasoning",
    kind="reasoning",
    columns="question reasoning answer",
    example='{"question": "Is 7 prime?", "reasoning": "No smaller number divides it.", "answer": "yes"}',
    rank=45,
)
class Reasoning(Layout):
    """Question, reasoning and answer in columns of their own; a column `final` may hold the bare answer."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        column = first_of(row, _REASONINGS)
        answered = first_of(row, _QUESTIONS) and first_of(row, _ANSWERS)
        return bool(answered) and column is not None and type(row[column]) is str

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        asked, thought = first_of(row, _QUESTIONS) or "question", first_of(row, _REASONINGS) or "reasoning"
        answered = first_of(row, _ANSWERS) or "answer"
        output = required_text(row, answered, line, notes)
        used = {asked, thought, answered, "final"}
        context = None
        if asked == "instruction":
            context = optional_text(row, "input", line, notes)
            used.add("input")
        body = {
            "reasoning": required_text(row, thought, line, notes),
            "final": optional_text(row, "final", line, notes) or output,
        }
        instruction = required_text(row, asked, line, notes)
        return [
            build(row, used, line, kind="reasoning", instruction=instruction, input=context, output=output, body=body)
        ]
