"""Whole exports: what is in the files, the manifest and the card, what is left out, and that it comes back the same."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs, make_workspace, say, sft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import Cancelled, ExpressionError, NotFoundError, UsageError
from flywheel_tui.identity import new_uid, show_uid
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest, ExportResult, export, load_exporters, run_job
from flywheel_tui.stages.export.base import JsonExporter
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

HOSTILE = [
    "\x1b]52;c;cHduZWQ=\x07", "a\x00b", "a\r\nb\rc\u2028d\u2029", '","quoted""', "=cmd|' /C calc'!A0", "+1+1", "-2",
    "@SUM(A1)", "\ttab", "\uff1dfull", "\u202etxt", "</script>", "{{x}}", "e" + "\u0301" * 50, "\U0010ffff", "\ufeff",
    " ", "'=1", "\n",
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "w") as made:
        yield made


def run(workspace: Workspace, to: Path, **fields: Any) -> ExportResult:
    return export(workspace, ExportRequest(dataset=fields.pop("dataset", "demo"), to=str(to), **fields))


def lines(path: str | Path) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_bytes().decode().split("\n")[:-1]]


def left_out(result: ExportResult) -> dict[str, int]:
    return {left.reason: left.pairs for left in result.left_out}


def test_files_manifest_card_and_snapshot_agree(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(10))
    say(workspace, ids[0], "rejected")
    say(workspace, ids[1], "edited", edit={"output": "better"})
    result = run(workspace, tmp_path / "x.jsonl", filter="length > 3", split={"train": 0.5, "val": 0.5}, seed=4)
    manifest = json.loads(Path(result.manifest).read_text())
    assert [file["name"] for file in manifest["files"]] == ["x.train.jsonl", "x.val.jsonl"]
    for file in manifest["files"]:
        text = (tmp_path / file["name"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (sha256(text).hexdigest(), len(text))
        assert file["pairs"] == text.count(b"\n")
    assert manifest["statuses"] == {"open": 8, "rejected": 1, "edited": 1} and manifest["edited"] == 1
    assert manifest["split"] == {"shares": {"train": 0.5, "val": 0.5}, "seed": 4, "by": "family"}
    hashes = b"".join(
        row[0]
        for row in workspace.store.read().execute(
            "SELECT p.hash FROM pair_current c JOIN pair p ON p.id = c.pair_id ORDER BY c.position"
        )
    )
    row = workspace.store.read().execute("SELECT expression, count, hash FROM snapshot").fetchone()
    assert row == ("length > 3", 10, sha256(hashes).hexdigest())
    assert manifest["snapshot"] == {"number": result.snapshot, "pairs": 10, "hash": row[2]}
    assert "8 of the pairs are open" in result.notes and "1 of the pairs are rejected" in result.notes
    card = Path(result.card).read_text()
    assert "`length > 3`" in card and manifest["files"][0]["sha256"] in card
    assert not list(tmp_path.glob(".*"))


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


# A file that holds NUL is refused when it is taken in, so only other texts can make the round.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
texts = st.one_of(st.sampled_from([text for text in HOSTILE if "\x00" not in text]), st.text(letters, max_size=12))
bodies = st.dictionaries(st.sampled_from(["messages_", "chunks", "é"]), st.one_of(texts, st.lists(texts, max_size=2)))
drafts = st.builds(
    Draft,
    kind=st.sampled_from(["sft", "prompt", "rag", "reasoning"]),
    instruction=texts,
    input=st.none() | texts,
    output=st.none() | texts,
    body=st.none() | bodies,
    meta=st.none() | st.dictionaries(texts, st.integers(-(2**53), 2**53) | texts, max_size=2),
    category=st.none() | texts,
    tags=st.none() | st.lists(st.text(letters, min_size=1, max_size=3), max_size=2),
)


def uids(workspace: Workspace, dataset: str) -> list[bytes]:
    query = "SELECT p.uid FROM pair p JOIN dataset d ON d.id = p.dataset_id WHERE d.name = ? ORDER BY p.id"
    return [row[0] for row in workspace.store.read().execute(query, (dataset,))]


def contents(workspace: Workspace, dataset: str) -> list[Any]:
    query = (
        "SELECT p.kind, p.instruction, p.input, p.output, p.body, p.category, p.tags FROM pair p"
        " JOIN dataset d ON d.id = p.dataset_id WHERE d.name = ? ORDER BY p.id"
    )
    found = workspace.store.read().execute(query, (dataset,)).fetchall()
    return [tuple(cell or None for cell in row) for row in found]


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(drafts, min_size=1, max_size=6), st.sampled_from(["jsonl", "csv", "parquet"]), st.randoms())
def test_what_was_exported_comes_back_as_the_same_pairs(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Draft], format: str, random: Any
) -> None:
    folder = tmp_path_factory.mktemp("round")
    rows += random.sample(rows, 1)  # an exact duplicate is a pair of its own
    with make_workspace(folder / "w", rows) as workspace:
        result = run(workspace, folder / f"x.{format}", format=format, raw=format == "csv")
        with make_workspace(folder / "back") as back:
            summary = ingest(back, IngestOptions(source=result.files[0].path, name="demo"))
            assert summary.rejected == 0, summary.reasons
            assert uids(back, "demo") == uids(workspace, "demo")
            assert contents(back, "demo") == contents(workspace, "demo")


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


families = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 3), st.booleans()), min_size=1, max_size=40
)  # (family, content, whether an editor changes it)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(families, st.integers(0, 10**9))
def test_no_family_is_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[int, int, bool]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    same = (0, 1, 2, 3, 4, 5, 0, 1)  # the last two are exact duplicates, and may be seeds of their own
    seeds = [Draft(instruction=f"seed {number}", output="s") for number in same]
    with make_workspace(folder / "w", seeds) as workspace:
        known = uids(workspace, "demo")
        with workspace.store.tx() as connection:
            for number, (family, content, _) in enumerate(members, 100):
                uid = new_uid()
                connection.execute(
                    "INSERT INTO pair (id, dataset_id, uid, hash, family, kind, instruction, output, length, created)"
                    " VALUES (?, 1, ?, ?, ?, 'sft', ?, 'x', 5, 0)",
                    (number, uid, uid, known[family], f"child {same[family]} {content}"),
                )
                connection.execute(
                    "INSERT INTO pair_current (id, dataset_id, position, pair_id) VALUES (?1, 1, ?1, ?1)", (number,)
                )
                connection.execute("INSERT INTO edge VALUES (?, ?, 'seeded', NULL, NULL, NULL, NULL, 0)",
                                   (number, 1 + family))  # fmt: skip
        for number, (_, _, edited) in enumerate(members, 100):
            if edited:
                say(workspace, number, "edited", edit={"output": f"edited {number}"})
        split = {"train": 0.5, "val": 0.5}
        result = run(workspace, folder / "x.jsonl", split=split, seed=seed)
        sides: dict[str, set[str]] = {}
        for file in result.files:
            for line in lines(file.path):
                words = line["instruction"].split()
                sides.setdefault(words[1], set()).add(file.part)
        assert all(len(parts) == 1 for parts in sides.values()), "seeds, their duplicates and what grew from them"
        assert result.written == len(seeds) + len(members)


def test_the_split_keeps_its_sides_when_the_data_set_grows_or_is_edited(workspace: Workspace, tmp_path: Path) -> None:
    ids = add_pairs(workspace, sft(60))
    split = {"train": 0.7, "val": 0.3}

    def sides(name: str) -> dict[int, str]:
        result = run(workspace, tmp_path / name, split=split, seed=9)
        return {line["line"]: file.part for file in result.files for line in lines(file.path)}

    before = sides("one.jsonl")
    add_pairs(workspace, sft(100)[60:])
    say(workspace, ids[0], "edited", edit={"output": "new"})
    say(workspace, ids[0], "edited", edit={"instruction": "new too"})
    after = sides("two.jsonl")
    assert len(after) == 100 and before.items() <= after.items()


def test_an_edit_without_a_family_stays_with_its_original(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(40))

    def sides(name: str) -> dict[int, str]:
        result = run(workspace, tmp_path / name, split={"a": 0.5, "b": 0.5})
        return {line["line"]: file.part for file in result.files for line in lines(file.path)}

    before = sides("one.jsonl")
    with workspace.store.tx() as connection:
        for pair in range(1, 41):
            connection.execute(
                "INSERT INTO pair (id, dataset_id, uid, hash, supersedes, version, kind, instruction, output, length,"
                " line, created)"
                " VALUES (?1 + 100, 1, randomblob(16), randomblob(16), ?1, 2, 'sft', 'q', 'a', 2, ?1, 0)",
                (pair,),
            )
            connection.execute("UPDATE pair_current SET pair_id = id + 100 WHERE id = ?", (pair,))
    assert sides("two.jsonl") == before and len(before) == 40


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


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"dataset": "nope"}, NotFoundError, "there are: demo"),
        ({"format": "nope"}, NotFoundError, "there are: alpaca, axolotl, chatml"),
        ({"filter": "nope > 1"}, ExpressionError, "column 1"),
        ({"tag": "nope"}, NotFoundError, "judge run"),
        ({"raw": True}, UsageError, "--raw means nothing to the format jsonl; it is for: csv"),
        ({"edits_as_preferences": True}, UsageError, "it is for: dpo"),
        ({"split": {"a": 0.2}}, UsageError, "add up to 0.2"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(
    workspace: Workspace, tmp_path: Path, fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    add_pairs(workspace, sft(2))
    with pytest.raises(error, match=says):
        run(workspace, tmp_path / "out" / "x.jsonl", **fields)
    assert not (tmp_path / "out").exists()


def test_it_never_overwrites_by_itself(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(2))
    run(workspace, tmp_path / "x.jsonl")
    before = (tmp_path / "x.jsonl").read_bytes()
    with pytest.raises(UsageError, match="--force"):
        run(workspace, tmp_path / "x.jsonl")
    add_pairs(workspace, sft(1, "more"))
    assert (tmp_path / "x.jsonl").read_bytes() == before
    run(workspace, tmp_path / "x.jsonl", force=True)
    assert len(lines(tmp_path / "x.jsonl")) == 3


class StoppedTask:
    """A job that somebody cancels after its first report of writing."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None, str | None]] = []

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        self.seen.append((done, total, phase))

    def event(self, level: str, text: str) -> None:
        raise AssertionError(text)

    def check(self) -> None:
        if self.seen[-1][2] == "writing":
            raise Cancelled("asked to stop")


def test_a_cancelled_job_leaves_no_file(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(1500))
    task = StoppedTask()
    with pytest.raises(Cancelled):
        run_job(workspace, {"dataset": "demo", "to": str(tmp_path / "out" / "x.jsonl")}, task)
    assert task.seen[-1] == (1000, 1500, "writing")
    assert list((tmp_path / "out").iterdir()) == []


def test_names_of_sources_cannot_act_in_the_card(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(1))
    with workspace.store.tx() as connection:
        connection.execute("UPDATE source SET name = ?", ("a`b|c\n# title \x1b[2J ``",))
    card = Path(run(workspace, tmp_path / "x.jsonl").card).read_text()
    assert "\x1b" not in card and "\n# title" not in card and "``` a`b\\|c" in card


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
