"""`llama-factory` (and `-dpo`, `-kto`): rows in its ShareGPT shape, with the entry for its dataset_info.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.export.base import Exporter, Extra, JsonExporter, LeftOut, Options, Written, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.formats.dpo import Dpo
from flywheel_tui.stages.export.formats.kto import Kto
from flywheel_tui.stages.export.formats.sharegpt import turns_of
from flywheel_tui.stages.export.texts import Message, whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_tool
from flywheel_tui.store.export_rows import ExportRow

INDEX = "dataset_info.json"
_TAGS = {
    "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
    "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
}  # fmt: skip
_ASKS, _ANSWERS = ("human", "observation"), ("gpt", "function_call")


class WithIndex(Exporter):
    """Formats that LLaMA-Factory reads: each part of the data is an entry of dataset_info.json in its folder."""

    columns: ClassVar[dict[str, str]]
    ranking: ClassVar[bool] = False
    named: ClassVar[str] = ""
    """What the name of an entry ends with, so that the formats of one data set stand side by side."""

    def beside(self, written: Sequence[Written], folder: Path, stem: str) -> list[Extra]:
        entries: dict[str, Any] = _index_of(folder / INDEX)
        for part in written:
            name = self.options.dataset + self.named + (f"_{part.part}" if part.part else "")
            there = entries.get(name)
            if there is not None and not (isinstance(there, dict) and there.get("file_name") == part.files[0]):
                name += f"_{stem}"  # that entry is of another file, and stays
            entry: dict[str, Any] = {"file_name": part.files[0], "formatting": "sharegpt"}
            if self.ranking:
                entry["ranking"] = True
            entries[name] = entry | {"columns": self.columns, "tags": _TAGS}
        content = msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n"
        return [Extra(INDEX, content, merges=True)]


def _index_of(path: Path) -> dict[str, Any]:
    """What the index holds already. Raises UsageError where it is no index."""
    if not path.exists():
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise UsageError(f"{path}: is no index of data sets that could be added to; name another folder") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path}: is no index of data sets that could be added to; name another folder")
    return found


def split_system(messages: list[Message]) -> tuple[str, list[dict[str, str]]] | LeftOut:
    """The system message and the turns, which must alternate: human or observation, then gpt or function_call."""
    system = [str(one.get("content") or "") for one in messages if one.get("role") in ("system", "developer")]
    turns = turns_of([one for one in messages if one.get("role") not in ("system", "developer")])
    if isinstance(turns, LeftOut):
        return turns
    for number, turn in enumerate(turns):
        if turn["from"] not in (_ANSWERS if number % 2 else _ASKS):
            return LeftOut("has turns that do not alternate, which llama-factory needs")
    return "\n\n".join(system), turns


@exporter("llama-factory", suffix=".jsonl", about="ShareGPT rows, with the entry in dataset_info.json")
class LlamaFactory(WithIndex, JsonExporter):
    """Supervised rows: conversations, system, tools (JSON text); every row has all three columns."""

    kinds = ANSWERED
    columns: ClassVar[dict[str, str]] = {"messages": "conversations", "system": "system", "tools": "tools"}

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        split = split_system(found.messages)
        if isinstance(split, LeftOut):
            return split
        tools = [standard_tool(tool)["function"] for tool in found.tools]
        return {
            "conversations": split[1],
            "system": split[0],
            "tools": msgspec.json.encode(tools).decode() if tools else "",
        }


@exporter("llama-factory-dpo", suffix=".dpo.jsonl", about="preferences for LLaMA-Factory, with their entry")
class LlamaFactoryDpo(WithIndex, Dpo):
    """Preference rows: conversations, chosen, rejected."""

    columns: ClassVar[dict[str, str]] = {
        "messages": "conversations",
        "chosen": "chosen",
        "rejected": "rejected",
        "system": "system",
    }
    ranking = True
    named = "_dpo"

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options._replace(messages=True), sources)

    def convert(self, row: ExportRow) -> Any:
        record = super().convert(row)
        if isinstance(record, LeftOut):
            return record
        split = split_system(record["prompt"])
        if isinstance(split, LeftOut):
            return split
        if len(record["chosen"]) != 1 or len(record["rejected"]) != 1:
            return LeftOut("has answers of several turns")
        answers = [{"from": "gpt", "value": record[name][0].get("content") or ""} for name in ("chosen", "rejected")]
        return {"conversations": split[1], "chosen": answers[0], "rejected": answers[1], "system": split[0]}

    def notes(self) -> list[str]:
        return []


@exporter("llama-factory-kto", suffix=".kto.jsonl", about="single judgments for LLaMA-Factory, with their entry")
class LlamaFactoryKto(WithIndex, Kto):
    """Rows of one answer and whether it is a good one, in the column `kto_tag`."""

    columns: ClassVar[dict[str, str]] = {"messages": "conversations", "kto_tag": "kto_tag", "system": "system"}
    named = "_kto"

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options._replace(messages=True), sources)

    def convert(self, row: ExportRow) -> Any:
        record = super().convert(row)
        if isinstance(record, LeftOut):
            return record
        split = split_system([*record["prompt"], *record["completion"]])
        if isinstance(split, LeftOut):
            return split
        return {"conversations": split[1], "kto_tag": record["label"], "system": split[0]}

    def notes(self) -> list[str]:
        return []
