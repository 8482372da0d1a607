"""Scenarios with real keys: what is shown, deciding with a reason, merging, what an approved one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_workspace import NOON, StillApp, make
from pilots import shown, until
from textual.pilot import Pilot

from flywheel_tui.stages import scenarios as stage
from flywheel_tui.store.scenarios import NewTrace
from flywheel_tui.workspace import Workspace

Compare = Callable[..., bool]
FAILURES = [
    NewTrace(origin="trace", request="What is 17 + 25?", answer="41", error_kind="reasoning", expected="42"),
    NewTrace(origin="trace", request="What is 18 + 26?", answer="43", error_kind="reasoning"),
    NewTrace(origin="trace", request="Reset it \x1b]52;c;AAAA\x07now", answer="[@click=app.quit]here[/]",
             error_kind="format", detail="not the form [/b"),
    NewTrace(origin="trace", request="A poem on rain", answer="I'm sorry.", error_kind="over-refusal"),
]  # fmt: skip


def filled(folder: Path) -> Workspace:
    workspace = make(folder, count=4)
    stage.take_failures(workspace, FAILURES)
    with workspace.store.tx() as connection:
        connection.execute("UPDATE scenario SET created = ?", (NOON - 7_200_000_000,))
    return workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    yield filled(tmp_path)


def states(workspace: Workspace) -> list[tuple[str, str | None]]:
    return sorted((row.error_kind, row.state) for row in stage.scenarios(workspace))


async def test_approve_and_reject_keep_name_and_reason(workspace: Workspace) -> None:
    app = StillApp(workspace, start="scenarios")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "3 to decide" in shown(pilot) and "expected" in shown(pilot), "not read")
        await pilot.press("a")
        await until(pilot, lambda: "approve scenario" in shown(pilot), "no question")
        await pilot.press("enter")
        await pilot.press(*"seen", "enter")
        await until(pilot, lambda: "2 to decide" in shown(pilot), "not approved")
        await pilot.press("home", "r", *"noise", "enter")
        await until(pilot, lambda: "1 to decide" in shown(pilot), "not rejected")
        await pilot.press("h")
        await until(pilot, lambda: "✗ rejected" in shown(pilot), "h does not show it")
        assert "what was rejected or merged is shown too" in shown(pilot)
        await pilot.press("h")
        await until(pilot, lambda: "✗ rejected" not in shown(pilot), "h does not hide it")
        assert "what was rejected or merged is hidden" in shown(pilot)
    decided = [row for row in stage.scenarios(workspace) if row.state != "proposed"]
    assert {(row.state, row.reviewer, row.reason, row.source) for row in decided} == {
        ("approved", "ana", "seen", "human"), ("rejected", "ana", "noise", "human"),
    }  # fmt: skip
    assert decided[0].state != "approved" or (workspace.root / "rubrics" / f"{decided[0].rubric['name']}.yaml").exists()


async def test_escape_decides_nothing(workspace: Workspace) -> None:
    async with StillApp(workspace, start="scenarios").run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "3 to decide" in shown(pilot), "not read")
        await pilot.press("a", *"words", "escape", "r", "escape", "m", "escape")
        await pilot.pause(0.2)
    assert {state for _, state in states(workspace)} == {"proposed"}


async def test_merging_makes_one_of_two(workspace: Workspace) -> None:
    async with StillApp(workspace, start="scenarios").run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "3 to decide" in shown(pilot), "not read")
        await pilot.press("m")
        await until(pilot, lambda: "merge scenario" in shown(pilot), "no list")
        await pilot.press("enter")
        await until(pilot, lambda: ": why" in shown(pilot), "no question")
        await pilot.press(*"same", "enter")
        await until(pilot, lambda: "2 to decide" in shown(pilot), "not merged")
    assert sorted(state for _, state in states(workspace)) == ["merged", "proposed", "proposed"]


async def test_an_empty_list_says_what_to_do(tmp_path: Path) -> None:
    async with StillApp(make(tmp_path, count=2), start="scenarios").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "scenario add FILE" in shown(pilot), "nothing is said")


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-light", "flywheel-mono"])
def test_how_it_looks(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "3 to decide" in shown(pilot) and "drafted rubric" in shown(pilot), "not read")
        await pilot.pause(0.2)

    assert snap_compare(StillApp(filled(tmp_path), theme=theme, start="scenarios"), terminal_size=size, run_before=read)
