"""Layouts of messages, of two answers, and of tools."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError
from flywheel_tui.stages.layouts import Notes, RowError, recognise

USER = {"role": "user", "content": "u"}
ANSWER = {"role": "assistant", "content": "a"}
SYSTEM = {"role": "system", "content": "s"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
}


def test_messages_of_one_turn_are_a_plain_pair(take) -> None:
    (draft,) = take("messages", {"messages": [USER, ANSWER], "id": 1})
    assert (draft.kind, draft.instruction, draft.output, draft.body) == ("sft", "u", "a", None)
    assert draft.meta == {"id": 1}


def test_messages_of_more_turns_are_kept_whole(take) -> None:
    talk = [SYSTEM, USER, ANSWER, {"role": "user", "content": "u2"}, {"role": "assistant", "content": "a2"}]
    long, system, asked = take("messages", {"messages": talk}, {"messages": talk[:3]}, {"messages": talk[:4]})
    assert (long.instruction, long.output, long.body) == ("u2", "a2", {"messages": talk})
    assert (system.instruction, system.body) == ("u", {"messages": talk[:3]})
    assert (asked.kind, asked.instruction, asked.output) == ("prompt", "u2", None)


def test_tool_calls_make_the_kind_tools(take) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    result = {"role": "tool", "content": "7", "tool_call_id": "1"}
    calling, answered, offered = take(
        "messages",
        {"messages": [USER, CALL], "tools": tools},
        {"messages": [USER, CALL, result, ANSWER], "tools": json.dumps(tools)},
        {"messages": [USER, ANSWER], "tools": tools},
    )
    assert (calling.kind, calling.output) == ("tools", None)
    assert calling.body["expected_calls"] == [{"name": "f", "arguments": {"x": 1}}]
    assert calling.body["messages"][1]["tool_calls"] == CALL["tool_calls"]
    assert (answered.output, answered.body["tools"]) == ("a", tools)
    assert "expected_calls" not in answered.body
    assert offered.kind == "tools"
    assert all(draft.meta is None for draft in (calling, answered, offered))


def test_sharegpt(take) -> None:
    row = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}
    plain, system = take("sharegpt", row, {**row, "system": "s", "tools": ""})
    assert (plain.instruction, plain.output, plain.body) == ("u", "a", None)
    assert [message["role"] for message in system.body["messages"]] == ["system", "user", "assistant"]
    call = json.dumps({"name": "f", "arguments": {"x": 1}})
    talk = [{"from": "human", "value": "u"}, {"from": "function_call", "value": call}]
    (calling,) = take("sharegpt", {"conversations": talk})
    assert calling.kind == "tools"
    assert calling.body["expected_calls"] == [{"name": "f", "arguments": {"x": 1}}]


def test_messages_as_the_json_text_of_a_table(take) -> None:
    (draft,) = take("messages", {"messages": json.dumps([USER, ANSWER])})
    assert (draft.instruction, draft.output) == ("u", "a")


def test_what_hides_in_json_text_is_checked_too(notes: Notes) -> None:
    found = recognise([{"messages": [USER, ANSWER]}])
    for inner, said in (('"\\u0000"', "U+0000"), ("[" * 60 + "]" * 60, "deeper than 40"), ('"\\ud800"', "JSON text")):
        text = f'[{{"role": "user", "content": {inner}}}]'
        with pytest.raises(RowError, match=re.escape(said)):
            found.convert({"messages": text}, 1, notes)


def test_content_in_parts(take) -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    (draft,) = take("messages", {"messages": [{"role": "user", "content": parts}, ANSWER]})
    assert draft.instruction == "one two"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "not a list of messages"),
        (["hello"], "a message is not an object"),
        ([{"content": "x"}], "a message has no role"),
        ([ANSWER], "no message is the user's"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "a part that is no text"),
        ([{"role": "user", "content": {"a": 1}}], "the content of a message is an object"),
    ],
)
def test_bad_messages_are_refused(messages, said: str, notes: Notes) -> None:
    found = recognise([{"messages": [USER, ANSWER]}])
    with pytest.raises(RowError, match=said):
        found.convert({"messages": messages}, 1, notes)


def test_traces(take) -> None:
    row = {"messages": [USER, CALL, {"role": "tool", "content": "7"}, ANSWER], "signals": {"resolved": False}, "id": 1}
    (draft,) = take("trace", row)
    assert (draft.kind, draft.instruction, draft.output) == ("trace", "u", "a")
    assert draft.body == {"messages": row["messages"], "signals": row["signals"]}
    assert draft.meta == {"id": 1}


def test_dpo_of_texts(take) -> None:
    (draft,) = take("dpo", {"prompt": "p", "chosen": "[good]", "rejected": "bad", "score": 3})
    assert (draft.kind, draft.instruction, draft.output, draft.body) == (
        "preference",
        "p",
        "[good]",
        {"rejected": "bad"},
    )
    assert draft.meta == {"score": 3}


def test_dpo_of_messages(take) -> None:
    bad = {"role": "assistant", "content": "b"}
    explicit, system, implicit, repeated, named = take(
        "dpo",
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [bad]},
        {"prompt": [SYSTEM, USER], "chosen": [ANSWER], "rejected": [bad]},
        {"chosen": [SYSTEM, USER, ANSWER], "rejected": [SYSTEM, USER, bad]},
        {"prompt": [USER], "chosen": [USER, ANSWER], "rejected": [USER, bad]},
        {"prompt": "u", "chosen": [USER, ANSWER], "rejected": [USER, bad]},
    )
    for draft in (explicit, system, implicit, repeated, named):
        assert (draft.instruction, draft.output, draft.body["rejected"], draft.meta) == ("u", "a", "b", None)
    assert explicit.body == repeated.body == named.body == {"rejected": "b"}
    assert system.body == implicit.body == {"rejected": "b", "messages": [SYSTEM, USER]}


def test_dpo_of_talks_that_part_early_keeps_both(take) -> None:
    chosen = [USER, ANSWER, {"role": "user", "content": "u2"}, {"role": "assistant", "content": "a2"}]
    rejected = [USER, {"role": "assistant", "content": "b"}, {"role": "user", "content": "u3"}, ANSWER]
    (draft,) = take("dpo", {"chosen": chosen, "rejected": rejected})
    assert (draft.instruction, draft.output, draft.body["rejected"]) == ("u2", "a2", "a")
    assert draft.body["messages"] == chosen[:-1]
    assert draft.body["rejected_messages"] == rejected


def test_dpo_of_equal_answers_and_of_an_implicit_prompt(take) -> None:
    (equal,) = take("dpo", {"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]})
    assert (equal.instruction, equal.output, equal.body) == ("u", "a", {"rejected": "a"})
    (shared,) = take("dpo", {"chosen": "The sky is blue.", "rejected": "The sky is black."})
    assert (shared.instruction, shared.output, shared.body) == ("The sky is", " blue.", {"rejected": " black."})


def test_dpo_without_any_prompt_is_refused(notes: Notes) -> None:
    row = {"chosen": "one", "rejected": "two"}
    with pytest.raises(RowError, match="do not begin alike"):
        recognise([row]).convert(row, 1, notes)


def test_hh_rlhf_is_split_at_the_last_answer(take, notes: Notes) -> None:
    start = "\n\nHuman: one\n\nAssistant: two\n\nHuman: three: \n\nAssistant:"
    one, same, other = take(
        "hh_rlhf",
        {"chosen": "\n\nHuman: hi\n\nAssistant: yes", "rejected": "\n\nHuman: hi\n\nAssistant: no"},
        {"chosen": start + " good", "rejected": start},
        {"chosen": start + " good", "rejected": "\n\nHuman: else\n\nAssistant: bad"},
    )
    assert (one.instruction, one.output, one.body) == ("hi", "yes", {"rejected": "no"})
    assert (same.instruction, same.output, same.body["rejected"]) == ("three: ", "good", "")
    assert [message["role"] for message in same.body["messages"]] == ["user", "assistant", "user"]
    assert other.body["rejected_messages"][-1] == {"role": "assistant", "content": "bad"}
    assert notes.count("answer", "empty") == 1


def test_pandalm_is_undecided_and_says_what_it_stored(take, notes: Notes) -> None:
    row = {"idx": 0, "instruction": "i", "input": "c", "response1": "a", "response2": True, "annotator1": 2}
    first, _ = take("pandalm", row, {**row, "response1": "", "response2": "", "instruction": " "})
    assert (first.kind, first.input, first.output) == ("preference", "c", "a")
    assert first.body == {"rejected": "true", "undecided": True}
    assert first.meta == {"idx": 0, "annotator1": 2}
    assert notes.sentences("element") == [
        "1 response was the JSON value true, stored as the text 'true' (it is on element 1)",
        "1 instruction was blank (it is on element 2)",
        "2 responses were empty (the first on element 2)",
    ]


def test_llmbar_puts_the_better_one_first(take, notes: Notes) -> None:
    row = {"input": "i", "output_1": "x", "output_2": "y", "label": 1}
    one, two = take("llmbar", row, {**row, "label": "2"})
    assert (one.output, one.body, one.meta) == ("x", {"rejected": "y"}, {"label": 1})
    assert (two.output, two.body) == ("y", {"rejected": "x"})
    with pytest.raises(RowError, match="write 1 or 2"):
        recognise([row]).convert({**row, "label": 3}, 1, notes)


def test_kto(take, notes: Notes) -> None:
    good, bad, chat = take(
        "kto",
        {"prompt": "p", "completion": "c", "label": True},
        {"prompt": "p", "completion": "c", "label": "False"},
        {"prompt": [SYSTEM, USER], "completion": [ANSWER], "label": 1, "id": 4},
    )
    assert (good.kind, good.instruction, good.output, good.body) == ("kto", "p", "c", {"desirable": True})
    assert bad.body == {"desirable": False}
    assert (chat.instruction, chat.output, chat.meta) == ("u", "a", {"id": 4})
    assert chat.body == {"desirable": True, "messages": [SYSTEM, USER]}
    with pytest.raises(RowError, match="neither true nor false"):
        found = recognise([{"prompt": "p", "completion": "c", "label": True}])
        found.convert({"prompt": "p", "completion": "c", "label": True}, 1, notes)
        found.convert({"prompt": "p", "completion": "c", "label": "maybe"}, 2, notes)


def test_conversational_prompt_and_completion(take) -> None:
    (draft,) = take("prompt_completion", {"prompt": [SYSTEM, USER], "completion": [ANSWER], "id": 1})
    assert (draft.instruction, draft.output, draft.meta) == ("u", "a", {"id": 1})
    assert draft.body == {"messages": [SYSTEM, USER, ANSWER]}


def _bfcl(folder: Path, answers: str | None) -> tuple[Path, dict[str, object]]:
    row = {"id": "r_0", "question": [[USER]], "function": [{"name": "f", "parameters": {"type": "dict"}}]}
    path = folder / "rows.json"
    path.write_text(json.dumps(row))
    if answers is not None:
        (folder / "possible_answer").mkdir(exist_ok=True)
        (folder / "possible_answer" / "rows.json").write_text(answers)
    return path, row


def test_bfcl_finds_its_accepted_calls(take, notes: Notes, tmp_path: Path) -> None:
    path, row = _bfcl(tmp_path, '{"id": "r_0", "ground_truth": [{"f": {"x": [1, ""]}}, {"f": {"x": [2]}}]}\n\n')
    first, second = take("bfcl", row, {**row, "id": "r_1"}, file=path)
    assert (first.kind, first.instruction, first.body["tools"]) == ("tools", "u", row["function"])
    assert first.body["expected_calls"] == [
        {"name": "f", "accepted": {"x": [1, ""]}},
        {"name": "f", "accepted": {"x": [2]}},
    ]
    assert first.meta == {"id": "r_0"}
    assert "expected_calls" not in second.body
    assert notes.count("row", "without accepted calls in possible_answer") == 1


def test_bfcl_irrelevance_rows_expect_no_call(take, tmp_path: Path) -> None:
    _, row = _bfcl(tmp_path, None)
    (draft,) = take("bfcl", row, file=tmp_path / "BFCL_irrelevance.json")
    assert draft.body["expected_calls"] == []


def test_bfcl_without_answers_and_with_bad_ones(take, tmp_path: Path) -> None:
    path, row = _bfcl(tmp_path, None)
    (draft,) = take("bfcl", row, file=path)
    assert "expected_calls" not in draft.body
    path, row = _bfcl(tmp_path, '{"id": "r_0", "ground_truth": [{"f": {}}]}\n{"id": 3}')
    with pytest.raises(InputError, match=r"possible_answer/rows\.json:2: it is no row of accepted calls"):
        recognise([row], file=path)


def test_requests_with_tools_and_calls_as_json_text(take, notes: Notes) -> None:
    tools, calls = [{"name": "f", "parameters": {}}], [{"name": "f", "arguments": {"x": 1}}]
    (draft,) = take("tool_calls", {"id": 1, "query": "q", "tools": json.dumps(tools), "answers": json.dumps(calls)})
    assert (draft.kind, draft.instruction, draft.meta) == ("tools", "q", {"id": 1})
    assert draft.body == {"tools": tools, "messages": [{"role": "user", "content": "q"}], "expected_calls": calls}
    bad = {"query": "q", "tools": "[oops]", "answers": "[]"}
    with pytest.raises(RowError, match="neither a list nor the JSON text"):
        recognise([bad]).convert(bad, 1, notes)
