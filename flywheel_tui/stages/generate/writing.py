"""Pieces for recipes and for the back end `offline`: schemas of answers, and texts made by fixed patterns.

Texts made here are plausible in form and say only what can be said without knowing anything; the rows that hold them
are marked as offline (author, tags and `meta.generated`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
_COMMON_WORDS = """
about above after again answer before being below between could does doing down during each else every explain few
from further give given have having here how into itself just list make many more most must need only other over please
same sentence should some such text than that their them then there these they this those through under until very want
what when where which while will with without would write your following using
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def closed(**properties: Any) -> dict[str, Any]:
    """The schema of an object with exactly these properties, all of them required (OpenAI's strict form)."""
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


TEXT = {"type": "string", "minLength": 1}
"""A text that is not empty."""
MAYBE = {"type": "string"}
"""A text that may be empty."""


def subjects(text: str, most: int = 6) -> list[str]:
    """The words of a text that it is about, roughly: longer ones that are not of every text, in order, each once."""
    found: list[str] = []
    for word in _WORD.findall(text):
        if (low := word.lower()) not in _COMMON and low not in found:
            found.append(low)
    return found[:most] or ["the subject"]


def subject(text: str, chance: random.Random) -> str:
    """One of those words."""
    return chance.choice(subjects(text))


def one_of(chance: random.Random, *choices: Sequence[str]) -> list[str]:
    """One of each of several lists."""
    return [chance.choice(list(part)) for part in choices]


PLACES = (
    "in a small bakery", "on a night train", "in a village library", "at a bicycle workshop", "in a shared kitchen",
    "at a weather station", "in a school laboratory", "on a market square", "in a repair shop", "at a swimming pool",
    "in a flower shop", "on a ferry", "in a museum store room", "at a call centre", "in a community garden",
    "at a bus depot", "in a veterinary practice", "on a building site", "in a print shop", "at a campsite",
)  # fmt: skip
PEOPLE = (
    "a trainee", "a neighbour", "an evening class", "a new colleague", "a curious child", "a retired teacher",
    "a shift leader", "a first-time visitor", "a volunteer", "an accountant", "a nurse", "a choir", "a club treasurer",
    "a landlord", "an apprentice", "a translator", "a bus driver", "a gardener", "an editor", "a librarian",
)  # fmt: skip
FORMS = (
    "three short bullet points", "one paragraph", "a numbered list of five steps", "a table with two columns",
    "a message of at most 60 words", "a checklist", "a question and an answer", "two sentences", "a short dialogue",
    "a comparison in two paragraphs", "a list of dos and don'ts", "a headline and a summary",
)  # fmt: skip
DEEDS = (
    "Explain", "Summarise", "Compare two ways of handling", "Write a notice about", "List the risks of",
    "Draft a polite refusal concerning", "Plan a small project on", "Give a beginner's guide to",
    "Point out common mistakes with", "Write an invitation to a talk on", "Sort the arguments for and against",
    "Prepare an interview about", "Describe the first hour with", "Work out a timetable for", "Rate the usefulness of",
    "Find five names for a shop selling", "Turn into plain words the rules about", "Estimate the cost of",
    "Write a warning label for", "Suggest a replacement for",
)  # fmt: skip


def offline_task(text: str, chance: random.Random) -> str:
    """A task by pattern, about a word of a text."""
    deed, place, person, form = one_of(chance, DEEDS, PLACES, PEOPLE, FORMS)
    about = subject(text, chance)
    return chance.choice((
        f"{deed} {about} {place}, for {person}, as {form}.",
        f"{person[0].upper()}{person[1:]} {place} asks about {about}. {deed} it in {form}.",
        f"For {person}: {deed.lower()} {about}. Use {form}.",
        f"Imagine that you work {place}. {deed} {about} for {person}.",
    ))  # fmt: skip


def offline_answer(task: str, chance: random.Random) -> str:
    """An answer by pattern: an outline of what a good one has to cover, honest about being one."""
    words = subjects(task, 4)
    first, last = words[0], words[-1]
    opening = chance.choice((
        f"Start from what {first} is for, because everything else follows from it.",
        f"The short answer depends on how {first} is used; the usual case comes first.",
        f"There are three things to settle about {first} before anything is decided.",
    ))  # fmt: skip
    steps = chance.sample((
        f"Write down what is known about {first} and what is not.",
        f"Check {last} against a source that somebody else can read.",
        "Name the limit that matters most: time, money or safety.",
        "Try the smallest version first and note what happens.",
        f"Ask one person who deals with {first} every day.",
        "Say what would change the answer.",
    ), 3)  # fmt: skip
    lines = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return f"{opening}\n{lines}\nThis outline was made by fixed rules and states no facts about {last}."
