"""`kto`: a prompt, a completion, and whether it is a desirable one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, Options, exporter
from flywheel_tui.stages.export.texts import JOINED, Message, has_messages, prompt_of, request_of
from flywheel_tui.store.export_rows import ExportRow

_BY_STATUS = {"approved": True, "edited": True, "rejected": False}


@exporter("kto", suffix=".kto.jsonl", about="prompt, completion, label (true: desirable)")
class Kto(JsonExporter):
    """The label is the data's own (`desirable`), else what was decided: approved and edited true, rejected false."""

    kinds = frozenset({"kto", "sft"})
    surveys = True
    takes = frozenset({"messages"})

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._as_messages = options.messages

    def survey(self, rows: Sequence[ExportRow]) -> None:
        self._as_messages = self._as_messages or has_messages(rows)

    def convert(self, row: ExportRow) -> Any:
        body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
        desirable = body.get("desirable")
        label = desirable if isinstance(desirable, bool) else _BY_STATUS.get(row.status)
        if label is None:
            return LeftOut(f"has no decision (it is {row.status})")
        if row.output is None:
            return LeftOut("has no answer")
        if not self._as_messages:
            return {"prompt": prompt_of(row), "completion": row.output, "label": label}
        messages: list[Message] = request_of(row, body)
        if messages[-1].get("role") == "assistant":
            messages = messages[:-1]
        return {"prompt": messages, "completion": [{"role": "assistant", "content": row.output}], "label": label}

    def notes(self) -> list[str]:
        return ["prompt and completion are lists of messages"] if self._as_messages else [JOINED]
