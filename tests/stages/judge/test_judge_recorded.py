"""Recorded judgments of other tools, and what becomes of those that nobody could read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, sft
from judge_helpers import missing, verdicts

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.judge.recorded import ImportOptions, import_judgments
from flywheel_tui.stages.judge.unparsed import preferences_of
from flywheel_tui.stats.confusion import class_rates
from flywheel_tui.workspace import Workspace


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text(json.dumps(rows), "utf-8")
    return str(path)


def _pairs(count: int) -> list[Draft]:
    return [
        Draft(
            kind="preference", instruction=f"pair {n}", output=f"good {n}",
            body={"rejected": f"bad {n}", "undecided": True}, meta={"idx": n}, line=n + 1,
        )
        for n in range(count)
    ]  # fmt: skip


def test_pandalm_with_both_vocabularies_and_a_parse_that_failed(tmp_path: Path) -> None:
    said = ["1", 2, "Tie", 0, "garbage", 1]
    rows = [{"idx": n, "gpt_result": word, "gpt_reason": f"reason {n}"} for n, word in enumerate(said)]
    file = _write(tmp_path / "gpt-testset-v1.json", rows)
    with make_workspace(tmp_path / "w", _pairs(6)) as workspace:
        report = import_judgments(workspace, ImportOptions(dataset="demo", file=file))
        assert (report.tag, report.judged, report.missing) == ("gpt", 5, {"unparsed": 1})
        assert report.preferences == {"a": 2, "b": 1, "tie": 2}
        raw = workspace.store.read().execute("SELECT raw FROM judge_error").fetchone()[0]
        assert raw == "garbage\nreason 4"
        again = import_judgments(workspace, ImportOptions(dataset="demo", file=file))
        assert (again.judged, again.unjudged) == (5, 1)


@pytest.mark.parametrize(("policy", "counted"), [("skip", None), ("tie", "tie"), ("wrong", "unparsed")])
def test_the_policy_is_kept_with_the_run_and_can_be_changed(tmp_path: Path, policy: str, counted: str | None) -> None:
    file = _write(tmp_path / "x.json", [{"idx": 0, "x_result": "1"}, {"idx": 1, "x_result": "?"}])
    with make_workspace(tmp_path / "w", _pairs(2)) as workspace:
        import_judgments(workspace, ImportOptions(dataset="demo", file=file, tag="x", unparsed=policy))
        first, second = pair_ids(workspace)
        found = preferences_of(workspace, "demo", "x")
        assert (found.policy, found.unread) == (policy, 1)
        assert found.preferences == {first: "a"} | ({second: counted} if counted else {})
        assert second not in preferences_of(workspace, "demo", "x", "skip").preferences
        assert verdicts(workspace, "x") == {first: (1.0, 1)}
        assert missing(workspace, "x") == {second: "unparsed"}
        # imported again without a policy, the one that was chosen stays
        assert (
            import_judgments(workspace, ImportOptions(dataset="demo", file=file, tag="x")).settings["unparsed"]
            == policy
        )


def test_llmbar_names_outputs_by_their_number_whichever_stood_first(tmp_path: Path) -> None:
    def row(n: int, one: str, two: str, plain: str | None, swapped: str | None) -> dict[str, Any]:
        results = [{"swap = False": {"completion": ["x", "stop"], "winner": plain},
                    "swap = True": {"completion": ["y", "stop"], "winner": swapped}}]  # fmt: skip
        return {"input": f"pair {n}", "output_1": one, "output_2": two, "label": 1, "results": results}

    rows = [
        row(0, "good 0", "bad 0", "1", "1"),
        row(1, "bad 1", "good 1", "2", "2"),
        row(2, "bad 2", "good 2", "1", "2"),
        row(3, "good 3", "bad 3", "1", None),
        row(9, "other", "thing", "1", "1"),
    ]
    file = _write(tmp_path / "result.json", rows)
    with make_workspace(tmp_path / "w", _pairs(4)) as workspace:
        report = import_judgments(workspace, ImportOptions(dataset="demo", file=file, tag="l", model="m"))
        assert (report.judged, report.missing, report.skipped) == (3, {"unparsed": 1}, 1)
        assert (report.preferences, report.inconsistent, report.both_orders) == ({"a": 2, "tie": 1}, 1, 3)
        query = 'SELECT pair_id, preference FROM verdict WHERE "order" = 1 ORDER BY pair_id'
        a_first = [preference for _, preference in workspace.store.read().execute(query)]
        # pair 2: with good shown first (the file's swapped order) good won, with bad first bad did
        assert a_first == ["a", "a", "a"]


def test_a_table_by_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("n,ok,points,why\n1,true,8.5,fine\n2,no,2,bad\n3,perhaps,5,?\n4,yes,nan,?\n99,yes,1,elsewhere\n")
    mapping = {"pair": "n", "passed": "ok", "score": "points", "rationale": "why"}
    with make_workspace(tmp_path / "w", sft(5)) as workspace:
        options = ImportOptions(dataset="demo", file=str(file), tag="t", mapping=mapping, match="position")
        report = import_judgments(workspace, options)
        ids = pair_ids(workspace)
        assert verdicts(workspace) == {ids[0]: (8.5, 1), ids[1]: (2.0, 0)}
        assert missing(workspace) == {ids[2]: "unparsed", ids[3]: "unparsed"}
        assert report.skipped == 1


def test_what_cannot_be_imported_says_why(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", _pairs(2)) as workspace:
        unknown = _write(tmp_path / "u.json", [{"a": 1}])
        with pytest.raises(InputError, match="--map"):
            import_judgments(workspace, ImportOptions(dataset="demo", file=unknown))
        elsewhere = _write(tmp_path / "e.json", [{"idx": 77, "x_result": "1"}])
        with pytest.raises(InputError, match="ingest what was judged first"):
            import_judgments(workspace, ImportOptions(dataset="demo", file=elsewhere))
        mapped = ImportOptions(dataset="demo", file=unknown, mapping={"pair": "a", "verdict": "a"})
        with pytest.raises(UsageError, match="verdict"):
            import_judgments(workspace, mapped)


def _majority(meta: str) -> str:
    said = json.loads(meta)
    votes = Counter(str(said[f"annotator{n}"]) for n in (1, 2, 3))
    return {"0": "tie", "1": "a", "2": "b"}[votes.most_common(1)[0][0]]


@pytest.mark.shared
def test_the_published_table(tmp_path: Path, shared_data: Path) -> None:
    with Workspace.open(tmp_path, create=True) as workspace:
        folder = shared_data / "pandalm"
        ingest(workspace, IngestOptions(source=str(folder / "testset-v1.json"), name="panda"))
        for name in ("gpt-3.5-turbo", "pandalm-7b"):
            file = str(folder / f"{name}-testset-v1.json")
            report = import_judgments(workspace, ImportOptions(dataset="panda", file=file))
            assert report.tag == name
        people = {
            pair: _majority(meta)
            for pair, meta in workspace.store.read().execute(
                "SELECT c.id, p.meta FROM pair_current c JOIN pair p ON p.id = c.id"
            )
        }

        def rates(tag: str, policy: str) -> tuple[float, ...]:
            said = preferences_of(workspace, "panda", tag, policy).preferences
            found = class_rates([people[pair] for pair in said], list(said.values()))
            figures = (found.accuracy, found.macro_precision, found.macro_recall, found.macro_f1)
            return tuple(round(100 * figure, 2) for figure in figures if figure is not None)

        assert rates("gpt-3.5-turbo", "tie") == (71.07, 58.79, 57.36, 57.55)
        assert rates("gpt-3.5-turbo", "skip")[0] == 71.56
        assert rates("gpt-3.5-turbo", "wrong")[0] == 69.77
        assert rates("pandalm-7b", "tie") == (66.77, 57.38, 57.5, 57.43)


@pytest.mark.shared
def test_llmbar_position_consistency_is_what_was_published(tmp_path: Path, shared_data: Path) -> None:
    natural = shared_data / "llmbar" / "Dataset" / "LLMBar" / "Natural"
    with Workspace.open(tmp_path, create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(natural / "dataset.json"), name="natural"))
        for who in ("GPT-4/Vanilla", "GPT-4/Swap", "ChatGPT/Vanilla", "ChatGPT/Swap"):
            folder = natural / "evaluators" / who
            report = import_judgments(workspace, ImportOptions(dataset="natural", file=str(folder / "result.json")))
            published = json.loads((folder / "statistics.json").read_text())
            assert report.tag == who.replace("/", "-")
            assert f"{100 - report.inconsistent} / 100" in published["equal"]
            assert f"{report.passed} / 100" in published["correct_both"]
