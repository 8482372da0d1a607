"""How Workers looks: dark, light and monochrome, at 80×24 and 140×40."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_workspace import NOON, StillApp, make
from pilots import still

from flywheel_tui.jobs import overview
from flywheel_tui.records.job import Claim
from flywheel_tui.store import claims
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace

SIZES = [(80, 24), (140, 40)]
THEMES = ["flywheel-dark", "flywheel-light", "flywheel-mono"]
OWNER = "4711/1/another-boot/00000000"
Compare = Callable[..., bool]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A job in every state, nothing that depends on the machine or the hour."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    made = make(tmp_path, count=5, labels=False)
    store = made.store

    def claimed(title: str, kind: str = "validate") -> Claim:
        return queue.enqueue(store, kind, {"dataset": "demo"}, title=title, claim_for=OWNER).claim

    claims.finish(store, claimed("validate demo"), {"findings": {"error": 2, "info": 1}}, done=5, total=5)
    claims.fail(store, claimed("validate prefs"), "checks.length: there is no option named maximum; there is max_chars")
    running = claimed("validate demo with every check there is, \x1b[31m[b]also hostile[/b]")
    claims.progress(store, running, 1_234, 4_000, "lengths", cost_micro=1_250_000)
    stopping = claimed("export demo", "export")
    claims.progress(store, stopping, 70)
    queue.cancel(store, stopping.job_id)
    for word in ("later", "aside", "never"):
        job = queue.enqueue(store, "export", {"dataset": "prefs"}, title=f"export prefs, {word}")
        {"aside": queue.pause, "never": queue.cancel}.get(word, queue.get_job)(store, job.id)
    with store.tx() as connection:
        connection.execute("UPDATE job SET created = ? - id * 60000000", (NOON,))
        connection.execute("UPDATE job SET started = ? - 200000000 WHERE started IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET finished = ? - 100000000 WHERE finished IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET lease_until = ? WHERE lease_until IS NOT NULL", (NOON + 25_000_000,))
        connection.execute("UPDATE job_event SET at = ? + id * 1000000", (NOON - 200_000_000,))
        # two samples a minute apart: 20 a second
        connection.execute("DELETE FROM job_progress")
        connection.execute(
            "INSERT INTO job_progress (job_id, slot, attempt, at, phase, done) VALUES (?1, 1, 1, ?2, 'lengths', 34),"
            " (?1, 2, 1, ?2 + 60000000, 'lengths', 1234)",
            (running.job_id, NOON - 60_000_000),
        )
    yield made
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_workers(snap_compare: Compare, workspace: Workspace, theme: str, size: tuple[int, int]) -> None:
    app = StillApp(workspace, theme=theme, start="workers")
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, "down", "up"))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_details(snap_compare: Compare, workspace: Workspace, size: tuple[int, int]) -> None:
    assert overview.details(workspace, 2).job.error
    app = StillApp(workspace, start="workers")
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, "end", "up", "enter"))


def test_nothing_yet(snap_compare: Compare, tmp_path: Path) -> None:
    app = StillApp(Workspace.open(tmp_path / "new", create=True), start="workers")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_ascii_glyphs(snap_compare: Compare, workspace: Workspace) -> None:
    (workspace.root / "flywheel.toml").write_text('glyphs = "ascii"\n')
    app = StillApp(workspace, theme="flywheel-mono", start="workers")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)
