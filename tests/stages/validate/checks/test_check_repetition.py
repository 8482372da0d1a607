"""Loops are found, refrains and tables are not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.workspace import Workspace

PROSE = (
    "A kettle boils water by passing a current through a coil. The coil gets hot because it resists the current, and "
    "the water around it takes up the heat until it boils at a hundred degrees."
)
LOOPS = [
    PROSE + " and" * 30,
    PROSE + " Nothing can get out." * 8,
    "It is what it is. " * 12,
    (PROSE + " ") * 6,
    "ha" * 60,
    "Yes!\n" * 30,
    "1. Be kind.\n" * 20,
    "哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈",
    "the the THE the The the the the the the the the the the the the the the the the",
]
FINE = [
    PROSE,
    "Row, the lights are on the shore,\nrow, the wind is low once more,\nhome is where the lanterns are,\n"
    "home is where the lanterns are.",
    "| a | b |\n|---|---|\n" + "".join(f"| {n} | {n * n} |\n" for n in range(40)),
    "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "-" * 200,
    "=" * 80 + "\nTitle\n" + "=" * 80,
    "def f(a):\n    return a\n\n\ndef g(b):\n    return b\n\n\ndef h(c):\n    return c\n",
    "no no no, that is not how it works at all, my friend, and you know it as well as I do",
    "\n".join(f"{n}. Step number {n} of the plan" for n in range(1, 30)),
    "https://example.com/" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
]


@pytest.mark.parametrize("text", LOOPS)
def test_loops_are_found(ask: Any, text: str) -> None:
    [found] = ask("repetition", text)
    assert found.severity in ("warning", "error")
    assert "times" in found.message
    assert text[found.start : found.end].strip()


@pytest.mark.parametrize("text", FINE)
def test_what_repeats_for_a_reason_is_left_alone(ask: Any, text: str) -> None:
    assert ask("repetition", text) == []


def test_the_span_is_the_loop(ask: Any) -> None:
    [found] = ask("repetition", PROSE + " Over and out." * 10 + " The end.", options={"share": 0.2})
    text = PROSE + " Over and out." * 10 + " The end."
    assert text[found.start : found.end] == ("Over and out. " * 10).strip()
    assert "10 times" in found.message


def test_a_loop_after_a_long_beginning_is_found_at_the_end(ask: Any) -> None:
    words = random.Random(5).choices([f"word{n}" for n in range(4_000)], k=3_000)
    text = " ".join(words) + " I will stop now." * 12
    [found] = ask("repetition", text)
    assert text[found.start : found.end].endswith("I will stop now.")
    assert found.start > len(text) * 0.9


def test_lines_that_come_back_though_not_in_a_row(ask: Any) -> None:
    lines = [
        "The quick brown fox jumps over the dog",
        "A second line that is said again",
        "And a third one to mix them up",
    ]
    order = random.Random(3)
    text = "\n".join(order.choice(lines) for _ in range(40))
    [found] = ask("repetition", text, options={"times": 50})
    assert "lines repeat" in found.message


@pytest.mark.shared
def test_real_model_answers_are_hardly_ever_flagged(shared_data: Path, tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        source = shared_data / "self_instruct" / "text-davinci-003_predictions.jsonl"
        ingest(workspace, IngestOptions(source=str(source), name="davinci"))
        report = validate(workspace, ValidateOptions(dataset="davinci", checks=("repetition", "length", "unicode")))
    counts = {check.name: check.total for check in report.checks}
    assert counts["repetition"] <= 3
    assert counts["length"] <= 6
