"""Preferences whose right answer always stands first: labels by place in a table, a kappa that means something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import add_pairs, say
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.judge.recorded import ImportOptions, import_judgments
from flywheel_tui.stages.label_table import TableOptions, import_table
from flywheel_tui.workspace import Workspace


def gold(workspace: Workspace, file: Path, dataset: str) -> None:
    """People's choices out of the very table that the pairs came from."""
    columns = {"pair": "input", "preference": "label"}
    options = TableOptions(dataset=dataset, columns=columns, match="instruction", reviewer="gold", source="human")
    assert import_table(workspace, str(file), options).added == len(json.loads(file.read_text()))


def said(workspace: Workspace) -> list[str]:
    query = "SELECT preference FROM label_event WHERE action = 'label' ORDER BY id"
    return [found for (found,) in workspace.store.read().execute(query)]


def test_a_label_by_its_place_in_the_table_finds_the_answer_it_means(tmp_path: Path) -> None:
    rows = [{"input": f"Question {n}?", "output_1": f"One {n}.", "output_2": f"Two {n}.", "label": 1 + n % 2}
            for n in range(6)]  # fmt: skip
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(file), name="two"))
        gold(workspace, file, "two")
        assert said(workspace) == ["a"] * 6, "the pair's own output is the answer that was preferred"


def test_kappa_where_peoples_choice_always_stands_first(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        drafts = [Draft(kind="preference", instruction=f"Q{n}", output="one", body={"rejected": "two"}, line=n)
                  for n in range(100)]  # fmt: skip
        ids = add_pairs(workspace, drafts)
        for pair in ids:
            say(workspace, pair, "approved", preference="a")
        judged(workspace, "j", {pair: "b" if at < 10 else "a" for at, pair in enumerate(ids)})
        rates = calibrate(workspace, "demo", CalibrateOptions(tag="j")).rates
        assert rates["kappa"].value in (None, 0.0), "always saying a would be as good, so that plain kappa says nothing"
        # 90 of 100 right; turned round, each answer is said half the time: (.9 - .5) / (1 - .5)
        assert rates["kappa_either_side"].value == pytest.approx(0.8)
        assert rates["kappa_either_side"].n == 100
        assert rates["kappa_either_side"].low is not None and rates["kappa_either_side"].low < 0.8


@pytest.mark.shared
def test_llmbar_natural(tmp_path: Path, shared_data: Path) -> None:
    natural = shared_data / "llmbar" / "Dataset" / "LLMBar" / "Natural"
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(natural / "dataset.json"), name="natural"))
        gold(workspace, natural / "dataset.json", "natural")
        assert set(said(workspace)) == {"a"}
        for who, right, kappa in (("GPT-4/Vanilla", 0.93, 0.8667), ("ChatGPT/Vanilla", 0.67, 0.4884)):
            file = str(natural / "evaluators" / who / "result.json")
            run = import_judgments(workspace, ImportOptions(dataset="natural", file=file))
            found = calibrate(workspace, "natural", CalibrateOptions(tag=run.tag))
            assert found.rates["accuracy"].value == pytest.approx(right)
            # a pair that one order decides and the other turns is a tie, and a tie is never what people said
            n = found.pairs
            assert n == 100 and found.rates["kappa_either_side"].value == pytest.approx(kappa, abs=5e-4)
