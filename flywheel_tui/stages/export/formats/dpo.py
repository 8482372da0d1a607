"""`dpo`: a prompt with a chosen and a rejected answer, as people decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, Options, exporter
from flywheel_tui.stages.export.texts import JOINED, Message, has_messages, prompt_of, request_of
from flywheel_tui.store.export_rows import ExportRow

_UNDECIDED = {
    "tie": LeftOut("people found both answers equally good"),
    "neither": LeftOut("people found neither answer good"),
    "split": LeftOut("people disagree about the better answer"),
}


@exporter("dpo", suffix=".dpo.jsonl", about="prompt, chosen, rejected, as people decided")
class Dpo(JsonExporter):
    """Preference pairs: what people said of them (a or b) decides; without a label the data's own order holds.

    One file has one shape: texts, or lists of messages where any pair that it takes is a conversation.
    """

    wants = frozenset({"preferences"})
    surveys = True
    takes = frozenset({"edits_as_preferences", "messages"})

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._as_messages = options.messages
        self.kinds = frozenset({"preference", "sft"} if options.edits_as_preferences else {"preference"})
        if options.edits_as_preferences:
            self.wants = frozenset({"preferences", "originals"})

    def survey(self, rows: Sequence[ExportRow]) -> None:
        self._as_messages = self._as_messages or has_messages(rows)

    def convert(self, row: ExportRow) -> Any:
        return self._edit(row) if row.kind == "sft" else self._preference(row)

    def _preference(self, row: ExportRow) -> Any:
        body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
        if row.preference in _UNDECIDED:
            return _UNDECIDED[row.preference]
        if row.preference is None and body.get("undecided"):
            return LeftOut("nobody has said which answer is better")
        first, second = row.output, body.get("rejected")
        if first is None or second is None:
            return LeftOut("has only one answer")
        if first == second:
            return LeftOut("has the same answer twice")
        swapped = row.preference == "b"
        if body.get("rejected_messages"):
            return self._branches(row, body, swapped)
        chosen, rejected = (second, first) if swapped else (first, second)
        return self._record(row, request_of(row, body), chosen, rejected)

    def _branches(self, row: ExportRow, body: dict[str, Any], swapped: bool) -> Any:
        """Two conversations that part before their last turns: their common beginning is the prompt."""
        first = [*request_of(row, body), {"role": "assistant", "content": row.output}]
        second = list(body["rejected_messages"])
        shared = 0
        while shared < min(len(first), len(second)) - 1 and first[shared] == second[shared]:
            shared += 1
        if shared == 0:
            return LeftOut("has two answers to different requests")
        chosen, rejected = (second, first) if swapped else (first, second)
        return {"prompt": first[:shared], "chosen": chosen[shared:], "rejected": rejected[shared:]}

    def _edit(self, row: ExportRow) -> Any:
        before = row.original
        if before is None:
            return LeftOut("is no preference pair and was not edited")
        if row.status not in ("edited", "approved"):
            return LeftOut("was edited, but the edit is not accepted")
        if (row.instruction, row.input or "") != (before.instruction, before.input or ""):
            return LeftOut("was edited in its prompt: the two answers belong to different requests")
        if not row.output or not before.output or row.output == before.output:
            return LeftOut("was edited, but not in its answer")
        messages = row.body_value("messages") or []
        if messages and messages[-1].get("role") == "assistant":
            messages = messages[:-1]
        return self._record(row, messages or request_of(row, {}), row.output, before.output)

    def _record(self, row: ExportRow, request: list[Message], chosen: str, rejected: str) -> dict[str, Any]:
        if not self._as_messages:
            return {"prompt": prompt_of(row), "chosen": chosen, "rejected": rejected}
        return {
            "prompt": request,
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
        }

    def notes(self) -> list[str]:
        return ["prompt, chosen and rejected are lists of messages"] if self._as_messages else [JOINED]
