"""Files of recorded judgments as other tools write them: every one read right, nothing guessed, nothing lost unsaid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, sft
from judge_helpers import missing, verdicts

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.judge.recorded import ImportOptions, import_judgments
from flywheel_tui.stages.label_table import TableOptions, import_table
from flywheel_tui.stages.said import choice, parse_words, passed
from flywheel_tui.workspace import Workspace


def _file(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(path)


def _two(n: int, **meta: Any) -> Draft:
    return Draft(kind="preference", instruction=f"pair {n}", output=f"one {n}",
                 body={"rejected": f"two {n}", "undecided": True}, meta=meta, line=n + 1)  # fmt: skip


def _preferences(workspace: Workspace, tag: str) -> list[str | None]:
    query = ("SELECT v.preference FROM pair_current c LEFT JOIN judge_run r ON r.tag = ? LEFT JOIN verdict v"
             ' ON v.judge_run_id = r.id AND v.pair_id = c.pair_id AND v."order" = 0 ORDER BY c.position')  # fmt: skip
    return [preference for (preference,) in workspace.store.read().execute(query, (tag,))]


def _take(workspace: Workspace, file: str, tag: str = "t", **options: Any) -> Any:
    return import_judgments(workspace, ImportOptions(dataset="demo", file=file, tag=tag, **options))


def test_an_empty_cell_is_no_choice_and_numbers_are_read_as_written() -> None:
    assert [choice(value) for value in (None, "", float("nan"), "null", True, 3)] == [None] * 6
    assert [choice(value) for value in (1.0, "2.0", 1.5, 1.2, "1.9", "[[C]]", "B>>A", "tie (bothbad)")] == [
        "a", "b", "tie", "a", "b", "tie", "b", "neither",
    ]  # fmt: skip
    assert (passed(1.0), passed("NO."), passed(None), passed("it passes")) == (True, False, None, None)
    with pytest.raises(UsageError, match="two meanings"):
        parse_words("a=1,b=1.0")
    with pytest.raises(UsageError, match="WORD=VALUE"):
        parse_words("first=1")


def test_mt_bench_in_both_orders_by_question_models_and_turn(tmp_path: Path) -> None:
    def row(one: str, two: str, first: str, second: str, turn: int = 1) -> dict[str, Any]:
        return {"question_id": 81, "model_1": one, "model_2": two, "g1_winner": first, "g2_winner": second,
                "judge": ["gpt-4", "pair-v2"], "turn": turn}  # fmt: skip

    rows = [
        row("x", "y", "model_1", "model_1"), row("z", "y", "model_1", "model_1"), row("x", "z", "model_1", "model_2"),
        row("x", "w", "model_1", "error"), row("x", "y", "model_2", "model_2", turn=2),
    ]  # fmt: skip
    models = [("x", "y"), ("y", "z"), ("x", "z"), ("x", "w")]
    drafts = [_two(n, question_id=81, model_1=one, model_2=two) for n, (one, two) in enumerate(models)]
    with make_workspace(tmp_path / "w", drafts) as workspace:
        report = _take(workspace, _file(tmp_path / "gpt-4_pair.jsonl", rows), tag="")
        assert report.tag == "gpt-4-pair-v2"
        assert _preferences(workspace, report.tag) == ["a", "b", "tie", None]
        assert (report.missing, report.skipped, report.inconsistent, report.both_orders) == ({"unparsed": 1}, 1, 1, 3)
        assert "1 rows are about no pair of this data set" in report.remarks
        votes = [{"question_id": 81, "model_a": one, "model_b": two, "winner": won, "judge": who, "turn": 1}
                 for one, two, won, who in (("x", "y", "model_a", "e1"), ("x", "y", "tie", "e2"),
                                            ("z", "y", "model_a", "e1"))]  # fmt: skip
        options = TableOptions(dataset="demo", columns={}, source="human")
        assert import_table(workspace, _file(tmp_path / "people.jsonl", votes), options).added == 3
        said = workspace.store.read().execute(
            "SELECT reviewer, preference FROM label_current ORDER BY root_id, reviewer"
        )
        assert list(map(tuple, said)) == [("e1", "a"), ("e2", "tie"), ("e1", "b")]


def test_a_key_of_several_pairs_is_refused_not_given_to_the_first(tmp_path: Path) -> None:
    drafts = [_two(n, q=1, m=str(n)) for n in range(2)]
    rows = [{"q": 1, "m": "1", "winner": "a"}]
    with make_workspace(tmp_path / "w", drafts) as workspace:
        file = _file(tmp_path / "t.jsonl", rows)
        with pytest.raises(InputError, match="tells them apart"):
            _take(workspace, file, mapping={"pair": "q", "preference": "winner"}, match="meta.q")
        labels = TableOptions(dataset="demo", columns={"pair": "q", "preference": "winner"}, match="meta.q",
                              reviewer="ann")  # fmt: skip
        summary = import_table(workspace, file, labels)
        assert summary.added == 0
        assert any("tells them apart" in reason for reason in summary.refused)
        _take(workspace, file, mapping={"pair": "q+m", "preference": "winner"}, match="meta.q+meta.m")
        assert _preferences(workspace, "t") == [None, "a"]


def test_mt_bench_single_scores_where_minus_one_could_not_be_read(tmp_path: Path) -> None:
    drafts = [Draft(kind="sft", instruction=f"pair {n}", output="x", meta={"question_id": n, "model": "m"}, line=n + 1)
              for n in range(3)]  # fmt: skip
    rows = [{"question_id": n, "model": "m", "judge": ["gpt-4", "single-v1"], "judgment": "[[x]]", "score": score,
             "turn": 1} for n, score in enumerate((8, -1, 3.5))]  # fmt: skip
    with make_workspace(tmp_path / "w", drafts) as workspace:
        _take(workspace, _file(tmp_path / "s.jsonl", rows), pass_at=8.0)
        first, second, third = pair_ids(workspace)
        assert verdicts(workspace) == {first: (8.0, 1), third: (3.5, 0)}
        assert missing(workspace) == {second: "unparsed"}


def test_alpaca_eval_by_its_texts_whichever_answer_stands_first(tmp_path: Path) -> None:
    said: list[Any] = [1.0, 2.0, 1.5, None, 1.2, 1.8]
    rows = [{"instruction": f"pair {n}", "output_1": f"one {n}", "output_2": f"two {n}", "annotator": "g",
             "preference": value} for n, value in enumerate(said)]  # fmt: skip
    rows[5] |= {"output_1": "two 5", "output_2": "one 5"}
    with make_workspace(tmp_path / "w", [_two(n) for n in range(6)]) as workspace:
        report = _take(workspace, _file(tmp_path / "annotations.jsonl", rows))
        assert _preferences(workspace, "t") == ["a", "b", "tie", None, "a", "a"]
        assert (report.missing, report.remarks) == ({"unparsed": 1}, ())
        scores = [score for score, _ in verdicts(workspace).values()]
        assert scores == pytest.approx([1.0, 0.0, 0.5, 0.8, 0.8])


@pytest.mark.parametrize(("orders", "expected"), [
    ("agree", ["a", "tie", "tie", None, "b"]), ("lean", ["a", "tie", "a", "a", "b"]),
])  # fmt: skip
def test_judgebench_names_answers_by_where_they_were_shown(
    tmp_path: Path, orders: str, expected: list[str | None]
) -> None:
    shown = [("A>B", "B>A"), ("A>B", "A>B"), ("A>B", "A=B"), ("A>B", None), ("A>B", "B>A")]
    rows = [{"pair_id": f"p{n}", "question": f"pair {n}", "response_A": f"one {n}", "response_B": f"two {n}",
             "judge_name": "arena", "judgments": [{"decision": said} for said in two]}
            for n, two in enumerate(shown)]  # fmt: skip
    rows[4] |= {"response_A": "two 4", "response_B": "one 4"}
    with make_workspace(tmp_path / "w", [_two(n, pair_id=f"p{n}") for n in range(5)]) as workspace:
        report = _take(workspace, _file(tmp_path / "out.jsonl", rows), orders=orders)
        assert _preferences(workspace, "t") == expected
        assert report.inconsistent == 2


@pytest.mark.parametrize("columns", [False, True])
def test_scores_of_chosen_and_rejected_as_rows_or_as_columns(tmp_path: Path, columns: bool) -> None:
    rows = [{"id": n, "score_chosen": one, "score_rejected": two}
            for n, (one, two) in enumerate(((2.5, 1), (1, 2), (1, 1), (None, 3)))]  # fmt: skip
    file = tmp_path / "scores.json"
    file.write_text(json.dumps({name: [row[name] for row in rows] for name in rows[0]} if columns else rows))
    with make_workspace(tmp_path / "w", [_two(n, id=n) for n in range(4)]) as workspace:
        _take(workspace, str(file))
        assert _preferences(workspace, "t") == ["a", "b", "tie", None]


def test_promptfoo_where_an_error_is_no_fail(tmp_path: Path) -> None:
    def row(n: int, success: bool, **more: Any) -> dict[str, Any]:
        return {"success": success, "score": 0, "vars": {"id": n}, "response": {"output": "x"}, **more}

    results = [
        row(0, True, gradingResult={"pass": True, "score": 0.9, "reason": "fine"}),
        row(1, False, gradingResult={"pass": False, "score": 0.2, "reason": "bad"}),
        row(2, False, failureReason=2, error="API error: 500"),
    ]
    file = tmp_path / "promptfoo.json"
    file.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "prompts": [{}], "results": results}}))
    drafts = [Draft(kind="sft", instruction=f"pair {n}", output="x", meta={"id": n}, line=n + 1) for n in range(3)]
    with make_workspace(tmp_path / "w", drafts) as workspace:
        _take(workspace, str(file))
        first, second, third = pair_ids(workspace)
        assert verdicts(workspace) == {first: (0.9, 1), second: (0.2, 0)}
        assert missing(workspace) == {third: "other"}


def test_a_table_turned_nested_and_with_words_of_its_own(tmp_path: Path) -> None:
    told = ((0, "one 0", "two 0"), (0, "two 1", "one 1"), (1, "one 2", "x"))
    rows = [{"id": n, "out": {"won": won}, "left_text": left, "right_text": right}
            for n, (won, left, right) in enumerate(told)]  # fmt: skip
    mapping = {"pair": "id", "preference": "out.won", "first": "left_text", "second": "right_text"}
    file = _file(tmp_path / "t.jsonl", rows)
    with make_workspace(tmp_path / "w", [_two(n, id=n) for n in range(3)]) as workspace:
        with pytest.raises(UsageError, match="--words a=0,b=1"):
            _take(workspace, file, mapping=mapping, match="meta.id")
        report = _take(workspace, file, mapping=mapping, match="meta.id", words=parse_words("a=0,b=1"))
        assert _preferences(workspace, "t") == ["a", "b", "b"]
        assert any("not those of their pair" in line for line in report.remarks)


def test_scores_of_an_unknown_scale_need_a_pass_mark(tmp_path: Path) -> None:
    rows = [{"n": n + 1, "score": n % 5 + 1, "feedback": "x"} for n in range(5)]
    file = _file(tmp_path / "t.jsonl", rows)
    mapping = {"pair": "n", "score": "score", "rationale": "feedback"}
    with make_workspace(tmp_path / "w", sft(5)) as workspace:
        with pytest.raises(InputError, match="--map pair=COLUMN,score=score,rationale=feedback"):
            _take(workspace, file)
        with pytest.raises(UsageError, match="between 1 and 5; say with --pass-at"):
            _take(workspace, file, mapping=mapping, match="position")
        report = _take(workspace, file, mapping=mapping, match="position", pass_at=4.0)
        assert (report.judged, report.passed, report.remarks) == (5, 2, ("scores of 4 and more pass",))


def test_rows_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"n": 1, "ok": "yes"}\n{"n": 2, "ok": NaN}\n{"n": 1, "ok": "no"}\n')
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        report = _take(workspace, str(file), mapping={"pair": "n", "passed": "ok"}, match="position")
        assert report.judged == 1
        assert any(line.startswith("1 rows of the file could not be read") for line in report.remarks)
        assert any("the first counts" in line for line in report.remarks)
        assert list(verdicts(workspace).values()) == [(None, 1)]


def test_ratings_decide_where_a_person_says_from_which(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text("n,stars\n1,4.0\n2,3\n3,\n")
    with make_workspace(tmp_path / "w", sft(3)) as workspace:
        columns = {"pair": "n", "rating": "stars"}
        options = TableOptions(dataset="demo", columns=columns, match="position", reviewer="ann", approve_from=4.0)
        summary = import_table(workspace, str(file), options)
        assert (summary.added, summary.refused) == (2, {"its label is empty": 1})
        said = workspace.store.read().execute("SELECT l.status FROM label_current l JOIN label_event e"
                                              " ON e.id = l.event_id ORDER BY l.root_id")  # fmt: skip
        assert [row[0] for row in said] == ["approved", "rejected"]
        file.write_text("n,stars\n1,3.5\n")
        with pytest.raises(InputError, match="each reviewer's own rating"):
            import_table(workspace, str(file), options)


def test_two_undecided_answers_are_pairs(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "one"}]
    other = [talk[0], {"role": "assistant", "content": "two"}]
    rows: list[dict[str, Any]] = [
        {"pair_id": "x", "question": "Why?", "response_A": "one", "response_B": "two", "label": "A>B"},
        {"question_id": 1, "conversation_a": talk, "conversation_b": other},
    ]  # fmt: skip
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=_file(tmp_path / "p.jsonl", rows), name="demo"))
        query = (
            "SELECT instruction, output, json_extract(body, '$.rejected'), json_extract(body, '$.undecided') FROM pair"
        )
        found = [tuple(row) for row in workspace.store.read().execute(query)]
        assert found == [("Why?", "one", "two", 1), ("Hi?", "one", "two", 1)]
