"""Side files that say where rows came from, the share of real pairs, and the bundle of five files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from export_helpers import lines, run
from factories import add_pairs, make_workspace, say, sft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import judged

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid
from flywheel_tui.records.judgment import Verdict
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest
from flywheel_tui.stages.export.bundle import bundle
from flywheel_tui.stages.export.real_share import allowed
from flywheel_tui.workspace import Workspace


def grow(
    workspace: Workspace, parent: int, count: int, dataset: str = "grown", *, teacher: str = "ollama:m"
) -> list[int]:
    """Generated children of a pair, in its family, as a recipe writes them."""
    read = workspace.store.read()
    uid, family = read.execute("SELECT uid, family FROM pair WHERE id = ?", (parent,)).fetchone()
    start = read.execute("SELECT max(id) FROM pair").fetchone()[0] + 1
    if not read.execute("SELECT 1 FROM dataset WHERE name = ?", (dataset,)).fetchone():
        add_pairs(workspace, [Draft(instruction=f"first of {dataset}", output="x")], dataset)
        start += 1
    (number,) = read.execute("SELECT id FROM dataset WHERE name = ?", (dataset,)).fetchone()
    with workspace.store.tx() as connection:
        for pair in range(start, start + count):
            child = new_uid()
            connection.execute(
                "INSERT INTO pair (id, dataset_id, uid, hash, family, kind, instruction, output, length, created)"
                " VALUES (?, ?, ?, ?, ?, 'sft', ?, 'made', 8, 0)",
                (pair, number, child, child, family or uid, f"child {pair} of {parent}"),
            )
            connection.execute(
                "INSERT INTO pair_current (id, dataset_id, position, pair_id) VALUES (?1, ?2, ?1, ?1)", (pair, number)
            )
            connection.execute(
                "INSERT INTO edge VALUES (?, ?, 'seeded', 'qa', 'qa.question@1', ?, '{\"temperature\": 0.7}', 0)",
                (pair, parent, teacher),
            )
    return list(range(start, start + count))


def test_every_row_has_its_line_beside_it(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(3))
    say(workspace, ids[0], "approved")
    say(workspace, ids[1], "edited", edit={"output": "better"})
    grow(workspace, ids[0], 2, "demo")
    result = run(workspace, tmp_path / "x.jsonl", format="sft", split={"train": 0.5, "val": 0.5})
    assert len(result.beside) == 2
    seen = []
    for file in result.files:
        data, side = lines(file.path), lines(tmp_path / f"x.{file.part}.provenance.jsonl")
        assert [line["row"] for line in side] == list(range(1, len(data) + 1))
        seen += list(zip(data, side, strict=True))
    by_prompt = {row["prompt"]: line for row, line in seen}
    first, second = by_prompt["pair 1: what is it?"], by_prompt["pair 2: what is it?"]
    assert first["real"] and first["line"] == 1 and first["source"] == "made"
    assert first["labels"] == [{"reviewer": "ana", "source": "human", "status": "approved"}]
    assert second["real"] and second["version"] == 2 and second["parents"][0]["relation"] == "edited"
    child = next(line for prompt, line in by_prompt.items() if prompt.startswith("child"))
    assert not child["real"] and child["family"] == first["uid"]
    assert child["parents"] == [{
        "uid": first["uid"], "relation": "seeded", "recipe": "qa", "template": "qa.question@1",
        "teacher": "ollama:m", "params": {"temperature": 0.7},
    }]  # fmt: skip
    assert (result.generated, result.written) == (2, 5)
    without = run(workspace, tmp_path / "y.jsonl", provenance=False)
    assert without.beside == () and not list(tmp_path.glob("y.provenance*"))


def test_seeds_elsewhere_come_along(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(3))
    say(workspace, ids[2], "rejected")
    for parent in ids:
        grow(workspace, parent, 2)
    result = run(workspace, tmp_path / "x.jsonl", dataset="grown", split={"train": 0.5, "val": 0.5})
    assert (result.generated, result.seeds, result.written) == (6, 2, 9), "the rejected seed stays out"
    assert "2 seeds of other data sets are in it" in " ".join(result.notes)
    assert "3 of 9 pairs are real (33.3%)" in result.notes
    sides: dict[str, set[str]] = {}
    for file in result.files:
        for line in lines(tmp_path / f"x.{file.part}.provenance.jsonl"):
            sides.setdefault(line.get("family") or line["uid"], set()).add(file.part)
    assert all(len(parts) == 1 for parts in sides.values()), "a seed is where its children are"
    alone = run(workspace, tmp_path / "y.jsonl", dataset="grown", real_share=0)
    assert (alone.seeds, alone.written) == (0, 7)


def test_a_real_share_is_kept_by_leaving_generated_pairs_out(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(4))
    grow(workspace, ids[0], 60, "demo")
    loose = run(workspace, tmp_path / "a.jsonl")
    assert loose.written == 64 and "4 of 64 pairs are real (6.2%)" in " ".join(loose.notes)
    kept = run(workspace, tmp_path / "b.jsonl", real_share=0.2)
    assert (kept.written, kept.generated) == (20, 16)
    assert {left.reason: left.pairs for left in kept.left_out} == {
        "is generated, and beyond what a share of 0.2 real pairs allows": 44
    }
    before = {line["uid"] for line in lines(kept.files[0].path)}
    add_pairs(workspace, [Draft(instruction="one more", output="real")])
    after = {line["uid"] for line in lines(run(workspace, tmp_path / "c.jsonl", real_share=0.2).files[0].path)}
    assert before < after and len(after) == 25, "more real pairs let more generated ones in, and none out"
    with pytest.raises(UsageError, match="is no share"):
        run(workspace, tmp_path / "d.jsonl", real_share=1.0)


def test_by_default_real_pairs_are_added_until_a_tenth_is_real(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(12))
    say(workspace, ids[5], "rejected")
    grow(workspace, ids[0], 80)  # with the one that `grow` begins a data set with: 81 pairs, one of them real
    result = run(workspace, tmp_path / "x.jsonl", dataset="grown", split={"train": 0.7, "val": 0.3})
    assert (result.generated, result.seeds, result.added, result.written) == (80, 1, 7, 89), "9 of 89: just a tenth"
    assert "9 of 89 pairs are real (10.1%)" in result.notes and not result.left_out
    assert any(note.startswith("7 more real pairs were added") for note in result.notes)
    manifest = json.loads(Path(result.manifest).read_text())["real"]
    assert manifest == {"pairs": 9, "generated": 80, "share": 0.1011, "seeds": 1, "added": 7, "seeds_left_out": {},
                        "least_share": 0.1}  # fmt: skip
    written = {line["uid"] for file in result.files for line in lines(file.path)}
    grow(workspace, ids[0], 10)
    more = run(workspace, tmp_path / "y.jsonl", dataset="grown")
    assert (more.generated, more.added) == (90, 8)
    assert written < {line["uid"] for line in lines(more.files[0].path)}, "more rows add to the real ones, change none"
    grow(workspace, ids[0], 200)
    short = run(workspace, tmp_path / "z.jsonl", dataset="grown")
    assert (short.generated, short.added, short.written) == (290, 10, 302), "all there are, none of them rejected"
    assert any(note.startswith("below 10% of real pairs") for note in short.notes)
    assert run(workspace, tmp_path / "none.jsonl", dataset="grown", real_share=0).added == 0
    asked = run(workspace, tmp_path / "most.jsonl", dataset="grown", real_share=0.2)
    assert (asked.added, asked.generated, asked.left_out[0].pairs) == (10, 48, 242), "added first, then left out"


def test_the_answer_of_a_failure_trace_is_never_added(workspace: Workspace, tmp_path: Path) -> None:
    trace = [Draft(kind="trace", instruction="what is 2 + 2", output="5, which failed", line=1)]
    ids = add_pairs(workspace, trace, "failures")
    grow(workspace, ids[0], 20)
    result = run(workspace, tmp_path / "x.jsonl", dataset="grown")
    assert (result.seeds, result.added) == (0, 0)
    assert "which failed" not in Path(result.files[0].path).read_text("utf-8")


def test_a_seed_that_the_format_cannot_hold_is_told(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, [Draft(kind="prompt", instruction="say it"), Draft(instruction="a", output="b")])
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    add_pairs(workspace, [Draft(instruction="talk", output="d", body={"messages": talk})])
    grow(workspace, ids[0], 40)
    result = run(workspace, tmp_path / "x.jsonl", dataset="grown", format="sft")
    ((reason, count),) = result.seeds_left_out.items()
    assert count == 1 and reason.startswith("is of kind prompt") and result.left_out == ()
    assert any(note == f"1 of the seeds that these grew from left out: each {reason}" for note in result.notes)
    assert json.loads(Path(result.manifest).read_text())["real"]["seeds_left_out"] == {reason: 1}
    assert (result.seeds, result.added) == (0, 1), "the conversation would make lists of messages of the file"
    assert all(isinstance(line["prompt"], str) for line in lines(result.files[0].path))


def test_without_any_real_pair_no_share_can_be_kept(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(1))
    grow(workspace, ids[0], 3, "demo")
    with pytest.raises(UsageError, match="there is no real pair here"):
        run(workspace, tmp_path / "a.jsonl", filter="not (instruction == 'pair 1: what is it?')", real_share=0.1)


@given(st.integers(1, 1000), st.floats(0.01, 0.99))
def test_the_share_is_reached_and_no_more_is_left_out_than_needed(real: int, share: float) -> None:
    most = allowed(real, share)
    assert real / (real + most) >= share - 1e-9
    assert real / (real + most + 1) < share + 1e-6


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 10**6), st.sampled_from(["jsonl", "messages", "hf:sft"]))  # fmt: skip  # noqa: E501
def test_no_seed_family_is_on_both_sides_in_any_format(
    tmp_path_factory: pytest.TempPathFactory, parents: list[int], seed: int, format: str
) -> None:
    folder = tmp_path_factory.mktemp("split")
    with make_workspace(folder / "w", sft(5)) as workspace:
        for parent in parents:  # children in the data set of the seeds and in another one
            grow(workspace, parent + 1, 1, "demo")
            grow(workspace, parent + 1, 1, "grown")
        for name in ("demo", "grown"):
            result = run(workspace, folder / name, dataset=name, format=format, seed=seed, split={"a": 0.5, "b": 0.5})
            sides: dict[str, set[str]] = {}
            for path in result.beside:
                for line in lines(path):
                    sides.setdefault(line.get("family") or line["uid"], set()).add(path)
            assert all(len(parts) == 1 for parts in sides.values())


def test_the_bundle(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(40))
    grown = grow(workspace, ids[0], 4, "demo")
    scores = {pair: Verdict(passed=number % 4 != 0, score=8.0 if number % 4 else 3.0,
                            scores={"clear": 8.0, "true": 8.0 if number % 4 else 2.0})
              for number, pair in enumerate(ids)}  # fmt: skip
    judged(workspace, "first", scores)
    judged(workspace, "second", {grown[0]: True, grown[1]: False})
    say(workspace, ids[0], "approved")  # the judge failed it, a person did not
    say(workspace, ids[1], "rejected")
    result = bundle(workspace, ExportRequest(dataset="demo", to=str(tmp_path / "out"), format="sft"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"training_data.jsonl", "eval_holdout.jsonl", "failed_examples.jsonl", "generation_report.json",
            "rubric_analysis.json", "training_data.provenance.jsonl", "card.md", "manifest.json"} <= names  # fmt: skip
    good = lines(tmp_path / "out" / "training_data.jsonl") + lines(tmp_path / "out" / "eval_holdout.jsonl")
    failed = lines(tmp_path / "out" / "failed_examples.jsonl")
    assert (len(good), len(failed)) == (33, 11) and all(set(row) == {"prompt", "completion"} for row in good)
    assert {row["instruction"] for row in failed} >= {"pair 2: what is it?", "pair 5: what is it?"}
    assert "pair 1: what is it?" in {row["prompt"] for row in good}
    report = json.loads((tmp_path / "out" / "generation_report.json").read_text())
    assert report["training"] + report["held_out"] == 33 and report["failed"] == 11 and report["generated"] == 3
    (recipe,) = report["recipes"]
    assert (recipe["recipe"], recipe["pairs"], recipe["passed"], recipe["failed"]) == ("qa", 4, 1, 1)
    assert [run["tag"] for run in report["history"]] == ["first", "second"]
    rate = report["history"][0]["pass_rate"]
    assert rate["rate"] == 0.75 and rate["low"] < 0.75 < rate["high"]
    analysis = json.loads((tmp_path / "out" / "rubric_analysis.json").read_text())
    worst = analysis["runs"][0]["criteria"][0]
    assert worst["criterion"] == "true" and worst["lowest_in_failed"] == 10 and worst["gap"] == 6.0
    assert result.files[str(tmp_path / "out" / "generation_report.json")] is None
    with pytest.raises(UsageError, match="exists already"):
        bundle(workspace, ExportRequest(dataset="demo", to=str(tmp_path / "out")))
    bundle(workspace, ExportRequest(dataset="demo", to=str(tmp_path / "out"), force=True))
