"""Every filter and elimination rule, shown to reject what it should and to let the rest pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace
from generate_helpers import answering, phrase, plausible, rows, run, seeds, use_teacher

from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", seeds())


def first_then_good(field: str, bad: str) -> Any:
    """The bad value for the first item, good ones after it."""
    met: list[int] = []

    def value(request: Request) -> str:
        met.append(1)
        return bad if len(met) == 1 else f"Say {phrase(request.seed or 0, 11)}"

    return answering(**{field: value})


@pytest.mark.parametrize(
    ("rule", "instruction"),
    [
        ("too_short", "Sing a song"),
        ("too_long", "Tell " + phrase(3, 150)),
        ("keyword", "Describe the image above in two sentences."),
        ("keyword", "Draw a cat that sleeps on a roof."),
        ("keyword", "Plot the sales of the last year."),
        ("keyword", "Sort the files by their date."),
        ("keyword", "Go to the library and ask for a book."),
        ("starts_with_program", "Write a program that adds two numbers."),
        ("punctuation_start", "- Translate this sentence into French."),
        ("non_ascii_start", "\u00bfC\u00f3mo se llama el r\u00edo de Sevilla?"),
    ],
)
def test_self_instruct_filters(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rule: str, instruction: str
) -> None:
    use_teacher(monkeypatch, first_then_good("instruction", instruction))
    report = run(workspace, "self-instruct", count=3, concurrency=1)
    assert report.rejected == {rule: 1} and report.made == 3
    assert instruction not in {row["instruction"] for row in rows(workspace)}


@pytest.mark.parametrize(
    "fine", ["Sing a short song.", "Explain imagery in old poems to me.", "Tell " + phrase(3, 149)]
)
def test_self_instruct_takes_what_is_just_within(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, fine: str
) -> None:
    use_teacher(monkeypatch, first_then_good("instruction", fine))
    report = run(workspace, "self-instruct", count=2, concurrency=1)
    assert not report.rejected and fine in {row["instruction"] for row in rows(workspace)}


def test_self_instruct_rejects_what_is_near_to_any_task(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    known = seeds()[4].instruction.removesuffix(".")
    use_teacher(monkeypatch, first_then_good("instruction", known + " now"))
    report = run(workspace, "self-instruct", count=3, concurrency=1)
    assert report.rejected == {"not_novel": 1}
    detail = workspace.store.read().execute("SELECT detail FROM item_rejected").fetchone()[0]
    assert "ROUGE-L 0.9" in detail and known in detail
    made = rows(workspace)[-1]["meta"]
    assert len(made["nearest"]) <= 10 and made["nearest"][0]["rouge_l"] < 0.7
    assert made["mean_similarity"] <= made["nearest"][0]["rouge_l"]


def test_self_instruct_rejects_what_is_near_to_a_task_of_the_same_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = iter([phrase(1, 12), phrase(1, 11) + " too", *[phrase(number, 12) for number in range(2, 30)]])
    use_teacher(monkeypatch, answering(instruction=lambda _: next(texts).capitalize()))
    assert run(workspace, "self-instruct", count=3, concurrency=1).rejected == {"not_novel": 1}


def test_self_instruct_shows_six_human_and_two_machine_tasks(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = use_teacher(monkeypatch, plausible, seconds=0.04)  # rows are written, and so examples, after 0.05 s
    run(workspace, "self-instruct", count=12, concurrency=1)
    tasks = [one for one in teacher.requests if one.schema is not None]
    assert tasks[0].messages[1].content.count("\nTask ") + 1 == 7, "six, and the number of the next"
    last = rows(workspace)[-1]["meta"]
    assert (last["human"], last["machine"]) == (6, 2) and tasks[-1].temperature == 0.7
    assert "Task 8:" in tasks[-1].messages[1].content and "task number 9" in tasks[-1].messages[1].content


def test_self_instruct_rejects_answers_cut_off_by_the_limit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []

    def cut(request: Request) -> Reply | str:
        text = plausible(request)
        if request.schema is None or met:
            return text
        met.append(1)
        return Reply(text=text, finish_reason="length", tokens_in=1, tokens_out=1, model="m", backend="scripted",
                     latency_ms=1)  # fmt: skip

    use_teacher(monkeypatch, cut)
    assert run(workspace, "self-instruct", count=2, concurrency=1).rejected == {"cut_off": 1}


@pytest.mark.parametrize(
    "leak",
    ["The #Rewritten Prompt# asks for more.", "As in the given prompt, explain tides.", "A new prompt on bread."],
)
def test_evol_eliminates_prompt_leaks(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    use_teacher(monkeypatch, first_then_good("task", leak))
    assert run(workspace, "evol-instruct", count=2, concurrency=1).rejected == {"prompt_leak": 1}


def test_evol_eliminates_what_gained_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []

    def equal(request: Request) -> bool:
        met.append("")
        return len(met) == 1

    use_teacher(monkeypatch, answering(equal=equal))
    report = run(workspace, "evol-instruct", count=3, concurrency=1)
    assert report.rejected == {"no_gain": 1}
    assert run(workspace, "evol-instruct", count=4, into="unasked", options={"equality_check": "false"}).made == 4
    assert len(met) == 4


def test_evol_eliminates_the_same_words(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {seed.instruction for seed in seeds()}
    met: list[str] = []

    def same(request: Request) -> str:
        met.append("")
        user = request.messages[-1].content
        shown = next(text for text in texts if text in user)
        return f"  {shown.upper()}!" if len(met) == 1 else f"Say {phrase(len(met), 11)}"

    use_teacher(monkeypatch, answering(task=same))
    report = run(workspace, "evol-instruct", count=2, concurrency=1)
    assert report.rejected == {"no_gain": 1} and report.made == 2


@pytest.mark.parametrize(
    ("rule", "answer"),
    [("sorry", "Sorry, I do not know that."), ("only_stop_words", "It is, and it was."), ("only_stop_words", "?!…")],
)
def test_evol_eliminates_by_the_answer(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rule: str, answer: str
) -> None:
    met: list[int] = []

    def text(request: Request) -> str:
        met.append(1)
        return answer if len(met) == 1 else plausible(request)

    use_teacher(monkeypatch, answering(text=text))
    assert run(workspace, "evol-instruct", count=2, concurrency=1).rejected == {rule: 1}


def test_evol_keeps_a_long_answer_that_says_sorry(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, answering(text="Sorry for the length. " + phrase(4, 90)))
    assert not run(workspace, "evol-instruct", count=2).rejected


def test_evol_counts_what_each_operator_made(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    report = run(workspace, "evol-instruct", count=60)
    assert set(report.variants) == {"constrain", "deepen", "concretise", "reason", "complicate_input", "broaden"}
    assert sum(report.variants.values()) == 60 and min(report.variants.values()) >= 3


def test_evol_draws_operators_by_what_people_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from factories import pair_ids, say

    use_teacher(monkeypatch, plausible)
    run(workspace, "evol-instruct", count=60)
    operators = {row["id"]: row["meta"]["operator"] for row in rows(workspace)}
    for pair in pair_ids(workspace, "made"):
        say(workspace, pair, "approved" if operators[pair] == "reason" else "rejected")
    report = run(workspace, "evol-instruct", into="second", count=60, seed=5)
    assert report.variants["reason"] > 35
    assert sum(report.variants.values()) - report.variants["reason"] > 0, "the others are still heard"


@pytest.mark.parametrize(("rule", "steps", "final"), [("too_few_steps", ["one"], "4"), ("no_final_answer", ["a", "b"], "x" * 301)])  # fmt: skip  # noqa: E501
def test_reasoning_rules(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rule: str, steps: list[str], final: str
) -> None:
    met: list[int] = []

    def once(bad: Any, good: Any) -> Any:
        return lambda _: bad if len(met) == 1 else good

    def problem(request: Request) -> str:
        met.append(1)
        return phrase(len(met), 12)

    use_teacher(monkeypatch, answering(problem=problem, steps=once(steps, ["a", "b"]), final=once(final, "4")))
    report = run(workspace, "reasoning", count=2, concurrency=1)
    assert report.rejected == {rule: 1}


@pytest.mark.parametrize(("rule", "piece"), [("preface", "Sure, here is a story. " * 6), ("too_short", "Rain.")])
def test_creative_rules(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rule: str, piece: str) -> None:
    met: list[int] = []

    def text(request: Request) -> str:
        met.append(1)
        return piece if len(met) == 1 else plausible(request)

    use_teacher(monkeypatch, answering(text=text))
    assert run(workspace, "creative", count=2, concurrency=1).rejected == {rule: 1}


def test_cold_start_keeps_the_golden_examples_and_rejects_copies(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = {seed.output for seed in seeds()}
    met: list[int] = []

    def text(request: Request) -> str:
        met.append(1)
        shown = request.messages[-1].content
        return next(one for one in golden if one and one in shown) if len(met) == 1 else plausible(request)

    use_teacher(monkeypatch, answering(text=text))
    report = run(workspace, "cold-start", count=4, concurrency=1)
    assert report.rejected == {"copied": 1}
    found = rows(workspace)
    assert sum(row["meta"] is None for row in found) == 12 and sum(row["meta"] is not None for row in found) == 4
    run(workspace, "cold-start", count=4)
    assert len(rows(workspace)) == 16
