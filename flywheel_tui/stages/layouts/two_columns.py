"""Layouts of a request and its answer, two columns by other names: question/answer, prompt/completion …"""

from __future__ import annotations

from typing import Any, ClassVar

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, layout
from flywheel_tui.stages.layouts.chat import messages_of, prompt_of
from flywheel_tui.stages.layouts.conversation import conversation_draft
from flywheel_tui.stages.layouts.fields import build, looks_like_messages, required_text
from flywheel_tui.stages.layouts.notes import Notes


class TwoColumns(Layout):
    """A request in the column `request`, its answer in `answer`; each a text or a list of messages."""

    request: ClassVar[str]
    answer: ClassVar[str]
    used: ClassVar[frozenset[str]]

    @classmethod
    def fits(cls, row: Row) -> bool:
        return cls.request in row and cls.answer in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        instruction, output = row.get(self.request), row.get(self.answer)
        if type(instruction) is list or type(output) is list:
            return [self._from_messages(row, line, notes)]
        if type(instruction) is not str or not instruction:
            instruction = required_text(row, self.request, line, notes)
        if type(output) is not str or not output:
            output = required_text(row, self.answer, line, notes)
        if len(row) == 2:
            return [Draft(instruction=instruction, output=output, line=line)]
        return [build(row, self.used, line, instruction=instruction, output=output)]

    def _from_messages(self, row: Row, line: int, notes: Notes) -> Draft:
        """The conversational variant: the two lists, one after the other, are one conversation."""
        messages = []
        for field, role in ((self.request, "user"), (self.answer, "assistant")):
            value = row.get(field)
            if looks_like_messages(value):
                messages += messages_of(value, field, line, notes)
            else:
                messages.append({"role": role, "content": required_text(row, field, line, notes)})
        return conversation_draft(messages, row, self.used, self.answer, line)


def _columns(request: str, answer: str) -> tuple[str, str, frozenset[str]]:
    return request, answer, frozenset((request, answer))


@layout(
    "question_answer",
    kind="sft",
    columns="question answer",
    example='{"question": "What is the capital of France?", "answer": "Paris"}',
)
class QuestionAnswer(TwoColumns):
    """A question and its answer."""

    request, answer, used = _columns("question", "answer")


@layout(
    "question_expected",
    kind="sft",
    columns="question expected_answer",
    example='{"question": "What is the capital of France?", "expected_answer": "Paris"}',
)
class QuestionExpected(TwoColumns):
    """A question and the answer that is expected to it."""

    request, answer, used = _columns("question", "expected_answer")


@layout(
    "prompt_completion",
    kind="sft",
    columns="prompt completion",
    example='{"prompt": "The sky is", "completion": " blue."}',
)
class PromptCompletion(TwoColumns):
    """A prompt and its completion, each a text or a list of messages."""

    request, answer, used = _columns("prompt", "completion")


@layout(
    "prompt_response",
    kind="sft",
    columns="prompt response",
    example='{"prompt": "Name a colour.", "response": "Blue."}',
)
class PromptResponse(TwoColumns):
    """A prompt and its response, each a text or a list of messages."""

    request, answer, used = _columns("prompt", "response")


@layout(
    "prompt_only",
    kind="prompt",
    columns="prompt",
    example='{"prompt": "Write a haiku about rain.", "difficulty": "easy"}',
    rank=90,
)
class PromptOnly(Layout):
    """A prompt without an answer (as for GRPO); `reference` and `input` where they are texts, the others as meta."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "prompt" in row and not (
            {"completion", "response", "chosen", "rejected", "output", "answer"} & row.keys()
        )

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        prompt = row.get("prompt")
        body: dict[str, Any] = {}
        used = {"prompt"}
        if type(prompt) is list:
            prompt, messages = prompt_of(prompt, "prompt", line, notes)
            if messages:
                body["messages"] = messages
        else:
            prompt = required_text(row, "prompt", line, notes)
        if type(row.get("reference")) is str:
            body["reference"] = row["reference"]
            used.add("reference")
        context = row["input"] if type(row.get("input")) is str else None
        if context is not None:
            used.add("input")
        return [build(row, used, line, kind="prompt", instruction=prompt, input=context or None, body=body)]
