"""The rows of tables (jsonl, csv, sqlite, parquet), alpaca, chatml, dpo and kto; hostile texts in every format."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from export_helpers import HOSTILE, left_out, lines, run
from factories import add_pairs, say, sft

from flywheel_tui.identity import show_uid
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import load_exporters
from flywheel_tui.stages.export.base import JsonExporter
from flywheel_tui.workspace import Workspace


def test_the_lines_of_jsonl(workspace: Workspace, tmp_path: Path) -> None:
    (pair,) = add_pairs(
        workspace,
        [Draft(instruction="q", output="a", body={"x": [1]}, meta={"k": "v"}, category="c", tags=["t"], line=7)],
    )
    say(workspace, pair, "approved", rating=4)
    (line,) = lines(run(workspace, tmp_path / "x.jsonl").files[0].path)
    uid = workspace.store.read().execute("SELECT uid FROM pair").fetchone()[0]
    assert line == {
        "uid": show_uid(uid), "kind": "sft", "instruction": "q", "input": None, "output": "a", "status": "approved",
        "body": {"x": [1]}, "meta": {"k": "v"}, "category": "c", "tags": ["t"], "source": "made", "line": 7,
        "reviewer": "ana",
    }  # fmt: skip


def test_json_that_was_spread_over_lines_stays_on_one(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(1))
    with workspace.store.tx() as connection:
        connection.execute(
            "INSERT INTO pair (id, dataset_id, uid, hash, kind, instruction, body, length, created)"
            " VALUES (9, 1, randomblob(16), randomblob(16), 'rag', 'q', ?, 1, 0)",
            ('{\n  "chunks":\r\n [1,\r2]\n}',),
        )
        connection.execute("INSERT INTO pair_current (id, dataset_id, position, pair_id) VALUES (9, 1, 9, 9)")
    _, line = lines(run(workspace, tmp_path / "x.jsonl").files[0].path)
    assert line["body"] == {"chunks": [1, 2]}


def test_csv_is_safe_for_spreadsheets_by_default(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [Draft(instruction=text, output="-5.5e3") for text in HOSTILE])
    result = run(workspace, tmp_path / "x.csv", format="csv")
    with Path(result.files[0].path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(HOSTILE)
    for row, text in zip(rows, HOSTILE, strict=True):
        assert row["instruction"] == ("'" + text if text[0] in "=+-@\t\r\n\uff1d" and text != "-2" else text)
        assert row["output"] == "-5.5e3", "numbers stay numbers"
    assert any("apostrophe" in note for note in result.notes)
    raw = run(workspace, tmp_path / "raw.csv", format="csv", raw=True)
    reader = csv.DictReader(io.StringIO(Path(raw.files[0].path).read_bytes().decode(), newline=""))
    assert [row["instruction"] for row in reader] == HOSTILE


@pytest.mark.parametrize("format", sorted(load_exporters()))
def test_hostile_texts_go_through_every_format(workspace: Workspace, tmp_path: Path, format: str) -> None:
    add_pairs(workspace, [Draft(instruction=text, input=text, output=text + "!") for text in HOSTILE])
    for pair in add_pairs(workspace, [Draft(kind="preference", instruction=text, output=text + "1",
                                            body={"rejected": text}) for text in HOSTILE]):  # fmt: skip
        say(workspace, pair, "approved")
    if format in ("distill", "rag", "tools"):
        body = {"reasoning": "because", "chunks": [{"id": "1", "text": "t"}], "tools": [{"name": "f"}]}
        kind = {"distill": "reasoning"}.get(format, format)
        add_pairs(workspace, [Draft(kind=kind, instruction=text, output=text + "?", body=body) for text in HOSTILE])
    result = run(workspace, tmp_path / "x", format=format)
    assert result.written + sum(left.pairs for left in result.left_out) == result.matched >= 2 * len(HOSTILE)
    assert result.written >= len(HOSTILE)
    json.loads(Path(result.manifest).read_text())
    if not issubclass(load_exporters()[format], JsonExporter):
        return
    records = lines(result.files[0].path)
    assert len(records) == result.written
    held = json.dumps(records, ensure_ascii=False)
    assert all(json.dumps(text, ensure_ascii=False)[1:-1] in held for text in HOSTILE)


def test_alpaca(workspace: Workspace, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "q"}]
    answer = {"role": "assistant", "content": "a"}
    system = {"role": "system", "content": "be kind"}
    add_pairs(
        workspace,
        [
            Draft(instruction="q", input="c", output="a"),
            Draft(instruction="q2", output="a", body={"messages": [system, {"role": "user", "content": "q2"}, answer]}),
            Draft(instruction="q", output="a", body={"messages": [*turns, answer]}),
            Draft(kind="preference", instruction="q", output="a", body={"rejected": "b"}),
        ],
    )
    result = run(workspace, tmp_path / "x.json", format="alpaca")
    assert json.loads((tmp_path / "x.json").read_text()) == [
        {"instruction": "q", "input": "c", "output": "a"},
        {"instruction": "q2", "input": "", "output": "a", "system": "be kind"},
    ]
    assert left_out(result) == {
        "is a conversation of several turns (chatml holds them)": 1,
        "is of kind preference, which alpaca does not hold (reasoning, sft)": 1,
    }
    empty = run(workspace, tmp_path / "none.json", format="alpaca", filter="length > 9999")
    assert json.loads(Path(empty.files[0].path).read_text()) == []


def test_chatml_says_what_the_edit_says(workspace: Workspace, tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "q"}]
    ids = add_pairs(
        workspace,
        [
            Draft(instruction="q", output="a", body={"messages": [*talk, {"role": "assistant", "content": "a"}]}),
            Draft(kind="reasoning", instruction="r", output="42", body={"reasoning": "because"}),
            Draft(kind="tools", instruction="t", output="done", body={"tools": [{"name": "f"}]}),
            Draft(instruction="no answer"),
        ],
    )
    say(workspace, ids[0], "edited", edit={"instruction": "Q", "output": "A"})
    result = run(workspace, tmp_path / "x.jsonl", format="chatml")
    first, second, third = lines(result.files[0].path)
    assert [message["content"] for message in first["messages"]] == ["1", "2", "Q", "A"]
    assert second["messages"][-1] == {"role": "assistant", "content": "42", "reasoning_content": "because"}
    assert third["tools"] == [{"name": "f"}]
    assert left_out(result) == {"has no answer": 1}


def test_dpo_follows_the_people(workspace: Workspace, tmp_path: Path) -> None:
    said = ["a", "b", "tie", "neither", "ab", None]
    ids = add_pairs(
        workspace,
        [
            Draft(kind="preference", instruction=f"q{number}", output=f"A{number}",
                  body={"rejected": f"B{number}", "undecided": True})
            for number in range(len(said))
        ]
        + [Draft(kind="preference", instruction="given", output="good", body={"rejected": "bad"}),
           Draft(kind="preference", instruction="same", output="x", body={"rejected": "x"})],
    )  # fmt: skip
    for pair, votes in zip(ids, said, strict=False):
        for number, vote in enumerate([votes] if votes in ("tie", "neither") else votes or ()):
            say(workspace, pair, "approved", reviewer=f"r{number}", preference=vote)
    result = run(workspace, tmp_path / "x.jsonl", format="dpo")
    assert lines(result.files[0].path) == [
        {"prompt": "q0", "chosen": "A0", "rejected": "B0"},
        {"prompt": "q1", "chosen": "B1", "rejected": "A1"},
        {"prompt": "given", "chosen": "good", "rejected": "bad"},
    ]
    assert left_out(result) == {
        "people found both answers equally good": 1,
        "people found neither answer good": 1,
        "people disagree about the better answer": 1,
        "nobody has said which answer is better": 1,
        "has the same answer twice": 1,
    }


def test_dpo_of_conversations_is_lists_of_messages_throughout(workspace: Workspace, tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "q"}]
    add_pairs(
        workspace,
        [
            Draft(kind="preference", instruction="plain", output="a", body={"rejected": "b"}),
            Draft(kind="preference", instruction="q", output="a", body={"rejected": "b", "messages": talk}),
        ],
    )
    result = run(workspace, tmp_path / "x.jsonl", format="dpo")
    plain, turns = lines(result.files[0].path)
    assert plain["prompt"] == [{"role": "user", "content": "plain"}] and turns["prompt"] == talk
    assert plain["chosen"] == [{"role": "assistant", "content": "a"}]
    assert result.notes == ("prompt, chosen and rejected are lists of messages",)


def test_edits_become_preference_pairs(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(5))
    say(workspace, ids[0], "edited", edit={"output": "better"})
    say(workspace, ids[1], "edited", edit={"instruction": "another question", "output": "better"})
    say(workspace, ids[2], "edited", edit={"output": "worse"})
    say(workspace, ids[2], "rejected")
    say(workspace, ids[3], "approved")
    result = run(workspace, tmp_path / "x.jsonl", format="dpo", edits_as_preferences=True)
    assert lines(result.files[0].path) == [
        {"prompt": "pair 1: what is it?", "chosen": "better", "rejected": "answer 1"}
    ]
    assert left_out(result) == {
        "is no preference pair and was not edited": 2,
        "was edited in its prompt: the two answers belong to different requests": 1,
        "was edited, but the edit is not accepted": 1,
    }


def test_kto(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(
        workspace,
        [*sft(3), Draft(kind="kto", instruction="k", output="a", body={"desirable": False})],
    )
    say(workspace, ids[0], "approved")
    say(workspace, ids[1], "rejected")
    result = run(workspace, tmp_path / "x.jsonl", format="kto")
    assert [(line["completion"], line["label"]) for line in lines(result.files[0].path)] == [
        ("answer 1", True), ("answer 2", False), ("a", False),
    ]  # fmt: skip
    assert left_out(result) == {"has no decision (it is open)": 1}


def test_sqlite_is_one_searchable_table(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, [*sft(2), *sft(1)])
    say(workspace, ids[0], "approved")
    result = run(workspace, tmp_path / "x.db", format="sqlite")
    with closing(sqlite3.connect(result.files[0].path)) as database:
        assert database.execute("SELECT count(*), count(DISTINCT uid) FROM pairs").fetchone() == (3, 3)
        found = "SELECT status FROM pairs WHERE rowid IN (SELECT rowid FROM pairs_fts('answer')) ORDER BY status"
        assert [row[0] for row in database.execute(found)] == ["approved", "open", "open"]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_parquet_has_types(workspace: Workspace, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    add_pairs(workspace, [*sft(3), Draft(instruction="t", output="u", tags=["x", "y"], meta={"a": 1})])
    result = run(workspace, tmp_path / "x.parquet", format="parquet")
    table = parquet.read_table(result.files[0].path)
    assert table.column("line").to_pylist() == [1, 2, 3, None]
    assert table.column("tags").to_pylist() == [None, None, None, ["x", "y"]]
    assert table.column("meta").to_pylist()[3] == '{"a":1}'
    assert table.column("tier").to_pylist() == [None] * 4
    empty = run(workspace, tmp_path / "none.parquet", format="parquet", filter="length > 9999")
    assert parquet.read_table(empty.files[0].path).num_rows == 0


def test_tiers_are_in_every_table(workspace: Workspace, tmp_path: Path) -> None:
    from flywheel_tui.stages.tiers import assign

    ids = add_pairs(workspace, sft(3))
    say(workspace, ids[0], "approved")
    say(workspace, ids[1], "rejected")
    assign(workspace, "demo")
    wanted = [("gold", 1.0), ("rejected", 0.0), (None, None)]
    found = lines(run(workspace, tmp_path / "a.jsonl").files[0].path)
    assert [(row.get("tier"), row.get("weight")) for row in found] == wanted
    with Path(run(workspace, tmp_path / "b.csv", format="csv").files[0].path).open(newline="") as file:
        cells = [(row["tier"], row["weight"], row["quality_p"]) for row in csv.DictReader(file)]
    assert cells == [(tier or "", "" if weight is None else str(weight), "") for tier, weight in wanted]
    with closing(sqlite3.connect(run(workspace, tmp_path / "c.db", format="sqlite").files[0].path)) as database:
        assert database.execute("SELECT tier, weight FROM pairs ORDER BY line").fetchall() == wanted
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(run(workspace, tmp_path / "d.parquet", format="parquet").files[0].path)
    assert list(zip(table["tier"].to_pylist(), table["weight"].to_pylist(), strict=True)) == wanted
