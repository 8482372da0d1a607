"""Rows for the checks of single kinds, and what those checks say of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel_tui.resources import shipped
from flywheel_tui.stages.layouts.base import Layout
from flywheel_tui.stages.layouts.notes import Notes
from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.look import Looked, look


def row(
    kind: str, body: Any, output: str | None = None, *, id: int = 1, instruction: str = "Q?", **meta: Any
) -> Candidate:
    text = body if isinstance(body, str) else json.dumps(body)
    return Candidate(id, kind, instruction, None, output, text, json.dumps(meta) if meta else None)


def said(check: str, rows: Sequence[Candidate], **options: Any) -> Looked:
    """What a check says, asked as the engine asks it."""
    return look(load_checks()[check](**options), rows)


def messages_of(looked: Looked) -> list[str]:
    assert looked.broken == 0, looked.found
    return [found.message for found in looked.found]


def from_file(layout: type[Layout], path: Path, file: Path | None = None) -> list[Candidate]:
    """The pairs of a file, numbered by line."""
    reader, notes = layout(file), Notes()
    rows = []
    for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        for draft in reader.convert(json.loads(text), line, notes):
            body, meta = json.dumps(draft.body or {}), json.dumps(draft.meta or {})
            rows.append(Candidate(line, draft.kind, draft.instruction, draft.input, draft.output, body, meta))
    return rows


def demo(layout: type[Layout], name: str) -> list[Candidate]:
    return from_file(layout, shipped("demo", f"{name}.jsonl"))


def planted(name: str, *defects: str) -> set[int]:
    """The lines of a demo file with these defects."""
    listed = json.loads(shipped("demo", "defects.json").read_text("utf-8"))
    return {one["line"] for one in listed if one["file"] == f"{name}.jsonl" and one["defect"] in defects}
