"""What a model will read: one exported record, with a chat template applied."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from flywheel_tui.errors import InputError, MissingExtraError, UsageError
from flywheel_tui.stages.export.tool_shapes import standard_messages

BUILT_IN = "chatml"
Message = dict[str, Any]
_ROLES = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}


class Dialogue(NamedTuple):
    """The messages of a record and the tools at hand; `text` where the trainer applies no template to it."""

    messages: list[Message]
    tools: list[dict[str, Any]]
    text: str | None = None


class Renderer(Protocol):
    """Applies a chat template."""

    name: str

    def render(self, dialogue: Dialogue) -> str:
        """The text of a record. Raises InputError where the template refuses it."""
        ...

    def tokens(self, text: str) -> int | None:
        """How many tokens the text has; None where no tokenizer is at hand."""
        ...


def dialogue_of(record: Any) -> Dialogue | None:
    """The conversation in a record of any of the formats; None where it holds none (csv, parquet, jsonl …)."""
    if not isinstance(record, dict):
        return None
    tools = record.get("tools") or []
    if isinstance(tools, str):
        tools = msgspec.json.decode(tools)
    for column in ("messages", "conversations"):
        if isinstance(record.get(column), list):
            messages = [_plain(message) for message in record[column]]
            answer = record.get("chosen")
            return Dialogue([*messages, _plain(answer)] if isinstance(answer, dict) else messages, tools)
    if isinstance(record.get("input"), dict):
        return Dialogue([*record["input"]["messages"], *record["preferred_output"]], record["input"].get("tools") or [])
    prompt = record.get("prompt", record.get("question"))
    answer = next((record[name] for name in ("completion", "chosen", "answer") if name in record), None)
    if prompt is None and "instruction" in record and "output" in record and "kind" not in record:
        return _alpaca(record)
    if prompt is None:
        return None
    if isinstance(prompt, str):
        return Dialogue([], [], prompt + (answer if isinstance(answer, str) else ""))
    return Dialogue([*prompt, *(answer or [])], tools)


def _alpaca(record: dict[str, Any]) -> Dialogue:
    asked = f"{record['instruction']}\n\n{record['input']}" if record.get("input") else record["instruction"]
    system = [{"role": "system", "content": record["system"]}] if record.get("system") else []
    return Dialogue(
        [*system, {"role": "user", "content": asked}, {"role": "assistant", "content": record["output"]}], []
    )


def _plain(message: Message) -> Message:
    if "from" not in message:
        return message
    role = _ROLES.get(message["from"], message["from"])
    if message["from"] == "function_call":
        call = msgspec.json.decode(message["value"])
        return {"role": role, "content": None, "tool_calls": [{"type": "function", "function": call}]}
    return {"role": role, "content": message["value"]}


class ChatMlRenderer:
    """ChatML without a model at hand: `<|im_start|>role … <|im_end|>`; tools and calls as JSON between tags."""

    name = BUILT_IN

    def render(self, dialogue: Dialogue) -> str:
        if dialogue.text is not None:
            return dialogue.text
        blocks = []
        if dialogue.tools:
            listed = "\n".join(msgspec.json.encode(tool).decode() for tool in dialogue.tools)
            blocks.append(f"<|im_start|>system\n<tools>\n{listed}\n</tools><|im_end|>\n")
        for message in standard_messages(dialogue.messages):
            blocks.append(f"<|im_start|>{message.get('role')}\n{_content(message)}<|im_end|>\n")
        return "".join(blocks)

    def tokens(self, text: str) -> int | None:
        return None


def _content(message: Message) -> str:
    parts = []
    if message.get("reasoning_content"):
        parts.append(f"<think>\n{message['reasoning_content']}\n</think>\n")
    if message.get("content"):
        parts.append(str(message["content"]))
    for call in message.get("tool_calls") or ():
        parts.append(f"<tool_call>\n{msgspec.json.encode(call['function']).decode()}\n</tool_call>")
    return "\n".join(parts)


class TokenizerRenderer:
    """The chat template of a model on this disk, applied by transformers; nothing is fetched, no code of it is run."""

    def __init__(self, folder: Path) -> None:
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("the chat template of a model", "transformers", "local") from error
        self.name = str(folder)
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"--template: {folder} holds no tokenizer that can be loaded ({_first(error)})") from error
        if not self._tokenizer.chat_template:
            raise UsageError(f"--template: the tokenizer in {folder} has no chat template; use --template chatml")

    def render(self, dialogue: Dialogue) -> str:
        if dialogue.text is not None:
            return dialogue.text
        from jinja2.exceptions import TemplateError

        try:
            text: str = self._tokenizer.apply_chat_template(
                standard_messages(dialogue.messages), tools=dialogue.tools or None, tokenize=False
            )
        except (TemplateError, TypeError, ValueError, KeyError) as error:
            raise InputError(f"the chat template refuses it: {_first(error)}", remedy="use another template") from error
        return text

    def tokens(self, text: str) -> int | None:
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def renderer_named(template: str) -> Renderer:
    """`chatml`, or the folder of a model. Raises UsageError where there is neither, MissingExtraError."""
    if template == BUILT_IN:
        return ChatMlRenderer()
    folder = Path(template).expanduser()
    if not folder.is_dir():
        raise UsageError(f"--template: {template} is neither {BUILT_IN} nor the folder of a model on this disk")
    return TokenizerRenderer(folder)
