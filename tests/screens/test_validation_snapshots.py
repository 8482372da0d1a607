"""How the validation screens look: dark, light and monochrome, at 80×24 and 140×40."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures_workspace import StillApp
from pilots import still
from validation_workspace import checked

from flywheel_tui.workspace import Workspace

SIZES = [(80, 24), (140, 40)]
THEMES = ["flywheel-dark", "flywheel-light", "flywheel-mono"]
SCREENS = {
    "report": ("validation", ()),
    "duplicates": ("validation", ("d",)),
    "browse": ("browse", ("f", *"'pii' in findings", "enter", "F", "n")),
    "dialog": ("validation", ("v",)),
}
Compare = Callable[..., bool]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_screens(snap_compare: Compare, workspace: Workspace, size: tuple[int, int], theme: str, name: str) -> None:
    place, keys = SCREENS[name]
    app = StillApp(workspace, dataset="mail", theme=theme, start=place)
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, *keys))


@pytest.mark.parametrize(("name", "keys"), [("findings", ("c",)), ("lengths", ("c", "c")), ("errors", ("right",))])
def test_report_states(snap_compare: Compare, workspace: Workspace, name: str, keys: tuple[str, ...]) -> None:
    app = StillApp(workspace, dataset="mail", start="validation")
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: still(pilot, *keys))


def test_never_ran(snap_compare: Compare, tmp_path: Path) -> None:
    app = StillApp(checked(tmp_path, run=False), dataset="mail", start="validation")
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_ascii(snap_compare: Compare, workspace: Workspace) -> None:
    (workspace.root / "flywheel.toml").write_text('glyphs = "ascii"\n')
    with Workspace.open(workspace.root) as again:
        app = StillApp(again, dataset="mail", theme="flywheel-mono", start="validation")
        assert snap_compare(app, terminal_size=(80, 24), run_before=still)
