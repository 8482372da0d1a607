"""Gate with real keys on real evidence: every view, promote, refuse, override, roll back, verify, blind comparison."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from evaluation_helpers import tasks_file, training_pairs, use_models
from factories import make_workspace
from fixtures_workspace import StillApp
from loop_workspace import HOSTILE, bundle, judged, skilled
from pilots import sees, settle, shown, until
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from flywheel_tui.stages.gate import ab, approve, blind, desk, in_use
from flywheel_tui.store import blind_tests
from flywheel_tui.store import gate as store
from flywheel_tui.workspace import Workspace

Compare = Callable[..., bool]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The workspace of these tests, made once."""
    folder = tmp_path_factory.mktemp("gate")
    with pytest.MonkeyPatch.context() as monkeypatch:
        judged(folder, monkeypatch).close()
    yield folder / "work"


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(made, tmp_path / "work")
    with Workspace.open(tmp_path / "work") as opened:
        yield opened


def used(workspace: Workspace) -> list[str]:
    return [one.adapter for one in in_use(workspace)]


def decided(workspace: Workspace) -> list[tuple[str, bool, str, str]]:
    """What was decided in these tests, the newest first."""
    found = store.decisions(workspace.store.read())[:-1]
    return [(one.action, one.override, one.reviewer, one.reason) for one in found]


async def test_every_view_of_the_evidence(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "3 to decide", "in use: a2 for tiny", "G1 ✓ PASS", "G7 ! INCONCLUSIVE", "a promotes")
        await pilot.press("2")
        await sees(pilot, "a3 beside a2", "+20.0 [+13.3, +28.9]", "✓ better", "perplexity")
        await pilot.press("tab")
        await sees(pilot, "what triggered it", "demo: rows: 6", "costs", "Python 3.12")
        await pilot.press("5")
        await sees(pilot, "tone", "= locked", "12 of 40 outcomes", "sealed of 6", "b puts the base alone back")
        await pilot.press("1", "down")
        await sees(pilot, "✗ FAIL", "not better by")
        await pilot.press("down")
        await sees(pilot, "G2 ! INCONCLUSIVE", "missing: confirmed past failures")


async def test_a_test_that_is_over_shows_its_outcome(workspace: Workspace) -> None:
    for number in range(12, 40):
        ab.record(workspace, "tone", f"user {number}", number % 2)
    async with StillApp(workspace, start="gate").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("5")
        await sees(pilot, "40 of 40 outcomes", "difference", "no difference found")
        assert "sealed of" not in shown(pilot)


async def test_promote_with_a_reason_and_roll_back(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(120, 36)) as pilot:
        await sees(pilot, "3 to decide", "G1 ✓ PASS")
        await pilot.press("a")
        await sees(pilot, "promote a3: why")
        await pilot.press("enter")
        await sees(pilot, "a reason is needed")
        await pilot.press("space", "enter")
        await pilot.pause(0.2)
        assert decided(workspace) == []
        await pilot.press(*"good", "enter")
        await sees(pilot, "in use: a3 for tiny", "✓ in use", "2 to decide", "promoted by ana")
        assert decided(workspace) == [("approve", False, "ana", "good")]
        await pilot.press("a")  # it is in use: there is nothing to promote
        await pilot.pause(0.2)
        assert "why" not in shown(pilot).splitlines()[-1] and len(pilot.app.screen_stack) == 1
        await pilot.press("b")
        await sees(pilot, "take back a3: why", "a2 is in use again then")
        await pilot.press(*"worse", "enter")
        await sees(pilot, "in use: a2 for tiny", "↷ rolled back  ana", "rolled back a3 to a2 by ana")
    assert used(workspace) == ["a2"]
    assert decided(workspace)[0] == ("rollback", False, "ana", "worse")


async def test_refuse(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("down", "r")
        await sees(pilot, "refuse a1: why")
        await pilot.press("enter", *"bad", "enter")
        await sees(pilot, "2 to decide", "✗ refused")
    assert decided(workspace) == [("reject", False, "ana", "bad")] and used(workspace) == ["a2"]


async def test_against_the_verdict_only_by_an_override_that_is_said(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(100, 36)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("down", "a")
        await sees(pilot, "override the gate?", "The verdict is FAIL, not PASS.", "kept for good")
        await pilot.press("enter")  # the focus is on the safe answer
        await until(pilot, lambda: "override" not in shown(pilot), "still asked")
        assert decided(workspace) == []
        await pilot.press("a", "y")
        await sees(pilot, "promote a1 against FAIL: why")
        await pilot.press(*"haste", "enter")
        await sees(pilot, "in use: a1 for tiny")
        await sees(pilot, "against the verdict FAIL")
    assert decided(workspace) == [("approve", True, "ana", "haste")]


async def test_compared_with_another_than_is_in_use_asks_for_an_override(workspace: Workspace) -> None:
    # while the screen is open somebody else promotes a3: a PASS is no longer one beside what is in use
    rows = {row.adapter: row for row in store.bundles(workspace.store.read())}
    approve(workspace, rows["a1"].hash, reviewer="bo", reason="in a hurry", override=True)
    async with StillApp(workspace, start="gate").run_test(size=(100, 36)) as pilot:
        await sees(pilot, "in use: a1")
        await pilot.press("a")
        await sees(pilot, "promote a3: why")
        await pilot.press(*"good", "enter")
        await sees(pilot, "The gate is shut.", "compared with a2, but a1 is in use")
        await pilot.press("escape")
        await pilot.pause(0.3)
        assert used(workspace) == ["a1"]
        await pilot.press("a")
        await sees(pilot, "promote a3: why")
        await pilot.press(*"good", "enter")
        await sees(pilot, "The gate is shut.")
        await pilot.press("y")
        await sees(pilot, "in use: a3 for tiny")
    assert decided(workspace)[0] == ("approve", True, "ana", "good")


async def test_escape_decides_nothing(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("a", *"words", "escape", "r", *"words", "escape", "b", *"words", "escape")
        await pilot.press("B", "escape", "down", "a", "escape", "a", "y", *"words", "escape")
        await pilot.pause(0.3)
    assert decided(workspace) == [] and used(workspace) == ["a2"]
    assert blind_tests.blind_tests(workspace.store.read()) == []


async def test_a_changed_byte_is_named_and_nothing_is_decided_on_it(workspace: Workspace) -> None:
    newest = store.bundles(workspace.store.read())[0]
    async with StillApp(workspace, start="gate").run_test(size=(120, 36)) as pilot:
        await sees(pilot, "not verified in this sitting")
        await pilot.press("v")
        await sees(pilot, "✓ verified:", "hold")
        file = workspace.root / newest.folder / "results.json"
        file.write_bytes(file.read_bytes().replace(b"0.6", b"0.9", 1))
        await pilot.press("v")
        await sees(pilot, "DOES NOT HOLD", "results.json: is not what was sealed")
        await pilot.press("a")
        await sees(pilot, "promote a3: why")
        await pilot.press(*"go", "enter")
        said = "nothing is decided on evidence that was changed"
        await until(pilot, lambda: said in " ".join(one.message for one in pilot.app._notifications), "not refused")
        (workspace.root / newest.folder / "evaluation.json").write_bytes(b"{")
        await pilot.press("v")
        await sees(pilot, "the evidence cannot be read", "G1 ✓ PASS")
    assert decided(workspace) == []


async def test_blind_comparison_through_to_its_result(workspace: Workspace) -> None:
    app = StillApp(workspace, start="gate")
    async with app.run_test(size=(100, 30)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("B", "backspace", "backspace", "0", "enter")
        await sees(pilot, "a number from 1 up")
        await pilot.press("backspace", "4", "enter")
        await sees(pilot, "1 of 4", "Left · h", "Right · l")
        assert "a3" not in shown(pilot) and "win rate" not in shown(pilot)
        await pilot.press("h")
        await sees(pilot, "2 of 4", "kept: left")
        await pilot.press("escape")
        await sees(pilot, "1 of 4 chosen; sealed")
        assert "win rate" not in shown(pilot)
        await pilot.press("B")
        await sees(pilot, "2 of 4", "Left · h")
        for key, words in (("l", "3 of 4"), ("equals_sign", "4 of 4"), ("x", "all 4 are chosen")):
            await pilot.press(key)
            await sees(pilot, words)
        await sees(pilot, "win rate", "95 % interval")
        await pilot.press("h")
        await sees(pilot, "h does nothing here")
        await pilot.press("escape")
        await sees(pilot, "blind comparisons", "win rate")
    (row,) = blind_tests.blind_tests(workspace.store.read())
    assert row.reviewer == "ana" and row.done == 4
    chosen = {one.key: one for one in blind_tests.choices(workspace.store.read(), row.id)}
    assert [chosen[key].choice for key in row.keys] == ["first", "second", "tie", "neither"]
    for key in row.keys:
        assert chosen[key].flipped == blind.flipped(row.seed, key)
    (found,) = desk.sittings(workspace, row.evaluation_id)
    assert found.over and (found.ties, found.both_bad) == (1, 1)


async def test_a_key_before_the_next_answers_are_seen_chooses_nothing(workspace: Workspace) -> None:
    async with StillApp(workspace, start="gate").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "3 to decide")
        await pilot.press("B", "enter")
        await sees(pilot, "1 of 30")
        await pilot.press("h", "h", "h")
        await settle(pilot)
        number = blind_tests.blind_tests(workspace.store.read())[0].done
        await sees(pilot, f"{number + 1} of 30")
        assert 1 <= number <= 3


def wordy(adapter: str, prompt: str) -> str:
    return f"The answer to this question is {'newly' if adapter else 'formerly'} known"


async def test_the_words_that_differ_are_marked_and_the_sides_follow_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, wordy)
    tasks_file(tmp_path / "tasks.jsonl", {"add": 12})
    workspace = make_workspace(tmp_path / "work", training_pairs())
    bundle(workspace, "a1")
    async with StillApp(workspace, start="gate").run_test(size=(100, 30)) as pilot:
        await sees(pilot, "1 to decide")
        await pilot.press("B")
        await sees(pilot, "compare how many")
        await pilot.press("enter")
        await sees(pilot, "1 of 12", "Left · h")
        sides = set()
        for number in range(1, 13):
            await sees(pilot, f"{number} of 12")
            (row,) = blind_tests.blind_tests(workspace.store.read())
            first, second = (
                ("formerly", "newly") if blind.flipped(row.seed, row.keys[number - 1]) else ("newly", "formerly")
            )
            for name, word in (("left", first), ("right", second)):
                content = pilot.app.screen.query_one(f"#blind-{name}").query_one(Static).content
                assert isinstance(content, Content)
                marked = [
                    content.plain[span.start : span.end] for span in content.spans if "underline" in str(span.style)
                ]
                assert marked == [word]
            sides.add(first)
            await pilot.press("h" if first == "newly" else "l")
        await sees(pilot, "the candidate is preferred", "candidate 12, base 0, ties 0, both bad 0 of 12")
        assert sides == {"newly", "formerly"}


async def test_hostile_words_are_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, skilled)
    tasks_file(tmp_path / "tasks.jsonl", {"so[/b\x1b[31m": 30, "[@click=app.quit]x[/]": 30})
    workspace = make_workspace(tmp_path / "work", training_pairs())
    made = bundle(workspace, HOSTILE, "a1")
    approve(workspace, made.hash, reviewer="b\x1b]0;x\x07[/b", reason=f"{HOSTILE}[/]", override=True)
    async with StillApp(workspace, start="gate").run_test(size=(140, 40)) as pilot:
        await sees(pilot, "[@click=app.quit]x [INST] [b", "[/b")
        for key in "2345":
            await pilot.press(key)
            await pilot.pause(0.4)
            assert "\x1b" not in shown(pilot) and "\x07" not in shown(pilot)
        await pilot.press("2")
        await sees(pilot, "so[/b", "[@click=app.qu")
        await pilot.press("B", "enter")
        await sees(pilot, "Left · h", "1 of 30")
        assert pilot.app.is_running


async def test_nothing_to_decide_says_what_to_do(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "work", training_pairs())
    async with StillApp(workspace, start="gate").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "No evidence has been gathered yet", "flywheel evaluate")
        await pilot.press("a", "b", "v", "B", "r")
        await pilot.pause(0.2)
        assert len(pilot.app.screen_stack) == 1


SIZES = pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))


@SIZES
@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-mono"])
def test_how_it_looks(snap_compare: Compare, workspace: Workspace, theme: str, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "3 to decide", "G1 ✓ PASS")
        await pilot.pause(0.2)

    assert snap_compare(StillApp(workspace, theme=theme, start="gate"), terminal_size=size, run_before=read)


@SIZES
@pytest.mark.parametrize("view", [2, 5])
def test_how_its_views_look(snap_compare: Compare, workspace: Workspace, view: int, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "3 to decide", "G1 ✓ PASS")
        await pilot.press(str(view))
        await sees(pilot, "a3 beside a2" if view == 2 else "12 of 40 outcomes")
        await pilot.pause(0.2)

    assert snap_compare(StillApp(workspace, start="gate"), terminal_size=size, run_before=read)


@SIZES
def test_how_choosing_blind_looks(snap_compare: Compare, workspace: Workspace, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await sees(pilot, "3 to decide")
        await pilot.press("B", "enter")
        await sees(pilot, "1 of 30", "Left · h")
        await pilot.pause(0.2)

    assert snap_compare(StillApp(workspace, start="gate"), terminal_size=size, run_before=read)
