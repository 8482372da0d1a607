"""Workers with real keys over a real queue: what is shown, what steers, how it follows a real worker process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_workspace import NOON, StillApp, make
from pilots import settle, shown, until
from textual.pilot import Pilot

from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs.pool import ensure_workers, stop_workers
from flywheel_tui.records.job import Claim
from flywheel_tui.store import claims
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.reader import JobReader, LogReader
from screens.widgets.dialogs import ConfirmDialog
from screens.workers import WorkersScreen

OWNER = "4711/1/another-boot/00000000"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make(tmp_path, count=5, labels=False)
    yield made
    assert stop_workers(made.root), "a worker is left"


def fill(workspace: Workspace) -> dict[str, int]:
    """A job in each state, as of a few minutes before noon; the number of each by its state."""
    store = workspace.store
    found: dict[str, int] = {}

    def claimed(title: str, **options: object) -> Claim:
        job = queue.enqueue(store, "validate", {"dataset": "demo"}, title=title, claim_for=OWNER, **options)  # type: ignore[arg-type]
        return job.claim

    done = claimed("validate demo")
    claims.finish(store, done, {"findings": {"error": 2}}, done=5, total=5)
    failed = claimed("validate prefs")
    claims.fail(store, failed, "flywheel.toml: checks.length: there is no option named maximum; there is max_chars")
    running = claimed("validate demo, every check")
    claims.progress(store, running, 3, 8, "lengths", cost_micro=1_250_000)
    found |= {"done": done.job_id, "failed": failed.job_id, "running": running.job_id}
    for state in ("paused", "cancelled", "queued"):
        found[state] = queue.enqueue(store, "export", {"dataset": "prefs"}, title=f"export prefs ({state})").id
    queue.pause(store, found["paused"])
    queue.cancel(store, found["cancelled"])
    with store.tx() as connection:
        connection.execute("UPDATE job SET created = ? - id * 60000000", (NOON,))
        connection.execute("UPDATE job SET started = ? - 200000000 WHERE started IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET finished = ? - 100000000 WHERE finished IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET lease_until = ? WHERE lease_until IS NOT NULL", (NOON + 25_000_000,))
        connection.execute("UPDATE job_event SET at = ? + id * 1000000", (NOON - 200_000_000,))
        connection.execute("DELETE FROM job_progress")
    return found


def place(pilot: Pilot[None]) -> WorkersScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, WorkersScreen)
    return screen


async def go_to(pilot: Pilot[None], job: int) -> None:
    """Move the cursor by keys to a job."""
    await settle(pilot)
    await pilot.press("home")
    for _ in range(30):
        await settle(pilot)
        current = place(pilot).table.current
        if current is not None and current.id == job:
            return
        await pilot.press("down")
    raise AssertionError(f"job {job} is not in the table")


async def test_nothing_yet_says_what_to_do(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.press("g", "w")
        await settle(pilot)
        text = shown(pilot)
        assert "No job yet" in text
        assert "Nobody works now" in text
        assert "c cancel" not in text
        await pilot.press("L")
        await settle(pilot)
        assert "no worker has written a log yet" in shown(pilot)


async def test_a_row_tells_what_there_is_to_tell(workspace: Workspace) -> None:
    jobs = fill(workspace)
    async with StillApp(workspace, start="workers").run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        [row] = [line for line in text.splitlines() if "► running" in line and "38%" in line]
        for words in ("validate demo, every check", " demo ", "1/5", "4711", "3 min", "$1.25"):
            assert words in row, words
        order = [place(pilot).table.get_cell_at((at, 0)).plain for at in range(6)]
        assert order[:3] == [str(jobs[state]) for state in ("running", "queued", "paused")]
        assert "✗ 1 failed" in text and "∅ 1 cancelled" in text and "= 1 paused" in text
        assert "elsewhere" in text and "lease 25 s" in text
        assert "nobody works on the queue: + starts workers" in text


async def test_the_cursor_shows_events_and_enter_everything(workspace: Workspace) -> None:
    jobs = fill(workspace)
    async with StillApp(workspace, start="workers").run_test(size=(100, 30)) as pilot:
        await go_to(pilot, jobs["failed"])
        await settle(pilot)
        assert "there is no option named maximum" in shown(pilot)
        assert "R retry" in shown(pilot)
        assert "p pause" not in shown(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, JobReader)
        text = shown(pilot)
        assert '"dataset": "demo"' in text and "error" in text and "not yet" not in text
        await pilot.press("end")
        await settle(pilot)
        assert "taken up" in shown(pilot) or "failed:" in shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is place(pilot)


async def test_keys_steer_the_job_at_the_cursor(workspace: Workspace) -> None:
    jobs = fill(workspace)

    def state(name: str) -> str:
        return queue.get_job(workspace.store, jobs[name]).state

    async with StillApp(workspace, start="workers").run_test(size=(100, 30), notifications=True) as pilot:
        await go_to(pilot, jobs["queued"])
        await pilot.press("p")
        await settle(pilot)
        assert state("queued") == "paused"
        assert place(pilot).table.current.id == jobs["queued"]
        await pilot.press("p")
        await settle(pilot)
        assert state("queued") == "queued"
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ConfirmDialog)
        await pilot.press("enter")
        await settle(pilot)
        assert state("queued") == "queued", "the safe answer has the focus"
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("y")
        await settle(pilot)
        assert state("queued") == "cancelled"
        assert place(pilot).table.current.id == jobs["queued"]
        await pilot.press("R")
        await settle(pilot)
        assert state("queued") == "queued"
        await go_to(pilot, jobs["failed"])
        await pilot.press("R")
        await settle(pilot)
        assert state("failed") == "queued"
        await go_to(pilot, jobs["done"])
        await pilot.press("R", "c", "p")
        await settle(pilot)
        assert state("done") == "done"
        assert "does nothing here" in shown(pilot)


async def test_what_changed_meanwhile_is_said(workspace: Workspace) -> None:
    jobs = fill(workspace)
    async with StillApp(workspace, start="workers").run_test(size=(100, 30), notifications=True) as pilot:
        await go_to(pilot, jobs["queued"])
        await pilot.press("c")
        await pilot.pause()
        with workspace.store.tx() as connection:
            connection.execute("UPDATE job SET state = 'done' WHERE id = ?", (jobs["queued"],))
        await pilot.press("y")
        await settle(pilot)
        assert "it cannot be cancelled" in shown(pilot)


async def test_ended_jobs_are_hidden_and_come_back(workspace: Workspace) -> None:
    fill(workspace)
    async with StillApp(workspace, start="workers").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert place(pilot).table.row_count == 6
        await pilot.press("h")
        await settle(pilot)
        assert place(pilot).table.row_count == 3
        assert "ended hidden" in shown(pilot)
        for job in queue.list_jobs(workspace.store, states=("running", "queued", "paused")):
            queue.cancel(workspace.store, job.id)
        with workspace.store.tx() as connection:
            connection.execute("UPDATE job SET state = 'cancelled', owner = NULL, wanted = NULL WHERE state='running'")
        await until(pilot, lambda: "Nothing runs or waits" in shown(pilot), "it says that all have ended")
        await pilot.press("h")
        await settle(pilot)
        assert place(pilot).table.row_count == 6


async def test_a_page_at_a_time(workspace: Workspace) -> None:
    for number in range(230):
        job = queue.enqueue(workspace.store, "export", {}, title=f"export {number}", claim_for=OWNER)
        claims.finish(workspace.store, job.claim, {})
    async with StillApp(workspace, start="workers").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert place(pilot).table.row_count == 200
        assert "200 shown, m more" in shown(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert place(pilot).table.row_count == 230
        await pilot.press("end")
        await settle(pilot)
        assert place(pilot).table.current.title == "export 0"


async def test_rows_are_changed_and_not_filled_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = fill(workspace)
    async with StillApp(workspace, start="workers").run_test(size=(100, 30)) as pilot:
        await go_to(pilot, jobs["running"])
        table = place(pilot).table
        monkeypatch.setattr(table, "clear", lambda **_: pytest.fail("cleared"))
        updated: list[tuple[str, str]] = []
        update = table.update_cell
        monkeypatch.setattr(
            table, "update_cell", lambda row, name, cell: (updated.append((row, name)), update(row, name, cell))
        )
        claims.progress(workspace.store, Claim(jobs["running"], OWNER, 1), 4, 8, "lengths")
        with workspace.store.tx() as connection:
            connection.execute("DELETE FROM job_progress")
        await until(pilot, lambda: "50%" in shown(pilot), "half is done")
        assert updated == [(str(jobs["running"]), "progress")]
        fresh = queue.enqueue(workspace.store, "export", {}, title="one more")
        await until(pilot, lambda: "one more" in shown(pilot), "the new job")
        order = [int(table.get_cell_at((at, 0)).plain) for at in range(7)]
        assert order[:4] == [jobs["running"], jobs["queued"], fresh.id, jobs["paused"]]
        assert table.current.id == jobs["running"]


async def test_workers_are_more_or_fewer_but_never_none(workspace: Workspace) -> None:
    async with StillApp(workspace, start="workers").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("plus", "plus", "plus")
        await settle(pilot)
        assert files.slots(workspace.root / files.FOLDER) == 5
        assert "workers 0 of 5" in shown(pilot)
        await pilot.press(*["minus"] * 9)
        await settle(pilot)
        assert files.slots(workspace.root / files.FOLDER) == 1
        files.want_slots(workspace.root / files.FOLDER, 7)
        await until(pilot, lambda: "workers 0 of 7" in shown(pilot), "what somebody else wants")


async def test_a_real_worker_is_followed(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"Why {n}?", "input": "", "output": f"Because {n}."} for n in range(40)]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    args = {"source": str(file), "name": "rows"}
    job = queue.enqueue(workspace.store, "ingest", args, title="ingest rows.jsonl -> rows")
    bad = queue.enqueue(workspace.store, "ingest", {"source": "nowhere.jsonl", "name": "x"}, title="ingest nowhere")
    async with StillApp(workspace, start="workers").run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "+ starts workers" in shown(pilot)
        await pilot.press("plus")
        await until(pilot, lambda: "2 of 2" in shown(pilot) or "1 of 2" in shown(pilot), "workers live")
        await until(pilot, lambda: "✓ 1 done" in shown(pilot) and "1 failed" in shown(pilot), "both have ended")
        assert files.slots(workspace.root / files.FOLDER) == 2
        await until(pilot, lambda: "idle" in shown(pilot), "the workers wait")
        await go_to(pilot, job.id)
        await pilot.press("enter")
        await settle(pilot)
        assert '"added": 40' in shown(pilot)
        await pilot.press("escape")
        await go_to(pilot, bad.id)
        await pilot.press("L")
        await settle(pilot)
        assert isinstance(pilot.app.screen, LogReader)
        assert "at work in" in shown(pilot)
        await pilot.press("left")
        await until(pilot, lambda: "log of the pool" in shown(pilot), "the log before the first is the pool's")
        assert "started as process" in shown(pilot)
    assert ensure_workers(workspace).alive


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))
async def test_hostile_texts_are_shown_as_texts(
    workspace: Workspace, payloads: dict[str, str], size: tuple[int, int]
) -> None:
    for name, text in payloads.items():
        clean = text.encode("utf-8", "replace").decode()
        args = {"dataset": clean, "x": clean}
        job = queue.enqueue(workspace.store, clean, args, title=f"{clean} {name}", claim_for=OWNER, unit=clean)
        claims.progress(workspace.store, job.claim, 1, None, clean)
        queue.add_event(workspace.store, job.id, "error", text)
        if len(name) % 2:
            claims.fail(workspace.store, job.claim, text)
    log = files.make(workspace.root) / "worker-1.log"
    log.write_text("\n".join(text.encode("utf-8", "replace").decode() for text in payloads.values()))
    async with StillApp(workspace, start="workers").run_test(size=size) as pilot:
        await settle(pilot)
        for _ in range(len(payloads)):
            await pilot.press("enter")
            await settle(pilot)
            assert_harmless(shown(pilot))
            await pilot.press("escape", "down")
            await settle(pilot)
            assert_harmless(shown(pilot))
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("escape", "L")
        await settle(pilot)
        assert_harmless(shown(pilot))


def assert_harmless(text: str) -> None:
    assert not set(text) & set("\x1b\x07\x9b\x9d\x85\u202e\u200b\r\x00"), text
