"""How Datasets, Browse and the dialogs look: dark, light and monochrome, at 80×24 and 140×40."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, make
from pilots import still
from textual.pilot import Pilot

from flywheel_tui.workspace import Workspace

SIZES = [(80, 24), (140, 40)]
THEMES = ["flywheel-dark", "flywheel-light", "flywheel-mono"]
Compare = Callable[..., bool]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make(tmp_path)
    with made.store.tx() as connection:
        connection.execute(
            "INSERT INTO finding (dataset_id, pair_id, check_name, check_version, severity, field, span_start,"
            " span_end, message, created) VALUES (1, 4, 'pii', 1, 'warning', 'output', 10, 17, 'looks like a name', 0)"
        )
        connection.execute("UPDATE pair_current SET findings = 1, severity = 'warning' WHERE id = 4")
        connection.execute("UPDATE pair_current SET score = 7.5, passed = 1 WHERE id IN (1, 4)")
    return made


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_datasets(snap_compare: Compare, workspace: Workspace, theme: str, size: tuple[int, int]) -> None:
    app = StillApp(workspace, theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, "down", "up"))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_browse(snap_compare: Compare, workspace: Workspace, theme: str, size: tuple[int, int]) -> None:
    app = StillApp(workspace, dataset="demo", theme=theme)
    keys = ("down", "space", "space", "down", "up")
    assert snap_compare(app, terminal_size=size, run_before=lambda pilot: still(pilot, *keys))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("filter", ("f", *"length < boo")),
        ("completion", ("f", *"la")),
        ("search", ("slash", *"glaciers", "enter")),
        ("order", ("o",)),
        ("help", ("question_mark",)),
        ("goto", ("g",)),
        ("nothing", ("slash", *"xyzzy", "enter")),
        ("dead", ("f9",)),
    ],
)
def test_browse_states(snap_compare: Compare, workspace: Workspace, name: str, keys: tuple[str, ...]) -> None:
    app = StillApp(workspace, dataset="demo")
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: still(pilot, *keys))


def test_datasets_empty(snap_compare: Compare, tmp_path: Path) -> None:
    app = StillApp(Workspace.open(tmp_path / "empty", create=True))
    assert snap_compare(app, terminal_size=(80, 24), run_before=still)


def test_too_small(snap_compare: Compare, workspace: Workspace) -> None:
    assert snap_compare(StillApp(workspace), terminal_size=(50, 12), run_before=still)


def test_a_banner(snap_compare: Compare, workspace: Workspace) -> None:
    app = StillApp(workspace, dataset="demo")

    async def fail(pilot: Pilot[None]) -> None:
        app.show_banner("label", "not saved: the disk is full; free some space, then press any label key again")
        await still(pilot)

    assert snap_compare(app, terminal_size=(80, 24), run_before=fail)


def test_ascii_glyphs(snap_compare: Compare, workspace: Workspace) -> None:
    (workspace.root / "flywheel.toml").write_text('glyphs = "ascii"\n')
    app = StillApp(workspace, dataset="demo", theme="flywheel-mono")
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: still(pilot, "space"))
