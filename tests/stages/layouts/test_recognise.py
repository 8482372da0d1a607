"""Recognising a layout: by the first rows, anew where rows differ, with --map and --kind, and with good refusals."""

from __future__ import annotations

import pytest

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.layouts import Notes, RowError, parse_map, recognise
from flywheel_tui.stages.layouts.mapping import TARGETS
from flywheel_tui.stages.readers import Batch

ALPACA = {"instruction": "i", "input": "c", "output": "o"}


def test_rows_whose_columns_differ_are_looked_at_anew(notes: Notes) -> None:
    found = recognise([ALPACA, ALPACA])
    (other,) = found.convert({"question": "q", "answer": "a"}, 2, notes)
    assert (other.instruction, other.output) == ("q", "a")
    with pytest.raises(RowError, match=r"its columns \(x\) are not those of the other rows \(instruction, output\)"):
        found.convert({"x": 1}, 3, notes)
    assert found.convert(ALPACA, 4, notes)[0].instruction == "i"


def test_most_of_the_first_rows_decide() -> None:
    rows = [{"question": "q", "answer": "a\n#### 1"}, *[{"question": "q", "answer": "a"}] * 3]
    assert recognise(rows).name == "question_answer"
    assert recognise([rows[0], rows[0], rows[1]]).name == "gsm8k"


def test_a_batch_gives_drafts_and_rejects_by_line(notes: Notes) -> None:
    batch = Batch([ALPACA, {**ALPACA, "output": None}, {"x": 1}, ALPACA], [1, 3, 4, 9])
    drafts, rejects = recognise([ALPACA]).convert_batch(batch, notes)
    assert [draft.line for draft in drafts] == [1, 9]
    assert [(reject.line, reject.field) for reject in rejects] == [(3, "output"), (4, "")]
    assert rejects[0].raw == b'{"instruction":"i","input":"c","output":null}'
    assert "\n" not in rejects[0].reason


def test_many_different_columns_do_not_fill_the_memory(notes: Notes) -> None:
    found = recognise([ALPACA])
    for number in range(2500):
        found.convert({**ALPACA, f"extra_{number}": number}, number, notes)
    assert len(found._by_columns) <= 1000


def test_a_column_name_with_nul_is_refused(notes: Notes) -> None:
    with pytest.raises(RowError, match="NUL"):
        recognise([ALPACA]).convert({**ALPACA, "a\0b": 1}, 1, notes)


def test_unknown_columns_are_refused_with_what_to_do() -> None:
    rows = [{"id": "x" * 500, "ask": "short", "reply": "a longer text", "n": 4}]
    with pytest.raises(InputError) as caught:
        recognise(rows, file="data/rows.csv")
    said = str(caught.value)
    assert said.startswith("data/rows.csv:1: its columns (id, ask, reply, n) are those of no known layout")
    assert "--map 'instruction=ask,output=reply'" in said
    mapped = recognise(rows, mapping=parse_map("instruction=ask,output=reply"))
    assert mapped.name == "alpaca"


def test_the_nearest_layouts_are_named() -> None:
    with pytest.raises(InputError, match=r"the nearest are .*prompt_completion \(prompt, completion\)"):
        recognise([{"prompts": "p", "completions": "c"}])
    with pytest.raises(InputError, match=r"its columns \(none\)"):
        recognise([{}])


def test_map_names_columns_nested_ones_too(notes: Notes) -> None:
    row = {"id": 1, "message": {"content": "answer", "by": "x"}, "ask": {"turns": ["first", "second"]}, "output": "old"}
    found = recognise([row], mapping=parse_map("instruction=ask.turns.1, output=message.content"))
    (draft,) = found.convert(row, 1, notes)
    assert (draft.instruction, draft.output) == ("second", "answer")
    assert draft.meta == {"id": 1, "message": row["message"], "ask": row["ask"], "original_output": "old"}


def test_map_prefers_a_column_whose_name_has_a_dot(notes: Notes) -> None:
    row = {"a.b": "dotted", "a": {"b": "nested"}, "c": "x"}
    (draft,) = recognise([row], mapping=parse_map("instruction=a.b,output=c")).convert(row, 1, notes)
    assert draft.instruction == "dotted"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("instruction=a", "prompt"),
        ("instruction=a,output=b", "sft"),
        ("instruction=a,chosen=b,rejected=c", "preference"),
        ("instruction=a,output=b,desirable=yes", "kto"),
        ("instruction=a,chunks=list,output=b", "rag"),
        ("instruction=a,reasoning=b,output=c", "reasoning"),
        ("text=a,title=b", "document"),
        ("messages=talk", "sft"),
        ("messages=talk,signals=signs", "trace"),
        ("instruction=a,tools=schemas,expected_calls=calls", "tools"),
    ],
)
def test_the_mapped_fields_decide_the_kind(text: str, kind: str, notes: Notes) -> None:
    row = {
        "a": "first",
        "b": "second",
        "c": "third",
        "yes": True,
        "list": ["x"],
        "talk": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}],
        "signs": {"resolved": True},
        "schemas": [{"name": "f"}],
        "calls": [{"name": "f", "arguments": {}}],
    }
    (draft,) = recognise([row], mapping=parse_map(text)).convert(row, 1, notes)
    assert draft.kind == kind
    used = {piece.partition("=")[2] for piece in text.split(",")}
    assert set(draft.meta or {}) == row.keys() - used


def test_a_mapped_column_that_is_missing_in_one_row_is_that_rows_fault(notes: Notes) -> None:
    found = recognise([{"a": "i", "b": "o"}, {"a": "i"}], mapping=parse_map("instruction=a,output=b"))
    assert found.convert({"a": "i", "b": "o"}, 1, notes)[0].kind == "sft"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("instruction", "cannot read 'instruction'; write field=column"),
        ("=a", "cannot read '=a'"),
        ("instruction=", "cannot read"),
        ("instruktion=a", "did you mean 'instruction'"),
        ("zzz=a", "the fields are: instruction, input"),
        ("output=a,output=b", "the field 'output' twice"),
        ("", "cannot read ''"),
    ],
)
def test_a_map_that_cannot_be_read_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_map(text)
    assert said in str(caught.value)


def test_a_mapped_column_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(InputError) as caught:
        recognise([{"prompt": "p", "reply": "r"}], mapping=parse_map("instruction=promt,output=reply"), file="x.csv")
    said = str(caught.value)
    assert "there is no column 'promt'" in said
    assert "did you mean 'prompt'?" in said
    assert "the columns are: prompt, reply" in said


def test_the_targets_of_map_are_fields_of_a_pair() -> None:
    assert len(set(TARGETS)) == len(TARGETS)


@pytest.mark.parametrize(
    ("kind", "output", "body"),
    [
        ("sft", "o", None),
        ("prompt", None, {"reference": "o"}),
        ("reasoning", "o", {"final": "o"}),
        ("tools", "o", {"messages": 2}),
        ("trace", "o", {"messages": 2, "signals": {}}),
    ],
)
def test_kind_recasts_where_it_makes_sense(kind: str, output, body, notes: Notes) -> None:
    found = recognise([ALPACA], kind=kind)
    assert found.kind == kind
    (draft,) = found.convert(ALPACA, 1, notes)
    if draft.body and "messages" in draft.body:
        draft.body["messages"] = len(draft.body["messages"])
    assert (draft.kind, draft.output, draft.body) == (kind, output, body)


def test_kind_reasoning_takes_thoughts_apart(notes: Notes) -> None:
    row = {"instruction": "i", "output": "<think>step</think>\nanswer"}
    (draft,) = recognise([row], kind="reasoning").convert(row, 1, notes)
    assert draft.body == {"reasoning": "step", "final": "answer"}


def test_kind_document_takes_the_text_whole(notes: Notes) -> None:
    (draft,) = recognise([ALPACA], kind="document").convert(ALPACA, 1, notes)
    assert (draft.instruction, draft.input, draft.output) == ("i", "i\n\nc\n\no", None)


@pytest.mark.parametrize("kind", ["preference", "kto", "rag"])
def test_a_kind_that_the_rows_do_not_make_is_refused(kind: str, notes: Notes) -> None:
    with pytest.raises((RowError, InputError), match=f"make a pair of kind sft, not {kind}"):
        recognise([ALPACA], kind=kind).convert(ALPACA, 1, notes)
