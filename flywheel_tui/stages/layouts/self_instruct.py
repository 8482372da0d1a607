"""Self-Instruct: tasks with instances, and instructions with one response."""

from __future__ import annotations

import msgspec

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.fields import build, first_of, json_value, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes


@layout(
    "self_instruct",
    kind="sft",
    columns="instruction instances",
    example='{"id": "seed_1", "name": "sum", "instruction": "Add.", "instances": [{"input": "1 2", "output": "3"}]}',
    rank=40,
)
class SelfInstruct(Layout):
    """Tasks: one pair for each instance; where there are several, meta says which one it is."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "instruction" in row and "instances" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        instruction = required_text(row, "instruction", line, notes)
        instances = json_value(row.get("instances"), "instances")
        if type(instances) is not list or not instances:
            raise RowError("instances", "it is not a list of instances", 'write [{"input": "…", "output": "…"}]')
        drafts = []
        for number, instance in enumerate(instances, 1):
            if type(instance) is not dict:
                raise RowError(f"instances[{number - 1}]", "it is not an object", 'write {"input": "…", "output": "…"}')
            draft = build(
                row,
                frozenset(("instruction", "instances")),
                line,
                instruction=instruction,
                input=optional_text(instance, "input", line, notes),
                output=required_text(instance, "output", line, notes),
            )
            more = {key: value for key, value in instance.items() if key not in ("input", "output")}
            if len(instances) > 1:
                more["instance"] = number
            if more:
                draft = msgspec.structs.replace(draft, meta={**(draft.meta or {}), **more})
            drafts.append(draft)
        return drafts


@layout(
    "instruction_response",
    kind="sft",
    columns="instruction response",
    example='{"instruction": "Who wrote it?", "context": "A poem by Ann.", "response": "Ann.", "category": "qa"}',
)
class InstructionResponse(Layout):
    """An instruction and a response, with an input or a context (Dolly, the predictions of Self-Instruct)."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "instruction" in row and "response" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        column = first_of(row, ("input", "context")) or "input"
        context = optional_text(row, column, line, notes)
        used = {"instruction", "response", column}
        instruction = required_text(row, "instruction", line, notes)
        output = required_text(row, "response", line, notes)
        return [build(row, used, line, instruction=instruction, input=context, output=output)]
