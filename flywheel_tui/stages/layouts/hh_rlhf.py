"""HH-RLHF: two transcripts of a talk between Human and Assistant, one preferred."""

from __future__ import annotations

import re
from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import Message, last_request
from flywheel_tui.stages.layouts.fields import build, required_text
from flywheel_tui.stages.layouts.notes import EMPTY, Notes

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


@layout(
    "hh_rlhf",
    kind="preference",
    columns="chosen rejected",
    example=r'{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello!", "rejected": "\n\nHuman: Hi\n\nAssistant: No."}',
    rank=40,
)
class HhRlhf(Layout):
    """Transcripts are split at the last turn of the assistant; the turns before it are the prompt."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        chosen, rejected = row.get("chosen"), row.get("rejected")
        if type(chosen) is not str or type(rejected) is not str or "prompt" in row:
            return False
        return all(text.lstrip("\n").startswith("Human:") and "\n\nAssistant:" in text for text in (chosen, rejected))

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        asked, answer = _split(required_text(row, "chosen", line, notes), "chosen")
        other_asked, other_answer = _split(required_text(row, "rejected", line, notes), "rejected")
        request = last_request(asked)
        if request is None:
            raise RowError("chosen", "no turn is the human's", 'begin the transcript with "\\n\\nHuman:"')
        for text in (answer, other_answer):
            if not text:
                notes.add("answer", EMPTY, line)
        body: dict[str, Any] = {"rejected": other_answer}
        if len(asked) > 1:
            body["messages"] = asked
        if other_asked != asked:
            notes.add("pair", "of two talks that part before the last answer; both are kept whole", line)
            body["rejected_messages"] = [*other_asked, {"role": "assistant", "content": other_answer}]
        used = frozenset(("chosen", "rejected"))
        return [build(row, used, line, kind="preference", instruction=request, output=answer, body=body)]


def _split(transcript: str, field: str) -> tuple[list[Message], str]:
    """The turns before the last one, and the last one, which is the assistant's."""
    text = transcript if transcript.startswith("\n\n") else "\n\n" + transcript.lstrip("\n")
    pieces = _TURN.split(text)
    messages = [
        {"role": _ROLES[role], "content": said.removeprefix(" ")}
        for role, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise RowError(field, "the transcript does not end with the assistant", 'end it with "\\n\\nAssistant: …"')
    return messages[:-1], messages[-1]["content"]
