"""What the evidence holds about the training data: the failures at its root, and the judges that chose it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from evaluation_helpers import make_adapter, options, right, tasks_file, training_pairs, use_models
from factories import make_workspace, pair_ids, say
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.gate import make_bundle
from flywheel_tui.stages.gate.files import read_bundle
from flywheel_tui.store import cycle_pairs
from flywheel_tui.store.cycle_pairs import MadePair, Parentage
from flywheel_tui.store.datasets import create_dataset
from flywheel_tui.store.evidence import triggers
from flywheel_tui.store.gate import BundleRow
from flywheel_tui.store.scenarios import NewTrace, add_trace
from flywheel_tui.workspace import Workspace

CRITERIA = Criteria(leave_out=("G2", "G3", "G4"), resamples=50)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    use_models(monkeypatch, lambda adapter, prompt: right(prompt) if adapter else "?")
    tasks_file(tmp_path / "t.jsonl", {"add": 40})
    return make_workspace(tmp_path / "w", training_pairs(30))


def bundle(workspace: Workspace, name: str = "a", **fields: Any) -> tuple[BundleRow, dict[str, bytes]]:
    folder = workspace.root.parent
    asked = options(
        workspace, adapter=make_adapter(folder / name, name), tasks=str(folder / "t.jsonl"), criteria=CRITERIA, **fields
    )
    made = make_bundle(workspace, evaluate(workspace, asked).id)
    return made, read_bundle(workspace.root / made.folder)


def test_the_trace_at_the_root_of_a_training_row_is_there(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        failures, learned = (create_dataset(connection, name, "sft").id for name in ("failures", "learned"))
        trace = Draft(kind="trace", instruction="What is 2 + 2?", output="5", category="carry")
        uids = cycle_pairs.add_pairs(connection, failures, None, [MadePair(trace, None)], 1)
        root = cycle_pairs.pair_ids(connection, failures, uids)[uids[0]]
        middle = MadePair(Draft(instruction="seed"), uids[0], (Parentage(root, "seeded", "from-failures", {"n": 1}),))
        between = cycle_pairs.add_pairs(connection, failures, None, [middle], 1)
        parent = cycle_pairs.pair_ids(connection, failures, between)[between[0]]
        row = MadePair(
            Draft(instruction="What is 3 + 4?", output="7"), uids[0], (Parentage(parent, "evolved", "vary", {}),)
        )
        cycle_pairs.add_pairs(connection, learned, None, [row], 1)
    _, files = bundle(workspace, train=("learned",))
    triggers = [json.loads(line) for line in files["triggers.jsonl"].splitlines()]
    assert [(one["request"], one["answer"], one["error_kind"]) for one in triggers] == [
        ("What is 2 + 2?", "5", "carry")
    ]
    lineage = {row["uid"]: row for row in map(json.loads, files["lineage.jsonl"].splitlines())}
    (leaf,) = (row for row in lineage.values() if row["dataset"] == "learned")
    steps = []
    while leaf["parents"]:
        (edge,) = leaf["parents"]
        steps.append((edge["relation"], edge["recipe"]))
        leaf = lineage[edge["uid"]]
    assert steps == [("evolved", "vary"), ("seeded", "from-failures")] and leaf["kind"] == "trace"
    recipes = [part["recipe"] for part in json.loads(files["prompts.json"])["templates"]]
    assert recipes == ["from-failures", "vary"]


def test_a_failure_that_was_recorded_too_is_one_failure(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        learned = create_dataset(connection, "learned", "sft").id
        for number, request in enumerate(("What is 2 + 2?", "What is 2 + 3?")):
            trace = Draft(kind="trace", instruction=request, output="5", category="carry")
            uids = cycle_pairs.add_pairs(connection, learned, None, [MadePair(trace, None)], 1)
            root = cycle_pairs.pair_ids(connection, learned, uids)[uids[0]]
            if number == 0:
                failure = NewTrace(origin="trace", request=request, answer="5", error_kind="carry", pair_id=root)
                add_trace(connection, msgspec.structs.replace(failure, expected="4"))
        found = triggers(connection, [learned])
    assert sorted((one["request"], one.get("expected")) for one in found) == [
        ("What is 2 + 2?", "4"),
        ("What is 2 + 3?", None),
    ]


def test_a_judge_of_the_training_data_has_to_be_calibrated(workspace: Workspace) -> None:
    def gate(made: BundleRow) -> tuple[str, str]:
        line = next(line for line in made.gates if line.gate == "G5")
        return line.verdict, line.why

    assert gate(bundle(workspace, "none")[0])[0] == "NOT ASKED"
    pairs = pair_ids(workspace)
    judged(workspace, "strict", {pair: 9 if number % 3 else 3 for number, pair in enumerate(pairs)})
    verdict, why = gate(bundle(workspace, "raw")[0])
    assert verdict == "INCONCLUSIVE" and "not calibrated: scripted:strict" in why
    for number, pair in enumerate(pairs[:20]):
        say(workspace, pair, "approved" if number % 3 else "rejected")
    calibrate(workspace, "demo", CalibrateOptions(tag="strict"))
    made, files = bundle(workspace, "fresh")
    assert gate(made)[0] == "PASS" and made.verdict == "PASS"
    assert json.loads(files["judges.json"])[0]["hash"] == "one"
    say(workspace, pairs[21], "rejected")
    verdict, why = gate(bundle(workspace, "stale")[0])
    assert verdict == "INCONCLUSIVE" and "stale: scripted:strict (the labels have changed)" in why


def test_few_labels_calibrate_nothing_and_a_scripts_are_called_that(workspace: Workspace) -> None:
    def g5(made: BundleRow) -> tuple[str, str]:
        line = next(line for line in made.gates if line.gate == "G5")
        return line.verdict, line.why

    pairs = pair_ids(workspace)
    judged(workspace, "strict", {pair: 9 if number % 3 else 3 for number, pair in enumerate(pairs)})
    for pair in pairs[:10]:
        say(workspace, pair, "approved")
    calibrate(workspace, "demo", CalibrateOptions(tag="strict"))
    verdict, why = g5(bundle(workspace, "few")[0])
    assert verdict == "INCONCLUSIVE" and "too few labels: scripted:strict (10 labels)" in why
    for number, pair in enumerate(pairs[10:]):
        say(workspace, pair, "approved" if number % 3 else "rejected", "a script", source="script")
    assert calibrate(workspace, "demo", CalibrateOptions(tag="strict")).pairs == 10, "a script is no person"
    found = calibrate(workspace, "demo", CalibrateOptions(tag="strict", scripts=True))
    assert found.pairs == 20 and found.headline.startswith("By a script's labels, no person's:")
    verdict, why = g5(bundle(workspace, "scripted")[0])
    assert verdict == "INCONCLUSIVE" and "10 labels" in why, "where people have measured, no script stands in"


def test_a_judge_is_measured_once_for_all_its_runs(workspace: Workspace) -> None:
    """The newest calibration that holds is that of the judge; its older runs need none of their own."""
    pairs = pair_ids(workspace)
    said = {pair: 9 if number % 3 else 3 for number, pair in enumerate(pairs)}
    judged(workspace, "first", said)
    judged(workspace, "second", said)
    for pair in pairs[:24]:
        say(workspace, pair, "approved", "a script", source="script")
    calibrate(workspace, "demo", CalibrateOptions(tag="second", scripts=True))
    made, files = bundle(workspace, "same")
    line = next(line for line in made.gates if line.gate == "G5")
    assert line.verdict == "PASS" and "by a script's labels, no person's" in line.why
    told = {one["tag"]: one for one in json.loads(files["judges.json"])}
    assert told["first"]["calibration"] == told["second"]["calibration"] != ""
    assert told["second"]["scripted"] and told["second"]["measured"] == 24
