"""The figures behind the validation screens: pairs by check and severity, what is behind, filters that find them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.records.label import Decision
from flywheel_tui.stages import label, views
from flywheel_tui.stages.validate import ValidateOptions, overview, validate
from flywheel_tui.stages.validate.outcome import write_outcome
from flywheel_tui.workspace import Workspace

ROWS: list[dict[str, Any]] = [
    {"instruction": "a question", "output": "an answer of its own"},
    {"instruction": "write to whom", "output": "to bob.miller@example.com and to amy.jones@example.com"},
    {"instruction": "same", "output": "the same answer for both of them"},
    {"instruction": "Same!", "output": "the same answer for both of them"},
    {"instruction": "nothing", "output": ""},
]
NAMES = ("dedup", "pii", "schema")


def run(workspace: Workspace, **more: Any) -> None:
    options = ValidateOptions(dataset="demo", checks=NAMES, fail_on="never", helpers=0, **more)
    write_outcome(workspace, options, validate(workspace, options))


def line(found: overview.Overview, name: str) -> overview.CheckLine:
    return next(each for each in found.checks if each.name == name)


def test_before_any_run_nothing_is_known(add_rows: Any) -> None:
    found = overview.overview(add_rows(ROWS), "demo")
    assert (found.ran, found.at, found.last, found.with_findings) == (False, None, None, 0)
    assert {"dedup", "pii", "schema"} <= {each.name for each in found.checks}
    assert "tools" not in {each.name for each in found.checks}
    with pytest.raises(NotFoundError):
        overview.overview(add_rows(ROWS), "none")


def test_pairs_are_counted_once_by_the_worst_a_check_found(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    found = overview.overview(workspace, "demo")
    assert line(found, "pii").pairs == {"warning": 1}
    assert line(found, "pii").findings == {"warning": 2}
    assert line(found, "dedup").pairs == {"error": 1, "info": 1}
    assert found.with_findings == 4
    assert found.checks[0].pairs.get("error", 0) >= 1
    assert all(line(found, name).behind == 0 and line(found, name).at for name in NAMES)


@pytest.mark.parametrize("severity", ["", "error", "warning", "info"])
def test_the_filter_of_a_row_finds_exactly_its_pairs(add_rows: Any, severity: str) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    for each in overview.overview(workspace, "demo").checks:
        query = views.ViewQuery(dataset="demo", filter=overview.filter_of(each.name, severity))
        expected = each.pairs.get(severity, 0) if severity else each.total
        assert len(views.ids_of(workspace, query)) == expected, (each.name, severity)


def test_severities_of_a_check_are_part_of_the_language(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    run(workspace)

    def positions(filter: str) -> list[int]:
        pairs = views.ids_of(workspace, views.ViewQuery(dataset="demo", filter=filter))
        return [row.position for row in views.rows_of(workspace, pairs)]

    assert positions("'pii:warning' in findings") == [2]
    assert positions("'pii:error' in findings") == []
    assert positions("'dedup:error' in findings or 'dedup:info' in findings") == [3, 4]
    assert parse("'pii:error' in findings").matches({"findings": ["pii", "pii:error"]})


def test_new_and_edited_pairs_show_as_not_looked_at(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    add_rows([{"instruction": "one more", "output": "with an answer"}])
    found = overview.overview(workspace, "demo")
    assert line(found, "pii").behind == 1
    assert line(found, "dedup").behind is None
    run(workspace)
    pair = views.ids_of(workspace, views.ViewQuery(dataset="demo"))[1]
    decision = Decision(
        uid=os.urandom(16), pair=pair, version=pair, reviewer="ana", status="edited", edit={"output": "to nobody"}
    )
    label.decide(workspace, decision)
    found = overview.overview(workspace, "demo")
    assert line(found, "pii").behind == 1
    assert line(found, "pii").pairs == {}
    run(workspace)
    found = overview.overview(workspace, "demo")
    assert (line(found, "pii").behind, line(found, "dedup").behind) == (0, 0)


def test_what_is_asked_before_a_run_remembers_the_last(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    first = overview.choices(workspace, "demo")
    assert {each.name for each in first.checks if each.ticked} == {each.name for each in first.checks if each.default}
    run(workspace, pii_policy="strict")
    again = overview.choices(workspace, "demo")
    assert {each.name for each in again.checks if each.ticked} == set(NAMES)
    assert again.policy == "strict"


def test_wrong_options_are_refused_before_a_run() -> None:
    overview.check_options("language", {"expected": "de"})
    with pytest.raises(UsageError):
        overview.check_options("language", {"expected": "klingonish"})


def test_the_report_holds_what_the_store_holds(add_rows: Any, tmp_path: Path) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    path = tmp_path / "out" / "report.json"
    count = overview.write_report_now(workspace, "demo", path)
    report = json.loads(path.read_bytes())
    assert count == sum(report["findings"].values()) == len(report["every_finding"])
    assert {check["name"] for check in report["checks"]} == set(NAMES)
    assert report["pairs"] == len(ROWS)
    assert report["fail_on"] == "never"
    assert report["checks"][0]["examples"]


def test_a_broken_report_file_is_no_obstacle(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    overview.default_path(workspace, "demo").write_bytes(b'{"dataset": 3')
    assert overview.last_report(workspace, "demo") is None
    assert overview.overview(workspace, "demo").ran


def test_examples_are_of_the_severity_asked_for(add_rows: Any) -> None:
    workspace = add_rows(ROWS)
    run(workspace)
    assert [each.severity for each in overview.examples(workspace, "demo", "dedup")] == ["error", "info"]
    assert [each.position for each in overview.examples(workspace, "demo", "dedup", "info")] == [3]
