"""`openai` and `openai-dpo`: examples that OpenAI's fine-tuning takes; what it would refuse is left out and told."""

from __future__ import annotations

import re
from typing import Any

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, Options, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.formats.dpo import Dpo
from flywheel_tui.stages.export.openai_rules import MESSAGE_KEYS, MIN_EXAMPLES, example_problems
from flywheel_tui.stages.export.texts import Message, whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages, standard_tool
from flywheel_tui.store.export_rows import ExportRow

_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def plain_messages(messages: list[Message]) -> list[Message]:
    """The messages with the keys that the service knows, arguments as JSON texts, names in its letters."""
    made = []
    for message in standard_messages(messages, text_arguments=True):
        known = MESSAGE_KEYS.get(str(message.get("role")), frozenset(message))
        copy = {key: value for key, value in message.items() if key in known}
        if copy.get("tool_calls"):
            for call in copy["tool_calls"]:
                call["function"]["name"] = service_name(call["function"]["name"])
        made.append(copy)
    return made


def service_name(name: str) -> str:
    """A tool's name in the letters that the service allows: others (the dot of `math.sqrt`) become `_`."""
    return _NO_NAME.sub("_", name)[:64]


def service_tools(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools under names that the service allows."""
    made = [standard_tool(tool) for tool in tools]
    for tool in made:
        tool["function"]["name"] = service_name(tool["function"]["name"])
    return made


def _checked(example: dict[str, Any]) -> Any:
    problems = example_problems(example)
    return (
        LeftOut(f"breaks a rule of the service: {problems[0].rule}: {_plain(problems[0].message)}")
        if problems
        else example
    )


def _plain(message: str) -> str:
    """A message without the numbers that would make every reason another one."""
    return re.sub(r"message \d+", "a message", message)


@exporter("openai", suffix=".openai.jsonl", about="messages for OpenAI's supervised fine-tuning, held to its rules")
class OpenAi(JsonExporter):
    """Each example is held to the published rules; those that break one are left out. Reasoning is not sent."""

    kinds = ANSWERED

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._taken = 0

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        example: dict[str, Any] = {"messages": plain_messages(found.messages)}
        if found.tools:
            example["tools"] = service_tools(found.tools)
        checked = _checked(example)
        self._taken += checked is example
        return checked

    def notes(self) -> list[str]:
        return _too_few(self._taken)


@exporter("openai-dpo", suffix=".openai-dpo.jsonl", about="preferences for OpenAI's fine-tuning, held to its rules")
class OpenAiDpo(Dpo):
    """`input` with the conversation, one preferred and one other answer."""

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options._replace(messages=True), sources)
        self._taken = 0

    def convert(self, row: ExportRow) -> Any:
        record = super().convert(row)
        if isinstance(record, LeftOut):
            return record
        example = {
            "input": {"messages": plain_messages(record["prompt"])},
            "preferred_output": plain_messages(record["chosen"]),
            "non_preferred_output": plain_messages(record["rejected"]),
        }
        checked = _checked(example)
        self._taken += checked is example
        return checked

    def notes(self) -> list[str]:
        return _too_few(self._taken)


def _too_few(taken: int) -> list[str]:
    if taken >= MIN_EXAMPLES:
        return []
    return [f"the service takes no file of fewer than {MIN_EXAMPLES} examples: there are {taken} in all"]
