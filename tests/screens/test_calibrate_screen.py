"""Calibrate with real keys: the threshold, the cells and their pairs, what counts, settling, keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from calibrate_workspace import calibrated, ids_of, label
from fixtures_workspace import StillApp, add, drafts
from judged import judged
from pilots import press, sees, settle, shown
from textual.pilot import Pilot

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.judgment import Verdict
from flywheel_tui.stages.calibrate import calibrate, kept_calibrations, labelled, pairs_in
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.calibrate import CalibrateScreen
from screens.calibrate_matrix import facts_line


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return calibrated(tmp_path)


def app_on(workspace: Workspace, dataset: str = "demo") -> StillApp:
    return StillApp(workspace, dataset=dataset, start="calibrate")


def screen_of(pilot: Pilot[None]) -> CalibrateScreen:
    screen = pilot.app.screen
    assert isinstance(screen, CalibrateScreen)
    return screen


async def test_it_opens_on_the_newest_run_with_figures_and_a_sentence(workspace: Workspace) -> None:
    expected = calibrate(workspace, "demo", CalibrateOptions(tag="judge_b"), keep=False)
    assert expected.counts is not None
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        assert "judge_b" in text and "blind only" in text and "unreadable: left out" in text
        assert " ".join(expected.headline.split())[:60] in " ".join(text.split())
        for count in (expected.counts.tp, expected.counts.fp, expected.counts.tn, expected.counts.fn):
            assert f"{count} " in text
        assert "None yet" in text or "proven" in text, "the guarantee is answered"


async def test_the_threshold_moves_everything_at_once(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "the judge's own word" in shown(pilot)
        await press(pilot, "home")
        first = screen_of(pilot)._line
        assert first is not None
        await press(pilot, "right")
        line = screen_of(pilot)._line
        assert line is not None and line > first
        expected = calibrate(workspace, "demo", CalibrateOptions(tag="judge_b", threshold=line), keep=False)
        assert expected.counts is not None and expected.rates["precision"].value is not None
        text = shown(pilot)
        assert f"threshold {line:g}" in text
        assert f"{expected.rates['precision'].value:.3f}".replace("0.", ".", 1) in text
        assert f"At {line:g} this judge is right about" in text
        await press(pilot, "o")
        assert "the judge's own word" in shown(pilot)


@pytest.mark.parametrize("keys", [(), ("l",), ("j",), ("j", "l"), ("home", "shift+right", "j")])
async def test_enter_opens_exactly_the_pairs_of_a_cell(workspace: Workspace, keys: tuple[str, ...]) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        screen = screen_of(pilot)
        truth, said = (1 - screen._cell[0], 1 - screen._cell[1])
        read = labelled(workspace, "demo", CalibrateOptions(tag="judge_b"), scores=True)
        expected = pairs_in(workspace, read, truth, said, threshold=screen._line)
        assert expected
        await press(pilot, "enter")
        browse = pilot.app.screen
        assert isinstance(browse, BrowseScreen) and browse.state is not None
        assert list(browse.state.view.ids or ()) == expected
        word = {(1, 1): "right pass", (1, 0): "lost pass", (0, 1): "false pass", (0, 0): "right fail"}[truth, said]
        assert word in shown(pilot) and f"{len(expected)} pairs" in shown(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, CalibrateScreen)


async def test_settling_a_false_pass_and_taking_it_back(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "j", "enter")
        browse = pilot.app.screen
        assert isinstance(browse, BrowseScreen) and browse.state is not None
        pair = (browse.state.view.ids or [])[0]
        await press(pilot, "A")
        assert "people said" in shown(pilot) and "in sight" in shown(pilot)
        assert not any(name in shown(pilot) for name in ("ana:", "bo:", "cy:")), "who said it is not shown"
        await press(pilot, "a")
        query = "SELECT status FROM pair_current WHERE id = ?"
        assert workspace.store.read().execute(query, (pair,)).fetchone() == ("approved",)
        event = (
            workspace.store.read()
            .execute("SELECT reviewer, blind, policy FROM label_event WHERE action = 'adjudicate'")
            .fetchone()
        )
        assert event == ("ana", 0, "adjudication")
        await press(pilot, "escape")
        await press(pilot, "b")
        found = calibrate(workspace, "demo", CalibrateOptions(tag="judge_b", include_unblinded=True), keep=False)
        assert found.counts is not None and f"{found.counts.fp} " in shown(pilot) and "+ not blind" in shown(pilot)
        await press(pilot, "enter", "u")
        assert workspace.store.read().execute(query, (pair,)).fetchone() == ("rejected",)


async def test_what_counts_is_switched_and_shown(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "p")
        assert "unreadable: wrong" in shown(pilot)
        assert "could not be read count as wrong" in shown(pilot)
        await press(pilot, "p")
        assert "unreadable: a fail" in shown(pilot)
        await press(pilot, "b", "s", "s", "s")
        assert "+ not blind" in shown(pilot) and "split report" in shown(pilot) and "looked at 1 ×" in shown(pilot)
        await press(pilot, "e")
        assert "edited passes" in shown(pilot)


async def test_labels_of_picked_pairs_count_only_when_asked_for(workspace: Workspace) -> None:
    for pair in ids_of(workspace, "demo")[270:275]:
        label(workspace, pair, "rejected", "ana", policy="near threshold")
    async with app_on(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "5 labels are of pairs that an order picked" in shown(pilot) and "b counts them" in shown(pilot)
        await press(pilot, "b")
        assert "+ picked" in shown(pilot) and "blind only" not in shown(pilot)
        await press(pilot, "b")
        assert "+ not blind" in shown(pilot)
        await press(pilot, "b")
        assert "blind only" in shown(pilot)


async def test_splits_part_the_labels(workspace: Workspace) -> None:
    whole = calibrate(workspace, "demo", CalibrateOptions(tag="judge_b"), keep=False).pairs
    parts = [
        calibrate(workspace, "demo", CalibrateOptions(tag="judge_b", split=split), keep=False).pairs
        for split in ("prompt-dev", "calibrate", "report")
    ]
    assert sum(parts) == whole and all(parts)


async def test_a_kept_threshold_goes_stale_when_labels_change(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "home", "right", "x")
        line = screen_of(pilot)._line
        kept = kept_calibrations(workspace, "demo")
        assert [one.calibration.threshold.value for one in kept if one.calibration.threshold] == [line]
        assert f"kept {line:g}" in shown(pilot) and "holds" in shown(pilot)
        pair = ids_of(workspace, "demo")[250]
        label(workspace, pair, "approved", "ana")
        for _ in range(300):
            await pilot.pause(0.02)
            if "stale: the labels have changed" in shown(pilot):
                break
        assert "stale: the labels have changed" in shown(pilot)
        assert f"kept {line:g} ! stale" in shown(pilot)


VIEWS: tuple[tuple[str, str], ...] = (
    ("2", "threshold (score)"), ("3", "Do scores mean what they say?"), ("4", "Criterion by criterion"),
    ("5", "judge_b and judge_a"), ("6", "ana and bo"), ("7", "Drift from run to run"), ("8", "stand in"),
)  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_every_view_says_what_it_is(workspace: Workspace, size: tuple[int, int]) -> None:
    async with app_on(workspace).run_test(size=size) as pilot:
        await settle(pilot)
        for key, words in VIEWS:
            await press(pilot, key)
            assert words in shown(pilot), key
        await press(pilot, "tab")
        assert screen_of(pilot)._view == 0


async def test_preferences_have_a_matrix_of_answers_and_no_threshold(workspace: Workspace) -> None:
    async with app_on(workspace, "prefs").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        assert "no threshold" in text and "tie" in text and "AC1" in text
        await press(pilot, "p", "p")
        assert "unreadable: a tie" in shown(pilot)
        await press(pilot, "right")
        assert "does nothing here" in shown(pilot)


async def test_without_runs_it_says_what_to_do(tmp_path: Path) -> None:
    from fixtures_workspace import make

    async with app_on(make(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "No judge has looked at demo yet" in shown(pilot)
        await press(pilot, "enter", "right", "x", "b")
        assert "No judge has looked at demo yet" in shown(pilot)


async def test_without_runs_the_key_it_names_has_one_made(tmp_path: Path) -> None:
    from fixtures_workspace import make

    async with app_on(make(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Press J to have it judged, or run:  flywheel judge" in shown(pilot)
        await press(pilot, "J")
        await sees(pilot, "judge demo", "back end")
        await press(pilot, "escape")
        await sees(pilot, "No judge has looked at demo yet")


async def test_without_a_data_set_it_offers_only_the_key_that_chooses_one(workspace: Workspace) -> None:
    async with StillApp(workspace, start="calibrate").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "Press D to choose one")
        assert "J judge" not in shown(pilot)
        await press(pilot, "J")
        assert "J does nothing here" in shown(pilot)
        await press(pilot, "D")
        await sees(pilot, "enter takes it")


def test_a_run_named_after_its_judge_is_named_once_and_what_counts_fits(workspace: Workspace) -> None:
    found = calibrate(workspace, "demo", CalibrateOptions(tag="judge_b"))
    same = msgspec.structs.replace(found, tag="offline:rules-1", judge="offline:rules-1")
    told = facts_line(same, changed=False).plain
    assert told.count("offline:rules-1") == 1 and told.endswith("unreadable: left out") and len(told) <= 80
    assert "judge_b" in facts_line(found, changed=False).plain and found.judge in facts_line(found, changed=False).plain


async def test_that_nobody_has_labelled_is_not_said_as_one_person(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "work", create=True)
    add(workspace, "demo", drafts(5))
    judged(workspace, "alone", {pair: Verdict(passed=True, score=8.0) for pair in ids_of(workspace, "demo")})
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "6")
        await sees(pilot, "No person has labelled here")
        assert "One person" not in shown(pilot)


async def test_another_judge_and_another_data_set(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "J", "down", "enter")
        assert "scripted:judge_a" in shown(pilot)
        await press(pilot, "D", "down", "enter")
        assert "pairwise" in shown(pilot)


async def test_a_threshold_is_answered_without_the_database(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "home")
        asked: list[str] = []
        read = workspace.store.read

        def watched() -> object:
            asked.append("read")
            return read()

        monkeypatch.setattr(workspace.store, "read", watched)
        screen_of(pilot).action_move(1)
        screen_of(pilot).action_cell(1, 0)
        assert not asked


async def test_while_it_reads_it_says_so_and_keys_answer(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    from flywheel_tui.stages import calibrate_desk

    go_on, real = threading.Event(), calibrate_desk.open_desk

    def slow(*args: Any, **options: Any) -> Any:
        go_on.wait(20)
        return real(*args, **options)

    monkeypatch.setattr(calibrate_desk, "open_desk", slow)
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if "Measuring judge_b" in shown(pilot):
                break
        assert "Measuring judge_b against people" in shown(pilot) and "300 pairs" in shown(pilot)
        await pilot.press("right", "enter", "x", "f2")
        assert "theme" in shown(pilot), "a key is answered meanwhile"
        go_on.set()
        await settle(pilot)
        assert "right pass" in shown(pilot)
