"""The validation screens with real keys: dialog, report, findings in Browse and Label, bulk."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fixtures_workspace import StillApp
from pilots import press, sees, settle, shown, until
from textual.widgets import Input
from torture import ROOT
from validation_workspace import app_at, checked

from flywheel_tui.jobs.runner import run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.store import claims
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.bindings import GROUPS, show_key
from screens.browse import BrowseScreen
from screens.findings_panel import FindingsPanel
from screens.label import LabelScreen
from screens.validate_dialog import CheckPicker, ValidateDialog
from screens.validation import ValidationScreen
from screens.widgets.pair_pane import PairPane


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


def work_off(workspace: Workspace) -> None:
    """What a worker would do, here and now."""
    with Workspace.open(workspace.root) as mine:
        job = claims.claim(mine.store, "test")
        assert job is not None
        run_claimed(mine, Task(mine.store, job), lease_s=30, every_s=5)


# -- the dialog -------------------------------------------------------------------------------------------------------


async def test_v_on_datasets_asks_and_starts_a_job(tmp_path: Path) -> None:
    workspace = checked(tmp_path, run=False)
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValidateDialog))
        await settle(pilot)
        picker = pilot.app.screen.query_one(CheckPicker)
        assert "dedup" in picker.ticked
        assert "contamination" not in picker.ticked
        assert "personal data" in shown(pilot)
        await press(pilot, "a", "a")
        assert picker.ticked == set()
        await press(pilot, "enter")
        assert "tick at least one check" in shown(pilot)
        names = [choice.name for choice in picker._choices]
        await press(pilot, *["down"] * names.index("pii"), "space", "p", "p", "p", "p", "w")
        assert picker.ticked == {"pii"}
        await press(pilot, "enter")
        await settle(pilot)
        [job] = queue.list_jobs(workspace.store)
        assert job.kind == "validate"
        assert job.args["checks"] == ["pii"]
        assert (job.args["pii_policy"], job.args["again"], job.args["dataset"]) == ("off", True, "mail")


async def test_a_run_is_told_and_fills_the_column(tmp_path: Path) -> None:
    workspace = checked(tmp_path, run=False)
    async with StillApp(workspace).run_test(size=(120, 40)) as pilot:
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValidateDialog))
        await press(pilot, "enter")
        await until(pilot, lambda: bool(queue.list_jobs(workspace.store)))
        await until(pilot, lambda: "validate queued" in shown(pilot))
        work_off(workspace)
        await until(pilot, lambda: "Validated mail" in " ".join(n.message for n in pilot.app._notifications))
        [told] = [n.message for n in pilot.app._notifications if "Validated mail" in n.message]
        await settle(pilot)
        [row] = [line for line in shown(pilot).splitlines() if line.startswith(" mail")]
        found = workspace.store.read().execute("SELECT count(*) FROM pair_current WHERE findings > 0").fetchone()[0]
        assert found
        assert f" {found} " in row
        of_all = next(line for line in queue.list_jobs(workspace.store)).result["pairs"]
        assert f"Validated mail: {found} of {of_all} pairs have findings" in told
        await pilot.app.go("validation")
        await sees(pilot, f"{found} of {of_all} pairs have findings")


async def test_what_is_typed_in_the_dialog_is_checked(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValidateDialog))
        pilot.app.screen.query_one("#where", Input).value = "length <"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ValidateDialog)
        assert "expected" in shown(pilot) or "missing" in shown(pilot) or "ends" in shown(pilot)
        pilot.app.screen.query_one("#where", Input).value = "length < 50"
        await press(pilot, "enter")
        await settle(pilot)
        [job] = queue.list_jobs(workspace.store)
        assert job.args["where"] == "length < 50"
        assert job.args["checks"] == sorted(["dedup", "neardup", "pii", "unicode", "schema", "length"])


# -- the report -------------------------------------------------------------------------------------------------------


async def test_an_empty_report_says_what_to_do(tmp_path: Path) -> None:
    async with app_at(checked(tmp_path, run=False), "validation").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Press v to choose checks" in shown(pilot)
        await press(pilot, "v")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValidateDialog))


async def test_without_a_data_set_the_report_asks_for_one(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "w", create=True)
    async with StillApp(workspace, start="validation").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "No data set is chosen" in shown(pilot)


async def test_a_row_tells_pairs_by_severity_and_when(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        [row] = [line for line in text.splitlines() if line.startswith(("  dedup", "› dedup"))]
        assert re.search(r"dedup +3 +2 +– +1", row), row
        assert "2 min ago" in row or "90 s ago" in row or "1 min ago" in row, row
        assert "have findings" in text
        assert "Findings by check" in text
        assert "for example" in text
        await press(pilot, "c")
        assert "Lengths in characters" in shown(pilot)
        assert "characters, from" in shown(pilot)


async def test_enter_opens_browse_on_exactly_these_pairs(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ValidationScreen)
        while screen.checks.current.name != "dedup":
            await press(pilot, "down")
        await press(pilot, "right", "enter")
        browse = pilot.app.screen
        assert isinstance(browse, BrowseScreen)
        assert browse.state.query.filter == "'dedup:error' in findings"
        assert browse.table.count == 2
        assert browse.has_class("-findings")
        assert "✗ error dedup" in shown(pilot)
        await press(pilot, "escape")
        assert pilot.app.current_mode == "validation"
        await press(pilot, "right", "enter")
        assert pilot.app.current_mode == "validation"
        assert "no pairs" in shown(pilot)


async def test_the_report_is_written(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "here.json"
    async with app_at(workspace, "validation").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "e")
        pilot.app.screen.query_one(Input).value = str(target)
        await press(pilot, "enter")
        await until(pilot, target.exists)
        report = json.loads(target.read_bytes())
        assert report["dataset"] == "mail"
        assert report["every_finding"]


async def test_the_report_follows_what_others_write(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        with Workspace.open(workspace.root) as other, other.store.tx() as connection:
            connection.execute("DELETE FROM finding WHERE check_name = 'pii'")
        await until(pilot, lambda: re.search(r"pii +– ", shown(pilot)) is not None)


# -- findings in Browse and Label -------------------------------------------------------------------------------------


async def test_n_goes_through_the_places_and_on_to_the_next_pair(workspace: Workspace) -> None:
    async with app_at(workspace, "browse").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        await press(pilot, "f", *"'pii' in findings", "enter", "F")
        pane = screen.query_one(PairPane)
        assert screen.query_one(FindingsPanel).display
        places = []
        for _ in range(3):
            await press(pilot, "n")
            here = pane.here
            assert here is not None
            assert here.check == "pii"
            text = {"output": pane.pair.output, "input": pane.pair.input}[here.field]
            places.append(text[here.start : here.end])
            marked = [span for span in pane._content.spans if str(span.style) == "bold reverse"]
            assert [pane._content.plain[span.start : span.end] for span in marked] == [places[-1]]
        assert places == ["bob.miller@example.com", "amy@example.org", "amy.jones@example.com"]
        assert screen.table.cursor == 1
        await press(pilot, "N")
        assert screen.table.cursor == 0
        await press(pilot, "n", "n", "n")
        assert "no more findings" in shown(pilot)


async def test_s_shows_only_pairs_like_this_one(workspace: Workspace) -> None:
    async with app_at(workspace, "browse").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        await press(pilot, "s")
        assert "no check found anything" in shown(pilot)
        await press(pilot, "n", "s")
        assert screen.state.query.filter == "'dedup' in findings"
        assert screen.table.count == 3
        await press(pilot, "s")
        assert screen.state.query.filter is None
        assert screen.table.count == 20


async def test_hidden_characters_keep_the_highlight_in_its_place(workspace: Workspace) -> None:
    async with app_at(workspace, "browse").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "f", *"'unicode' in findings", "enter", "n")
        pane = pilot.app.screen.query_one(PairPane)
        marked = [span for span in pane._content.spans if str(span.style) == "bold reverse"]
        assert [pane._content.plain[span.start : span.end] for span in marked] == ["<U+202E>"]


async def test_label_steps_through_findings_and_says_them(workspace: Workspace) -> None:
    app = StillApp(workspace, dataset="mail")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await app.open_label(ViewQuery(dataset="mail", filter="'pii' in findings", reviewer="ana"))
        screen = app.screen
        assert isinstance(screen, LabelScreen)
        await until(pilot, lambda: screen.state is not None and screen.state.card is not None)
        await press(pilot, "greater_than_sign")
        await screen.settled()
        await pilot.pause()
        assert "1/2 ✗ error pii in output" in shown(pilot)
        await press(pilot, "greater_than_sign", "greater_than_sign")
        await screen.settled()
        await pilot.pause()
        assert "1/2" in shown(pilot)
        await press(pilot, "F")
        await screen.settled()
        await pilot.pause()
        assert shown(pilot).count("✗ error pii") == 2
        await press(pilot, "escape")
        await screen.settled()
        await pilot.pause()
        assert "bob.miller@example.com" in shown(pilot)
        await press(pilot, "j", "greater_than_sign")
        await screen.settled()
        await pilot.pause()
        assert "pii in input" in shown(pilot)


# -- the page about it ------------------------------------------------------------------------------------------------


def test_every_key_is_on_the_page() -> None:
    page = re.sub(r"```.*?```", "", (ROOT / "docs" / "validation.md").read_text("utf-8"), flags=re.DOTALL)
    acts = [act for group in ("validation", "duplicates") for act in GROUPS[group][1]]
    assert set(re.findall(r"`((?:validation|duplicates)\.\w+)`", page)) == {act.id for act in acts}
    words = {word for span in re.findall(r"`([^`]+)`", page) for word in span.split()}
    for act in acts:
        for key in act.keys.split(","):
            assert show_key(key) in words, f"{act.id}: {key}"


async def test_the_line_about_a_data_set_is_never_cut_within_a_word(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert "pairs have findings" in shown(pilot) and "looked" in shown(pilot).splitlines()[1]
        for width in (80, 70):
            await pilot.resize_terminal(width, 24)
            await settle(pilot)
            line = shown(pilot).splitlines()[1].rstrip()
            assert line.endswith("info") and len(line) <= width, line
