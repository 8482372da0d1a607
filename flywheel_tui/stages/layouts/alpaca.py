"""Alpaca: instruction, input, output."""

from __future__ import annotations

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, layout
from flywheel_tui.stages.layouts.fields import build, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes

_USED = frozenset(("instruction", "input", "output"))


@layout(
    "alpaca",
    kind="sft",
    columns="instruction output",
    example='{"instruction": "Add the numbers.", "input": "2 and 3", "output": "5"}',
)
class Alpaca(Layout):
    """The commonest layout of instruction data; `input` may be missing or empty."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "instruction" in row and "output" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        instruction, context, output = row.get("instruction"), row.get("input"), row.get("output")
        if type(instruction) is not str or not instruction:
            instruction = required_text(row, "instruction", line, notes)
        if type(output) is not str or not output:
            output = required_text(row, "output", line, notes)
        if type(context) is not str:
            context = optional_text(row, "input", line, notes)
        if len(row) == 3 and "input" in row:
            return [Draft(instruction=instruction, input=context or None, output=output, line=line)]
        return [build(row, _USED, line, instruction=instruction, input=context or None, output=output)]
