"""The check `reasoning`: calculations done again, final answers found and compared."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kind_rows import demo, from_file, messages_of, planted, row, said

from flywheel_tui.answers.arithmetic import NoArithmetic, evaluate
from flywheel_tui.answers.finals import find_final, same_answer, value_of
from flywheel_tui.errors import InputError
from flywheel_tui.resources import shipped
from flywheel_tui.stages.aids.equations import equations
from flywheel_tui.stages.layouts.reasoning import Gsm8k, Reasoning


@pytest.mark.parametrize(
    "text",
    [
        "18 × 24 = 432", "So 45 / 2.5 = 18 km.", "$9 * 2 = $18", "16 - 3 - 4 = <<16-3-4=9>>9 eggs", "2/3 = 0.67",
        "20 / 3 = 6.66", "25% * 80 = 20", "100 - 20% = 80", "50 / 100 = 50%", "5 + 3 = 8 + 2 = 10",
        "1.234,5 + 0,5 = 1.235",
        "7,50 + 2,50 = 10", "2^10 = 1024", r"\frac{1}{2} + \frac{1}{4} = \frac{3}{4}", r"3 \times 4 = 12", "3 x 4 = 12",
        "100 = 14 × 7 + 2", "17 000/5 = 3 400", "28 / 1/5 = 140", "٣ + ٤ = ٧", "3 * 2,000 = 6 thousand", "-5 + 3 = -2",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert [one.verdict for one in equations(text)] and all(one.verdict == "right" for one in equations(text))


@pytest.mark.parametrize(
    ("text", "span", "value"),
    [
        ("So 1300 - 52 = 1238 pencils.", "1300 - 52 = 1238", 1248),
        ("He pays $4200+$3000 = $8600.", "$4200+$3000 = $8600", 7200),
        ("<<48/2=25>>25", "<<48/2=25>>", 24),
        ("there are 2, 12 + 17 = 30", "12 + 17 = 30", 29),
        ("- 2 + 3 = 6", "2 + 3 = 6", 5),
        ("(2 + 3) * 4 = 21", "(2 + 3) * 4 = 21", 20),
        ("2 + 2 = 4 and 10 / 4 = 2.4", "10 / 4 = 2.4", Fraction(5, 2)),
        ("1 + 1 = 2 = 2 + 1", "2 = 2 + 1", 2),
    ],
)
def test_what_does_not_hold(text: str, span: str, value: int) -> None:
    (wrong,) = [one for one in equations(text) if one.verdict == "wrong"]
    assert text[wrong.start : wrong.end] == span and wrong.value == value


@pytest.mark.parametrize(
    "text",
    [
        "10 apples * 2 + 3 = 5", "x + 1 = 3", "2b + 1.00 = 1.10", "f(2) = 4 + 3", "half of 10 + 2 = 20",
        "if a == 1 + 2:",
        "a <= 1 + 1", "60 questions x 40/100 = 24", "Week 1 + Week 2 = 35 + 35", "Weeks 1-2 = 96 - 70",
        "0900-0130 = 0730",
        "$1 / 2 = 50 cents", "at 19:45 + 2:15 = 22:00", "2020-03-04 = Wed", "100/5 = 5A", "14, 400 / 80 = 180",
        "1/0 = 5",
        "12 x 1 and 1/4 = 15", "10 % 3 = 1", "9**9**9 = 1",
    ],
)  # fmt: skip
def test_what_nothing_is_said_of(text: str) -> None:
    assert all(one.verdict == "right" for one in equations(text))


@given(st.integers(-99, 999), st.integers(1, 99), st.sampled_from("+-*/"), st.integers(1, 9), st.sampled_from("+-*"))
@settings(deadline=None)
def test_the_parser_computes_what_arithmetic_does(a: int, b: int, one: str, c: int, other: str) -> None:
    said_in_python: dict[str, Any] = {"+": Fraction.__add__, "-": Fraction.__sub__, "*": Fraction.__mul__}
    said_in_python["/"] = Fraction.__truediv__
    first = said_in_python[one](Fraction(a), Fraction(b))
    assert evaluate(f"({a} {one} {b}) {other} {c}") == said_in_python[other](first, Fraction(c))


@pytest.mark.parametrize(
    "text", ["9**9**9", "9^99999", "(" * 99 + "1" + ")" * 99, "-" * 99 + "1", "1/0", "1 2", "", "__", "9" * 61]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(NoArithmetic):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "answer", "how"),
    [
        ("a\n#### 1,234", "1,234", "hashes"),
        (r"so $\boxed{\frac{3}{4}}$.", r"\frac{3}{4}", "boxed"),
        ("<answer> B </answer>", "B", "tag"),
        ("The answer is 42. Bye", "42", "words"),
        ("Final answer: **$5**", "$5", "words"),
        ("Answer:\n\n17 apples", "17 apples", "words"),
        ("Die Antwort lautet 3,5 km.", "3,5 km", "words"),
        ("La réponse est 12.", "12", "words"),
        ("La respuesta es 12.", "12", "words"),
        ("答案是 5。", "5", "words"),
        ("答えは5です。", "5です", "words"),
        ("Ответ: 7", "7", "words"),
        ("It is 7, then 9 left", "9", "number"),
    ],
)
def test_final_answers_are_found(text: str, answer: str, how: str) -> None:
    found = find_final(text)
    assert found is not None and (found.text, found.how) == (answer, how)
    assert text[found.start : found.end].strip() == answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000"), ("50%", "0.5"), ("50 percent", "50%"), ("3/4", "0.75"), ("$18", "18 dollars"),
        ("18.00", "18"),
        ("x = 5", "5"), (r"\frac{1}{2}", "1/2"), ("1 1/2", "1.5"), ("0.33", "1/3"), ("12 km/h", "12"), ("twelve", "12"),
        ("3 million", "3,000,000"), ("Carla.", "carla"), ("−3", "-3"), ("81 cm²", "81"), ("€1.234,50", "1234.5"),
        (r"\text{yes}", "Yes"), ("18 eggs per day", "18"),
    ],
)  # fmt: skip
def test_answers_that_are_the_same(one: str, other: str) -> None:
    assert same_answer(one, other) and same_answer(other, one)


@pytest.mark.parametrize(("one", "other"), [("5", "6"), ("0.3", "1/3"), ("-3", "3"), ("Anna", "Ben"), ("1.5", "15")])
def test_answers_that_are_not(one: str, other: str) -> None:
    assert not same_answer(one, other)


@pytest.mark.parametrize(
    ("output", "body", "word"),
    [
        ("35 rolls are left.", {"reasoning": "432 - 397 = 35", "final": "35"}, None),
        ("No, it does not follow.", {"reasoning": "…", "final": "no"}, None),
        ("It ends at 22:18.", {"reasoning": "21:45 plus 33 minutes", "final": "22:18"}, None),
        ("There are twelve.", {"reasoning": "5 + 7 = 12", "final": "12"}, None),
        ("There are 15 posts.", {"reasoning": "5 gaps", "final": "5"}, "does not say 5"),
        ("x\n#### 18", {"reasoning": "x", "final": "19"}, "the answer is 18"),
        ("The answer is Anna.", {"reasoning": "x", "final": "Ben"}, "the answer is Anna"),
        ("The trip costs 28.50.", {"reasoning": "21.60 + 4.20 = 25.80", "final": "28.50"}, "gives 25.8"),
        ("It is 7.", {"reasoning": "So the answer is 8.", "final": "7"}, "arrives at 8"),
        ("It is 7.", {"final": "7", "reference": "8"}, "the reference answer is 8"),
    ],
)
def test_final_answers_are_compared(output: str, body: dict[str, Any], word: str | None) -> None:
    found = messages_of(said("reasoning", [row("reasoning", body, output)]))
    assert found == [] if word is None else len(found) == 1 and word in found[0]


def test_a_calculation_in_both_texts_is_told_once() -> None:
    text = "2 + 2 = 5"
    body = {"reasoning": text, "final": "5"}
    (found,) = said("reasoning", [row("reasoning", body, f"{text}\n#### 5")]).found
    assert (found.field, found.start, found.end) == ("body.reasoning", 0, 9)
    (found,) = said("reasoning", [row("reasoning", {"final": "5"}, f"{text}\n#### 5")]).found
    assert (found.field, found.start, found.end) == ("output", 0, 9)


def test_an_answer_key(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"a": "(3.20-2.00)/2", "b": "Thursday"}), encoding="utf-8")
    rows = [
        row("reasoning", {"final": "1.20"}, "1.20", id=1),
        row("reasoning", {"final": "0.60"}, "0.60", id=2),
        row("reasoning", {"final": "Friday"}, "Friday", id=3),
    ]
    for one, name in zip(rows, "aab", strict=True):
        one._meta_json = json.dumps({"id": name})
    looked = said("reasoning", rows, key=str(key))
    assert [found.pair for found in looked.found] == [1, 3] and "the key says 0.6" in looked.found[0].message
    with pytest.raises(InputError, match="no JSON object"):
        key.write_text("[]", encoding="utf-8")
        said("reasoning", rows, key=str(key))
    with pytest.raises(InputError, match="cannot be read"):
        said("reasoning", rows, key=str(tmp_path / "none.json"))


def test_the_demo_without_and_with_its_key() -> None:
    rows, wrong = demo(Reasoning, "reasoning"), planted("reasoning", "wrong_answer")
    alone = {found.pair for found in said("reasoning", rows).found}
    assert alone == {10, 17}, "what the texts themselves contradict"
    with_key = {found.pair for found in said("reasoning", rows, key=str(shipped("demo", "answer_key.json"))).found}
    assert with_key == wrong - {30}, "30 is a day of the week, which the key does not hold"


@pytest.mark.shared
def test_every_answer_of_the_public_problems_is_read(shared_data: Path) -> None:
    """1,319 and 7,473 problems; what does not hold in their solutions is listed here, after a person looked."""
    found: list[str] = []
    counts = []
    for name in ("test", "train"):
        rows = from_file(Gsm8k, shared_data / "gsm8k" / f"{name}.jsonl")
        for one in rows:
            answer = find_final(one.output or "")
            assert answer is not None and answer.how == "hashes" and value_of(answer.text) is not None, one.id
        counts.append(len(rows))
        looked = said("reasoning", rows)
        assert looked.broken == 0
        found += [f"{name} {each.pair}: {each.message}" for each in looked.found if each.severity == "error"]
    assert counts == [1319, 7473]
    assert any("192*100=$1920 does not hold" in each for each in found)
    assert any("train 2771: the last calculation gives 108, final is 106" in each for each in found)
    assert len(found) < 50, found


HOSTILE = """
import json, sys
from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.look import look
texts = ["9**9**9 = 5", "(" * 40000 + "1" + ")" * 40000 + " = 1", "1+" * 50000 + "1 = 3", "=" * 50000, "<<" * 30000,
    "<<1=1>>" * 10000, "1 = 1 " * 10000, "1," * 50000 + "=2", " " * 100000 + "= 3", "frac{".join("\\\\" * 9999),
    "9" * 50000 + " + 1 = 2", "A\\n" * 30000, "answer is " * 20000, "1 + 1 = 3. " * 10000, "- - " * 20000 + "1 = 1",
    "boxed{" * 20000, "x " * 30000 + "= 1+1", "1 + 1 = 2\\n" * 1000000, "a" * 3000000, "\\ud800 1 + 1 = 3"]
rows = [Candidate(1, "reasoning", "q", None, text[:3000000], json.dumps({"reasoning": text, "final": "9"}))
    for text in texts]
sys.exit(1 if look(load_checks()["reasoning"](), rows).broken else 0)
"""


def test_hostile_texts_are_read_in_bounded_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=30)
