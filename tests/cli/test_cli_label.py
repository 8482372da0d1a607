"""The command line of ingest and labels, as a script uses it: real processes, streams apart, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FLYWHEEL = [sys.executable, "-c", "from flywheel_tui.cli import main; main()"]


def run(*words: object, folder: Path, stdin: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*FLYWHEEL, "-w", str(folder / "w"), *map(str, words)], capture_output=True, text=True, cwd=folder,
        input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"instruction": f"say {word}", "output": word} for word in ("hi", "ho", "hu")]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("init", tmp_path / "w", folder=tmp_path)
    done = run("ingest", "-i", "pairs.jsonl", "-n", "demo", folder=tmp_path)
    assert done.stdout == "Ingested 3 pairs -> demo\n"
    return tmp_path


def test_ingest_again_says_so_and_json_is_one_document(folder: Path) -> None:
    assert "3 were there already" in run("ingest", "-i", "pairs.jsonl", "-n", "demo", folder=folder).stdout
    document = json.loads(run("ingest", "-i", "pairs.jsonl", "-n", "demo", "--json", folder=folder).stdout)
    assert (document["added"], document["known"], document["rejected"]) == (0, 3, 0)


def test_dry_run_writes_nothing(folder: Path) -> None:
    done = run("ingest", "-i", "pairs.jsonl", "-n", "new", "--dry-run", folder=folder)
    assert "nothing was written" in done.stdout and "say hi" in done.stdout
    names = [row["name"] for row in json.loads(run("dataset", "ls", "--json", folder=folder).stdout)]
    assert names == ["demo"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ingest", "-i", "nope.jsonl", "-n", "demo"], "nope.jsonl"),
        (["ingest", "-i", "pairs.jsonl", "-n", "Bad Name"], "cannot name a data set"),
        (["label"], "name the data set"),
        (["label", "-d", "nope", "--plain"], "no data set named 'nope'; there are: demo"),
        (["label", "-d", "demo", "--mode", "bulk"], "--status"),
        (["label", "-d", "demo", "--mode", "bulk", "--status", "approved"], "--where"),
        (["label", "-d", "demo", "--mode", "bulk", "--status", "approved", "--where", "id >"], "column"),
        (["label", "-d", "demo", "--mode", "bulk", "--status", "approved", "--where", "id > 0"], "--yes"),
        (["calibrate", "-d", "demo", "--tag", "x"], "no judge has looked at this data set"),
        (["label", "--undo", "xyz"], "identifier"),
        (["trace", "999"], "flywheel dataset show"),
        (["gate", "show", "1"], "flywheel evaluate"),
        (["label", "import", "pairs.jsonl"], "is no label log"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(folder: Path, words: list[str], says: str) -> None:
    done = run(*words, folder=folder, code=2)
    assert says in done.stderr
    assert done.stdout == ""


def test_plain_labelling_through_a_pipe(folder: Path) -> None:
    answers = "n look twice\na\nr 12\nnonsense\nu\nr 3\ns\n"
    done = run("label", "-d", "demo", "--plain", "--reviewer", "ana", folder=folder, stdin=answers)
    assert "3 decided; nothing is left" in done.stdout
    log = folder / "log.jsonl"
    run("label", "export", "--to", log, folder=folder)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    said = [(event["action"], event.get("status"), event.get("reasons"), event.get("note")) for event in events]
    assert said == [
        ("label", None, None, "look twice"),
        ("label", "approved", None, "look twice"),
        ("label", "rejected", ["wrong_facts", "incomplete"], None),
        ("undo", None, None, None),
        ("label", "rejected", ["unsafe"], None),
        ("label", "skipped", None, None),
    ]
    assert {event["reviewer"] for event in events} == {"ana"}


def test_plain_labelling_stops_at_the_end_of_its_input_and_goes_on_later(folder: Path) -> None:
    assert "1 decided, 2 left" in run("label", "-d", "demo", "--plain", folder=folder, stdin="a\n").stdout
    assert "2 pairs to decide on" in run("label", "-d", "demo", "--plain", folder=folder, stdin="").stdout


def test_bulk_counts_first_and_is_undone_as_one(folder: Path) -> None:
    words = ["label", "-d", "demo", "--mode", "bulk", "--where", "'h' in instruction", "--status", "rejected"]
    done = run(*words, "--reason", "style", "--yes", "--json", folder=folder)
    assert "3 pairs match, 3 would become rejected (now: 3 open)" in done.stderr
    batch = json.loads(done.stdout)
    assert batch["changed"] == 3
    assert "Nothing to change" in run(*words, "--yes", folder=folder).stdout
    assert "Taken back: 3 labels" in run("label", "--undo", batch["batch"], folder=folder).stdout
    assert "Nothing to take back" in run("label", "--undo", batch["batch"], folder=folder).stdout


def test_two_reviewers_logs_merge_without_loss_or_double(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "pairs.jsonl").write_bytes((folder / "pairs.jsonl").read_bytes())
    run("init", other / "w", folder=other)
    run("ingest", "-i", "pairs.jsonl", "-n", "demo", folder=other)
    run("label", "-d", "demo", "--plain", "--reviewer", "ana", folder=folder, stdin="a\na\n")
    run("label", "-d", "demo", "--plain", "--reviewer", "bo", folder=other, stdin="r 1\ns\na\n")
    assert "Added 3 of 3" in run("label", "merge", other / "w", folder=folder).stdout
    assert "Added 0 of 3 label events; 3 were there already" in run("label", "merge", other / "w", folder=folder).stdout
    assert "Added 2 of 5" in run("label", "merge", folder / "w", folder=other).stdout
    for place in (folder, other):
        shown = json.loads(run("dataset", "show", "demo", "--json", folder=place).stdout)
        assert [row["status"] for row in shown] == ["disputed", "approved", "approved"]


def test_plain_labelling_asks_what_this_reviewer_has_not_decided_whatever_others_said(folder: Path) -> None:
    run("judge", "-d", "demo", "--backend", "offline", "--tag", "rules", folder=folder)
    run(
        "label",
        "-d",
        "demo",
        "--mode",
        "auto-from-judge",
        "--tag",
        "rules",
        "--approve-above",
        0,
        "--yes",
        folder=folder,
    )
    done = run("label", "-d", "demo", "--plain", "--reviewer", "ana", folder=folder, stdin="a\nr 1\n")
    assert "3 pairs to decide on" in done.stdout and "2 decided, 1 left" in done.stdout
    where = ("--where", "length > 0")
    done = run("label", "-d", "demo", "--plain", "--reviewer", "ana", *where, folder=folder, stdin="")
    assert "1 pair to decide on" in done.stdout


def test_recorded_judgments_decide(folder: Path) -> None:
    rows = [{"pair": number, "score": score, "passed": score > 5} for number, score in ((1, 2.0), (2, 9.0), (3, 6.0))]
    (folder / "judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = "pair=pair,score=score,passed=passed"
    auto = ("label", "-d", "demo", "--mode", "auto-from-judge", "--judgments", "judged.jsonl", "--map", columns)
    assert "nothing was taken in" in run(*auto, folder=folder, code=2).stderr
    done = run(*auto, "--tag", "other", "--reject-below", 3.5, "--approve-above", 8, "--yes", folder=folder)
    assert "took in 3 judgments as other" in done.stderr and "(1 approved, 1 rejected)" in done.stdout
    shown = json.loads(run("dataset", "show", "demo", "--json", folder=folder).stdout)
    assert [row["status"] for row in shown] == ["rejected", "approved", "open"]


def test_a_log_is_not_written_over_a_file_unless_told_to(folder: Path) -> None:
    run("label", "-d", "demo", "--plain", "--reviewer", "ana", folder=folder, stdin="a\n")
    mine = folder / "mine.jsonl"
    mine.write_text("not to be lost\n")
    said = run("label", "export", "--to", mine, folder=folder, code=2).stderr
    assert "mine.jsonl: exists already" in said and "--force" in said
    assert mine.read_text() == "not to be lost\n"
    run("label", "export", "--to", mine, "--force", folder=folder)
    assert json.loads(mine.read_text())["action"] == "label"
