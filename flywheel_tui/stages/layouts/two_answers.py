"""Two answers to one request, nobody has said here which is better: what comparing tools write and judges are asked."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import last_request, messages_of
from flywheel_tui.stages.layouts.fields import build, looks_like_messages, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes
from flywheel_tui.stages.said import ANSWERS

REQUESTS = ("instruction", "question", "prompt", "input")


def _columns(row: Row) -> tuple[str, str] | None:
    return next((pair for pair in ANSWERS if pair[0] in row and pair[1] in row), None)


@layout(
    "two_answers",
    kind="preference",
    columns="instruction output_1 output_2",
    example='{"instruction": "Name a colour.", "output_1": "Blue.", "output_2": "Seven.", "preference": 1}',
    rank=45,
)
class TwoAnswers(Layout):
    """Undecided preference pairs: the first answer is answer a. Models, votes and ids stay in meta.

    `conversation_a` and `conversation_b` are whole conversations; their last answers are compared.
    """

    @classmethod
    def fits(cls, row: Row) -> bool:
        columns = _columns(row)
        if columns is None:
            return False
        lists = all(looks_like_messages(row[column]) for column in columns)
        return lists or any(type(row.get(name)) is str for name in REQUESTS)

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        columns = _columns(row)
        if columns is None:
            raise RowError("output_1", "it is missing", "add both answers")
        if all(looks_like_messages(row[column]) for column in columns):
            return [self._conversations(row, columns, line, notes)]
        request = next((name for name in REQUESTS if type(row.get(name)) is str), REQUESTS[0])
        context = None if request == "input" else optional_text(row, "input", line, notes)
        first, second = (required_text(row, column, line, notes, noun="answer") for column in columns)
        used = frozenset((request, "input", *columns))
        return [
            build(
                row, used, line, kind="preference", instruction=required_text(row, request, line, notes), input=context,
                output=first, body={"rejected": second, "undecided": True},
            )
        ]  # fmt: skip

    def _conversations(self, row: Row, columns: tuple[str, str], line: int, notes: Notes) -> Draft:
        one, two = (messages_of(row[column], column, line, notes) for column in columns)
        request = last_request(one[:-1])
        if request is None:
            raise RowError(columns[0], "no message is the user's", "add the request with role user")
        if one[-1]["content"] is None or two[-1]["content"] is None:
            raise RowError(columns[0], "an answer has no content", "add the text of both answers")
        body: dict[str, Any] = {"rejected": two[-1]["content"], "undecided": True}
        if len(one) > 2:
            body |= {"messages": one[:-1], "rejected_messages": two}
        return build(
            row, frozenset(columns), line, kind="preference", instruction=request, output=one[-1]["content"], body=body
        )
