"""Made-up words for tasks about letters: they sound like words and mean nothing, so that none is known by heart."""

from __future__ import annotations

from random import Random

FIRST = "bdfgklmnprstvz"
VOWELS = "aeiou"


def made_up(rng: Random, length: int) -> str:
    """A word of so many letters, consonants and vowels in turn."""
    kinds = (FIRST, VOWELS) if rng.random() < 0.7 else (VOWELS, FIRST)
    return "".join(rng.choice(kinds[place % 2]) for place in range(length))


def other_letter(rng: Random, letter: str) -> str:
    """Another letter of the same sort."""
    return rng.choice([each for each in (VOWELS if letter in VOWELS else FIRST) if each != letter])


def misspelt(text: str, rng: Random) -> list[str]:
    """The word with two neighbours swapped, with a letter left out, and with another letter."""
    if len(text) < 2:
        return [other_letter(rng, text)] if text else []
    at = rng.randrange(len(text) - 1)
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return [swapped, text[:at] + text[at + 1 :], text[:at] + other_letter(rng, text[at]) + text[at + 1 :]]


def spelling(got: str, right: str) -> str:
    """The kind of error of a word that is not the right one."""
    if sorted(got) == sorted(right):
        return "letters in wrong order"
    return "wrong length" if len(got) != len(right) else "wrong letters"
