"""`axolotl`: messages, and a configuration to start from beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel_tui.stages.export.base import Extra, JsonExporter, LeftOut, Written, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.texts import whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages, standard_tool
from flywheel_tui.store.export_rows import ExportRow

_TAIL = """
# The data was split by family when it was exported: nothing more is held out.
val_set_size: 0
sequence_len: 4096
adapter: lora
lora_r: 16
lora_alpha: 32
lora_target_linear: true
micro_batch_size: 2
gradient_accumulation_steps: 8
num_epochs: 3
learning_rate: 0.0002
optimizer: adamw_torch
lr_scheduler: cosine
output_dir: ./out
"""


@exporter("axolotl", suffix=".axolotl.jsonl", about="messages, with a YAML configuration to start from")
class Axolotl(JsonExporter):
    """Rows for the dataset type `chat_template`: `messages`, and `tools` where there are any."""

    kinds = ANSWERED

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        record: dict[str, Any] = {"messages": standard_messages(found.messages)}
        if found.tools:
            record["tools"] = [standard_tool(tool) for tool in found.tools]
        return record

    def beside(self, written: Sequence[Written], folder: Path, stem: str) -> list[Extra]:
        first, *others = written
        text = "# Name the base model, then: axolotl train THIS_FILE\nbase_model: NAME_OR_FOLDER_OF_THE_BASE_MODEL\n"
        text += "datasets:\n" + _dataset(first)
        if others:
            text += "test_datasets:\n" + "".join(_dataset(part, split=True) for part in others)
        return [Extra(f"{stem}.axolotl.yaml", (text + _TAIL).encode())]


def _dataset(part: Written, *, split: bool = False) -> str:
    lines = [f"  - path: {_quoted(part.files[0])}", "    ds_type: json"]
    if split:
        lines.append("    split: train")
    lines += [
        "    type: chat_template", "    field_messages: messages", "    field_tools: tools",
        "    message_property_mappings:", "      role: role", "      content: content",
        '    roles_to_train: ["assistant"]', "    train_on_eos: turn",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    """A file name as YAML in double quotes."""
    return '"./' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
