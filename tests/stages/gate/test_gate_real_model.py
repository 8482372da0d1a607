"""From training to rollback with the small model that ships: everything real, on a weak skill."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say
from train_helpers import options as train_options

from flywheel_tui.records.evaluation import Criteria, EvaluateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import train
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.gate import GateClosed, approve, in_use, make_bundle, rollback, verify_bundle
from flywheel_tui.tasks import make_many
from flywheel_tui.workspace import Workspace

# peft and transformers warn of each other's old names
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::FutureWarning")]
BASE = Path(__file__).resolve().parents[3] / "data" / "models" / "pocket"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Sorting tasks that somebody accepted; none of them is a held-out one."""
    for package in ("torch", "transformers", "peft", "trl"):
        pytest.importorskip(package)
    drafts = [
        Draft(instruction=task.prompt, output=task.answer, meta=task.meta(), line=number)
        for number, task in enumerate(make_many(["sort"], 320, seed=5, split="generate"), 1)
    ]
    made = make_workspace(tmp_path / "w", drafts)
    for pair in pair_ids(made):
        say(made, pair, "approved")
    return made


def asked(adapter: str) -> EvaluateOptions:
    """A weak skill that was trained and a strong one that was not."""
    criteria = Criteria(
        targets=("sort",), leave_out=("G2",), forgetting_margin=0.1, safety_rate=0.05, resamples=200
    )  # fmt: skip
    return EvaluateOptions(
        base=str(BASE), adapter=adapter, tasks="builtin", tasks_per_skill=80, skills=("sort", "ends"), criteria=criteria
    )


def test_a_real_adapter_is_measured_promoted_and_taken_back(workspace: Workspace) -> None:
    alone = evaluate(workspace, asked("")).result
    assert alone is not None
    assert (alone.overall.only_base, alone.overall.only_candidate, alone.losses.gain.value) == (0, 0, 0)
    assert alone.same_outputs == alone.items == 160
    asks = train_options(BASE, name="sorter", r=16, max_steps=150, learning_rate=2e-3, max_length=96, save_steps=150)
    assert train.train(workspace, asks).state == "done"
    row = evaluate(workspace, asked("sorter"))
    found = row.result
    assert found is not None and found.trained_on == 320 and not found.contaminated
    assert found.target.only_candidate > found.target.only_base
    assert found.target.lower is not None and found.target.lower > 0
    assert found.losses.candidate_perplexity is not None and found.losses.base_perplexity is not None
    sort = next(line for line in found.loss_slices if line.slice == "sort")
    assert sort.gain.low is not None and sort.gain.low > 0
    made = make_bundle(workspace, row.id)
    checked = verify_bundle(workspace.root / made.folder, expected=made.hash)
    assert checked.ok, checked.problems
    told = {gate.gate: gate.verdict for gate in made.gates}
    assert (told["G1"], told["G3"], told["G6"]) == ("PASS", "PASS", "PASS")
    try:
        approve(workspace, made.hash, reviewer="Ana", reason="it sorts now")
    except GateClosed:
        assert told["G4"] != "PASS"
        approve(workspace, made.hash, reviewer="Ana", reason="to see it taken back", override=True)
    assert [one.adapter for one in in_use(workspace)] == ["sorter"]
    rollback(workspace, reviewer="Ana", reason="as a test")
    assert [one.adapter for one in in_use(workspace)] == [""]
