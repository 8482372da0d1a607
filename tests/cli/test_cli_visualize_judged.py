"""`flywheel visualize`: the charts of what judges said, in small real workspaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from factories import add_pairs, pair_ids, say, sft
from judged import judged

from flywheel_tui.cli import cli
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.chart import Chart
from flywheel_tui.records.judgment import Verdict
from flywheel_tui.stages import charts as chart_stage
from flywheel_tui.stages import charts_judged
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.chart_files import page, write_charts
from flywheel_tui.stages.compare import Asked, compare
from flywheel_tui.workspace import Workspace

HOSTILE = "$x^2 <script>alert(1)</script> \x1b[2J"
JUDGED = ("pass_fail", "scores", "criteria", "judge_agreement", "calibration")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "ws", create=True) as opened:
        add_pairs(opened, sft(120))
        yield opened


@pytest.fixture
def measured(workspace: Workspace) -> Workspace:
    """Two runs, the newest under a hostile name, and two people: ana on 100 pairs blind, ben on 10 of them."""
    ids = pair_ids(workspace)
    for at, pair in enumerate(ids[:100]):
        say(workspace, pair, "approved" if at % 2 else "rejected", blind=True)
    for at, pair in enumerate(ids[:10]):
        say(workspace, pair, "approved" if at % 2 else "rejected", reviewer="ben <b>", blind=True)
    judged(workspace, "first", {pair: 9 if at % 3 else 2 for at, pair in enumerate(ids)}, identity="one")
    said = {
        pair: Verdict(
            passed=bool(at % 2) ^ (at % 10 == 0), score=4.0 + 3 * (at % 2) + at % 3,
            scores={HOSTILE: float(at % 5), "yes": 1.0, "never": None}, answers={"yes": "YES"},
        )
        for at, pair in enumerate(ids[:-3])
    }  # fmt: skip
    judged(workspace, HOSTILE, said | dict.fromkeys(ids[-3:], "timeout"), identity="two")
    return workspace


def chart(workspace: Workspace, name: str, dataset: str = "demo") -> Chart:
    return chart_stage.charts(workspace, dataset, [name])[0]


def test_all_are_drawn_and_hostile_names_do_nothing(measured: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = chart_stage.charts(measured, "demo", JUDGED)
    written = write_charts(drawn, tmp_path / "one", "demo")
    again = write_charts(chart_stage.charts(measured, "demo", JUDGED), tmp_path / "two", "demo")
    assert [path.name for path in written] == [*(f"{name}.png" for name in JUDGED), "index.html"]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]
    text = written[-1].read_text("utf-8")
    tags: list[str] = []
    images: list[dict[str, str | None]] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            if tag == "img":
                images.append(dict(attrs))

    Parser().feed(text)
    assert "script" not in tags and "b" not in tags and "\x1b" not in text
    assert "&lt;script&gt;" in text and "ben &lt;b&gt;" in text
    assert [image["src"] for image in images] == [f"{name}.png" for name in JUDGED]
    assert all(image["alt"] for image in images)
    assert "nan" not in text


def test_the_command_draws_them_and_says_them_as_json(measured: Workspace) -> None:
    pytest.importorskip("matplotlib")
    base = ["-w", str(measured.root), "visualize", "-d", "demo", "--only", ",".join(JUDGED)]
    result = CliRunner().invoke(cli, base)
    assert "Wrote 5 charts" in result.stdout and "nothing to show" not in result.stderr, result.output
    report = json.loads(CliRunner().invoke(cli, [*base, "--plain", "--json"]).stdout)
    assert [one["name"] for one in report] == list(JUDGED)
    for how in ("--plain", "--plot"):
        shown = CliRunner().invoke(cli, [*base, how])
        assert shown.exit_code == 0 and "\x1b" not in shown.stdout, shown.output
        assert "kappa" in shown.stdout and "people: fail" in shown.stdout


def test_passes_and_fails_are_counted_beside_people(measured: Workspace) -> None:
    found = chart(measured, "pass_fail")
    assert found.labels[:2] == ("people", "first")
    rows = {name: dict(zip(found.labels, values, strict=True)) for name, values in found.series.items()}
    newest = found.labels[2]
    assert rows["approved"]["people"] == rows["rejected"]["people"] == 50
    assert (rows["pass"]["first"], rows["fail"]["first"], rows["no verdict"]["first"]) == (80, 40, 0)
    assert rows["no verdict"][newest] == 3
    assert rows["pass"][newest] + rows["fail"][newest] == 117
    assert rows["pass"]["people"] == rows["approved"]["first"] == 0


def test_each_run_has_its_own_histogram(measured: Workspace) -> None:
    first, newest = chart(measured, "scores").panels
    assert dict(zip(first.labels, first.series["verdicts"], strict=True)) == {
        "2": 40, "3": 0, "4": 0, "5": 0, "6": 0, "7": 0, "8": 0, "9": 80,
    }  # fmt: skip
    assert sum(newest.series["verdicts"]) == 117


@pytest.mark.parametrize(
    ("scores", "bars"),
    [([0.5], 1), ([0.5, 0.5], 1), ([0.0, 0.25, 1.0], 10), ([-1.7e308, 0.5, 1.7e308], 10), ([1.0, 500.0], 10)],
)
def test_no_score_is_lost_between_the_bars(scores: list[float], bars: int) -> None:
    found = charts_judged._histogram("t", np.array(scores))
    assert len(found.labels) == bars
    assert sum(found.series["verdicts"]) == len(scores)
    assert found.series["verdicts"][0] >= 1 and found.series["verdicts"][-1] >= 1


def test_criteria_have_means_with_intervals(measured: Workspace) -> None:
    found = chart(measured, "criteria")
    assert "first" in found.note
    [panel] = found.panels
    assert panel.labels[1] == "yes" and len(panel.labels) == 2
    assert panel.series["mean"][0] == pytest.approx(np.mean([at % 5 for at in range(117)]))
    assert panel.low["mean"][0] < panel.series["mean"][0] < panel.high["mean"][0]
    # all said yes: still no proof that all others would
    assert panel.series["mean"][1] == 1 and 0.9 < panel.low["mean"][1] < 1
    assert panel.texts["mean"][1].endswith("n=117")


def test_scores_that_are_alike_claim_no_interval(workspace: Workspace) -> None:
    said = {pair: Verdict(passed=False, score=0.0, scores={"clear": 0.0}) for pair in pair_ids(workspace)}
    judged(workspace, "flat", said)
    found = chart(workspace, "criteria")
    assert not found.empty, "a mean of 0 is something to show"
    assert found.panels[0].texts["mean"] == ("0.00 n=120",)
    assert np.isnan(found.panels[0].low["mean"][0])


def test_agreement_is_that_of_compare(measured: Workspace) -> None:
    found = chart(measured, "judge_agreement")
    tags = ("first", HOSTILE)
    lines = compare(measured, "demo", Asked(tags=tags, reviewers=("ana", "ben <b>")), write=False).matrix
    assert not (measured.root / "reports" / "demo" / "compare.json").exists()
    names = {"first": "1", HOSTILE: "2", "ana": "3", "ben <b>": "4"}
    assert [label[0] for label in found.labels] == ["2", "3", "4"]
    shown = {
        (label[0], column[0]): (values[at], found.said(column, at))
        for column, values in found.series.items() for at, label in enumerate(found.labels)
    }  # fmt: skip
    for line in lines:
        value, text = shown[names[line.second], names[line.first]]
        assert value == line.agreement.value
        assert text.startswith(f"{line.agreement.value:.0%}, kappa") and text.endswith(f"n={line.n}")
    assert sum(text == "" for _, text in shown.values()) == 3, "the upper half is empty"


def test_calibration_is_that_of_calibrate_for_the_newest_run(measured: Workspace) -> None:
    found = chart(measured, "calibration")
    curve, table = found.panels
    counts = calibrate(measured, "demo", CalibrateOptions(tag=HOSTILE), keep=False).counts
    assert counts is not None
    assert table.labels == ("people: pass", "people: fail")
    assert table.series == {"judge: pass": (counts.tp, counts.fp), "judge: fail": (counts.fn, counts.tn)}
    assert curve.kind == "curve" and len(curve.labels) == len(curve.series["passed"]) > 0
    assert found.note.startswith("Blind labels of people only")
    kept = measured.store.read().execute("SELECT count(*) FROM calibration").fetchone()[0]
    assert kept == 0, "a picture leaves no calibration behind"


def test_labels_with_the_verdict_in_sight_measure_nothing(workspace: Workspace, tmp_path: Path) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", dict.fromkeys(ids, True))
    for pair in ids[:5]:
        say(workspace, pair, "approved", revealed=True)
    found = chart(workspace, "calibration")
    assert found.empty and found.note.startswith("Nothing to measure: all 5 labels were made with the verdict in sight")
    text = page([found], "demo")
    assert "<img" not in text and "Nothing to measure" in text
    people = chart(workspace, "pass_fail")
    assert people.series["approved"][0] == 5 and "blind or not" in people.note


def test_a_preference_set_shows_choices_and_says_what_it_lacks(workspace: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ids = pair_ids(workspace)
    judged(workspace, "duel", {pair: ("a", "b", "tie")[at % 3] for at, pair in enumerate(ids)}, identity="one")
    judged(workspace, "rematch", {pair: ("a", "b")[at % 2] for at, pair in enumerate(ids)}, identity="two")
    for at, pair in enumerate(ids[:12]):
        say(workspace, pair, None, preference=("a", "b", "tie")[at % 3], blind=True)
    drawn = {one.name: one for one in chart_stage.charts(workspace, "demo", JUDGED)}
    assert drawn["pass_fail"].labels == ("people", "duel", "rematch")
    assert drawn["pass_fail"].series == {"prefers a": (4, 40, 60), "prefers b": (4, 40, 60), "tie": (4, 40, 0)}
    assert drawn["scores"].empty and drawn["scores"].note == "no scores (a preference has none): duel, rematch"
    assert "the same preference" in drawn["judge_agreement"].note
    curve, table = drawn["calibration"].panels
    assert curve.empty and "gives no scores to calibrate" in curve.note
    assert "people: tie" in table.labels and "judge: tie" not in table.series
    text = write_charts(list(drawn.values()), tmp_path / "out", "demo")[-1].read_text("utf-8")
    assert "scores.png" not in text and "no scores (a preference has none)" in text


def test_many_runs_show_the_newest_and_say_so(workspace: Workspace) -> None:
    ids = pair_ids(workspace)[:4]
    for number in range(charts_judged.MOST_RUNS + 2):
        judged(workspace, f"run{number:02}", dict.fromkeys(ids, True), identity=str(number))
    found = chart(workspace, "pass_fail")
    assert "the newest 12 of 14 runs" in found.note and found.labels == (
        "people", *(f"run{number:02}" for number in range(2, 14)),
    )  # fmt: skip
    assert "the newest 6 of 14 runs" in chart(workspace, "judge_agreement").note


def test_one_run_alone_has_no_agreement(workspace: Workspace) -> None:
    judged(workspace, "one", dict.fromkeys(pair_ids(workspace), True))
    found = chart(workspace, "judge_agreement")
    assert found.empty and "agreement needs two runs, or a run and a person" in found.note


def test_scripts_take_no_place_of_people_in_the_agreement(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", dict.fromkeys(ids, True))
    for script in range(charts_judged.MOST_PEOPLE):
        for pair in ids[:9]:
            say(workspace, pair, "approved", reviewer=f"bot{script}", source="script", blind=True)
    for number in range(charts_judged.MOST_PEOPLE + 1):
        for pair in ids[number:8]:
            say(workspace, pair, "approved", reviewer=f"p{number}", blind=True)
    found = chart(workspace, "judge_agreement")
    assert found.labels == tuple(f"{at + 2} p{at} (person)" for at in range(4))
    assert "the 4 people with the most labels" in found.note


def test_of_many_scores_the_interval_is_much_the_same_and_quick() -> None:
    scores = [5 + np.sin(at) for at in range(charts_judged.MANY)]
    versions = list(range(charts_judged.MANY))
    many = charts_judged._mean(versions, scores, {}, False)
    fewer = charts_judged._mean(versions[1:], scores[1:], {}, False)
    alike = charts_judged._mean(versions, scores, {at: bytes([at // 30]) for at in versions}, False)
    assert many.method == "normal" and fewer.method != "normal" and alike.method != "normal"
    assert many.low == pytest.approx(fewer.low, abs=0.02) and many.high == pytest.approx(fewer.high, abs=0.02)
