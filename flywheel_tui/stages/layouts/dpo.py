"""DPO: a chosen and a rejected answer to one prompt, as texts or as lists of messages."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import Message, last_request, messages_of, prompt_of
from flywheel_tui.stages.layouts.fields import build, looks_like_messages, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes

PROMPT_COLUMNS = ("prompt", "instruction", "question")


@layout(
    "dpo",
    kind="preference",
    columns="prompt chosen rejected",
    example='{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "Seven."}',
)
class Dpo(Layout):
    """Preference pairs. Lists of messages without a prompt share it: their common beginning is the prompt.

    `body.messages` is the conversation up to and including the request, where it is more than the request.
    """

    @classmethod
    def fits(cls, row: Row) -> bool:
        if "chosen" not in row or "rejected" not in row:
            return False
        return type(row["chosen"]) in (str, list) and type(row["rejected"]) in (str, list)

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        column = next((name for name in PROMPT_COLUMNS if row.get(name) is not None), "")
        used = {"chosen", "rejected", column}
        context = None
        if column == "instruction":
            context = optional_text(row, "input", line, notes)
            used.add("input")
        if looks_like_messages(row.get("chosen")) and looks_like_messages(row.get("rejected")):
            prompt, body, output, used_more = self._lists(row, column, line, notes)
            used = (used - {column}) | used_more
        else:
            output = required_text(row, "chosen", line, notes)
            rejected = required_text(row, "rejected", line, notes)
            messages = None
            if column:
                prompt, messages = self._prompt(row, column, line, notes)
            else:
                prompt, output, rejected = _shared_beginning(output, rejected)
            body = {"rejected": rejected}
            if messages:
                body["messages"] = messages
        return [
            build(
                row,
                frozenset(used),
                line,
                kind="preference",
                instruction=prompt,
                input=context,
                output=output,
                body=body,
            )
        ]

    def _prompt(self, row: Row, column: str, line: int, notes: Notes) -> tuple[str, list[Message] | None]:
        if type(row[column]) is list:
            return prompt_of(row[column], column, line, notes)
        return required_text(row, column, line, notes), None

    def _lists(self, row: Row, column: str, line: int, notes: Notes) -> tuple[str, dict[str, Any], str, set[str]]:
        chosen = messages_of(row["chosen"], "chosen", line, notes)
        rejected = messages_of(row["rejected"], "rejected", line, notes)
        shared = 0
        while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
            shared += 1
        prompt = chosen[:shared]
        used: set[str] = set()
        if column and (type(row[column]) is list or not prompt):
            if type(row[column]) is list:
                given = messages_of(row[column], column, line, notes)
                prompt = prompt if prompt[: len(given)] == given else given + prompt
            else:
                prompt = [{"role": "user", "content": required_text(row, column, line, notes)}]
            used.add(column)
        body: dict[str, Any] = {}
        if len(chosen) - shared > 1 or len(rejected) - shared > 1:
            # The two part before the last turn: the pair shows the last turns, the whole of both is kept.
            prompt += chosen[shared:-1]
            body["rejected_messages"] = rejected
        request = last_request(prompt)
        if request is None:
            raise RowError(column or "chosen", "no message is the user's", "add the request with role user")
        if column and row[column] == request:
            used.add(column)
        if chosen[-1]["content"] is None or rejected[-1]["content"] is None:
            raise RowError("chosen", "an answer has no content", "add the text of both answers")
        body["rejected"] = rejected[-1]["content"]
        if len(prompt) > 1:
            body["messages"] = prompt
        return request, body, chosen[-1]["content"], used


def _shared_beginning(chosen: str, rejected: str) -> tuple[str, str, str]:
    """The prompt that two texts share, up to a blank, and what is left of each."""
    shortest = min(len(chosen), len(rejected))
    alike = next((at for at in range(shortest) if chosen[at] != rejected[at]), shortest)
    shared = chosen[:alike]
    cut = max(shared.rfind(blank) for blank in " \n\t")
    if not shared[: max(cut, 0)].strip():
        raise RowError("prompt", "it is missing and the two answers do not begin alike", "add a column prompt")
    return chosen[:cut], chosen[cut:], rejected[cut:]
