"""`--kind`: the same row taken as another kind of pair, where that makes sense."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import RowError

_THOUGHT = re.compile(r"\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*", re.S)


def recast(draft: Draft, kind: str) -> Draft:
    """The draft as `kind`; raises RowError where its row does not hold what that kind needs."""
    if draft.kind == kind:
        return draft
    body: dict[str, Any] = dict(draft.body or {})
    if kind == "prompt" and draft.kind in ("sft", "reasoning", "rag"):
        if draft.output:
            body["reference"] = draft.output
        return msgspec.structs.replace(draft, kind=kind, output=None, body=body or None)
    if kind == "sft" and draft.kind in ("reasoning", "rag", "tools", "trace") and draft.output is not None:
        return msgspec.structs.replace(draft, kind=kind)
    if kind == "reasoning" and draft.kind == "sft" and draft.output is not None:
        return msgspec.structs.replace(draft, kind=kind, body={**body, **_thoughts(draft.output)})
    if kind in ("tools", "trace") and draft.kind in ("sft", "tools", "trace"):
        body.setdefault("messages", _messages(draft))
        if kind == "trace":
            body.setdefault("signals", {})
        return msgspec.structs.replace(draft, kind=kind, body=body)
    if kind == "document" and draft.kind in ("prompt", "sft"):
        text = "\n\n".join(part for part in (draft.instruction, draft.input, draft.output) if part)
        title = text.strip().partition("\n")[0][:80]
        return msgspec.structs.replace(draft, kind=kind, instruction=title, input=text, output=None, body=body or None)
    raise RowError("", f"its columns make a pair of kind {draft.kind}, not {kind}", "leave out --kind, or use --map")


def _thoughts(output: str) -> dict[str, str]:
    found = _THOUGHT.match(output)
    if found is None:
        return {"final": output}
    return {"reasoning": found.group(1).strip(), "final": output[found.end() :].strip()}


def _messages(draft: Draft) -> list[dict[str, str]]:
    asked = f"{draft.instruction}\n\n{draft.input}" if draft.input else draft.instruction
    said = [{"role": "user", "content": asked}]
    if draft.output is not None:
        said.append({"role": "assistant", "content": draft.output})
    return said
