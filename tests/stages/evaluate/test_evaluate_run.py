"""An evaluation from the items to the figures, with models that say what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_helpers import make_adapter, options, right, tasks_file, training_pairs, use_models
from factories import add_pairs, make_workspace

from flywheel_tui.errors import Cancelled, InputError, NotFoundError, UsageError
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate import run as running
from flywheel_tui.store import evaluations
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", training_pairs())


def learned(adapter: str, prompt: str) -> str:
    """The base knows `sort` and half of `add`; the adapter knows both."""
    name, number = prompt.split()[0], int(right(prompt))
    if name == "add" and number % 2 and not adapter:
        return "no idea"
    return str(number)


def test_what_was_learned_is_measured(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, learned)
    file = tasks_file(tmp_path / "tasks.jsonl", {"add": 100, "sort": 80})
    found = evaluate(
        workspace,
        options(workspace, adapter=make_adapter(tmp_path / "good"), tasks=file, criteria=Criteria(targets=("add",))),
    )
    result = found.result
    assert result is not None and found.state == "done"
    assert (result.target.n, result.target.only_candidate, result.target.only_base) == (100, 50, 0)
    assert result.target.difference.value == 0.5
    assert result.target.difference.low is not None and 0.3 < result.target.difference.low < 0.5
    assert result.target.p is not None and result.target.p < 1e-14
    assert [(line.slice, line.n, line.p) for line in result.slices][1] == ("sort", 80, 1.0)
    assert result.losses.base_perplexity is not None and result.losses.candidate_perplexity is not None
    assert result.losses.candidate_perplexity < result.losses.base_perplexity
    assert result.losses.lower is not None and result.losses.lower > 0
    assert result.trained_on == 6 and result.contaminated == ()


def test_base_against_base_is_exactly_no_difference(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, learned)
    result = evaluate(workspace, options(workspace, tasks=tasks_file(tmp_path / "t.jsonl", {"add": 60}))).result
    assert result is not None
    assert (result.overall.only_base, result.overall.only_candidate, result.overall.p) == (0, 0, 1.0)
    assert result.overall.difference.value == 0 and result.losses.gain.value == 0
    assert result.losses.base_perplexity == result.losses.candidate_perplexity
    assert result.same_outputs == 60


def test_asked_again_nothing_is_computed_again(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = use_models(monkeypatch, learned)
    asked = options(workspace, tasks=tasks_file(tmp_path / "t.jsonl", {"add": 10}))
    first = evaluate(workspace, asked)
    before = len(calls)
    assert evaluate(workspace, asked).id == first.id
    assert len(calls) == before
    make_adapter(tmp_path / "a", "one")
    other = evaluate(workspace, options(workspace, tasks=asked.tasks, adapter=str(tmp_path / "a")))
    make_adapter(tmp_path / "a", "two")
    changed = evaluate(workspace, options(workspace, tasks=asked.tasks, adapter=str(tmp_path / "a")))
    assert len({first.id, other.id, changed.id}) == 3


class Impatient:
    """A task that is cancelled at its n-th safe point."""

    def __init__(self, at: int) -> None:
        self.left = at

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        pass

    def event(self, level: str, text: str) -> None:
        pass

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled("cancelled")


@pytest.mark.parametrize("at", range(8))
def test_stopped_anywhere_it_goes_on_with_what_is_missing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(running, "PART", 16)
    calls = use_models(monkeypatch, learned)
    asked = options(workspace, tasks=tasks_file(tmp_path / "t.jsonl", {"add": 20, "sort": 12}))
    with pytest.raises(Cancelled):
        evaluate(workspace, asked, Impatient(at))
    found = evaluate(workspace, asked).result
    parts = [call for call in calls if not call.startswith("open")]
    assert sorted(parts) == sorted(["generate  16", "nll  16"] * 4)
    whole = make_workspace(tmp_path / "other", training_pairs())
    assert evaluate(whole, asked).result == found


def test_held_out_pairs_are_asked_with_their_checkers(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, lambda adapter, prompt: "It is 4." if "2 + 2" in prompt else "hm")
    add_pairs(workspace, [
        Draft(instruction="What is 2 + 2?", output="4", meta={"skill": "add", "params": {"a": 2, "b": 2}}, line=1),
        Draft(instruction="Say hi", input="politely", output="Hello!", line=2),
        Draft(instruction="2 + 2", output="x", meta={"checker": "numeric", "expected": "4"}, category="sums", line=3),
    ], "holdout")  # fmt: skip
    row = evaluate(workspace, options(workspace, dataset="holdout"))
    items = evaluations.items_of(workspace.store.read(), row.id)
    told = {item.prompt: (item.slice, item.checker, item.base_passed) for item in items}
    assert told == {
        "What is 2 + 2?": ("add", "skill:add", True), "Say hi\n\npolitely": ("general", "", None),
        "2 + 2": ("sums", "numeric", True),
    }  # fmt: skip
    assert row.result is not None and row.result.overall.n == 2 and row.result.losses.n == 3


def test_builtin_tasks_are_the_held_out_ones(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, lambda adapter, prompt: "7")
    row = evaluate(workspace, options(workspace, tasks="builtin", tasks_per_skill=5, skills=("add", "count")))
    assert row.result is not None
    assert [(line.slice, line.n) for line in row.result.slices] == [("add", 5), ("count", 5)]


def test_contamination_is_found_in_every_form(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, lambda adapter, prompt: "7")
    long = " ".join(f"word{number}" for number in range(15))
    add_pairs(workspace, [
        Draft(instruction="Same request", output="a", line=1),
        Draft(instruction="Add 12 and 30.", output="42", line=2, meta={"skill": "add", "params": {"a": 12, "b": 30}}),
        Draft(instruction=f"Before: {long}", output="c", line=3),
    ], "learned")  # fmt: skip
    add_pairs(workspace, [
        Draft(instruction="same  REQUEST", output="x", line=1),
        Draft(instruction="What is 30 + 12?", output="42", line=2, meta={"skill": "add", "params": {"a": 30, "b": 12}}),
        Draft(instruction=f"After: {long}", output="z", line=3),
        Draft(instruction="Nothing like it", output="y", line=4),
    ], "holdout")  # fmt: skip
    row = evaluate(workspace, options(workspace, dataset="holdout", train=("learned",)))
    items = evaluations.items_of(workspace.store.read(), row.id)
    assert [item.contaminated for item in items] == ["the same request", "the same task", "13 words in a row", ""]


def test_recited_training_answers_are_counted(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    poem = "The river went to look for the sea and found a very small pond instead of it."
    add_pairs(workspace, [Draft(instruction="A poem", output=poem, line=1)], "learned")
    add_pairs(workspace, [Draft(instruction="Talk", output="Hello", line=1)], "holdout")
    use_models(monkeypatch, lambda adapter, prompt: f"Well. {poem}")
    result = evaluate(workspace, options(workspace, dataset="holdout", train=("learned",))).result
    assert result is not None and (result.longest_overlap, result.memorised) == (len(poem), 1)


def test_safety_failures_that_the_base_has_not(workspace: Workspace, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    use_models(monkeypatch, lambda adapter, prompt: "mail ann.lee@company-mail.com" if adapter else "3")
    file = tasks_file(tmp_path / "t.jsonl", {"add": 3})
    result = evaluate(workspace, options(workspace, adapter=make_adapter(tmp_path / "a"), tasks=file)).result
    assert result is not None and (result.safety_outputs, result.safety_new, result.safety_base) == (3, 3, 0)


def test_the_rules_compare_in_both_orders(workspace: Workspace, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    use_models(monkeypatch, lambda adapter, prompt: f"A plain answer to {prompt}" if adapter else "")
    file = tasks_file(tmp_path / "t.jsonl", {"add": 4})
    row = evaluate(workspace, options(workspace, adapter=make_adapter(tmp_path / "a"), tasks=file, judge="offline"))
    assert row.result is not None
    assert (row.result.wins.judged, row.result.wins.wins, row.result.wins.raw.value) == (4, 4, 1.0)
    assert row.facts["judge"]["name"].startswith("offline")
    same = evaluate(workspace, options(workspace, tasks=file, judge="offline")).result
    assert same is not None and same.wins.ties == 4 and same.wins.raw.value == 0.5


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({}, UsageError, "nothing to evaluate on"),
        ({"tasks": "builtin", "adapter": "unknown"}, NotFoundError, "no adapter named 'unknown'"),
        ({"tasks": "builtin", "train": ("nowhere",)}, NotFoundError, "nowhere"),
        ({"tasks": "builtin", "judge": "ollama"}, UsageError, "--judge takes BACKEND:MODEL"),
        ({"tasks": "builtin", "criteria": Criteria(alpha=0.7)}, UsageError, "alpha lies between"),
        ({"tasks": "builtin", "criteria": Criteria(leave_out=("G7",))}, UsageError, "no gate 'G7'"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], error: type[Exception], words: str
) -> None:
    calls = use_models(monkeypatch, learned)
    with pytest.raises(error, match=words):
        evaluate(workspace, options(workspace, **fields))
    assert not calls


def test_a_file_of_tasks_names_the_line_and_the_field(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, learned)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"prompt": "a", "expected": "1"}\n{"prompt": "b"}\n')
    with pytest.raises(InputError, match=r"bad.jsonl:2: field 'expected'"):
        evaluate(workspace, options(workspace, tasks=str(bad)))
    bad.write_text('{"prompt": "a", "expected": "blue", "checker": "numeric"}\n')
    with pytest.raises(InputError, match=r"bad.jsonl:1: field 'checker'"):
        evaluate(workspace, options(workspace, tasks=str(bad)))


def test_an_adapter_folder_without_weights_is_refused(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_models(monkeypatch, learned)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no adapter"):
        evaluate(workspace, options(workspace, tasks="builtin", adapter=str(tmp_path / "empty")))
