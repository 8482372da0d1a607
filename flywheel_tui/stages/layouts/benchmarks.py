"""Prompts that a program or a reference checks: MT-bench, IFEval, NQ-open."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.fields import build, json_value, looks_like_list, required_text
from flywheel_tui.stages.layouts.notes import Notes


def texts_of(row: Row, field: str) -> list[str]:
    """A column that is a list of texts; raises RowError where it is not, or is empty."""
    values = json_value(row.get(field), field)
    if type(values) is not list or not values or not all(type(value) is str for value in values):
        raise RowError(field, "it is not a list of texts", 'write ["…", "…"]')
    return values


@layout(
    "mt_bench",
    kind="prompt",
    columns="question_id turns",
    example='{"question_id": 81, "category": "writing", "turns": ["Write.", "Rewrite."], "reference": ["…", "…"]}',
    rank=40,
)
class MtBench(Layout):
    """Questions of several turns: the first is the instruction, all of them are messages.

    `body.reference` is the reference answer to the first turn, `body.references` those to all, where there are several.
    """

    @classmethod
    def fits(cls, row: Row) -> bool:
        return looks_like_list(row.get("turns")) and "question_id" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        turns = texts_of(row, "turns")
        body: dict[str, Any] = {}
        if len(turns) > 1:
            body["messages"] = [{"role": "user", "content": turn} for turn in turns]
        if row.get("reference"):
            references = texts_of(row, "reference")
            body["reference"] = references[0]
            if len(references) > 1:
                body["references"] = references
        used = frozenset(("turns", "reference"))
        return [build(row, used, line, kind="prompt", instruction=turns[0], body=body)]


@layout(
    "ifeval",
    kind="prompt",
    columns="prompt instruction_id_list",
    example='{"key": 1, "prompt": "Use no commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}',
    rank=40,
)
class IfEval(Layout):
    """Instructions whose fulfilment a program checks; what it checks stays in meta."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "prompt" in row and "instruction_id_list" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        prompt = required_text(row, "prompt", line, notes)
        return [build(row, frozenset(("prompt",)), line, kind="prompt", instruction=prompt)]


@layout(
    "nq_open",
    kind="sft",
    columns="question answer",
    example='{"question": "when did it open", "answer": ["1972", "in 1972"]}',
    rank=40,
)
class NqOpen(Layout):
    """Questions with a list of accepted answers: the first is the output, all of them `body.references`."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        answers = row.get("answer")
        return "question" in row and type(answers) is list and all(type(answer) is str for answer in answers)

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        question = required_text(row, "question", line, notes)
        answers = [row["answer"]] if type(row.get("answer")) is str else texts_of(row, "answer")
        body = {"references": answers} if len(answers) > 1 else None
        used = frozenset(("question", "answer"))
        return [build(row, used, line, instruction=question, output=answers[0], body=body)]
