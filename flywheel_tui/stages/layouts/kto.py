"""KTO: a prompt, one completion, and whether it is a good one."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import last_request, messages_of
from flywheel_tui.stages.layouts.fields import build, first_of, looks_like_messages, required_text
from flywheel_tui.stages.layouts.notes import Notes

_PROMPTS = ("prompt", "instruction")
_COMPLETIONS = ("completion", "output", "response")
_LABELS = ("desirable", "label")
_WORDS = {"true": True, "false": False, "1": True, "0": False}


@layout(
    "kto",
    kind="kto",
    columns="prompt completion label",
    example='{"prompt": "Name a colour.", "completion": "Blue.", "label": true}',
    rank=40,
)
class Kto(Layout):
    """Unpaired preference: texts or lists of messages, and a label that is true or false."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        if not first_of(row, _PROMPTS) or not first_of(row, _COMPLETIONS):
            return False
        label = first_of(row, _LABELS)
        return label is not None and _as_bool(row[label]) is not None

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        prompt, completion = first_of(row, _PROMPTS) or "prompt", first_of(row, _COMPLETIONS) or "completion"
        label = first_of(row, _LABELS) or "label"
        desirable = _as_bool(row.get(label))
        if desirable is None:
            raise RowError(label, "it is neither true nor false", "write true for a good answer, false for a bad one")
        used = {prompt, completion, label}
        body: dict[str, Any] = {"desirable": desirable}
        if not looks_like_messages(row.get(prompt)) and not looks_like_messages(row.get(completion)):
            instruction = required_text(row, prompt, line, notes)
            output = required_text(row, completion, line, notes)
            return [build(row, used, line, kind="kto", instruction=instruction, output=output, body=body)]
        messages = []
        for field, role in ((prompt, "user"), (completion, "assistant")):
            if looks_like_messages(row.get(field)):
                messages += messages_of(row[field], field, line, notes)
            else:
                messages.append({"role": role, "content": required_text(row, field, line, notes)})
        answer, asked = messages[-1], messages[:-1]
        request = last_request(asked)
        if request is None or answer["role"] != "assistant" or answer["content"] is None:
            raise RowError(completion, "the messages do not end in an answer to a user", "end them with the answer")
        if len(asked) > 1:
            body["messages"] = asked
        return [build(row, used, line, kind="kto", instruction=request, output=answer["content"], body=body)]


def _as_bool(value: object) -> bool | None:
    if type(value) is bool:
        return value
    return _WORDS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
