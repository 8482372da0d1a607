"""Limits, tokens, and the endings that break off – and those that only look so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.stages.validate.endings import cut_off

WHOLE = [
    "42",
    "Paris",
    "The answer is 42",
    "One sentence. Two sentences.",
    'He said: "That is all."',
    "- apples and pears\n- a list of things that has no full stops\n- cherries of the kind that my uncle grew",
    "```python\nprint(1)\n```",
    "First a sentence of some length is here.\n\n```\nfor x in y:\n    pass\n```",
    "Roses are red\nViolets are blue\nSugar is sweet\nAnd so are you, my dearest one of all the people in the world",
    "We are hiring! Applications are open now, come and work with us here. #jobs #summer #career #internships",
    "I look forward to hearing from you about the position. Yours sincerely, Jane Austen of Hampshire",
    "It is never too late to be what you might have been, as people say. - George Eliot, English novelist",
    "Dies ist ein ganzer Satz, der lang genug ist, um geprüft zu werden. Und noch einer danach.",
    "これは十分に長い文章です。検査のために書かれました。そして最後まで書かれています。これで終わりです。",
    "x = foo(1, 2); y = bar(x, z) and then we go on with the work of the day (see the manual of the tool",
    "Title of a Longer Piece of Writing About the History of the World and of Everything in It",
    "See https://example.com/a/very/long/address/that/goes/on/and/on/and/on/without/any/end/in/sight",
]
CUT = [
    ("The code only takes 15 percent off articles at full price. If you order them on their own, because it", "no end"),
    ("He packed his things and left the house, and on the way he bought bread, milk, butter and", "'and'"),
    ("There are three reasons for this choice. The first one is cost, the second one is the time that we,", "','"),
    ("Here is the code that you asked for:\n```python\nprint(1)\n", "never closed"),
    ("It was a long and happy day for all of us there. We went home late and slept until the sun was", "no end"),
    ("Das ist der erste Satz der Antwort, und er ist zu Ende. Der zweite Satz hört mittendrin auf, weil", "'weil'"),
    ("Ella llegó tarde a la fiesta de su hermana mayor. Después salieron todos juntos a cenar con", "'con'"),
]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_texts_are_left_alone(text: str) -> None:
    assert cut_off(text) is None


@pytest.mark.parametrize(("text", "part"), CUT)
def test_texts_that_break_off(text: str, part: str) -> None:
    found = cut_off(text)
    assert found is not None
    start, end, message = found
    assert part in message
    assert end == len(text.rstrip()) or "closed" in message
    assert 0 <= start < end


def test_what_is_cut_anywhere_in_a_long_answer_is_mostly_seen() -> None:
    """Cut at every word: after the first sentences nearly every place that is no end of a sentence is reported."""
    text = (
        "The heart pumps blood through the body. It has four chambers, and valves keep the blood from flowing back. "
        "The right side sends blood to the lungs, where it takes up oxygen; the left side sends it to everything else. "
        "When we run, the muscles need more oxygen and the heart beats faster to bring it to them in time."
    )
    words = text.split(" ")
    seen = total = 0
    for count in range(22, len(words)):
        part = " ".join(words[:count])
        if part.endswith((".", ";")):
            assert cut_off(part) is None
            continue
        total += 1
        seen += cut_off(part) is not None
    assert seen / total > 0.8


def test_limits_of_characters(ask: Any) -> None:
    [found] = ask("length", "x" * 30, options={"max_chars": 20})
    assert (found.field, found.start, found.end) == ("output", 20, 30)
    assert ask("length", "x" * 30, options={"max_chars": 30}) == []
    [found] = ask("length", "No.", options={"min_chars": 4})
    assert found.field == "output"
    table = {"output": 10, "rejected": 5}
    found = ask("length", "short", kind="preference", body={"rejected": "too long"}, options={"max_chars": table})
    assert [one.field for one in found] == ["body.rejected"]
    assert ask("length", "x" * 50_000, options={"max_chars": 0}) == []


@pytest.mark.parametrize(
    "options", [{"max_chars": -1}, {"min_chars": "many"}, {"max_tokens": 5}, {"max_chars": {"a": 1.5}}]
)
def test_senseless_options_are_refused(ask: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="length"):
        ask("length", options=options)


def test_tokens_are_counted_by_a_tokenizer_file(ask: Any, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    options = {"tokenizer": str(path), "max_tokens": 10}
    assert ask("length", "a a a a", options=options) == []
    [found] = ask("length", "a " * 20, options=options)
    assert "tokens, more than 10" in found.message
    path.write_text("{}")
    with pytest.raises(UsageError, match="is no tokenizer"):
        ask("length", options=options)


def test_a_tokenizer_that_is_not_here_is_said(ask: Any) -> None:
    with pytest.raises(FlywheelError, match="no-such-tokenizer"):
        ask("length", options={"tokenizer": "no-such-tokenizer"})
