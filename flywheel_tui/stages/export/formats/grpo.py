"""`grpo`: a prompt and how an answer to it is rewarded: which checker, against which reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, Options, exporter
from flywheel_tui.stages.export.texts import Message, asked, has_messages, request_of
from flywheel_tui.stages.export.tool_shapes import standard_tool
from flywheel_tui.store.export_rows import ExportRow


def reward_of(row: ExportRow, body: dict[str, Any]) -> tuple[str, str]:
    """`(checker, reference)`: what an answer is held against.

    `final`: the final answer of a text, as a number or as words; `calls`: tool calls, the reference is their JSON;
    `text`: the whole answer; `judge`: there is no reference, a judge has to say.
    """
    if row.kind == "tools" and isinstance(body.get("expected_calls"), list):
        return "calls", msgspec.json.encode(body["expected_calls"]).decode()
    if row.kind == "reasoning":
        final = body.get("final") or row.output
        return ("final", str(final)) if final else ("judge", "")
    if row.kind == "prompt" and isinstance(body.get("reference"), str):
        return "final", body["reference"]
    if row.output and row.status in ("approved", "edited"):
        return "text", row.output
    return "judge", ""


@exporter("grpo", suffix=".grpo.jsonl", about="prompt, reward_checker, reward_reference (and tools)")
class Grpo(JsonExporter):
    """TRL hands the columns beside `prompt` to the reward function; ours is `stages.export.rewards.reward`."""

    kinds = frozenset({"prompt", "reasoning", "sft", "tools", "rag"})
    surveys = True
    takes = frozenset({"messages"})

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._as_messages = options.messages
        self._by_judge = 0

    def survey(self, rows: Sequence[ExportRow]) -> None:
        self._as_messages = self._as_messages or has_messages(rows)

    def convert(self, row: ExportRow) -> Any:
        body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
        checker, reference = reward_of(row, body)
        self._by_judge += checker == "judge"
        prompt: str | list[Message] = asked(row, body)
        if self._as_messages:
            messages = request_of(row, body)
            while messages and messages[-1].get("role") != "user":
                messages = messages[:-1]
            prompt = messages or [{"role": "user", "content": prompt}]
        record: dict[str, Any] = {"prompt": prompt, "reward_checker": checker, "reward_reference": reference}
        if body.get("tools"):
            record["tools"] = [standard_tool(tool) for tool in body["tools"]]
        return record

    def notes(self) -> list[str]:
        notes = ["prompts are lists of messages"] if self._as_messages else []
        if self._by_judge:
            notes.append(f"{self._by_judge:,} prompts have no reference: only a judge can reward answers to them")
        return notes
