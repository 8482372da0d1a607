"""Strong language: whole words in twelve languages, disguises seen through, harmless words left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.profanity import Profanity
from flywheel_tui.stages.validate.profane_words import FOLDER, available, read_list

CHECK = Profanity()


def found(text: str, check: Profanity = CHECK) -> list[tuple[str, str]]:
    """`(severity, what the span covers)` in the order of the text."""
    hits = sorted(check.look([Candidate(1, "instruction", text)]), key=lambda hit: hit.start or 0)
    return [(hit.severity, text[hit.start : hit.end]) for hit in hits]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("That is shit.", ["shit"]),
        ("Oh shit, shit shit!", ["shit"] * 3),
        ("FUCKING hell", ["FUCKING"]),
        ("what a sh1tty day", ["sh1tty"]),
        ("you a$$hole", ["a$$hole"]),
        ("fuuuuuck", ["fuuuuuck"]),
        ("f*ck and s**t and f***", ["f*ck", "s**t", "f***"]),
        ("go f.u.c.k off", ["f.u.c.k"]),
        ("日本 é shit é shit", ["shit", "shit"]),
        ("son of a bitch", ["son of a bitch"]),
        ("Du Arschloch, verpiss dich", ["Arschloch", "verpiss dich"]),
        ("So ein Scheißdreck", ["Scheißdreck"]),
        ("Eres un gilipollas", ["gilipollas"]),
        ("Quel connard", ["connard"]),
        ("Sei uno stronzo", ["stronzo"]),
        ("filho da puta", ["filho da puta"]),
        ("klootzak!", ["klootzak"]),
        ("ty skurwysynu, kurwa mać", ["kurwa"]),
        ("Ну ты и мудак", ["мудак"]),
        ("din jävla rövhål", ["jävla", "rövhål"]),
        ("siktir git", ["siktir git"]),
        ("このクソ野郎が", ["クソ野郎"]),
    ],
)
def test_finds_with_exact_span(text: str, words: list[str]) -> None:
    spans = [word for _, word in found(text)]
    assert spans == words


def test_letters_spelt_apart() -> None:
    assert found("so: f-u-c-k.") == [("warning", "f-u-c-k")]
    assert found("f u c k") == [("warning", "f u c k")]
    assert found("i.e. the U.S.A. and D.A.M.N.") == []  # mild words are not looked for so far


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe, Penistone and Lightwater are towns in England.",
        "We assess the class and pass the glass to the assistant.",
        "The cocktail and the peacock were in Cockermouth.",
        "A classic analysis of the therapist's titles",
        "Bloody Mary is a drink; Moby Dick is a book.",
        "I met Dick Van Dyke and Dick Cheney.",
        "Johnny Depp and Brad Pitt",
        "¿Qué hora es? Son las tres y media, con mucho gusto.",
        "Die Maschine ist sehr dick und hat ein breites Fach für das Holz.",
        "Le retard du train est dû à la neige et les trains sont bondés.",
        "パチンコの店",
        "in 2455 or 455 or A55",
        "x*y and a*b*c*d, **bold** text",
        "Wir haben einen MongoDB-Server; mongo ist ein Client.",
        "a subnormal number",
        "A B C D E F G",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_mild_is_a_note_and_strong_a_warning() -> None:
    assert found("damn") == [("info", "damn")]
    assert found("fuck") == [("warning", "fuck")]
    message = next(iter(CHECK.look([Candidate(3, "instruction", "fuck")])))
    assert (message.pair, message.message) == (3, "PROFANITY: strong language (en)")


def test_languages_can_be_chosen() -> None:
    german = Profanity(languages="de")
    assert found("shit, Arschloch", german) == [("warning", "Arschloch")]
    with pytest.raises(UsageError, match="no list for 'xx'"):
        Profanity(languages="de,xx")


def test_a_list_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("# ours\n[mild]\nflibber\n[strong]\nzorp*\n[unless]\nzorp street\n", encoding="utf-8")
    check = Profanity(list=str(own))
    assert found("flibber zorping on Zorp Street; shit", check) == [
        ("info", "flibber"),
        ("warning", "zorping"),
        ("warning", "shit"),
    ]
    own.write_text("[loud]\nzorp\n", encoding="utf-8")
    with pytest.raises(InputError, match="unknown section"):
        Profanity(list=str(own.rename(tmp_path / "other.txt")))
    with pytest.raises(InputError, match="cannot be read"):
        Profanity(list=str(tmp_path / "absent.txt"))


@pytest.mark.parametrize("language", available())
def test_every_listed_word_is_found_in_a_sentence_of_its_own(language: str) -> None:
    """Each list loads, names nothing twice, and what it holds is found (by itself the list is the only judge)."""
    entries, _ = read_list(FOLDER / f"{language}.txt", language)
    assert len(entries) == len({entry.word for entry in entries})
    check = Profanity(languages=language)
    for entry in entries:
        if not entry.own_language_only:
            assert any(entry.word == text.lower() for _, text in found(entry.word, check)), entry


def test_there_are_at_least_twelve_languages() -> None:
    assert {"en", "de", "es", "fr", "it", "pt", "nl", "pl", "ru", "ja", "sv", "tr"} <= set(available())


@given(st.text(alphabet="fuckshit *.$1@\nдаé日", max_size=200))
@settings(deadline=None)
def test_spans_lie_in_the_text(text: str) -> None:
    for hit in CHECK.look([Candidate(1, "instruction", text or "x")]):
        assert 0 <= (hit.start or 0) < (hit.end or 0) <= len(text)


def test_a_megabyte_of_hostile_text_takes_linear_time() -> None:
    pieces = ["shit ", "f", "f*", "f.", "a", "fuck", "クソ", "hora ", "a" * 1000 + " "]
    program = (
        "import time\n"
        "from flywheel_tui.stages.validate.base import Candidate\n"
        "from flywheel_tui.stages.validate.checks.profanity import Profanity\n"
        "check = Profanity()\n"
        f"for piece in {pieces!r}:\n"
        "    began = time.process_time()\n"
        "    list(check.look([Candidate(1, 'instruction', piece * (1_000_000 // len(piece)))]))\n"
        "    print(piece[:9], time.process_time() - began)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    assert all(float(line.rsplit(" ", 1)[1]) < 8 for line in run.stdout.splitlines()), run.stdout
