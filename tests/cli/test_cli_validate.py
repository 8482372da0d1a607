"""`flywheel validate` as people and scripts call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from flywheel_tui.cli import cli
from flywheel_tui.cli.console import report_error
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.validate import base
from flywheel_tui.stages.validate.base import Candidate, Check, Found
from flywheel_tui.workspace import Workspace

ROWS: list[dict[str, Any]] = [
    {"instruction": "Say hello.", "output": "Hello there."},
    {"instruction": "say HELLO", "output": "hello there"},
    {"instruction": "Say nothing.", "output": ""},
    {"instruction": "Write to Ann.", "output": "Mail ann@example.com and call ann@example.com twice."},
]


class Mails(Check):
    """Stands in for the check of personal data."""

    name = "pii"
    options: ClassVar[dict[str, Any]] = {"policy": "warn"}

    def look(self, rows: Any) -> Any:
        severity = "error" if self.settings["policy"] == "strict" else "warning"
        for row in rows:
            if "unlookable" in row.instruction:
                raise RuntimeError("no")
            for field, text in row.texts():
                at = text.find("ann@example.com")
                while at >= 0:
                    yield Found(row.id, severity, field, at, at + 15, "EMAIL: an address")
                    at = text.find("ann@example.com", at + 1)


class Nothing(Check):
    name = "secrets"


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    base.load_checks(True)
    monkeypatch.setattr(base, "CHECKS", {**base.CHECKS, "pii": Mails, "secrets": Nothing})
    monkeypatch.setattr(base, "iter_modules", lambda path: [])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path, ROWS)


def make(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(source), name="demo"))
    return tmp_path / "ws"


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), "validate", *words])


def failure(result: Result) -> str:
    assert result.exception is not None
    assert report_error(result.exception) == 2
    return str(result.exception)


def test_the_summary_names_checks_and_severities(root: Path) -> None:
    result = call(root, "-d", "demo", "--checks", "schema,dedup,pii")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "Validation: demo",
        "  Total pairs       4",
        "  schema            1",
        "  dedup             2",
        "  pii               2",
        "  severity:error    2",
        "  severity:warning  2",
        "  severity:info     1",
        f"Report: {root / 'reports' / 'demo' / 'validation.json'}",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--checks", "schema"), 1),
        (("--checks", "schema", "--fail-on", "never"), 0),
        (("--checks", "pii"), 0),
        (("--checks", "pii", "--fail-on", "warning"), 1),
        (("--checks", "pii", "--pii-policy", "strict"), 1),
        (("--checks", "length"), 0),
    ],
)
def test_the_exit_code_is_a_gate(root: Path, words: tuple[str, ...], code: int) -> None:
    assert call(root, "-d", "demo", *words).exit_code == code


def test_json_is_the_report(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.json"
    result = call(root, "-d", "demo", "--json", "--every-finding", "--report", str(target), "--fail-on", "never")
    report = json.loads(result.stdout)
    assert report["report"] == str(target)
    on_disk = json.loads(target.read_text())
    assert {key: on_disk[key] for key in ("findings", "pairs", "policy")} == {
        key: report[key] for key in ("findings", "pairs", "policy")
    }
    assert {line["check"] for line in on_disk["every_finding"]} >= {"schema", "dedup", "pii"}
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["pii"]["options"] == {"policy": "warn"}
    assert checks["schema"]["examples"][0]["position"] == 3


def test_the_setting_of_the_workspace_is_the_policy(root: Path) -> None:
    (root / "flywheel.toml").write_text('pii_policy = "strict"\n')
    assert call(root, "-d", "demo", "--checks", "pii").exit_code == 1


def test_options_of_checks(root: Path) -> None:
    result = call(root, "-d", "demo", "--checks", "length", "--set", "length.max_chars=20", "--json")
    [check] = json.loads(result.stdout)["checks"]
    assert check["options"]["max_chars"] == 20
    assert check["findings"] == {"warning": 1}
    table = call(root, "-d", "demo", "--checks", "length", "--set", 'length.max_chars={"instruction": 8}', "--json")
    assert json.loads(table.stdout)["findings"] == {"warning": 4}
    assert "CHECK.OPTION=VALUE" in failure(call(root, "-d", "demo", "--set", "length=5"))
    assert "is a number" in failure(call(root, "-d", "demo", "--set", "length.max_chars=many"))
    assert "no option 'size'" in failure(call(root, "-d", "demo", "--checks", "length", "--set", "length.size=3"))
    assert "there is no check 'lenght'" in failure(call(root, "-d", "demo", "--checks", "lenght"))
    assert "name the data set" in failure(call(root))
    assert "--write-clean" in failure(call(root, "-d", "demo", "--redact"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_clean_file_has_the_pairs_without_errors(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.jsonl"
    result = call(root, "-d", "demo", "--checks", "schema,dedup,pii", "--write-clean", str(target))
    assert f"Clean dataset written (2 pairs): {target}" in result.stdout
    assert [row["instruction"] for row in lines(target)] == ["Say hello.", "Write to Ann."]
    assert target.stat().st_mode & 0o777 == 0o600
    assert "exists already" in failure(call(root, "-d", "demo", "--write-clean", str(target)))
    assert call(root, "-d", "demo", "--write-clean", str(target), "--force", "--fail-on", "never").exit_code == 0


def test_the_clean_file_can_be_taken_in_again(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "clean.jsonl"
    call(root, "-d", "demo", "--checks", "schema,dedup", "--write-clean", str(target))
    with Workspace.open(root) as workspace:
        summary = ingest(workspace, IngestOptions(source=str(target), name="again"))
    assert (summary.layout, summary.added) == ("flywheel", 2)


def test_redaction_replaces_spans_everywhere(tmp_path: Path) -> None:
    mail = "ann@example.com"
    rows = [
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Who is {mail}?"},
                      {"role": "assistant", "content": f"{mail} is Ann."}], "note": f"asked by {mail}"},
        {"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "x"},
                      {"role": "user", "content": "2"}, {"role": "assistant", "content": f"é {mail}"}]},
        {"prompt": "p", "chosen": "good", "rejected": f"bad {mail}"},
    ]  # fmt: skip
    for number, row in enumerate(rows):
        folder = tmp_path / str(number)
        folder.mkdir()
        root = make(folder, [row])
        target = folder / "clean.jsonl"
        result = call(
            root, "-d", "demo", "--checks", "pii,schema", "--pii-policy", "strict", "--write-clean", str(target),
            "--redact", "--fail-on", "never",
        )  # fmt: skip
        assert "places redacted" in result.stdout, result.output
        text = target.read_text()
        assert mail not in text
        assert "[EMAIL]" in text
        assert "good" in text or "Ann." in text or "é [EMAIL]" in text


def test_what_cannot_be_redacted_for_certain_is_left_out(tmp_path: Path) -> None:
    root = make(tmp_path, [{"instruction": "unlookable", "output": "x"}, {"instruction": "fine", "output": "y"}])
    target = tmp_path / "clean.jsonl"
    call(root, "-d", "demo", "--checks", "schema", "--write-clean", str(target), "--redact")
    assert [row["instruction"] for row in lines(target)] == ["fine"]


def test_a_clean_file_is_never_written_through_a_link(root: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "clean.jsonl"
    link.symlink_to(victim)
    assert "symbolic link" in failure(call(root, "-d", "demo", "--write-clean", str(link), "--force"))
    assert victim.read_text() == "precious"


def test_overlapping_spans_become_one_mark() -> None:
    from flywheel_tui.stages.validate.clean import mark_of, marked

    assert marked("0123456789", [(2, 5, "[A]"), (4, 7, "[B]"), (8, 9, "[C]")]) == "01[A]7[C]9"
    assert marked("abc", [(0, 3, "[X]"), (0, 1, "[Y]")]) == "[X]"
    assert (mark_of("EMAIL: a"), mark_of("IP ADDRESS: b"), mark_of("no type")) == (
        "[EMAIL]",
        "[IP ADDRESS]",
        "[REDACTED]",
    )


def test_the_list_of_checks(root: Path) -> None:
    shown = call(root, "--list")
    assert shown.exit_code == 0 and "repetition" in shown.stdout
    listed = {check["name"]: check for check in json.loads(call(root, "--list", "--json").stdout)}
    assert listed["length"]["options"]["max_chars"] == 32_000


def test_ctrl_c_keeps_what_was_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {n}", "output": "" if n % 5 == 0 else f"it is {n}"} for n in range(3_000)]
    root = make(tmp_path, rows)
    script = (
        "import sys, os, signal\n"
        "from flywheel_tui.stages.validate import record\n"
        "write = record.Recorder.write_batch\n"
        "def then_interrupt(*args):\n"
        "    write(*args)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "record.Recorder.write_batch = then_interrupt\n"
        "from flywheel_tui.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["-w", str(root), "validate", "-d", "demo", "--checks", "schema"]
    stopped = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert stopped.returncode == 130, stopped.stderr
    assert "what was finished is kept" in stopped.stderr
    result = call(root, *words[3:], "--json")
    report = json.loads(result.stdout)
    assert report["findings"] == {"error": 600}
    assert 0 < report["checks"][0]["looked_at"] < 3_000


def test_candidates_give_each_text_once() -> None:
    turns = [("user", "a"), ("assistant", "b"), ("user", "q"), ("assistant", "r")]
    body = json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]})
    row = Candidate(1, "sft", "q", None, "r", body)
    assert list(row.texts()) == [
        ("instruction", "q"), ("output", "r"), ("body.messages[0].content", "a"), ("body.messages[1].content", "b"),
    ]  # fmt: skip
    assert list(row.answers()) == [("output", "r"), ("body.messages[1].content", "b")]
