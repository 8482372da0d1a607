"""Two answers side by side: PandaLM (nobody has said which is better yet) and LLMBar (the better one is known)."""

from __future__ import annotations

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.fields import build, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes


@layout(
    "pandalm",
    kind="preference",
    columns="instruction response1 response2",
    example='{"idx": 0, "instruction": "Shorten.", "input": "…", "response1": "a", "response2": "b", "annotator1": 2}',
    rank=40,
)
class PandaLm(Layout):
    """Undecided preference pairs: response1 is answer a; idx and what the annotators said stay in meta."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "response1" in row and "response2" in row and "instruction" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        instruction = required_text(row, "instruction", line, notes)
        if instruction.isspace():
            notes.add("instruction", "blank", line)
        context = optional_text(row, "input", line, notes)
        first = required_text(row, "response1", line, notes, noun="response")
        second = required_text(row, "response2", line, notes, noun="response")
        used = frozenset(("instruction", "input", "response1", "response2"))
        body = {"rejected": second, "undecided": True}
        return [
            build(row, used, line, kind="preference", instruction=instruction, input=context, output=first, body=body)
        ]


@layout(
    "llmbar",
    kind="preference",
    columns="input output_1 output_2 label",
    example='{"input": "Name a colour.", "output_1": "Blue.", "output_2": "Seven.", "label": 1}',
    rank=40,
)
class LlmBar(Layout):
    """Preference pairs with a known choice; `label` (1 or 2) stays in meta and says which place the better one had."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "output_1" in row and "output_2" in row and "label" in row and "input" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        label = str(row.get("label")).strip()
        if label not in ("1", "2"):
            raise RowError("label", f"it is {label!r}", "write 1 or 2, the number of the better output")
        outputs = [required_text(row, column, line, notes, noun="output") for column in ("output_1", "output_2")]
        chosen, rejected = outputs if label == "1" else outputs[::-1]
        used = frozenset(("input", "output_1", "output_2"))
        instruction = required_text(row, "input", line, notes)
        body = {"rejected": rejected}
        return [build(row, used, line, kind="preference", instruction=instruction, output=chosen, body=body)]
