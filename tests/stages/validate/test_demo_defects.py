"""The shipped demo data: every planted defect is found by its check, and what is clean raises no alarm.

Covers every check that is registered: a defect type is tested once its check is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.validate import ValidateOptions, ValidationReport, validate
from flywheel_tui.stages.validate.base import load_checks
from flywheel_tui.store import findings as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

DEMO = Path(__file__).resolve().parents[3] / "data" / "demo"
NAMES = ("support", "knowledge", "code", "preference", "tools", "rag", "reasoning")
CHECK_OF = {
    "duplicate": "dedup", "near_duplicate": "neardup", "pii": "pii", "secret": "secrets", "refusal": "refusal",
    "truncation": "length", "injection": "injection", "unicode": "unicode", "repetition": "repetition",
    "wrong_language": "language", "profanity": "profanity", "empty": "schema", "tool_call_wrong": "tools",
    "bad_citation": "rag",
}  # fmt: skip
"""Which check finds which defect. The others (facts, sums, what no passage supports) need a judge or a person."""
ALSO_SHOWS: dict[str, set[str]] = {
    # a copy is a near copy too, an invisible message is an injection, an empty answer has no language
    "neardup": {"duplicate"}, "rag": {"unsupported"}, "reasoning": {"wrong_answer"}, "repetition": {"truncation"},
    "length": {"repetition"}, "language": {"empty", "refusal", "repetition"},
}  # fmt: skip
AT_MOST_FALSE = 3
FOR_INFORMATION = {"profanity", "neardup"}
"""Checks that report some planted defects for information only: mild words, rows that share six words in ten."""


class Place(NamedTuple):
    file: str
    line: int


class Seen(NamedTuple):
    place: Place
    check: str
    severity: str
    message: str


def listing(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEMO / name).read_text("utf-8"))
    return found


DEFECTS = listing("defects.json")
REGISTERED = sorted(load_checks())


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Seen], dict[str, ValidationReport]]]:
    seen: list[Seen] = []
    reports: dict[str, ValidationReport] = {}
    with Workspace.open(tmp_path_factory.mktemp("demo") / "ws", create=True) as workspace:
        for name in NAMES:
            ingest(workspace, IngestOptions(source=str(DEMO / f"{name}.jsonl"), name=name))
            reports[name] = validate(workspace, ValidateOptions(dataset=name, fail_on="never"))
            connection = workspace.store.read()
            for _, position, row in store.findings_after(connection, get_dataset(connection, name).id, 0, 100_000):
                line = connection.execute("SELECT line FROM pair WHERE id = ?", (row.pair,)).fetchone()[0]
                assert line == position
                seen.append(Seen(Place(f"{name}.jsonl", line), row.check, row.severity, row.message))
        yield seen, reports


Reports = tuple[list[Seen], dict[str, ValidationReport]]


@pytest.mark.parametrize("defect", [defect for defect, check in CHECK_OF.items() if check in REGISTERED])
def test_every_planted_defect_is_found(reports: Reports, defect: str) -> None:
    check = CHECK_OF[defect]
    report = next(iter(reports[1].values()))
    if check in report.skipped:
        pytest.skip(report.skipped[check])
    planted = {Place(d["file"], d["line"]) for d in DEFECTS if d["defect"] == defect}
    found = {s.place for s in reports[0] if s.check == check and (s.severity != "info" or check in FOR_INFORMATION)}
    # of two near copies either may be the one that is kept
    pairs = {Place(d["file"], d["line"]): Place(d["of"]["file"], d["of"]["line"]) for d in DEFECTS if "of" in d}
    missed = {place for place in planted if place not in found and pairs.get(place) not in found}
    assert not missed


@pytest.mark.parametrize("check", [check for check in REGISTERED if check in CHECK_OF.values()])
def test_clean_rows_raise_no_alarm(reports: Reports, check: str) -> None:
    types = {defect for defect, name in CHECK_OF.items() if name == check} | ALSO_SHOWS.get(check, set())
    listed = {Place(d["file"], d["line"]) for d in DEFECTS if d["defect"] in types}
    listed |= {Place(d["of"]["file"], d["of"]["line"]) for d in DEFECTS if d["defect"] in types and "of" in d}
    false = [s for s in reports[0] if s.check == check and s.severity != "info" and s.place not in listed]
    assert len({s.place for s in false}) <= AT_MOST_FALSE, "\n".join(map(str, false))


OURS = ("schema", "length", "dedup", "refusal", "repetition", "unicode", "injection")


def test_the_simple_checks_raise_no_false_alarm_at_all(reports: Reports) -> None:
    listed = {(Place(d["file"], d["line"]), CHECK_OF.get(d["defect"])) for d in DEFECTS}
    false = [s for s in reports[0] if s.check in OURS and s.severity != "info" and (s.place, s.check) not in listed]
    assert not false, "\n".join(map(str, false))


def test_near_misses_are_not_reported(reports: Reports) -> None:
    checks = {"pii": "pii", "profanity": "profanity", "refusal": "refusal", "repetition": "repetition",
              "injection": "injection", "secret": "secrets"}  # fmt: skip
    planted = {(d["file"], d["line"], d["defect"]) for d in DEFECTS}
    traps = {
        (Place(n["file"], n["line"]), checks[n["looks_like"]])
        for n in listing("near_misses.json")
        if (n["file"], n["line"], n["looks_like"]) not in planted
    }
    fallen = [s for s in reports[0] if (s.place, s.check) in traps and s.severity != "info"]
    assert not fallen, "\n".join(map(str, fallen))


def test_no_check_fails_on_the_demo_data(reports: Reports) -> None:
    for report in reports[1].values():
        assert not [check for check in report.checks if check.failed or check.could_not]
