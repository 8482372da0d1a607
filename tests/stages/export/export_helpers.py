"""An export run at once, what it wrote and left out, and texts that try to break its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flywheel_tui.stages.export import ExportRequest, ExportResult, export
from flywheel_tui.workspace import Workspace

HOSTILE = [
    "\x1b]52;c;cHduZWQ=\x07", "a\x00b", "a\r\nb\rc\u2028d\u2029", '","quoted""', "=cmd|' /C calc'!A0", "+1+1", "-2",
    "@SUM(A1)", "\ttab", "\uff1dfull", "\u202etxt", "</script>", "{{x}}", "e" + "\u0301" * 50, "\U0010ffff", "\ufeff",
    " ", "'=1", "\n",
]  # fmt: skip


def run(workspace: Workspace, to: Path, **fields: Any) -> ExportResult:
    return export(workspace, ExportRequest(dataset=fields.pop("dataset", "demo"), to=str(to), **fields))


def lines(path: str | Path) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_bytes().decode().split("\n")[:-1]]


def left_out(result: ExportResult) -> dict[str, int]:
    return {left.reason: left.pairs for left in result.left_out}
