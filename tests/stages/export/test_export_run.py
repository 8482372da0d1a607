"""Whole exports: manifest and card, the split, what is refused or stopped, and that it comes back the same."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from export_helpers import HOSTILE, lines, run
from factories import add_pairs, make_workspace, say, sft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import Cancelled, ExpressionError, NotFoundError, UsageError
from flywheel_tui.identity import new_uid
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import run_job
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace


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
