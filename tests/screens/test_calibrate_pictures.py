"""How Calibrate looks: dark, light and monochrome, at 80×24 and 140×40; every view; ASCII; loading and empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calibrate_workspace import calibrated
from fixtures_workspace import StillApp, make
from pilots import still

from flywheel_tui.workspace import Workspace

SIZES = [(80, 24), (140, 40)]
THEMES = ["flywheel-dark", "flywheel-light", "flywheel-mono"]
VIEWS = ("curve", "reliability", "criteria", "judges", "people", "drift", "stand-in")
Compare = Callable[..., bool]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return calibrated(tmp_path)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_the_matrix(snap_compare: Compare, workspace: Workspace, size: tuple[int, int], theme: str) -> None:
    app = StillApp(workspace, dataset="demo", theme=theme, start="calibrate")
    keys = ("home", "shift+right", "shift+right", "j")
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, *keys))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_the_views(snap_compare: Compare, workspace: Workspace, size: tuple[int, int], view: str) -> None:
    app = StillApp(workspace, dataset="demo", start="calibrate")
    key = str(VIEWS.index(view) + 2)
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, key))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_preferences(snap_compare: Compare, workspace: Workspace, size: tuple[int, int]) -> None:
    app = StillApp(workspace, dataset="prefs", start="calibrate")
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, "p", "l"))


def test_in_ascii_and_without_colours(snap_compare: Compare, workspace: Workspace) -> None:
    (workspace.root / "flywheel.toml").write_text('glyphs = "ascii"\n')
    with Workspace.open(workspace.root) as again:
        app = StillApp(again, dataset="demo", theme="flywheel-mono", start="calibrate")
        assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_without_a_judge(snap_compare: Compare, tmp_path: Path) -> None:
    app = StillApp(make(tmp_path), dataset="demo", start="calibrate")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_settling_in_browse(snap_compare: Compare, workspace: Workspace) -> None:
    app = StillApp(workspace, dataset="demo", start="calibrate")
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: still(pilot, "j", "enter", "A"))
