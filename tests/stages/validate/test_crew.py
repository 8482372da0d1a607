"""Helpers on other cores find what one process finds, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs

from flywheel_tui.errors import Cancelled
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.validate import ValidateOptions, crew, validate
from flywheel_tui.stages.validate.base import Check, Found
from flywheel_tui.workspace import Workspace

CHECKS = ("schema", "length", "unicode", "dedup")


def drafts(count: int) -> list[Draft]:
    return [
        Draft(
            instruction=f"Say {n % 1_500}",
            output="" if n % 7 == 0 else f"it\u200b is {n % 1_500}" if n % 5 == 0 else f"it is {n}",
        )
        for n in range(count)
    ]


def children() -> set[int]:
    path = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split()} if path.exists() else set()


def findings(workspace: Workspace) -> list[tuple[Any, ...]]:
    query = "SELECT pair_id, check_name, severity, field, span_start, span_end, message, cluster FROM finding"
    return sorted(workspace.store.read().execute(query).fetchall(), key=str)


def run(workspace: Workspace, helpers: int, **more: Any) -> Any:
    return validate(workspace, ValidateOptions(dataset="demo", checks=CHECKS, helpers=helpers, **more))


def test_helpers_find_the_same(workspace: Workspace) -> None:
    add_pairs(workspace, drafts(4_500))
    alone = run(workspace, 0)
    before = findings(workspace)
    assert len(before) > 1_000
    helped = run(workspace, 2, again=True)
    assert findings(workspace) == before
    assert helped.findings == alone.findings
    assert [check.looked_at for check in helped.checks] == [4_500] * 4
    add_pairs(workspace, [Draft(instruction=f"New {n}", output="yes") for n in range(10)])
    more = run(workspace, 2)
    assert [check.looked_at for check in more.checks] == [10, 10, 10, 4_510]


def test_no_helper_outlives_a_run_that_is_stopped(workspace: Workspace) -> None:
    add_pairs(workspace, drafts(6_000))
    before = children()

    def stop(done: int, total: int | None, phase: str) -> None:
        if done >= 1_000:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        validate(workspace, ValidateOptions(dataset="demo", checks=CHECKS, helpers=2), on_progress=stop)
    assert children() == before
    report = run(workspace, 2)
    assert 0 < report.checks[0].looked_at < 6_000
    assert report.checks[0].findings == {"error": len(range(0, 6_000, 7))}


def test_a_helper_that_dies_costs_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(workspace, drafts(5_000))
    taken = 0
    take = crew.Crew.take

    def kill_one(self: crew.Crew, database: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 2:
            self._helpers[0].process.send_signal(signal.SIGKILL)
        return take(self, database)

    monkeypatch.setattr(crew.Crew, "take", kill_one)
    report = run(workspace, 2)
    assert report.checks[0].looked_at == 5_000
    assert report.checks[0].findings == {"error": len(range(0, 5_000, 7))}


class OnlyHere(Check):
    name = "only_here"
    default = False

    def look(self, rows: Any) -> Any:
        return [Found(row.id, "info", None, None, None, "seen") for row in rows]


def test_a_check_that_helpers_do_not_know_is_done_here(
    workspace: Workspace, registered: Callable[[type[Check]], type[Check]]
) -> None:
    registered(OnlyHere)
    add_pairs(workspace, drafts(1_200))
    report = validate(workspace, ValidateOptions(dataset="demo", checks=("only_here",), helpers=2))
    assert report.findings == {"info": 1_200}


def test_helpers_come_only_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    assert crew.crew_size(1_000, None) == 0
    assert crew.crew_size(crew.WORTH_IT, None) == 4
    assert crew.crew_size(10, 3) == 3
    assert crew.crew_size(10**6, 0) == 0
    monkeypatch.setattr(crew.os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert crew.crew_size(10**6, None) == 0


KILLED = """
import sys
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.workspace import Workspace

def say(done, total, phase):
    print(done, flush=True)

options = ValidateOptions(dataset="demo", checks=("schema", "unicode"), helpers=2)
validate(Workspace.open(sys.argv[1]), options, on_progress=say)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes where /proc shows them")
def test_helpers_of_a_killed_process_end_by_themselves(workspace: Workspace) -> None:
    add_pairs(workspace, drafts(20_000))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 1_000:
            break
    mine = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(mine) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_runs(pid) for pid in mine):
        time.sleep(0.05)
    assert not [pid for pid in mine if _runs(pid)]


def _runs(pid: str) -> bool:
    try:
        return "validate.crew" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False
