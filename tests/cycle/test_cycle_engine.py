"""The state machine: each phase once, waiting for people, stopping, budgets, what is said."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cycle_process import OPTIONS
from factories import say as label

from flywheel_tui.cycle import engine
from flywheel_tui.cycle.driver import driver
from flywheel_tui.cycle.drivers.text import TextDriver
from flywheel_tui.cycle.options import PHASES, Budget, CycleOptions, parse_budgets
from flywheel_tui.cycle.phase import Context, phases
from flywheel_tui.cycle.views import awaited, cycle_view, cycles, velocity
from flywheel_tui.errors import Cancelled, ConflictError, NotFoundError, UsageError
from flywheel_tui.jobs.runner import run_foreground
from flywheel_tui.store import cycles as store
from flywheel_tui.store import pairs as pair_store
from flywheel_tui.workspace import Workspace

TEXT = msgspec.structs.replace(OPTIONS, driver="text", train="never", base="", labels=0)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws", create=True)


def turn(workspace: Workspace, options: CycleOptions, lines: list[str] | None = None) -> engine.RunReport:
    """Run in the foreground; what was said goes to `lines`."""
    with engine.listening((lines if lines is not None else []).append):
        result = run_foreground(workspace, "cycle", msgspec.to_builtins(options), title="test")
    return msgspec.convert(result, engine.RunReport)


def test_lines_of_a_run(workspace: Workspace) -> None:
    lines: list[str] = []
    report = turn(workspace, msgspec.structs.replace(TEXT, max_cycles=1), lines)
    assert lines == [
        "Starting Flywheel with max_cycles=1", "=" * 60, "Starting Cycle 1", "=" * 60, "Using 3 seeds",
        "Generating synthetic data...", "Generated 9 pairs", "Judging quality...", "Passed: 9, Failed: 0",
        "Cycle 1 complete. Pass rate: 100.00%", "Flywheel complete. Ran 1 cycles.",
        "Stopped: the maximum of 1 cycles is reached",
    ]  # fmt: skip
    assert report.state == "done"
    assert [line.phase for line in cycle_view(workspace, 1).phases] == list(PHASES)
    assert all(line.state == "done" and line.artefact for line in cycle_view(workspace, 1).phases)
    assert (workspace.root / "checkpoints" / "checkpoint_001.json").is_file()


def test_every_made_pair_leads_back_to_its_seed(workspace: Workspace) -> None:
    turn(workspace, msgspec.structs.replace(TEXT, max_cycles=1))
    rows = workspace.store.read().execute(
        "SELECT c.cycle, p.instruction FROM pair c JOIN edge e ON e.child_id = c.id JOIN pair p ON p.id = e.parent_id"
        " JOIN dataset d ON d.id = c.dataset_id WHERE d.name = 'grown'"
    )
    found = rows.fetchall()
    assert len(found) == 9
    assert {text for _, text in found} <= set(TEXT.seeds)


def test_waits_for_people_and_goes_on(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, labels=4, max_cycles=1)
    report = turn(workspace, options)
    assert report.state == "waiting"
    (waits,) = awaited(workspace)
    assert waits["phase"] == "labelling" and waits["wanted"] == 4 and len(waits["pairs"]) == 4
    assert turn(workspace, options).state == "waiting"
    for pair in waits["pairs"][:3]:
        label(workspace, pair, "approved")
    label(workspace, waits["pairs"][3], "rejected", source="script")
    assert turn(workspace, options).state == "waiting", "a script is no person"
    label(workspace, waits["pairs"][3], "rejected", reviewer="bea")
    done = turn(workspace, options)
    assert done.state == "done" and len(done.cycles) == 1
    line = cycles(workspace)[0]
    assert line.corrected and line.pass_rate is not None and line.pass_rate < 1
    by_name = {one.phase: one for one in cycle_view(workspace, 1).phases}
    assert by_name["labelling"].attempts == 4 and by_name["generation"].attempts == 1
    assert by_name["labelling"].waited > 0
    assert velocity(workspace).cycles == 1


def test_a_rejected_pair_is_not_exported(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, labels=4, max_cycles=1)
    turn(workspace, options)
    for number, pair in enumerate(awaited(workspace)[0]["pairs"]):
        label(workspace, pair, "rejected" if number else "approved")
    turn(workspace, options)
    exported = (workspace.root / "exports" / "cycle-001.jsonl").read_text().splitlines()
    assert len(exported) == 9 - 3


def test_the_same_command_begins_a_new_run_once_the_first_is_over(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, max_cycles=1)
    first, second = turn(workspace, options), turn(workspace, options)
    assert first.run != second.run
    assert [line.number for line in cycles(workspace)] == [1, 2]


def test_a_larger_maximum_is_no_other_run(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, labels=2, max_cycles=1)
    first = turn(workspace, options)
    assert turn(workspace, msgspec.structs.replace(options, max_cycles=2)).run == first.run


def test_a_spent_budget_waits_for_a_larger_one(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, max_cycles=1, budgets={"judging": Budget(minutes=1e-9)})
    report = turn(workspace, options)
    assert report.state == "waiting" and report.awaits is not None and report.awaits["who"] == "a larger budget"
    done = turn(workspace, msgspec.structs.replace(options, budgets={}))
    assert done.state == "done" and done.run == report.run
    assert cycle_view(workspace, 1).phases[4].attempts == 1, "what was made before is not made again"


def test_only_one_process_turns_a_run(workspace: Workspace) -> None:
    turn(workspace, msgspec.structs.replace(TEXT, labels=2, max_cycles=1))
    with engine._alone(workspace, 1), pytest.raises(ConflictError, match="being turned already"):
        turn(workspace, msgspec.structs.replace(TEXT, labels=2, max_cycles=1))


def test_abandoned_runs_are_not_taken_up(workspace: Workspace) -> None:
    options = msgspec.structs.replace(TEXT, labels=2, max_cycles=1)
    first = turn(workspace, options)
    row = engine.abandon(workspace, first.run, "wrong seeds")
    assert row.state == "abandoned" and engine.unfinished(workspace) is None
    assert turn(workspace, options).run != first.run


def test_nothing_to_learn_from_is_said(workspace: Workspace) -> None:
    report = turn(workspace, msgspec.structs.replace(TEXT, seeds=()))
    assert report.stop_reason is not None and "nothing left to learn from" in report.stop_reason


def test_a_phase_that_fails_is_run_again(workspace: Workspace) -> None:
    class Breaks(TextDriver):
        name = "breaks"
        broken = True

        def judge(self, context: Context, pairs: Any) -> Any:
            if Breaks.broken:
                raise UsageError("the judge is away")
            return super().judge(context, pairs)

    driver(Breaks)
    options = msgspec.structs.replace(TEXT, driver="breaks", max_cycles=1)
    with pytest.raises(UsageError, match="the judge is away"):
        turn(workspace, options)
    assert store.list_runs(workspace.store.read())[0].state == "failed"
    Breaks.broken = False
    assert turn(workspace, options).state == "done"
    by_name = {one.phase: one for one in cycle_view(workspace, 1).phases}
    assert by_name["judging"].attempts == 2 and by_name["generation"].attempts == 1


def test_a_cancelled_run_goes_on(workspace: Workspace) -> None:
    class Leaves(TextDriver):
        name = "leaves"
        left = False

        def judge(self, context: Context, pairs: Any) -> Any:
            if not Leaves.left:
                Leaves.left = True
                assert context.task.inner is not None
                context.task.inner.stop("cancel")
                context.task.check()
            return super().judge(context, pairs)

    driver(Leaves)
    options = msgspec.structs.replace(TEXT, driver="leaves", max_cycles=1)
    with pytest.raises(Cancelled):
        turn(workspace, options)
    assert store.list_runs(workspace.store.read())[0].state == "waiting"
    assert [one.state for one in cycle_view(workspace, 1).phases][7] == "stopped"
    assert turn(workspace, options).state == "done"


def test_a_worker_turns_the_wheel(workspace: Workspace) -> None:
    """The same as a job of the queue, in another process."""
    from flywheel_tui.jobs.pool import stop_workers, submit
    from flywheel_tui.store.jobs import get_job

    options = msgspec.structs.replace(TEXT, max_cycles=1)
    job = submit(workspace, "cycle", msgspec.to_builtins(options), title="in a worker")
    try:
        until = time.monotonic() + 90
        while get_job(workspace.store, job.id).state in ("queued", "running") and time.monotonic() < until:
            time.sleep(0.1)
        done = get_job(workspace.store, job.id)
        assert done.state == "done" and done.result is not None and done.result["state"] == "done"
    finally:
        assert stop_workers(workspace.root)
    assert cycles(workspace)[0].generated == 9


def test_artefacts_hang_on_what_they_say(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        one = store.put_artefact(connection, "planning", ["a"], {"x": 1, "y": 2})
        same = store.put_artefact(connection, "planning", ["a"], {"y": 2, "x": 1})
        other = store.put_artefact(connection, "planning", ["b"], {"x": 1, "y": 2})
    assert one.hash == same.hash != other.hash
    assert store.get_artefact(workspace.store.read(), one.hash).body == {"x": 1, "y": 2}
    with pytest.raises(NotFoundError):
        store.get_artefact(workspace.store.read(), "00")


def test_failures_become_the_next_seeds(workspace: Workspace) -> None:
    """The instructions of failed pairs are tried again, by their kind; their answers are in no training file."""
    options = msgspec.structs.replace(OPTIONS, max_cycles=2)
    turn(workspace, options)
    first, second = cycle_view(workspace, 1), cycle_view(workspace, 2)
    failed = {line.kind for line in first.failures if line.now[0]}
    assert failed == {"factual", "format"}
    assert failed <= {seed.kind for seed in second.seeds}
    assert {seed.origin for seed in second.seeds if seed.kind in failed} == {"failed"}
    assert all(line.before[1] and line.now[1] and line.low is not None for line in second.failures)
    rejected = workspace.store.read().execute(
        "SELECT p.output FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.status = 'rejected'"
    )
    texts = (workspace.root / "exports" / "cycle-002.jsonl").read_text()
    assert all(msgspec.json.encode(row[0]).decode() not in texts for row in rejected.fetchall())


def test_every_phase_is_registered_in_order() -> None:
    assert [one.name for one in phases()] == list(PHASES)
    for at, one in enumerate(phases()):
        assert set(one.reads) <= set(PHASES[:at]), "a phase reads only what was made before it"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train": "sometimes"}, "--train is one of"),
        ({"min_pass_rate": 1.5}, "--min-pass-rate"),
        ({"max_cycles": 0}, "--max-cycles"),
        ({"budgets": {"nap": Budget()}}, "no phase 'nap'"),
        ({"budget": Budget(usd=-1)}, "above 0"),
        ({"into": "No Name"}, "cannot name a data set"),
    ],
)
def test_options_that_cannot_be_meant(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        msgspec.structs.replace(TEXT, **changes).checked()


def test_budgets_by_phase_are_read() -> None:
    assert parse_budgets(("judging:usd=1.5,tokens=10", "training:minutes=3")) == {
        "judging": Budget(usd=1.5, tokens=10), "training": Budget(minutes=3.0),
    }  # fmt: skip
    for wrong in ("judging", "judging:euros=3", "judging:usd=much"):
        with pytest.raises(UsageError, match="--phase-budget"):
            parse_budgets((wrong,))


def test_a_hand_written_pair_stays_in_the_export(workspace: Workspace) -> None:
    """Real rows that people accepted are kept beside what is generated."""
    from factories import add_pairs, sft

    add_pairs(workspace, sft(2, "written"), "grown")
    ids = [row[0] for row in workspace.store.read().execute("SELECT id FROM pair_current")]
    label(workspace, ids[0], "approved")
    turn(workspace, msgspec.structs.replace(TEXT, max_cycles=1))
    texts = (workspace.root / "exports" / "cycle-001.jsonl").read_text()
    assert "written 1" in texts and "written 2" not in texts
    assert pair_store.next_pair_id(workspace.store.read()) > 9


def test_training_begins_only_with_what_it_is_measured_on(workspace: Workspace) -> None:
    """At the gate it would be too late: nothing could be measured, and the run could never end."""
    wanted = msgspec.structs.replace(TEXT, train="always", base="nothing")
    with pytest.raises(UsageError, match="--heldout NAME"):
        turn(workspace, wanted)
    with pytest.raises(NotFoundError, match="no data set named 'kept'"):
        turn(workspace, msgspec.structs.replace(wanted, heldout=("kept",)))
    assert cycles(workspace) == []


def test_a_cycle_that_went_wrong_after_waiting_says_so(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits no more once people have acted."""
    wanted = msgspec.structs.replace(TEXT, labels=2, max_cycles=1)
    assert turn(workspace, wanted).state == "waiting" and cycles(workspace)[0].state == "waiting"
    for pair in awaited(workspace)[0]["pairs"]:
        label(workspace, pair, "approved")

    def broken(context: Context) -> None:
        raise UsageError("the disk is full")

    calibration = next(phase for phase in phases() if phase.name == "calibration")
    with monkeypatch.context() as patched:
        patched.setattr(calibration, "guard", broken)
        with pytest.raises(UsageError, match="disk is full"):
            turn(workspace, wanted)
    assert (cycles(workspace)[0].state, cycles(workspace)[0].stop_reason) == ("failed", "the disk is full")
    assert turn(workspace, wanted).state == "done"
    assert (cycles(workspace)[0].state, cycles(workspace)[0].stop_reason) == ("done", None)
