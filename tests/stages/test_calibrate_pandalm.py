"""The figures that were published for a public set of preferences, from its own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions, Calibration
from flywheel_tui.stages import label_table
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.compare import Asked, compare
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

pytestmark = pytest.mark.shared
PEOPLE = ("annotator1", "annotator2", "annotator3")
WORDS = {"0": "tie", "1": "a", "2": "b", "Tie": "tie"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "pandalm"
    if not folder.is_dir():
        pytest.skip("the public data sets are not here")
    file = str(folder / "testset-v1.json")
    with Workspace.open(tmp_path_factory.mktemp("w") / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=file, name="pandalm"))
        for who in PEOPLE:
            options = label_table.TableOptions(
                dataset="pandalm", columns={"pair": "idx", "preference": who}, match="meta.idx", reviewer=who,
                source="human",
            )  # fmt: skip
            label_table.import_table(workspace, file, options)
        query = "SELECT json_extract(p.meta, '$.idx'), p.id FROM pair p JOIN pair_current c ON c.id = p.id"
        ids = dict(workspace.store.read().execute(query).fetchall())
        for tag, name, field in (("gpt", "gpt-3.5-turbo-testset-v1", "gpt_result"),
                                 ("7b", "pandalm-7b-testset-v1", "pandalm_result")):  # fmt: skip
            rows: list[dict[str, Any]] = json.loads((folder / f"{name}.json").read_text())
            said = {ids[row["idx"]]: WORDS.get(str(row[field]), "unparsed") for row in rows}
            judged(workspace, tag, said, dataset="pandalm", identity=tag)
        yield workspace


def measure(workspace: Workspace, tag: str, unreadable: str = "leave-out") -> Calibration:
    return calibrate(workspace, "pandalm", CalibrateOptions(tag=tag, unreadable=unreadable))


def percent(found: Calibration, name: str) -> float:
    value = found.rates[name].value
    assert value is not None
    return round(100 * value, 2)


@pytest.mark.parametrize(
    ("policy", "pairs", "accuracy"), [("tie", 999, 71.07), ("leave-out", 974, 71.56), ("wrong", 999, 69.77)]
)
def test_what_unreadable_replies_count_as_decides_the_figure(
    workspace: Workspace, policy: str, pairs: int, accuracy: float
) -> None:
    found = measure(workspace, "gpt", policy)
    assert (found.kind, found.pairs, percent(found, "accuracy")) == ("preference", pairs, accuracy)
    said = " ".join(found.remarks)
    assert ("25 labelled pairs have no verdict (unparsed)" in said) == (policy == "leave-out")
    assert ("could not be read count as" in said) == (policy != "leave-out")


def test_the_published_tables(workspace: Workspace) -> None:
    names = ("accuracy", "precision", "recall", "f1")
    gpt, small = measure(workspace, "gpt", "tie"), measure(workspace, "7b")
    assert [percent(gpt, name) for name in names] == [71.07, 58.79, 57.36, 57.55]
    assert [percent(small, name) for name in names] == [66.77, 57.38, 57.50, 57.43]


def test_the_published_agreement_of_people(workspace: Workspace) -> None:
    found = compare(workspace, "pandalm", Asked(reviewers=PEOPLE))
    assert (found.kind, found.pairs) == ("preference", 999)
    kappas = [line.kappa.value for line in found.matrix]
    assert [round(value or 0, 4) for value in kappas] == [0.852, 0.8789, 0.8617]
    assert found.fleiss is not None
    assert found.fleiss.value == pytest.approx(sum(value or 0 for value in kappas) / 3, abs=0.002)


def test_a_judge_beside_people(workspace: Workspace) -> None:
    found = compare(workspace, "pandalm", Asked(tags=("gpt", "7b"), reviewers=("annotator1",)))
    assert found.pairs == 974
    assert {line.n for line in found.matrix} == {974, 999}


def test_the_policy_of_an_import_holds_unless_another_is_given(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        connection.execute("UPDATE judge_run SET settings = ? WHERE tag = 'gpt'", ('{"unparsed": "tie"}',))
    kept = calibrate(workspace, "pandalm", CalibrateOptions(tag="gpt"))
    assert (percent(kept, "accuracy"), kept.options.unreadable) == (71.07, "tie")
    assert percent(measure(workspace, "gpt", "leave-out"), "accuracy") == 71.56
