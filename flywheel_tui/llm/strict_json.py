"""One JSON object out of a model's answer, or a fault that says what is wrong with it; nothing is guessed.

`json.loads` alone takes NaN, lets the last of two equal keys win and dies of deep nesting; repairing libraries finish a
verdict that was cut off. A number on the screen must not come from there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, NoReturn

from flywheel_tui.llm.faults import BackendFault

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_DIGITS = 400

JsonMode = Literal["exact", "fenced", "embedded", "repaired"]
"""How the object was found: as the whole answer, in a ``` fence, with prose around it, or after a repair."""

_FENCE = re.compile(r"^[ \t]{0,3}```[ \t]*([A-Za-z0-9_+-]*)[ \t]*$", re.MULTILINE)
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")


class StrictJson(NamedTuple):
    """The object and how it was found."""

    value: dict[str, Any]
    parse_mode: JsonMode


def read_object(text: str, *, finish_reason: str = "stop", repair: bool = False) -> StrictJson:
    """The one JSON object in `text`.

    Prose around it, a single ``` fence and a leading <think> block are allowed; a second object, a repeated key, NaN,
    infinity, 64 KB or 20 levels are not. `repair=True` also removes trailing commas, only where `finish_reason` is
    `stop`: what was cut off stays a fault. Raises BackendFault of kind `bad_json` (or `empty`, `length`).
    """
    if not text.strip():
        raise BackendFault("length" if finish_reason == "length" else "empty", "the answer is empty")
    if 4 * len(text) > MAX_BYTES and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        _refuse(f"the answer is larger than {MAX_BYTES // 1024} KB", text)
    body = _THINKING.sub("", text).lstrip("\ufeff").strip()
    mode: JsonMode = "exact"
    if body.startswith("{"):
        if (value := _whole(body)) is not None:
            return StrictJson(value, mode)
    else:
        body, mode = _unfenced(body, text)
    spans = list(_top_level(body, text))
    if not spans:
        cut = finish_reason == "length" or "{" in body
        _refuse("the object is not finished" if cut else "there is no JSON object in the answer", text)
    if len(spans) > 1:
        _refuse(f"there are {len(spans)} JSON objects in the answer where one was asked for", text)
    start, end = spans[0]
    if mode == "exact" and (start, end) != (0, len(body)):
        mode = "embedded"
    return _load(body[start:end], mode, repair and finish_reason == "stop", text)


def _whole(body: str) -> dict[str, Any] | None:
    """The object that is all of `body`, as most answers are; None where a closer look is needed."""
    if body.count("{") + body.count("[") > MAX_DEPTH:
        return None
    try:
        return _loads(body)
    except (ValueError, RecursionError):
        return None


def _load(source: str, mode: JsonMode, repair: bool, answer: str) -> StrictJson:
    try:
        return StrictJson(_loads(source), mode)
    except _Refused as refused:
        _refuse(str(refused), answer)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    if repair and (mended := _without_trailing_commas(source)) != source:
        try:
            return StrictJson(_loads(mended), "repaired")
        except (ValueError, RecursionError) as error:
            problem = str(error)
    return _refuse(f"the object is not JSON: {problem[:120]}", answer)


class _Refused(ValueError):
    """Well-formed for `json`, and still not to be believed."""


def _loads(source: str) -> dict[str, Any]:
    value = _DECODER.decode(source)
    if not isinstance(value, dict):
        raise _Refused("the answer is not a JSON object")
    if "\\u" in source or not source.isascii():
        _no_lone_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Refused(f"the key {twice[:60]!r} is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused(f"{digits[:20]} is beyond any number")
    return number


def _short_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused("a number has too many digits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_short_int
)


def _no_lone_surrogates(value: Any) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise _Refused("a text holds half a character (a lone surrogate)")
    elif isinstance(value, dict):
        for name, item in value.items():
            _no_lone_surrogates(name)
            _no_lone_surrogates(item)
    elif isinstance(value, list):
        for item in value:
            _no_lone_surrogates(item)


def _unfenced(body: str, answer: str) -> tuple[str, JsonMode]:
    fences = list(_FENCE.finditer(body))
    if not fences:
        return body, "embedded"
    if len(fences) > 2:
        _refuse("there are several fenced blocks in the answer where one object was asked for", answer)
    if len(fences) == 1:
        return body, "embedded"
    around = body[: fences[0].start()] + body[fences[1].end() :]
    if "{" in around:
        return body, "embedded"
    return body[fences[0].end() : fences[1].start()].strip(), "fenced"


def _top_level(body: str, answer: str) -> Iterator[tuple[int, int]]:
    """The spans of all balanced `{…}` at the top of `body`; braces inside strings do not count.

    Outside objects quotation marks are prose. An object that never ends makes the answer unfinished: no span at all
    follows from it, and one that came before is refused as a second one would be.
    """
    position = 0
    while (start := body.find("{", position)) >= 0:
        end = _end_of_object(body, start, answer)
        if end < 0:
            if position:
                yield start, start
            return
        yield start, end
        position = end


def _end_of_object(body: str, start: int, answer: str) -> int:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(body, start):
        token = match.group()
        if token in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                _refuse(f"the object is nested more than {MAX_DEPTH} levels deep", answer)
        elif token in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
        elif token == '"':
            # a string that does not end
            return -1
    return -1


def _without_trailing_commas(source: str) -> str:
    """Trailing commas outside strings removed; nothing else is touched."""
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', source)
    return "".join(piece if index % 2 else _TRAILING_COMMA.sub("", piece) for index, piece in enumerate(pieces))


def _refuse(problem: str, answer: str) -> NoReturn:
    raise BackendFault("bad_json", problem, retryable=False, answer=answer[:2000]) from None
