"""Answers in another form: what changes and what stays, and how a judge that can be bribed shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import add_pairs, make_workspace, pair_ids, say, sft
from judge_helpers import number_in, run_judge, score_of, use_backend, verdict_text
from judged import judged

from flywheel_tui.cli import cli
from flywheel_tui.errors import ConflictError, UsageError
from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages.bias_forms import FORMS
from flywheel_tui.stages.bias_perturb import FormsOptions, forms_named, prepare
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.calibrate_words import bias_lines
from flywheel_tui.store import datasets

ADDED = ("beauty", "authority", "claim", "padding")


def _bribed(request: Request) -> str:
    """Scores by the number of the pair, but never below 9 where the answer calls itself right."""
    said = score_of(number_in(request))
    return verdict_text(max(said, 9) if "correct and complete" in request.messages[1].content else said)


@pytest.mark.parametrize("name", ADDED)
def test_a_form_keeps_every_word_of_the_answer(name: str) -> None:
    text = "Water boils at 100 degrees. At height it boils earlier."
    changed = FORMS[name].turn(text)
    assert changed is not None
    for word in text.split():
        assert word.strip(".") in changed
    assert FORMS[name].turn("") is None


def test_code_is_left_alone_and_what_a_form_cannot_change_is_left_out() -> None:
    code = "# Why\n```\n# a comment\n```"
    assert FORMS["plain"].turn(code) is None
    assert FORMS["bullets"].turn(code) is None
    assert FORMS["plain"].turn("no marks at all") is None


def test_a_judge_that_believes_claims_is_told_by_its_flips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = use_backend(monkeypatch, _bribed)
    with make_workspace(tmp_path / "w", sft(30)) as workspace:
        ids = pair_ids(workspace)
        run_judge(workspace)
        fails = sum(score_of(number) < 7 for number in range(1, 31))
        options = prepare(workspace, FormsOptions(dataset="demo", tag="t", forms=("claim", "padding"), pairs=1000))
        assert (options.dataset, options.tag) == ("demo-forms", "t")
        asked = len(backend.requests)
        report = run_judge(workspace, dataset="demo-forms")
        assert (report.judged, len(backend.requests) - asked) == (60, 60)
        # made again, nothing is added and nothing asked
        prepare(workspace, FormsOptions(dataset="demo", tag="t", forms=("claim", "padding"), pairs=1000))
        assert run_judge(workspace, dataset="demo-forms").calls == 0
        say(workspace, ids[0], "approved")
        audit = calibrate(workspace, "demo", CalibrateOptions(tag="t"), bias=True).bias
        assert audit is not None
        claim, padding = audit.forms
        assert (claim.form, claim.to_pass, claim.to_fail, claim.flips.n) == ("claim", fails, 0, 30)
        assert claim.flips.value == pytest.approx(fails / 30)
        assert (padding.form, padding.flips.value) == ("padding", 0.0)
        lines = [line for line in bias_lines(audit) if line.startswith("form:")]
        assert lines[0].endswith("more than 2%")
        assert "more than" not in lines[1]
        # the other forms are no pairs of the data set, and no labels
        assert datasets.get_dataset(workspace.store.read(), "demo").pairs == 30


def test_what_cannot_be_audited_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there are: plain"):
        forms_named("glitter")
    use_backend(monkeypatch, _bribed)
    with make_workspace(tmp_path / "w", sft(3)) as workspace:
        judged(workspace, "recorded", dict.fromkeys(pair_ids(workspace), 9))
        with pytest.raises(UsageError):
            prepare(workspace, FormsOptions(dataset="demo", tag="recorded"))
        run_judge(workspace)
        with pytest.raises(UsageError, match="cannot be made again"):
            prepare(workspace, FormsOptions(dataset="demo", tag="t", rubric="yes_no"))
        with workspace.store.tx() as connection:
            datasets.create_dataset(connection, "demo-forms", "sft")
        prepare(workspace, FormsOptions(dataset="demo", tag="t"))
    with make_workspace(tmp_path / "v", sft(3)) as workspace:
        run_judge(workspace)
        add_pairs(workspace, sft(2, "mine"), "demo-forms")
        with pytest.raises(ConflictError, match="rename it first"):
            prepare(workspace, FormsOptions(dataset="demo", tag="t"))


def test_the_price_is_said_first_and_estimate_asks_nobody(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(5)):
        pass
    run = CliRunner().invoke
    base = ["-w", str(tmp_path / "w"), "judge", "-d", "demo", "--tag", "r"]
    assert run(cli, [*base, "--backend", "offline"]).exit_code == 0
    estimate = run(cli, [*base, "--forms", "claim,padding", "--estimate"])
    assert estimate.exit_code == 0
    assert "10 answers in other forms are to be judged, by rules" in estimate.output
    assert "Judged" not in estimate.output
    assert "Judged: 10" in run(cli, [*base, "--forms", "claim,padding"]).output
    with pytest.raises(UsageError, match="leave out --sample"):
        run(cli, [*base, "--forms", "all", "--sample", "0.1"], catch_exceptions=False)
