"""What other tools write for a choice, a pass, a score or a rating, read strictly: what is not known is None.

An empty cell, null or NaN is never a choice. Words that mean several things (0 and 1 for two answers) are read only
where a person said what they mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.layouts.mapping import lookup

CHOICES: dict[str, tuple[str, ...]] = {
    "a": ("a", "1", "first", "left", "chosen", "response1", "response_1", "response_a", "output_1", "output_a",
          "model_a", "model_1", "answer_1", "answer_a", "a>b", "a>>b", "b<a", "b<<a"),
    "b": ("b", "2", "second", "right", "rejected", "response2", "response_2", "response_b", "output_2", "output_b",
          "model_b", "model_2", "answer_2", "answer_b", "b>a", "b>>a", "a<b", "a<<b"),
    "tie": ("tie", "0", "1.5", "draw", "equal", "same", "both", "c", "a=b", "b=a", "tie (inconsistent)"),
    "neither": ("neither", "both bad", "both_bad", "bothbad", "none", "tie (bothbad)", "tie (both bad)"),
}  # fmt: skip
PASSES = ("true", "pass", "passed", "yes", "y", "t", "1", "1.0", "correct", "good", "ok", "accept", "accepted")
FAILS = ("false", "fail", "failed", "no", "n", "f", "0", "0.0", "incorrect", "bad", "reject", "rejected")
STATUSES: dict[str, tuple[str, ...]] = {
    "approved": ("approved", "approve", "keep", *PASSES),
    "rejected": ("drop", *FAILS),
    "skipped": ("skipped", "skip", "unsure", "na", "n/a"),
}
WORDS = ("a", "b", "tie", "neither", "pass", "fail", "approved", "rejected", "skipped")
"""What `--words` can say that a value means."""
ANSWERS = (
    ("output_1", "output_2"), ("response1", "response2"), ("response_A", "response_B"), ("response_a", "response_b"),
    ("response_1", "response_2"), ("answer_1", "answer_2"), ("answer_a", "answer_b"), ("output_a", "output_b"),
    ("completion_a", "completion_b"), ("completion_1", "completion_2"), ("conversation_a", "conversation_b"),
)  # fmt: skip
"""Columns that hold both answers, in the order in which a choice names them."""
_BRACKETS = re.compile(r"^[\[\](){}\"'*\s]+|[\[\](){}\"'*\s.!]+$")
_NOTHING = ("", "nan", "null")


def parse_words(text: str) -> dict[str, str]:
    """Value to word, from `word=value,word=value`. Raises UsageError that names what is off.

    >>> parse_words("a=0,b=1")
    {'0': 'a', '1': 'b'}
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        word, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or word not in WORDS:
            raise UsageError(
                f"--words cannot read {part.strip()!r}; write what a value means as WORD=VALUE, with a WORD of:"
                f" {', '.join(WORDS)}"
            )
        if plain(value) in found:
            raise UsageError(f"--words gives the value {value!r} two meanings; name it once")
        found[plain(value)] = word
    return found


def plain(value: Any) -> str:
    """A value as it is compared: lower case, without brackets and a full stop around it; a whole number without .0.

    >>> plain(" [[A]] "), plain("Yes."), plain(2.0), plain("tie (bothbad)"), plain(None)
    ('a', 'yes', '2', 'tie (bothbad)', '')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip().lower()
    if re.fullmatch(r"-?\d+\.0+", text):
        text = text.partition(".")[0]
    if text in _NOTHING:
        return ""
    return text if text in _KNOWN else _BRACKETS.sub("", text)


_KNOWN = frozenset(word for words in CHOICES.values() for word in words)


def choice(value: Any, words: Mapping[str, str] | None = None) -> str | None:
    """a, b, tie or neither, whatever the tool calls them; None where it is none of them.

    A number between 1 and 2 leans to the nearer answer, as AlpacaEval writes it.

    >>> choice("[[B]]"), choice(1.0), choice("A>B"), choice(1.2), choice(None), choice("0", {"0": "a", "1": "b"})
    ('b', 'a', 'a', 'a', None, 'a')
    """
    text = plain(value)
    if not text or isinstance(value, bool):
        return None
    if words and text in words:
        return words[text] if words[text] in CHOICES else None
    known = next((word for word, spellings in CHOICES.items() if text in spellings), None)
    if known is None and (number := score(value)) is not None and 1 < number < 2:
        return "a" if number < 1.5 else "b"
    return known


def passed(value: Any, words: Mapping[str, str] | None = None) -> bool | None:
    """Whether it is a pass; None where that cannot be told.

    >>> passed("Yes."), passed(0), passed("perhaps"), passed("ko", {"ko": "fail"})
    (True, False, None, False)
    """
    text = plain(value)
    if words and text in words:
        return {"pass": True, "approved": True, "fail": False, "rejected": False}.get(words[text])
    return True if text in PASSES else False if text in FAILS else None


def status(value: Any, words: Mapping[str, str] | None = None) -> str | None:
    """approved, rejected or skipped; None where it is none of them."""
    text = plain(value)
    if words and text in words:
        word = {"pass": "approved", "fail": "rejected"}.get(words[text], words[text])
        return word if word in STATUSES else None
    return next((word for word, spellings in STATUSES.items() if text in spellings), None)


def score(value: Any) -> float | None:
    """A finite number; None for anything else, true and false among it."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def value_of(row: Mapping[str, Any], column: str) -> Any:
    """What a mapped column holds: dots lead into nested objects, `=text` is that text in every row; None if absent."""
    if column.startswith("="):
        return column[1:]
    if column in row:
        return row[column]
    found = lookup(dict(row), column)
    return found if isinstance(found, str | int | float | bool | list | dict) else None


def key_of(row: Mapping[str, Any], column: str) -> Any:
    """What names the pair of a row: a column, or several with + between them (a list of as many values)."""
    if "+" not in column or column in row:
        return value_of(row, column)
    return [value_of(row, name) for name in column.split("+")]


def missing_column(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> str | None:
    """The first column that none of the rows has, if there is one."""
    sample = list(rows)
    for column in columns:
        if column.startswith("="):
            continue
        for name in [column] if any(column in row for row in sample) else column.split("+"):
            if not any(name in row or value_of(row, name) is not None for row in sample):
                return name
    return None


def check_two_numbers(values: Iterable[Any], words: Mapping[str, str] | None, file: str, column: str) -> None:
    """Raise UsageError for a column that holds only 0 and 1: which answer is meant, nobody can know."""
    found = {plain(value) for value in values} - {""} - set(words or ())
    if found == {"0", "1"}:
        raise UsageError(
            f"{file}: the column {column!r} holds only 0 and 1, which may mean first and second or second and first;"
            " say it with --words a=0,b=1 (or --words a=1,b=0, or a=1,tie=0)"
        )


def answers_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Both answers as a row has them, in the order in which its choice names them; None where it does not say."""
    for one, two in ANSWERS:
        if one in row and two in row:
            first, second = _text(row[one]), _text(row[two])
            return (first, second) if first is not None and second is not None else None
    return None


def _text(value: Any) -> str | None:
    """A text, or what the last message of a conversation says."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    return value if isinstance(value, str) else None
