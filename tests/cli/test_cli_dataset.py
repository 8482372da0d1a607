"""`flywheel dataset` and `flywheel trace` as scripts use them: real processes, streams apart, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say, sft

from flywheel_tui.records.pair import Draft

FLYWHEEL = [sys.executable, "-c", "from flywheel_tui.cli import main; main()"]
HOSTILE = "\x1b]52;c;cHduZWQ=\x07 \x9b2J \u202etxt [bold]not markup[/] e" + "\u0301" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with make_workspace(tmp_path / "w", sft(6)) as workspace:
        ids = add_pairs(workspace, sft(6))
        say(workspace, ids[0], "approved")
        say(workspace, ids[1], "rejected", reasons=("wrong",))
    return tmp_path


def run(folder: Path, *words: object, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [*FLYWHEEL, "-w", "w", *map(str, words)], capture_output=True, cwd=folder, stdin=subprocess.DEVNULL,
        timeout=60, check=False,
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, (out, err)
    assert "Traceback" not in err
    return out, err


def test_ls_and_info(folder: Path) -> None:
    out, err = run(folder, "dataset", "ls")
    header, line, *_ = out.splitlines()
    assert len(out.splitlines()) == 2, out
    assert header.split()[:3] == ["name", "kind", "pairs"] and err == ""
    assert line.split()[:5] == ["demo", "sft", "6", "33%", "4"]
    (listed,) = json.loads(run(folder, "dataset", "ls", "--json")[0])
    assert (listed["pairs"], listed["open"], listed["sources"]) == (6, 4, ["made"])
    out, _ = run(folder, "dataset", "info", "demo")
    assert "4 open, 1 approved, 1 rejected" in out and "1 approved, 1 rejected" in out.split("reviewer")[1]
    assert json.loads(run(folder, "dataset", "info", "demo", "--json")[0])["statuses"]["open"] == 4


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    make_workspace(tmp_path / "w").close()
    assert "flywheel ingest" in run(tmp_path, "dataset", "ls")[0]
    assert run(tmp_path, "dataset", "ls", "--json")[0] == "[]\n"


def test_show(folder: Path) -> None:
    out, err = run(folder, "dataset", "show", "demo", "--where", "label == 'rejected'", "--limit", 3)
    assert "sft, rejected, by ana" in out and "output: answer 2" in out and "answer 1" not in out and err == ""
    out, err = run(folder, "dataset", "show", "demo", "--limit", 2, "--offset", 1, "--json")
    assert [pair["instruction"][:6] for pair in json.loads(out)] == ["pair 2", "pair 3"]
    out, err = run(folder, "dataset", "show", "demo", "--where", "length > 999")
    assert (out, err) == ("", "no pair passes the filter\n")


def test_export_prints_what_the_contract_says(folder: Path) -> None:
    out, err = run(folder, "dataset", "export", "demo", "--to", "out/demo.jsonl", "--filter", "label != 'rejected'")
    assert out == "Wrote 5 pairs -> out/demo.jsonl\n"
    assert "4 of the pairs are open" in err and "out/demo.jsonl.manifest.json" in err
    out, _ = run(folder, "dataset", "export", "demo", "--to", "out/s.jsonl", "--split", "train=0.8,val=0.2")
    first, second = out.splitlines()
    assert first.endswith("-> out/s.train.jsonl") and second.endswith("-> out/s.val.jsonl")
    counts = [len((folder / "out" / f"s.{part}.jsonl").read_text().splitlines()) for part in ("train", "val")]
    assert [int(line.split()[1]) for line in (first, second)] == counts and sum(counts) == 6
    out, err = run(folder, "dataset", "export", "demo", "--to", "out/k/", "--format", "kto", "--json")
    document = json.loads(out)
    assert document["written"] == 2 and document["files"][0]["path"] == str(folder / "out/k/demo.kto.jsonl")
    assert document["left_out"] == [{"reason": "has no decision (it is open)", "pairs": 4}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export", "nope"], "no data set named 'nope'; there are: demo"),
        (["export", "demo", "--split", "train=0.5"], "add up to 0.5 and must add up to 1"),
        (["export", "demo", "--format", "nope"], "no export format named 'nope'; there are: alpaca"),
        (["export", "demo", "--filter", "label = 'x'"], "column"),
        (["export", "demo", "--tag", "x"], "no judge run named 'x'"),
        (["info", "nope"], "no data set named"),
        (["show", "demo", "--limit", "0"], "--limit"),
        (["diff", "demo", "nope"], "no data set named"),
        (["rm", "demo"], "needs --yes"),
        (["restore", "demo"], "no removed data set named 'demo'"),
    ],
)
def test_bad_words_exit_with_2_and_one_line(folder: Path, words: list[str], says: str) -> None:
    out, err = run(folder, "dataset", *words, code=2)
    assert out == "" and says in err
    assert not (folder / "w" / "exports").exists() or not list((folder / "w" / "exports").iterdir())


def test_a_refused_export_leaves_no_job_behind(folder: Path) -> None:
    (folder / "mine.jsonl").write_text("mine")
    _, err = run(folder, "dataset", "export", "demo", "--to", "mine.jsonl", code=2)
    assert "exists already" in err and (folder / "mine.jsonl").read_text() == "mine"
    with make_workspace(folder / "w") as workspace:
        assert workspace.store.read().execute("SELECT count(*) FROM job").fetchone()[0] == 0


def test_diff(folder: Path) -> None:
    run(folder, "dataset", "export", "demo", "--to", "x.jsonl", "--filter", "label != 'open'")
    run(folder, "ingest", "-i", "x.jsonl", "-n", "back")
    out, _ = run(folder, "dataset", "diff", "demo", "back")
    assert "approved -> open: 1" in out
    document = json.loads(run(folder, "dataset", "diff", "demo", "back", "--json")[0])
    assert (document["only_in_one"], document["only_in_other"], document["in_both"]) == (4, 0, 2)


def test_rm_and_restore(folder: Path) -> None:
    out, _ = run(folder, "dataset", "rm", "demo", "--yes")
    assert "flywheel dataset restore demo" in out
    assert run(folder, "dataset", "ls", "--json")[0] == "[]\n"
    assert run(folder, "dataset", "restore", "demo")[0] == "Restored demo: 6 pairs\n"
    assert len(json.loads(run(folder, "dataset", "ls", "--json")[0])) == 1


def test_trace(folder: Path) -> None:
    (pair,) = json.loads(run(folder, "dataset", "show", "demo", "--where", "label == 'rejected'", "--json")[0])
    out, err = run(folder, "trace", pair["uid"])
    assert f"pair {pair['id']} in demo: sft, rejected" in out and "ana said rejected, wrong" in out and err == ""
    assert json.loads(run(folder, "trace", pair["id"], "--json")[0])["pair"]["uid"] == pair["uid"]
    assert "neither the number" in run(folder, "trace", "nope", code=2)[1]


def test_nothing_from_a_file_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    body = {HOSTILE: HOSTILE, "rejected": HOSTILE}
    rows = [Draft(kind="preference", instruction=HOSTILE, output=HOSTILE, body=body, tags=[HOSTILE])]
    with make_workspace(tmp_path / "w", rows) as workspace:
        (pair,) = add_pairs(workspace, rows)
        with workspace.store.tx() as connection:
            connection.execute("UPDATE source SET name = ?, notes = json_array(?)", (HOSTILE, HOSTILE))
            connection.execute(
                "INSERT INTO finding (dataset_id, pair_id, check_name, check_version, severity, message, created)"
                " VALUES (1, ?, ?, 1, 'error', ?, 0)",
                (pair, HOSTILE, HOSTILE),
            )
            connection.execute(
                "INSERT INTO judge_run (id, dataset_id, tag, judge_id, created) VALUES (1, 1, ?, NULL, 0)", (HOSTILE,)
            )
        say(workspace, pair, "edited", reviewer=HOSTILE, note=HOSTILE, reasons=(HOSTILE,), edit={"output": HOSTILE * 2})
        add_pairs(workspace, [Draft(instruction=HOSTILE)], "other")
    for words in (
        ["dataset", "ls"], ["dataset", "info", "demo"], ["dataset", "show", "demo", "--full"], ["trace", pair],
        ["dataset", "diff", "demo", "other"], ["dataset", "export", "demo", "--to", "x.jsonl"],
        ["dataset", "export", "demo", "--format", "dpo"],
    ):  # fmt: skip
        for stream in run(tmp_path, *words):
            assert not set(stream) & {"\x1b", "\x07", "\x9b", "\u202e"} and "\u0301" * 5 not in stream, words
    assert "[bold]not markup[/]" in run(tmp_path, "dataset", "show", "demo")[0]
    json.loads(run(tmp_path, "dataset", "show", "demo", "--json")[0])


def test_the_list_of_commands_loads_no_heavy_library(folder: Path) -> None:
    code = (
        "import sys; from flywheel_tui.cli import cli;"
        " cli.main(['dataset', 'export', '--help'], standalone_mode=False);"
        " print([name for name in ('pyarrow', 'textual', 'torch', 'sklearn', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.splitlines()[-1] == "[]"


def test_export_shows_the_first_row_before_it_writes(folder: Path) -> None:
    out, err = run(folder, "dataset", "export", "demo", "--to", "out/t/", "--format", "sft", "--messages")
    assert out == "Wrote 6 pairs -> out/t/demo.sft.jsonl\n"
    first = "the first row as the model reads it (template chatml):\n  <|im_start|>user\n  pair 1"
    assert err.startswith(first) and "beside it out/t/demo.sft.provenance.jsonl" in err
    out, err = run(folder, "dataset", "export", "--formats")
    assert len(out.splitlines()) > 20 and "llama-factory" in out and err == ""
    _, err = run(folder, "dataset", "export", "demo", "--format", "sft", "--template", "nowhere", code=2)
    assert err.startswith("flywheel: --template: ") and len(err.splitlines()) == 1


def test_a_bundle_from_the_command_line(folder: Path) -> None:
    out, _ = run(folder, "dataset", "export", "demo", "--to", "out/b", "--bundle")
    assert [line.split()[1].rpartition("/")[2].rstrip(":") for line in out.splitlines()] == [
        "training_data.jsonl", "eval_holdout.jsonl", "failed_examples.jsonl", "generation_report.json",
        "rubric_analysis.json",
    ]  # fmt: skip
    out, _ = run(folder, "dataset", "export", "demo", "--to", "out/b", "--bundle", "--force", "--json")
    assert json.loads(out)["report"]["dataset"] == "demo"
