"""Cycles with real keys on cycles that really turned: ribbon, phases, going where people wait, starting, steering."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from fixtures_workspace import StillApp
from loop_workspace import CYCLES, HOSTILE, answer, judged, turn, turned
from pilots import sees, settle, shown, until
from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.cycle import desk
from flywheel_tui.cycle.driver import DRIVERS, Signal, Tried, Verdicts
from flywheel_tui.cycle.drivers.text import TextDriver
from flywheel_tui.cycle.options import Budget, CycleOptions
from flywheel_tui.cycle.phase import Context
from flywheel_tui.cycle.views import PhaseLine
from flywheel_tui.errors import UsageError
from flywheel_tui.store import cycles as store
from flywheel_tui.store import gate as gates
from flywheel_tui.store import jobs as queue
from flywheel_tui.store.cycle_pairs import CyclePair
from flywheel_tui.workspace import Workspace
from screens.cycles import CyclesScreen
from screens.cycles_phases import PhasesScreen, Shown
from screens.cycles_start import parse_limits
from screens.label import LabelScreen

Compare = Callable[..., bool]
GO_ON = threading.Event()


class Held(TextDriver):
    """Judging waits until a test lets it go on, and fails some by kind."""

    name = "held"

    def _failed(self, context: Context) -> list[Signal]:
        return []

    def judge(self, context: Context, pairs: Sequence[CyclePair]) -> Verdicts:
        assert GO_ON.wait(30)
        found = super().judge(context, pairs)
        wrong = sorted(found.passed)[: 6 if context.previous is None else 1]
        rates = {"factual": Tried(failed=len(wrong), tried=len(found.passed))}
        passed = {uid: uid not in wrong for uid in found.passed}
        return msgspec.structs.replace(found, passed=passed, kinds=dict.fromkeys(wrong, "factual"), rates=rates)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[CycleOptions]:
    """Options whose judge waits."""
    monkeypatch.setitem(DRIVERS, "held", Held)
    GO_ON.clear()
    yield msgspec.structs.replace(CYCLES, driver="held")
    GO_ON.set()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of these tests, made once."""
    folder = tmp_path_factory.mktemp("cycles")
    turned(folder).close()
    return folder / "work"


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(made, tmp_path / "work")
    with Workspace.open(tmp_path / "work") as opened:
        yield opened


async def test_history_ribbon_triggers_and_speed(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "cycle 3 waits for people", "2 finished", "= labelling (waiting)", "· calibration")
        await sees(pilot, "8 of 13 phases done, 4 to come", "4 labels on a sample", "o opens exactly these pairs")
        await sees(pilot, "training triggers", "27 of 500", "yield", "pass rate 100 % in cycle 1")
        await sees(pilot, "the maximum of 2 cycles is reached")
        await pilot.press("J", "J", "J", "J")
        await sees(pilot, "bottleneck: generation works", "over 2 finished")


async def test_looking_into_a_phase(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("enter")
        await sees(pilot, "human labelling  = waiting", "waits for people", "given", "flywheel label -d grown")
        await pilot.press("home")
        await sees(pilot, "signal ingestion  ✓ done", "artefact", '"text": "benefits of green tea"', "evidence")
        await pilot.press("escape")
        await sees(pilot, "= labelling (waiting)", "cycle 3 waits for people")
        await pilot.press(*["left"] * 5, "enter")
        await sees(pilot, "planning  ✓ done", "the seeds that failures became", "how bread rises")
        await pilot.press("escape", "down", "enter")
        await sees(pilot, "cycle 2  ✓ done", "evaluation and gate  ✓ done")


async def test_a_phase_that_changes_in_the_database_changes_in_the_ribbon(
    tmp_path: Path, held: CycleOptions
) -> None:  # fmt: skip
    workspace = Workspace.open(tmp_path / "work", create=True)
    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "No cycle has been turned yet")
        turning = asyncio.create_task(asyncio.to_thread(_turn_elsewhere, tmp_path / "work", held))
        await sees(pilot, "1 running", "► judging (running)", "✓ screening", "· labelling", "in judging")
        await pilot.press("enter")
        await sees(pilot, "judging  ► running")
        await pilot.press("escape")
        GO_ON.set()
        await turning
        await sees(pilot, "nothing turns", "✓ gate", "13 of 13 phases done", "2 finished")
        await sees(pilot, "failures by kind", "factual", "✓ shrank", "6/9", "1/")


def _turn_elsewhere(folder: Path, options: CycleOptions) -> None:
    with Workspace.open(folder) as workspace:
        turn(workspace, options)


async def test_o_opens_exactly_the_pairs_that_are_awaited_and_r_goes_on(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(120, 36)) as pilot:
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabelScreen), "not on Label")
        await sees(pilot, "grown", "1/4")
        answer(workspace)
        await pilot.press("g", "y")
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("r")
        await sees(pilot, "◦ queued")
        (job,) = [one for one in queue.list_jobs(workspace.store) if one.state == "queued"]
        assert job.kind == "cycle" and msgspec.convert(job.args, CycleOptions).labels == 4
        await pilot.press("p")
        await sees(pilot, "= paused")
        await pilot.press("p")
        await sees(pilot, "◦ queued")
        await pilot.press("c")
        await sees(pilot, "cancel job")
        await pilot.press("y")
        await sees(pilot, "= waiting")
        assert queue.get_job(workspace.store, job.id).state == "cancelled"


async def test_o_opens_the_evidence_that_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = judged(tmp_path, monkeypatch)
    wanted = gates.bundles(workspace.store.read())[2]
    with workspace.store.tx() as connection:
        run = store.add_run(connection, msgspec.to_builtins(CYCLES), {"a": 1})
        store.add_cycle(connection, run.id, run.config)
        awaits = {"who": "a person at the gate", "what": "promote or refuse", "bundle": wanted.hash}
        store.set_run(connection, run.id, "waiting", awaits=awaits)
    async with StillApp(workspace, start="cycles").run_test(size=(120, 36)) as pilot:
        await sees(pilot, "waits for a person at the gate", "o opens the evidence in Gate")
        await pilot.press("o")
        await sees(pilot, "! INCONCLUSIVE   a4", f"bundle {wanted.hash[:12]}")


async def test_starting_a_run_puts_a_job_in_the_queue(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "2 finished")
        await pilot.press("n")
        await sees(pilot, "begin a run of cycles", "as in the settings")
        await pilot.press("enter")
        await sees(pilot, "there is nothing to begin from")
        await pilot.press(*"tea,", *"bread")
        pilot.app.screen.query_one("#budget", Input).value = "zzz"
        await pilot.press("enter")
        await sees(pilot, "'zzz' is no budget")
        pilot.app.screen.query_one("#budget", Input).value = "0.5, 30 min"
        pilot.app.screen.query_one("#heldout", Input).value = "nothing"
        await pilot.press("enter")
        await sees(pilot, "no data set named 'nothing'")
        pilot.app.screen.query_one("#heldout", Input).value = ""
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1, "still asking")
        await sees(pilot, "1 queued")
    (job,) = [one for one in queue.list_jobs(workspace.store) if one.state == "queued"]
    options = msgspec.convert(job.args, CycleOptions)
    assert (options.seeds, options.into, options.train) == (("tea", "bread"), "flywheel", "never")
    assert options.budget == Budget(usd=0.5, minutes=30.0)


async def test_escape_begins_nothing(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "2 finished")
        await pilot.press("n", "escape", "x", *"words", "escape")
        await pilot.pause(0.3)
    assert [one.state for one in queue.list_jobs(workspace.store) if one.state == "queued"] == []
    assert store.list_runs(workspace.store.read())[-1].state == "waiting"


async def test_giving_up_needs_a_reason(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("x")
        await sees(pilot, "give up run 2: why")
        await pilot.press("enter", *"dull", "enter")
        await sees(pilot, "∅ abandoned", "stopped: dull")


async def test_a_run_that_nobody_works_on_is_said_to_be_interrupted(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        store.set_run(connection, 2, "running")
    async with StillApp(workspace, start="cycles").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "! interrupted", "r goes on from where it was")
    with workspace.store.tx() as connection:
        store.set_run(connection, 2, "failed", stop_reason="no model answers")
    async with StillApp(workspace, start="cycles").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "✗ failed", "no model answers")


async def test_a_late_reading_of_another_phase_takes_nothing_away(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, entered = PhasesScreen.read_details, threading.Event()

    def slowly(self: PhasesScreen, record: PhaseLine) -> Shown:
        if record.phase == "labelling":
            entered.set()
            time.sleep(0.5)
        return read(self, record)

    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "cycle 3 waits for people")
        await pilot.press("enter")
        await sees(pilot, "human labelling  = waiting")
        monkeypatch.setattr(PhasesScreen, "read_details", slowly)
        screen = pilot.app.screen
        assert isinstance(screen, PhasesScreen)
        screen.store_changed()
        await until(pilot, entered.is_set)
        await pilot.press("home")
        await sees(pilot, "signal ingestion  ✓ done")
        for _ in range(50):
            await pilot.pause(0.02)
            assert "signal ingestion  ✓ done" in shown(pilot)


async def test_a_list_that_is_hidden_for_a_moment_has_the_keys_again(workspace: Workspace) -> None:
    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "cycle 3 waits for people")
        screen = pilot.app.screen
        assert isinstance(screen, CyclesScreen)
        await settle(pilot)
        for moment in range(60):  # at some of them it is about to lose the focus when it comes back
            records, screen.records = screen.records, {}
            screen.show()
            await asyncio.sleep(moment / 2_000)
            screen.records = records
            screen.show()
            for _ in range(5):
                await pilot.pause()
            assert screen.focused is screen.table, moment


async def test_hostile_words_are_shown_as_text(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "work", create=True)
    options = msgspec.structs.replace(CYCLES, seeds=(HOSTILE, f"[/b {HOSTILE}"), labels=2, max_cycles=1)
    await asyncio.to_thread(turn, workspace, options)
    with workspace.store.tx() as connection:
        store.set_run(connection, 1, "waiting", awaits={"who": f"[/b {HOSTILE}", "what": f"[/] {HOSTILE}"})
    async with StillApp(workspace, start="cycles").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "waits for [/b a1", "[@click=app.quit]x [INST] [b")
        assert "\x1b" not in shown(pilot)
        await pilot.press("home", "enter")
        await sees(pilot, "human labelling  = waiting")  # where the cursor stands once the phases are read
        await pilot.press("home")
        await sees(pilot, "signal ingestion  ✓ done", "[@click=app.quit]")
        await pilot.press("down", "down", "down")
        await sees(pilot, "the seeds that failures became")
        assert "\x1b" not in shown(pilot) and pilot.app.is_running


def test_limits() -> None:
    assert parse_limits("") == Budget()
    assert parse_limits("0.5, 200k tokens, 2 h") == Budget(usd=0.5, tokens=200_000, minutes=120.0)
    with pytest.raises(UsageError, match="no budget"):
        parse_limits("much")
    with pytest.raises(UsageError, match="above 0"):
        parse_limits("0")


def test_entries_say_which_job_turns_which_cycle(workspace: Workspace) -> None:
    newest, *older = desk.entries(workspace)
    assert (newest.state, [one.state for one in older]) == ("waiting", ["done", "done"])
    assert [one.why for one in older] == ["the maximum of 2 cycles is reached", ""]
    job = queue.enqueue(workspace.store, "cycle", desk.arguments(workspace, 3), title="go on")
    again = desk.entries(workspace)[0]
    assert again.state == "queued" and again.job is not None and again.job.id == job.id
    with pytest.raises(UsageError, match="the run of cycle 1 is done"):
        desk.arguments(workspace, 1)


SIZES = pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))


@SIZES
@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-mono"])
def test_how_it_looks(snap_compare: Compare, workspace: Workspace, theme: str, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "cycle 3 waits for people", "= labelling (waiting)")
        await pilot.pause(0.3)

    assert snap_compare(StillApp(workspace, theme=theme, start="cycles"), terminal_size=size, run_before=read)


@SIZES
def test_how_a_phase_looks(snap_compare: Compare, workspace: Workspace, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("enter")
        await sees(pilot, "human labelling  = waiting", "given")
        await pilot.pause(0.3)

    assert snap_compare(StillApp(workspace, start="cycles"), terminal_size=size, run_before=read)


@SIZES
def test_how_the_dialog_looks(snap_compare: Compare, workspace: Workspace, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "= labelling (waiting)")
        await pilot.press("n")
        await sees(pilot, "begin a run of cycles")
        pilot.app.screen.query_one("#seeds", Input).cursor_blink = False
        await pilot.pause(0.3)

    assert snap_compare(StillApp(workspace, start="cycles"), terminal_size=size, run_before=read)
