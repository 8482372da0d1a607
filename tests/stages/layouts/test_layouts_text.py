"""Layouts of texts: what goes where, what is kept, what is refused."""

from __future__ import annotations

import json

import pytest

from flywheel_tui.records.pair import KINDS, Draft
from flywheel_tui.stages.layouts import LAYOUTS, Notes, RowError, load_layouts, recognise

load_layouts()


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_example_is_taken_by_its_own_layout(name: str, notes: Notes) -> None:
    row = json.loads(LAYOUTS[name].example)
    found = recognise([row])
    assert found.name == name
    drafts = found.convert(row, 7, notes)
    assert drafts
    for draft in drafts:
        assert draft.kind == LAYOUTS[name].kind
        assert draft.kind in KINDS
        assert draft.line == 7
        assert draft.instruction
        json.dumps([draft.body, draft.meta])


def test_alpaca(take) -> None:
    plain, without, more = take(
        "alpaca",
        {"instruction": "Add.", "input": "1 2", "output": "3"},
        {"instruction": "Add.", "output": "3", "input": ""},
        {"instruction": "i", "output": "o", "topic": "maths", "tags": ["a"], "author": "Ann", "id": 5, "score": None},
    )
    assert plain == Draft(instruction="Add.", input="1 2", output="3", line=1)
    assert without.input is None
    assert (more.category, more.tags, more.author) == ("maths", ["a"], "Ann")
    assert more.meta == {"id": 5, "score": None}


def test_texts_are_kept_as_they_came(take) -> None:
    (draft,) = take("alpaca", {"instruction": " a\u200b\n", "input": "\t", "output": "[/b] \x1b[31m"})
    assert (draft.instruction, draft.input, draft.output) == (" a\u200b\n", "\t", "[/b] \x1b[31m")


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ({"instruction": None, "output": "o"}, "instruction", "it is null"),
        ({"instruction": "i", "output": None}, "output", "it is null"),
        ({"instruction": "i", "output": ["o"]}, "output", "it is a list where a text is needed"),
        ({"instruction": {"a": 1}, "output": "o"}, "instruction", "it is an object where a text is needed"),
        ({"instruction": "i", "output": "o", "input": []}, "input", "it is a list"),
    ],
)
def test_a_field_of_the_wrong_type_is_named(row, field: str, said: str, notes: Notes) -> None:
    with pytest.raises(RowError) as caught:
        recognise([row]).convert(row, 1, notes)
    assert caught.value.field == field
    assert said in str(caught.value)
    assert caught.value.remedy


def test_numbers_and_truths_become_texts_and_are_noted(take, notes: Notes) -> None:
    drafts = take(
        "alpaca",
        {"instruction": "i", "output": True},
        {"instruction": "i", "output": 4.5},
        {"instruction": "", "output": False},
        {"instruction": "i", "output": True},
        {"instruction": "i", "output": ""},
    )
    assert [draft.output for draft in drafts] == ["true", "4.5", "false", "true", ""]
    assert notes.sentences() == [
        "2 values of 'output' were the JSON value true, stored as the text 'true' (the first on line 1)",
        "1 value of 'output' was a number, stored as its text (it is on line 2)",
        "1 value of 'instruction' was empty (it is on line 3)",
        "1 value of 'output' was the JSON value false, stored as the text 'false' (it is on line 3)",
        "1 value of 'output' was empty (it is on line 5)",
    ]


@pytest.mark.parametrize(
    ("layout", "request_", "answer"),
    [
        ("question_answer", "question", "answer"),
        ("question_expected", "question", "expected_answer"),
        ("prompt_completion", "prompt", "completion"),
        ("prompt_response", "prompt", "response"),
        ("instruction_response", "instruction", "response"),
    ],
)
def test_two_columns(take, layout: str, request_: str, answer: str) -> None:
    plain, more = take(layout, {request_: "q", answer: "a"}, {answer: "[1, 2]", request_: "[q]", "id": 1})
    assert (plain.kind, plain.instruction, plain.output, plain.meta) == ("sft", "q", "a", None)
    assert (more.instruction, more.output, more.meta) == ("[q]", "[1, 2]", {"id": 1})


def test_dolly_and_predictions(take) -> None:
    (dolly,) = take("instruction_response", {"instruction": "i", "context": "c", "response": "r", "category": "qa"})
    assert (dolly.input, dolly.category, dolly.meta) == ("c", "qa", None)
    row = {"prompt": "p", "instruction": "i", "input": "c", "response": " r", "target": "t"}
    (prediction,) = take("instruction_response", row)
    assert (prediction.input, prediction.output) == ("c", " r")
    assert prediction.meta == {"prompt": "p", "target": "t"}


def test_prompts_alone_keep_every_other_column(take) -> None:
    (draft,) = take("prompt_only", {"prompt": "p", "solution": "s", "difficulty": 3})
    assert (draft.kind, draft.instruction, draft.output) == ("prompt", "p", None)
    assert draft.meta == {"solution": "s", "difficulty": 3}
    (checked,) = take("prompt_only", {"prompt": "p", "reference": "r", "input": "c"})
    assert (checked.input, checked.body, checked.meta) == ("c", {"reference": "r"}, None)
    (chat,) = take("prompt_only", {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]})
    assert chat.instruction == "u"
    assert [message["role"] for message in chat.body["messages"]] == ["system", "user"]


def test_gsm8k(take, notes: Notes) -> None:
    good, bare = take("gsm8k", {"question": "q", "answer": "2+2\n= 4\n#### 4"}, {"question": "q", "answer": "four"})
    assert (good.kind, good.output) == ("reasoning", "2+2\n= 4\n#### 4")
    assert good.body == {"reasoning": "2+2\n= 4", "final": "4"}
    assert (bare.kind, bare.body) == ("reasoning", None)
    assert notes.count("answer", "without a line '#### final'") == 1


def test_reasoning_columns(take) -> None:
    (draft,) = take("reasoning", {"problem": "p", "thinking": "t", "answer": "42", "final": "forty-two"})
    assert (draft.instruction, draft.output) == ("p", "42")
    assert draft.body == {"reasoning": "t", "final": "forty-two"}


def test_nq_open(take) -> None:
    many, one = take("nq_open", {"question": "q", "answer": ["a", "b"]}, {"question": "q", "answer": ["a"]})
    assert (many.kind, many.output, many.body) == ("sft", "a", {"references": ["a", "b"]})
    assert one.body is None


def test_mt_bench(take) -> None:
    row = {"question_id": 1, "category": "maths", "turns": ["a", "b"], "reference": ["x", "y"]}
    (draft,) = take("mt_bench", row)
    assert (draft.kind, draft.instruction, draft.category) == ("prompt", "a", "maths")
    assert draft.body["reference"] == "x"
    assert draft.body["references"] == ["x", "y"]
    assert [message["content"] for message in draft.body["messages"]] == ["a", "b"]
    assert draft.meta == {"question_id": 1}


def test_ifeval(take) -> None:
    (draft,) = take("ifeval", {"key": 1, "prompt": "p", "instruction_id_list": ["x:y"], "kwargs": [{}]})
    assert draft.meta == {"key": 1, "instruction_id_list": ["x:y"], "kwargs": [{}]}


def test_self_instruct_makes_a_pair_of_each_instance(take) -> None:
    row = {"id": "t", "instruction": "i", "is_classification": False}
    one, *two = take(
        "self_instruct",
        {**row, "instances": [{"input": "", "output": "o"}]},
        {**row, "instances": [{"input": "x", "output": "1"}, {"input": "y", "output": "2"}]},
    )
    assert (one.input, one.output, one.meta) == (None, "o", {"id": "t", "is_classification": False})
    assert [(draft.input, draft.output, draft.line, draft.meta["instance"]) for draft in two] == [
        ("x", "1", 2, 1),
        ("y", "2", 2, 2),
    ]


@pytest.mark.parametrize("instances", [[], "x", [1], [{"input": "x"}], None])
def test_self_instruct_refuses_bad_instances(instances, notes: Notes) -> None:
    row = {"instruction": "i", "instances": instances}
    with pytest.raises(RowError):
        recognise([row]).convert(row, 1, notes)


def test_rag(take) -> None:
    chunks = [{"id": 3, "title": "T", "text": "one", "is_gold": True}, {"content": "two", "page": 9}]
    full, texts, squad = take(
        "rag",
        {"question": "q", "chunks": chunks, "answer": "a", "citations": [3], "id": 1},
        {"question": "q", "contexts": ["x", "y"], "answer": "a"},
        {"question": "q", "context": "all of it", "answers": {"text": ["a", "b"], "answer_start": [0, 1]}},
    )
    assert full.body == {
        "chunks": [
            {"id": "3", "title": "T", "text": "one", "gold": True},
            {"id": "2", "page": 9, "text": "two"},
        ],
        "citations": [3],
    }
    assert (full.kind, full.output, full.meta) == ("rag", "a", {"id": 1})
    assert texts.body["chunks"] == [{"id": "1", "text": "x"}, {"id": "2", "text": "y"}]
    assert (squad.output, squad.body["chunks"]) == ("a", [{"id": "1", "text": "all of it"}])


def test_rag_without_an_answer_and_with_a_bad_passage(take, notes: Notes) -> None:
    (open_,) = take("rag", {"question": "q", "documents": [{"page_content": "x"}]})
    assert open_.output is None
    row = {"question": "q", "chunks": [{"title": "no text"}]}
    with pytest.raises(RowError, match="a passage has no text"):
        recognise([row]).convert(row, 1, notes)


def test_ragas(take) -> None:
    given = {"user_input": "u", "response": "r", "retrieved_contexts": ["c"], "reference": "x"}
    (draft,) = take("ragas", {"metric_input": given, "metric_output": 1, "is_accepted": True})
    assert (draft.kind, draft.instruction, draft.output) == ("rag", "u", "r")
    assert draft.meta == {"metric_input": {"reference": "x"}, "metric_output": 1, "is_accepted": True}


def test_documents_and_spans(take) -> None:
    (found,) = take("document", {"title": "T", "text": "body", "path": "a/b.md"})
    assert (found.kind, found.instruction, found.input, found.body) == ("document", "T", "body", {"path": "a/b.md"})
    (bare,) = take("document", {"text": "\nfirst line\nsecond", "label": 1})
    assert (bare.instruction, bare.meta) == ("first line", {"label": 1})
    (spans,) = take("pii_spans", {"full_text": "I am Ann", "spans": [{"start_position": 5}], "template_id": 7})
    assert (spans.instruction, spans.input) == ("template 7", "I am Ann")
    assert spans.meta == {"spans": [{"start_position": 5}], "template_id": 7}


def test_our_own_export_comes_back_whole(take) -> None:
    row = {
        "uid": "u1",
        "kind": "kto",
        "instruction": "i",
        "input": "",
        "output": "o",
        "body": {"desirable": True},
        "meta": {"a": 1},
        "category": "c",
        "tags": ["t"],
        "author": "Ann",
        "status": "approved",
    }
    (draft,) = take("flywheel", row)
    assert draft == Draft(
        kind="kto",
        instruction="i",
        input="",
        output="o",
        body={"desirable": True},
        meta={"status": "approved", "a": 1},
        category="c",
        tags=["t"],
        author="Ann",
        line=1,
    )


@pytest.mark.parametrize("change", [{"body": [1]}, {"meta": "x"}, {"tags": [1]}, {"instruction": None}, {"kind": "x"}])
def test_our_own_export_is_checked(change, notes: Notes) -> None:
    row = {"uid": "u", "kind": "sft", "instruction": "i", "body": {}}
    found = recognise([row])
    with pytest.raises(RowError):
        found.convert({**row, **change}, 1, notes)
