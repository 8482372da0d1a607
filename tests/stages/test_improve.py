"""Making a judge better on the prompt-dev split: the list of mismatches, a trial, the search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say
from judge_helpers import run_judge, use_backend, verdict_text

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.improve import compare_runs, mismatches
from flywheel_tui.stages.improve.compare import trial_options
from flywheel_tui.stages.improve.search import SearchOptions, search
from flywheel_tui.stages.judge.few_shot import SPLITS, decided_pairs
from flywheel_tui.stages.judge.run import judge
from flywheel_tui.stages.rubric import named_rubric, rubric_text, save_rubric
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

COUNT = 240
DOUBT = "Fail every answer that says blue."


def bad(n: int) -> bool:
    return n % 2 == 0


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """People reject what says blue; half the answers do."""
    drafts = [
        Draft(instruction=f"question {n}", output=f"answer {n} is {'blue' if bad(n) else 'red'}", line=n)
        for n in range(1, COUNT + 1)
    ]
    with make_workspace(tmp_path / "work", drafts) as found:
        for n, pair in enumerate(pair_ids(found), 1):
            say(found, pair, "rejected" if bad(n) else "approved", reasons=("wrong_facts",) if bad(n) else (),
                note="blue is wrong" if bad(n) else None)  # fmt: skip
        yield found


def careless(request: Request) -> str:
    """A judge that sees what is wrong only where its instructions name it; asked to reflect, it names it."""
    text = "\n".join(message.content for message in request.messages)
    if request.schema is None:
        return f"```\n{DOUBT}\n```"
    told = DOUBT in request.messages[0].content
    return verdict_text(2 if told and "is blue" in request.messages[1].content else 9, text[:20])


def dataset_id(workspace: Workspace) -> int:
    return get_dataset(workspace.store.read(), "demo").id


def test_the_splits_share_no_pair_and_are_all_there(workspace: Workspace) -> None:
    parts = [{pair.root for pair in decided_pairs(workspace, dataset_id(workspace), split)} for split in SPLITS]
    assert sum(map(len, parts)) == len(set().union(*parts)) == COUNT and all(parts)
    with pytest.raises(UsageError, match="prompt-dev"):
        decided_pairs(workspace, dataset_id(workspace), "dev")


def test_what_people_dispute_is_in_no_split(workspace: Workspace) -> None:
    say(workspace, pair_ids(workspace)[0], "rejected", "ben")
    assert len(decided_pairs(workspace, dataset_id(workspace), "all")) == COUNT - 1


def test_mismatches_name_what_either_said_and_only_of_the_split(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend(monkeypatch, careless)
    run_judge(workspace)
    dev = decided_pairs(workspace, dataset_id(workspace), "prompt-dev")
    found = mismatches(workspace, "demo", "t")
    assert found.decided == found.judged == len(dev)
    assert {one.pair for one in found.pairs} == {pair.root for pair in dev if not pair.passed}
    first = found.pairs[0]
    assert first.kind == "passed what people rejected" and first.notes == ("blue is wrong",) and first.score == 9


def test_a_trial_judges_the_split_alone_and_says_what_was_mended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_backend(monkeypatch, careless)
    run_judge(workspace)
    save_rubric(workspace, rubric_text(named_rubric(workspace, "default")) + f"prompt: {DOUBT}\n", replace=True)
    options = trial_options(workspace, "demo", "t", "default")
    judge(workspace, options)
    dev = decided_pairs(workspace, dataset_id(workspace), "prompt-dev")
    found = compare_runs(workspace, "demo", "t", options.tag)
    assert (found.pairs, found.after.right, found.before.right) == (len(dev), len(dev), sum(p.passed for p in dev))
    assert set(found.fixed) == {pair.root for pair in dev if not pair.passed} and not found.broken
    assert found.p < 0.01 and "better" in found.sentence and found.after.kappa == 1.0
    back = compare_runs(workspace, "demo", options.tag, "t")
    assert back.broken == found.fixed and "worse" in back.sentence


def test_the_search_finds_the_words_and_writes_the_next_version(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gepa")
    backend = use_backend(monkeypatch, careless)
    run_judge(workspace)
    found = search(workspace, SearchOptions(dataset="demo", tag="t", calls=120))
    assert found.rubric == "default@2" and found.prompt == DOUBT and found.before < found.after == found.held
    assert named_rubric(workspace, "default").prompt == DOUBT
    assert not capsys.readouterr().out, "nothing is printed into a screen"
    asked = len(backend.requests)
    again = search(workspace, SearchOptions(dataset="demo", tag="t", calls=120))
    assert again.after == found.after and len(backend.requests) == asked, "nothing is paid for twice"


def test_a_search_that_finds_nothing_writes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gepa")
    use_backend(monkeypatch, lambda request: "```\nBe nice.\n```" if request.schema is None else verdict_text(9))
    run_judge(workspace)
    found = search(workspace, SearchOptions(dataset="demo", tag="t", calls=40))
    assert found.rubric is None and "nothing was written" in found.sentence
    assert named_rubric(workspace, "default").version == 1


def test_too_few_labels_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gepa")
    drafts = [Draft(instruction=f"question {n}", output="red", line=n) for n in range(1, 6)]
    with make_workspace(tmp_path / "few", drafts) as few:
        use_backend(monkeypatch, careless)
        run_judge(few)
        with pytest.raises(UsageError, match="label more"):
            search(few, SearchOptions(dataset="demo", tag="t"))
