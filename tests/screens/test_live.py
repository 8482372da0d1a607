"""Live with real keys: what is shown of jobs of any kind, what steers them, that no key waits for a reading."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, make, now
from live_workspace import JUDGED, PAIRS, SERVICE, at_noon, claimed, running, show, write_run
from pilots import shown, until
from textual.pilot import Pilot

from flywheel_tui.records.live import Newest
from flywheel_tui.stages import live as stage
from flywheel_tui.stages.live_board import Board
from flywheel_tui.store import claims, judge_jobs
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.live import LiveScreen
from screens.reader import JobReader
from screens.widgets.dialogs import ConfirmDialog


async def settle(pilot: Pilot[None]) -> None:
    """Until the first reading is drawn, and nothing is read any more."""
    screen = pilot.app.screen
    if isinstance(screen, LiveScreen):
        await until(pilot, lambda: screen._jobs or screen.has_class("-empty"), "nothing was read")
    for _ in range(300):
        await pilot.pause(0.01)
        if not any(each.group != "dialog" and not each.is_finished for each in pilot.app.workers):
            break
    await pilot.pause()


def screen_of(pilot: Pilot[None]) -> LiveScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LiveScreen)
    return screen


async def test_nothing_yet_says_what_to_do(tmp_path: Path) -> None:
    with make(tmp_path, count=3) as workspace:
        async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
            await pilot.press("g", "i")
            await settle(pilot)
            text = shown(pilot)
            assert "Nothing runs" in text and "J has a judge" in text
            assert "p pause" not in text and "+ calls" not in text
            await pilot.press("p", "plus", "enter", "right", "R", "c", "d")
            await settle(pilot)
            assert "does nothing here" in shown(pilot)


async def test_a_run_under_way_shows_its_figures(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    async with StillApp(workspace, start="live").run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        for words in (
            "running", "judge demo openai:m", f"job {job.id} · 1 of 1", f"{JUDGED + 1} of {PAIRS} pairs", "passed",
            "95 %:", f"judged     {JUDGED}", "1: 1 timeout", "p50 112 ms", "p95 348 ms", "at once    8", "in flight 8",
            "9 rate_limited, 3 timeout", "retries    10", "18,200 in, 1,300 out", "$0.0410", "41% of $0.10",
            "4 answers were known", "18.3/s", "waiting 120", "newest", "✓ passed", "✗ failed", "∅ timeout",
        ):  # fmt: skip
            assert words in text, f"{words!r} is missing:\n{text}"
        found = stage.Watcher(workspace).view(job.id).passing
        assert found is not None and found.rate is not None
        assert f"{found.rate:.1%}" in text and f"{found.low * 100:.1f}–{found.high:.1%}" in text


async def test_more_and_fewer_calls(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("plus", "plus", "plus")
        await settle(pilot)
        assert judge_jobs.steering(workspace.store.read(), job.id) == {"concurrency": 24}
        await until(pilot, lambda: "at once    24 (8 for now: it said slow down)" in shown(pilot), "not drawn")
        await pilot.press("minus")
        await settle(pilot)
        assert judge_jobs.steering(workspace.store.read(), job.id) == {"concurrency": 16}


async def test_pause_resume_cancel_retry(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    store = workspace.store
    with store.tx() as connection:
        connection.execute("UPDATE job SET lease_until = ?", (now() + 60_000_000,))
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await until(pilot, lambda: queue.get_job(store, job.id).wanted == "pause", "not asked to pause")
        await until(pilot, lambda: "pausing" in shown(pilot), "it does not say so")
        claims.give_back(store, job.claim, "paused", reason="the budget of $0.10 is spent")
        await until(pilot, lambda: "p goes on" in shown(pilot), "not drawn as paused")
        assert "the budget of $0.10 is spent" in shown(pilot)
        await pilot.press("p")
        await until(pilot, lambda: queue.get_job(store, job.id).state == "queued", "not resumed")
        await settle(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog), "nobody asked")
        await pilot.press("y")
        await until(pilot, lambda: queue.get_job(store, job.id).state == "cancelled", "not cancelled")
        await until(pilot, lambda: "R retry" in shown(pilot), "R is not offered")
        await pilot.press("R")
        await until(pilot, lambda: queue.get_job(store, job.id).state == "queued", "not put back")


async def test_asking_again_about_pairs_without_a_verdict(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    claims.finish(workspace.store, job.claim, {"tag": "t"}, done=PAIRS, total=PAIRS)
    at_noon(workspace)
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "R asks again about 1 without a verdict" in shown(pilot)
        assert "in flight" not in shown(pilot).replace("in flight 0", "")
        await pilot.press("R")
        await until(pilot, lambda: len(queue.list_jobs(workspace.store)) == 2, "no job was made")
        again = queue.list_jobs(workspace.store, states=["queued"])[0]
        assert again.args["retry"] is True and again.args["tag"] == "t" and again.slot == job.slot
        await until(pilot, lambda: f"job {again.id} ·" in shown(pilot), "it is not watched")


async def test_a_verdict_opens_in_browse_while_lines_stand_still(tmp_path: Path) -> None:
    workspace, _ = running(tmp_path)
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        newest = screen_of(pilot).newest
        pair = newest.current
        assert newest.held and pair is not None
        write_run(workspace, "u")
        write_run(workspace, "t", count=PAIRS, missing=())
        await pilot.pause(0.5)
        await settle(pilot)
        assert newest.current == pair, "the line moved under the cursor"
        assert "home follows again" in shown(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, BrowseScreen)
        await until(pilot, lambda: f"#{pair} " in shown(pilot), "another pair is shown")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen), "escape does not step back")
        await pilot.press("home")
        await until(pilot, lambda: not newest.held and newest.current != pair, "it does not follow again")


async def test_several_jobs_of_any_kind(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    checks = claimed(workspace, "validate", "validate demo")
    claims.progress(workspace.store, checks, 30, 120, "lengths")
    made = queue.get_job(workspace.store, claimed(workspace, "generate", "generate from seeds").job_id)

    class Held:
        job, claim = made, made.claim

    Board(workspace, Held()).show(
        figures={"kept": 12, "refused by a check": 3}, concurrency=4, in_flight=2,
        newest=[Newest(text="Why do tides turn? \x1b[31m[b]x[/b]", pair=2, passed=True)], at_once=True,
    )  # fmt: skip
    at_noon(workspace)
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        first = shown(pilot)
        assert "generate from seeds" in first and "1 of 3" in first
        assert "refused by a check  3" in first, first
        assert "Why do tides turn?" in first and "[b]x[/b]" in first
        await pilot.press("right")
        await settle(pilot)
        second = shown(pilot)
        assert "validate demo" in second and "2 of 3" in second and "30 of 120 pairs" in second
        assert "done on this machine" in second and "+ calls" not in second
        await pilot.press("plus")
        await settle(pilot)
        assert judge_jobs.steering(workspace.store.read(), checks.job_id) == {}
        await pilot.press("l")
        await settle(pilot)
        assert "judge demo openai:m" in shown(pilot) and f"job {job.id} · 3 of 3" in shown(pilot)
        await pilot.press("left", "left", "left")
        await settle(pilot)
        assert f"job {job.id} · 3 of 3" in shown(pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobReader), "no details")


async def test_what_went_wrong_is_said_with_what_to_do(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    claims.fail(workspace.store, job.claim, "the tag 't' holds verdicts of another judge; choose another --tag")
    at_noon(workspace)
    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "choose another --tag; R tries it again" in shown(pilot)


async def test_a_worker_or_back_end_that_is_gone_is_said(tmp_path: Path) -> None:
    workspace, job = running(tmp_path)
    show(workspace, job.id, service={**SERVICE, "breaker": "open"})
    async with StillApp(workspace, start="live").run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: "the back end does not answer" in shown(pilot), "not said")
        await until(pilot, lambda: "! openai down" in shown(pilot).splitlines()[0], "the header does not say so")
        with workspace.store.tx() as connection:
            connection.execute("UPDATE job SET lease_until = 1 WHERE id = ?", (job.id,))
        await until(pilot, lambda: "its worker is gone" in shown(pilot), "not said")
        assert "! lost" in shown(pilot)


async def test_too_small_says_so(tmp_path: Path) -> None:
    workspace, _ = running(tmp_path)
    async with StillApp(workspace, start="live").run_test(size=(50, 12)) as pilot:
        await settle(pilot)
        assert "too small" in shown(pilot)


async def test_keys_do_not_wait_for_a_slow_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, _ = running(tmp_path)
    read, go_on = stage.Watcher.view, threading.Event()

    def slowly(self: stage.Watcher, job_id: int) -> stage.LiveView:
        go_on.wait(60)
        return read(self, job_id)

    async with StillApp(workspace, start="live").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(stage.Watcher, "view", slowly)
        screen_of(pilot).store_changed()
        await pilot.pause(0.05)
        await pilot.press("down")
        assert screen_of(pilot).newest.held and not go_on.is_set(), "the key did not wait for the database"
        go_on.set()
        await settle(pilot)


async def test_hostile_texts_are_text(tmp_path: Path) -> None:
    workspace: Workspace = running(tmp_path)[0]
    bad = "\x1b]0;owned\x07[@click=app.quit]x[/] \u202e\x9b31m"
    claim = claimed(workspace, "generate", f"title {bad}")
    made = queue.get_job(workspace.store, claim.job_id)

    class Held:
        job, claim = made, made.claim

    Board(workspace, Held()).show(
        figures={bad: bad}, newest=[Newest(text=bad, note=bad, kind=bad)], service={"faults": {bad: 2}, "p50_ms": 1.0},
        concurrency=1, at_once=True,
    )  # fmt: skip
    claims.progress(workspace.store, claim, 1, 2, bad)
    at_noon(workspace)
    async with StillApp(workspace, start="live").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}
        assert "[@click=app.quit]x" in text
