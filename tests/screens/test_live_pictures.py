"""How Live and the judge dialog look: dark, light and monochrome, at 80×24 and 140×40."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, make
from live_workspace import PAIRS, at_noon, claimed, running, write_run
from pilots import still, until
from textual.pilot import Pilot

from flywheel_tui.llm.protocol import Health
from flywheel_tui.stages.back_ends import NAMES, BackEndState
from flywheel_tui.store import claims
from flywheel_tui.workspace import Workspace
from screens import judge_dialog
from screens.live import LiveScreen

SIZES = [(80, 24), (140, 40)]
THEMES = ["flywheel-dark", "flywheel-light", "flywheel-mono"]
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _same_hour(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def held(pilot: Pilot[None]) -> None:
    """The cursor one line below the newest; a key that comes before there is a line moves nothing."""
    await still(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, LiveScreen)
    await until(pilot, lambda: screen.newest.current is not None and screen.newest.has_focus)
    await still(pilot, "down")
    assert screen.newest.held


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_live(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    workspace, _ = running(tmp_path)
    app = StillApp(workspace, theme=theme, start="live")
    assert snap_compare(app, terminal_size=size, run_before=held)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_live_ended(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    workspace, job = running(tmp_path)
    write_run(workspace, "t", count=PAIRS - 1, missing=("refusal",))
    claims.finish(workspace.store, job.claim, {"tag": "t"}, done=PAIRS, total=PAIRS)
    at_noon(workspace)
    assert snap_compare(StillApp(workspace, start="live"), terminal_size=size, run_before=still)


def test_live_of_another_kind_in_ascii(snap_compare: Compare, tmp_path: Path) -> None:
    workspace, _ = running(tmp_path)
    claims.progress(workspace.store, claimed(workspace, "validate", "validate demo"), 30, 120, "lengths")
    at_noon(workspace)
    (workspace.root / "flywheel.toml").write_text('glyphs = "ascii"\n')
    app = StillApp(workspace, theme="flywheel-mono", start="live")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_live_with_nothing_to_watch(snap_compare: Compare, tmp_path: Path) -> None:
    app = StillApp(Workspace.open(tmp_path / "new", create=True), start="live")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_judge_dialog(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    def all_well(settings: object) -> list[BackEndState]:
        health = Health(reachable=True, key="not needed", models=("llama3.2", "qwen3"), text="it answers with 2 models")
        return [BackEndState(name=name, health=health) for name in NAMES]

    monkeypatch.setattr(judge_dialog, "ask_all", all_well)
    workspace = make(tmp_path, count=PAIRS, labels=False)

    async def open_dialog(pilot: Pilot[None]) -> None:
        await still(pilot, "J")
        await pilot.pause(0.6)
        await still(pilot, "down")

    assert snap_compare(StillApp(workspace, start="datasets"), terminal_size=size, run_before=open_dialog)
