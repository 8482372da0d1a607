"""The rules of the recipes that make pairs, traces and passages: each shown to reject what it should, and only that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs, make_workspace, say
from generate_helpers import phrase, rejected, rows, run, seeds, use_teacher
from recipe_helpers import FIRST, GOOD, STEPS, TOOL_CALL, part, prefers, teacher

from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.engine import GeneratePaused
from flywheel_tui.workspace import Workspace

DOCUMENTS = [
    Draft(
        kind="document", instruction=f"House {number}",
        input="\n\n".join(
            f"The {phrase(number * 31 + place, 6)} is kept by the {phrase(number * 37 + place, 8)}. "
            f"It belongs to the {phrase(number * 41 + place, 9)} of the house and the garden."
            for place in range(3)
        ),
    )
    for number in range(1, 7)
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "w", seeds())
    add_pairs(made, DOCUMENTS, "papers")
    problems = [Draft(kind="reasoning", instruction=f"What is {n} and 2?", output="It is 42.",
                      body={"reasoning": "so", "final": "42"}) for n in range(12)]  # fmt: skip
    add_pairs(made, problems, "problems")
    return made


USUAL: dict[str, dict[str, Any]] = {
    "rag": {"seeds": "papers", "options": {"passage_words": 40, "unanswerable": 0.0}},
    "tools": {"seeds": "", "options": {"scenarios": "call"}},
    "distill": {"seeds": "problems", "options": {"k": 3}},
}


def go(workspace: Workspace, recipe: str, count: int = 3, **more: Any) -> Any:
    given = USUAL.get(recipe, {})
    options = {**given.get("options", {}), **more.pop("options", {})}
    return run(workspace, recipe, **{**given, "count": count, "watch": False, **more, "options": options})


def test_with_good_answers_nothing_is_rejected(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    varied = teacher(plain=lambda request: GOOD if request.temperature == 0.2 else FIRST, compare_better=prefers(GOOD))
    use_teacher(monkeypatch, varied)
    for recipe in ("constitutional", "kto", "tools", "rag", "distill"):
        report = go(workspace, recipe, into=f"made-{recipe}")
        assert report.made == 3 and set(report.rejected) <= {"flaw_not_there"}, recipe
    for variant in ("temperature", "reference", "flawed"):
        report = go(workspace, "preference", into=f"made-{variant}", options={"variants": variant})
        assert report.made == 3 and set(report.rejected) <= {"flaw_not_there"}, variant


TURNS: dict[str, list[Any]] = {
    "unknown_tool": [{"calls": [{"name": "fly", "arguments": "{}"}], "results": ["{}"]}],
    "bad_arguments": [{"calls": [{"name": "set_timer", "arguments": "five"}], "results": ["{}"]}],
    "invalid_call": [{"calls": [{"name": "set_timer", "arguments": '{"minutes": "5"}'}], "results": ["{}"]}],
    "results_missing": [{"calls": [TOOL_CALL["calls"][0]], "results": ["{}", "{}"]}],
    "bad_result": [{"calls": [TOOL_CALL["calls"][0]], "results": ["done"]}],
    "no_call": [],
}
ALWAYS_A = {"better": "a", "margin": 2, "reason": "first"}
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("constitutional", "nothing_to_mend", {"constitution_critique": {"fault": False, "critique": "fine"}}, {}),
    ("constitutional", "unchanged", {"revise": FIRST + " "}, {}),
    ("constitutional", "speaks_of_critique", {"revise": "As the critique says, this is better and sound."}, {}),
    ("constitutional", "not_better", {"compare_better": prefers("first")}, {}),
    ("constitutional", "orders_disagree", {"compare_better": ALWAYS_A}, {}),
    ("constitutional", "tie", {"compare_better": {"better": "tie", "margin": 0, "reason": ""}}, {}),
    ("constitutional", "malformed", {"compare_better": {"better": "c", "margin": 2, "reason": ""}}, {}),
    ("preference", "tie", {"compare_better": {"better": "tie", "margin": 0, "reason": ""}}, {"variants": "reference"}),
    ("preference", "orders_disagree", {"compare_better": ALWAYS_A}, {"variants": "reference"}),
    ("preference", "small_margin", {"compare_better": prefers("sound", 1)},
     {"variants": "reference", "least_margin": 2}),
    ("preference", "not_better", {"compare_better": prefers("first")}, {"variants": "reference"}),
    ("preference", "same_answer", {"plain": GOOD}, {"variants": "reference"}),
    ("preference", "length_ratio", {"plain": FIRST + " more" * 12}, {"variants": "reference"}),
    ("preference", "flaw_not_possible", {"preference_flaw": {"possible": False, "text": "", "changed": ""}},
     {"variants": "flawed"}),
    ("preference", "flaw_not_there", {"preference_flaw": lambda request: {
        "possible": True, "text": part(request, "The good answer:"), "changed": "nothing"}}, {"variants": "flawed"}),
    ("preference", "no_gap", {"compare_score": {"mark": 7}}, {"variants": "best-of-n"}),
    *[("tools", rule, {"tools_trajectory": {"turns": turns, "answer": "Done."}}, {}) for rule, turns in TURNS.items()],
    ("tools", "ungrounded_answer", {"tools_trajectory": {"turns": [TOOL_CALL], "answer": "It rings at 17:45."}}, {}),
    ("tools", "needless_call", {}, {"scenarios": "no-tool"}),
    ("tools", "one_call_only", {}, {"scenarios": "several"}),
    ("tools", "no_recovery", {}, {"scenarios": "recovery"}),
    ("tools", "malformed", {"tools_trajectory": {"turns": "none", "answer": "Done."}}, {}),
    ("rag", "points_at_passage", {"rag_question": {"question": "What does this passage say?", "answer": "x"}}, {}),
    ("rag", "unfaithful", {"rag_question": lambda request: {
        "question": f"How many {phrase(request.seed or 0, 8)}?", "answer": "There are 1,234 of them."}}, {}),
    ("rag", "abstains", {"rag_question": lambda request: {
        "question": f"Who has {phrase(request.seed or 0, 8)}?", "answer": "The passage does not say."}}, {}),
    ("rag", "not_supported",
     {"rag_faithful": {"answerable": True, "claims": 2, "supported": 1, "unsupported": "x"}}, {}),
    ("rag", "not_answerable",
     {"rag_faithful": {"answerable": False, "claims": 1, "supported": 0, "unsupported": "x"}}, {}),
    ("rag", "answerable", {"rag_faithful": {"answerable": True, "claims": 0, "supported": 0, "unsupported": ""}},
     {"unanswerable": 0.999}),
    ("tools", "failed_check", {"tools_trajectory": {"turns": [TOOL_CALL], "answer":
        'It runs. <tool_call>{"name": "fly", "arguments": {}}</tool_call>'}}, {}),
    ("rag", "failed_check", {"rag_question": lambda request: {
        **(made := STEPS["rag_question"](request)), "answer": f"{made['answer']} [9]"}}, {}),
    ("distill", "wrong", {"distill_trace": {"reasoning": "It must be 41, I think, or so.", "final": "41"}}, {}),
    ("distill", "wrong_steps", {"distill_trace": {"reasoning": "40 + 2 = 43, so it is 42.", "final": "42"}}, {}),
    ("distill", "trace_too_short", {"distill_trace": {"reasoning": "Clear.", "final": "42"}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "rule", "changed", "options"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)
def test_each_rule_rejects_what_it_should(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, recipe: str, rule: str, changed: dict[str, Any],
    options: dict[str, Any],
) -> None:  # fmt: skip
    use_teacher(monkeypatch, teacher(**changed))
    with pytest.raises(GeneratePaused, match=rf"mostly {rule}"):
        go(workspace, recipe, options=options)
    assert set(rejected(workspace)) == {rule} and rows(workspace) == []


def test_a_revision_that_is_better_in_both_orders_is_a_pair(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = use_teacher(monkeypatch, teacher())
    go(workspace, "constitutional", count=4, options={"form": "both", "rounds": 2})
    pair, answer = rows(workspace)[:2]
    assert (pair["kind"], answer["kind"]) == ("preference", "sft") and pair["output"] == answer["output"] == GOOD
    assert len(pair["meta"]["rounds"]) == 2 and pair["meta"]["margin"] == 2
    assert pair["meta"]["params"]["constitution"] == "careful@1"
    compared = [request for request in asked.requests if request.schema_name == "compare_better"]
    assert {part(request, "Answer A:") for request in compared} == {GOOD, FIRST}, "both orders"
    bodies = workspace.store.read().execute("SELECT body FROM pair WHERE kind = 'preference'").fetchall()
    assert json.loads(bodies[0][0]) == {"rejected": FIRST}


def test_strong_and_weak_teachers_have_their_parts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = use_teacher(monkeypatch, teacher(plain=lambda request: GOOD if request.model == "big" else FIRST))
    with pytest.raises(Exception, match="needs two teachers"):
        go(workspace, "preference", models=("big",), options={"variants": "strong-weak"})
    report = go(workspace, "preference", models=("big", "small"), options={"variants": "strong-weak"})
    assert report.made == 3 and {row["output"] for row in rows(workspace)} == {GOOD}
    judged_by = {request.model for request in asked.requests if request.schema_name == "compare_better"}
    assert judged_by == {"big"}


def test_best_and_worst_of_n(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [FIRST, FIRST.replace("first", "plain"), GOOD, FIRST.replace("first", "other")]
    given = {"n": 0}

    def sample(request: Request) -> str:
        given["n"] += 1
        return texts[given["n"] % 4]

    use_teacher(monkeypatch, teacher(plain=sample))
    go(workspace, "preference", count=2, options={"variants": "best-of-n", "n": 4}, concurrency=1)
    for row in rows(workspace):
        assert row["output"] == GOOD and row["meta"]["marks"][0] == 9 and row["meta"]["n"] == 4


@pytest.mark.parametrize("flaw", ["number", "negation", "citation", "step", "unit", "scope"])
def test_a_typed_flaw_is_named_with_the_pair(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    from flywheel_tui.stages.generate.recipes import preference

    sound = "This is sound. It always takes 42 hours (see [1]). Then rest for a while and look again."
    faults = {"number": ("42", "47"), "negation": ("It always", "It never"), "citation": ("[1]", "[2]"),
              "step": (" Then rest for a while and look again.", ""), "unit": ("hours", "days"),
              "scope": ("always", "often")}  # fmt: skip
    monkeypatch.setattr(preference, "FLAWS", {flaw: preference.FLAWS[flaw]})
    flawed = {"possible": True, "text": sound.replace(*faults[flaw]), "changed": "x"}
    judge = lambda request: {"better": "a" if part(request, "Answer A:") == sound else "b", "margin": 2, "reason": ""}  # noqa: E731
    use_teacher(monkeypatch, teacher(answer=sound, preference_flaw=flawed, compare_better=judge))
    go(workspace, "preference", count=2, options={"variants": "flawed", "length_ratio": 2.0})
    for row in rows(workspace):
        assert row["meta"]["flaw"] == flaw and row["meta"]["variant"] == "flawed" and row["output"] == sound


@pytest.mark.parametrize("flaw", ["number", "negation", "citation", "step", "unit", "scope"])
@pytest.mark.parametrize("recipe", ["preference", "kto"])
def test_a_flaw_that_rewrites_the_answer_is_none(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, recipe: str, flaw: str
) -> None:
    from flywheel_tui.stages.generate.recipes import kto, preference

    sound = "This is sound. It always takes 42 hours (see [1]). Then rest for a while and look again."
    other = "Nobody would ever write half of what 99 people said within one minute (see [7]), or so they claim."
    for module in (preference, kto):
        monkeypatch.setattr(module, "FLAWS", {flaw: preference.FLAWS[flaw]})
    wrong = {"possible": True, "text": other, "changed": "everything"}
    use_teacher(monkeypatch, teacher(answer=sound, preference_flaw=wrong, compare_score={"mark": 9}))
    options = {"variants": "flawed"} if recipe == "preference" else {"desirable_share": 0.001}
    with pytest.raises(GeneratePaused, match="mostly flaw_rewrites"):
        go(workspace, recipe, options=options)
    assert set(rejected(workspace)) == {"flaw_rewrites"} and rows(workspace) == []


def test_a_request_is_not_that_of_the_seed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = {"type": "function", "function": {"name": "set_timer", "description": "Start a timer.", "parameters": {
        "type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]}}}  # fmt: skip
    asked = "Please set a timer for five minutes."
    body = {"tools": [tool], "expected_calls": [{"name": "set_timer", "arguments": {"minutes": 5}}]}
    add_pairs(workspace, [Draft(kind="tools", instruction=asked, body=body)], "calls")
    use_teacher(monkeypatch, teacher(tools_request={"request": f" {asked.replace(' ', '  ')} "}))
    with pytest.raises(GeneratePaused, match="mostly same_request"):
        go(workspace, "tools", seeds="calls")
    assert set(rejected(workspace)) == {"same_request"} and rows(workspace) == []
    use_teacher(monkeypatch, teacher())
    assert go(workspace, "tools", seeds="calls", seed=1).made == 3


def test_the_chosen_answer_is_not_always_the_longer_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(workspace, [Draft(instruction=phrase(n, 9), output="x") for n in range(60)])
    shorter = lambda request: FIRST.rsplit(" ", 1)[0] + f" {len(request.messages[-1].content)}"[:0]  # noqa: E731
    use_teacher(monkeypatch, teacher(plain=shorter))
    with pytest.raises(GeneratePaused, match="mostly length_lean"):
        go(workspace, "preference", count=60, options={"variants": "reference"}, concurrency=1)
    made = len(rows(workspace))  # what is in flight when the lean shows is written still
    assert 20 <= made < 60 and set(rejected(workspace)) == {"length_lean"}


def test_kto_is_balanced_and_bad_answers_show_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, teacher())
    go(workspace, "kto", count=12, models=("big", "small"))
    bodies = [json.loads(body) for (body,) in workspace.store.read().execute(
        "SELECT p.body FROM pair p JOIN made m ON m.pair_id = p.id")]  # fmt: skip
    good = sum(body["desirable"] for body in bodies)
    assert 4 <= good <= 8 and len(bodies) == 12
    use_teacher(monkeypatch, teacher(compare_score={"mark": 9}))
    go(workspace, "kto", count=24, models=("big", "small"), into="other", seed=1, stop_failing_at=1.0)
    assert rejected(workspace)["not_bad_enough"] > 0
    use_teacher(monkeypatch, teacher(compare_score={"mark": 6}))
    go(workspace, "kto", count=12, models=("big",), into="third", seed=2, stop_failing_at=1.0)
    assert rejected(workspace)["not_good_enough"] > 0
    assert {row["meta"]["variant"] for row in rows(workspace, "third")} == {"flawed"}


def test_tools_recover_and_every_call_fits_its_schema(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = {"calls": [{"name": "set_light", "arguments": '{"room": "hall", "brightness": 10}'}],
               "results": ['{"error": "the lamp does not answer"}']}  # fmt: skip
    again = {"calls": [{"name": "set_light", "arguments": '{"room": "study", "brightness": 10}'}],
             "results": ['{"ok": true}']}  # fmt: skip
    use_teacher(monkeypatch, teacher(tools_trajectory={"turns": [failing, again], "answer": "It is on now."}))
    go(workspace, "tools", options={"scenarios": "recovery"})
    (body,) = workspace.store.read().execute("SELECT body FROM pair WHERE kind = 'tools' LIMIT 1").fetchone()
    messages = json.loads(body)["messages"]
    assert [one["role"] for one in messages] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == "call_1"
    use_teacher(monkeypatch, teacher(tools_trajectory={"turns": [], "answer": "I can tell you without."}))
    go(workspace, "tools", into="none", options={"scenarios": "no-tool"})
    none = json.loads(workspace.store.read().execute("SELECT body FROM pair ORDER BY id DESC LIMIT 1").fetchone()[0])
    assert none["expected_calls"] == [] and len(none["messages"]) == 2


def test_rag_has_distractors_without_the_answer_and_questions_without_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, teacher())
    go(workspace, "rag", count=14, options={"unanswerable": 0.4, "distractors": 3})
    kinds = set()
    for body, output in workspace.store.read().execute("SELECT body, output FROM pair WHERE kind = 'rag'").fetchall():
        found = json.loads(body)
        gold = [chunk for chunk in found["chunks"] if chunk["gold"]]
        kinds.add(found["answerable"])
        assert 2 <= len(found["chunks"]) <= 4 and len(gold) == found["answerable"]
        if gold:
            answer = output.rsplit(" [", 1)[0]
            assert answer in gold[0]["text"] and output.endswith(f"[{gold[0]['id']}]")
            assert all(answer not in chunk["text"] for chunk in found["chunks"] if not chunk["gold"])
    assert kinds == {True, False}


def test_a_single_passage_has_no_distractor(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    add_pairs(workspace, DOCUMENTS[:1], "two")
    use_teacher(monkeypatch, teacher())
    report = go(workspace, "rag", seeds="two", options={"passage_words": 400})
    assert report.made == 0 and set(rejected(workspace)) == {"no_distractor"}


def test_distill_keeps_what_agrees_and_says_how_hard_it_is(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"n": 0}

    def traces(request: Request) -> dict[str, Any]:
        calls["n"] += 1
        final = "42" if calls["n"] % 5 < 3 else str(calls["n"])
        return {"reasoning": "I look at it from all sides" + " again" * (calls["n"] % 5) + ".", "final": final}

    use_teacher(monkeypatch, teacher(distill_trace=traces))
    go(workspace, "distill", count=2, options={"k": 5}, concurrency=1)
    for row in rows(workspace):
        assert row["output"] == "42" and (row["meta"]["right"], row["meta"]["zone"]) == (3, "learnable")
    go(workspace, "distill", seeds="demo", count=1, into="free", options={"k": 5}, concurrency=1)
    assert rows(workspace, "free")[0]["meta"]["variant"] == "self-consistency"
    numbered = {"n": 0}

    def apart(request: Request) -> dict[str, Any]:
        numbered["n"] += 1
        return {"reasoning": "I look at it from all sides.", "final": f"number {numbered['n']}"}

    use_teacher(monkeypatch, teacher(distill_trace=apart))
    with pytest.raises(GeneratePaused, match="mostly inconsistent"):
        go(workspace, "distill", seeds="demo", into="apart", options={"k": 3})


def test_from_failures_changes_requests_and_never_takes_the_failing_answer(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, teacher())
    with pytest.raises(Exception, match="no failure in the data set demo"):
        go(workspace, "from-failures", seeds="", options={"failures": "demo"})
    ids = [row["id"] for row in rows(workspace, "demo")]
    for pair, reason in zip(ids, ["wrong_facts"] * 6 + ["style"] * 2, strict=False):
        say(workspace, pair, "rejected", reasons=(reason,))
    report = go(workspace, "from-failures", seeds="", count=20, options={"failures": "demo"})
    made = rows(workspace)
    errors = [row["meta"]["error"] for row in made]
    assert report.made == 20 and set(errors) == {"factual", "tone"}
    assert errors.count("factual") == 10, "18 against 2 by count and severity; the cap with two kinds is one half"
    failed = {row["instruction"]: row["output"] for row in rows(workspace, "demo")[:8]}
    assert not {row["instruction"] for row in made} & set(failed)
    assert not {row["output"] for row in made} & set(failed.values())
    relations = workspace.store.read().execute("SELECT DISTINCT relation FROM edge").fetchall()
    joined = {frozenset((row["meta"]["failure"], row["meta"]["params"]["second"]))
              for row in made if row["meta"]["operator"] == "compose"}  # fmt: skip
    assert joined and sum(map(len, joined)) == len(frozenset().union(*joined)), "each has one partner only"
    assert relations == [("mutated",)] and len({row["meta"]["operator"] for row in made}) > 3

    with pytest.raises(GeneratePaused):
        use_teacher(monkeypatch, teacher(failures_mutate=lambda request: {
            "request": part(request, "A request that was answered badly:").split("\n\nThe second")[0]}))  # fmt: skip
        go(
            workspace,
            "from-failures",
            seeds="",
            into="same",
            seed=1,
            options={"failures": "demo", "mutations": "paraphrase"},
        )
    assert rejected(workspace)["same_request"] > 0 and rows(workspace, "same") == []


def test_the_failing_answer_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows(workspace, "demo")[0]
    say(workspace, first["id"], "rejected", reasons=("wrong_facts",))
    use_teacher(monkeypatch, teacher(answer=first["output"]))
    with pytest.raises(GeneratePaused, match="mostly failing_answer"):
        go(workspace, "from-failures", seeds="", options={"failures": "demo"})


def test_approved_scenarios_are_what_failures_come_from(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.stages import scenarios
    from flywheel_tui.stages.scenarios_collect import add_from_labels

    use_teacher(monkeypatch, teacher())
    first = rows(workspace, "demo")[0]
    say(workspace, first["id"], "rejected", reasons=("wrong_facts",))
    taken = add_from_labels(workspace, "demo")
    with pytest.raises(Exception, match="no failure in approved scenarios"):
        go(workspace, "from-failures", seeds="")
    scenarios.approve(workspace, taken.scenarios[0], reviewer="ana", reason="seen often")
    report = go(workspace, "from-failures", seeds="", count=3)
    assert report.made == 3 and {row["meta"]["error"] for row in rows(workspace)} == {"factual"}
    parents = workspace.store.read().execute("SELECT DISTINCT parent_id FROM edge").fetchall()
    assert parents == [(first["id"],)]
