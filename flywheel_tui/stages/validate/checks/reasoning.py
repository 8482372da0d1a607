"""`reasoning`: calculations that do not hold, and final answers that texts, references or a key contradict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.answers.arithmetic import NoArithmetic, Value, distance, evaluate, written
from flywheel_tui.answers.finals import (
    announced_final,
    clash,
    find_final,
    last_number,
    mentions,
    numbers_in,
    same_answer,
    same_number,
    value_of,
)
from flywheel_tui.errors import InputError
from flywheel_tui.stages.aids.equations import Equation, equations
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check

_KEY_BYTES = 64 << 20
_REFERENCES = frozenset(("reference", "expected", "expected_answer", "reference_answer", "ground_truth", "gold"))
Said = tuple[str, str | None, int | None, int | None, str]
"""(severity, field, start, end, message)"""


@check
class Reasoning(Check):
    """Arithmetic that is wrong, an answer that is not the final one, one that a reference or a key contradicts.

    `key` is the path of a JSON object with the answer of each row by the `id` in its meta: a number, an arithmetic
    expression or a text.
    """

    name = "reasoning"
    kinds = ("reasoning",)
    about = "calculations that do not hold, final answers that do not fit the text, the reference or a key"
    options = {"key": ""}  # noqa: RUF012 (the class variable of Check)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._key: dict[str, Any] = {}
        if self.settings["key"]:
            content = _key_file(Path(self.settings["key"]))
            self._key = content
            # another content of the same file must make every pair be looked at again
            self.settings["key_hash"] = blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        return [Found(row.id, *said) for row in rows for said in _faults(row, self._key)]


def _key_file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _KEY_BYTES:
            raise InputError("an answer key must be smaller", file=str(path), remedy="leave out what is no answer")
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InputError(
            f"the answer key cannot be read: {error}", file=str(path), remedy='write {"row id": "answer", …}'
        ) from error
    if type(content) is not dict:
        raise InputError("the answer key is no JSON object", file=str(path), remedy='write {"row id": "answer", …}')
    return content


def _faults(row: Candidate, key: dict[str, Any]) -> Iterator[Said]:
    body = row.body if row.has_body else {}
    reasoning, final, output = body.get("reasoning"), _text(body.get("final")), row.output or ""
    steps: list[Equation] = []
    if isinstance(reasoning, str) and reasoning:
        steps = equations(reasoning)
        yield from _wrong(steps, reasoning, "body.reasoning")
    if output and "=" in output and not (reasoning and isinstance(reasoning, str) and reasoning in output):
        yield from _wrong(equations(output), output, "output")
    if final is None:
        if output and not reasoning and find_final(output) is None:
            yield "warning", "output", None, None, "no final answer can be found"
        return
    if output and output != final:
        yield from _said_in(output, final)
    if isinstance(reasoning, str) and reasoning:
        yield from _reached(reasoning, steps, final)
    yield from _against(row, body, final, key)


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _wrong(steps: list[Equation], text: str, field: str) -> Iterator[Said]:
    for step in steps:
        if step.verdict == "wrong":
            said = " ".join(text[step.start : step.end].split())[:120]
            yield "error", field, step.start, step.end, f"{said} does not hold: it is {written(step.value)}"
        elif step.verdict == "rounded":
            said = " ".join(text[step.start : step.end].split())[:120]
            yield "info", field, step.start, step.end, f"{said} is rounded: it is {written(step.value)}"


def _said_in(output: str, final: str) -> Iterator[Said]:
    """The answer that the output announces must be the final one; one that announces none must mention it."""
    found = announced_final(output)
    if found is not None:
        if found.text != final and clash(found.text, final):
            yield "error", "output", found.start, found.end, f"the answer is {found.text[:60]}, final is {final[:60]}"
    elif not mentions(output, final):
        number = value_of(final) is not None
        last = last_number(output) if number else None
        start, end = (last.start, last.end) if last is not None else (None, None)
        yield "error" if number else "warning", "output", start, end, f"the answer does not say {final[:60]}"


def _reached(reasoning: str, steps: list[Equation], final: str) -> Iterator[Said]:
    """The reasoning must arrive at the final answer, where both are numbers or it says what it arrives at."""
    value = value_of(final)
    if steps and steps[-1].said == value:
        return
    found = announced_final(reasoning)
    if found is not None:
        if found.text != final and clash(found.text, final):
            message = f"the reasoning arrives at {found.text[:60]}, final is {final[:60]}"
            yield "error", "body.reasoning", found.start, found.end, message
        return
    if not steps or value is None or same_number(steps[-1].said, value) or mentions(reasoning, final):
        return
    half = Fraction(1, 2)
    if value.denominator == 1 and any(distance(number, value) < half for number in numbers_in(reasoning)):
        return  # rounded on the last step
    last = steps[-1]
    message = f"the last calculation gives {written(last.said)}, final is {final[:60]}"
    yield "error", "body.reasoning", last.start, last.end, message


def _against(row: Candidate, body: dict[str, Any], final: str, key: dict[str, Any]) -> Iterator[Said]:
    """References beside the answer, and the key."""
    reference = _text(body.get("reference"))
    if reference is None and not _REFERENCES.isdisjoint(row.meta):
        reference = next((text for name in _REFERENCES if (text := _text(row.meta.get(name))) is not None), None)
    if reference is not None and len(reference) <= 200 and clash(final, reference):
        yield "error", "body.final", None, None, f"final is {final[:60]}, the reference answer is {reference[:60]}"
    right = _text(key.get(str(row.meta.get("id")))) if key else None
    if right is None:
        return
    expected = _expected(right)
    if expected is None:
        if not same_answer(final, right):
            yield "error", "body.final", None, None, f"final is {final[:60]}, the key says {right[:60]}"
        return
    value = value_of(final)
    if value is None or not same_number(value, expected):
        message = f"final is {final[:60]}, the key says {written(expected)} ({right[:60]})"
        yield "error", "body.final", None, None, message


def _expected(right: str) -> Value | None:
    try:
        return evaluate(right)
    except NoArithmetic:
        return value_of(right)
