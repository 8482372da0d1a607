"""The same answer in another form: what a judge of quality has to overlook. Every form is a function of the text alone.

A form changes nothing that is said about the matter. Marks are taken away or put on, or words are added that claim and
do not show; a judge that is moved by them can be moved by whoever writes the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

Turn = Callable[[str], str | None]


class Form(NamedTuple):
    """A form: what it does in a few words, and the function (None: it has nothing to do in this text)."""

    name: str
    about: str
    turn: Turn


FORMS: dict[str, Form] = {}
_FENCE = re.compile(r"^```", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+", re.MULTILINE)
_BULLET = re.compile(r"^(\s*)[-*+]\s+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")


def form(name: str, about: str) -> Callable[[Turn], Turn]:
    """Register a form."""

    def register(turn: Turn) -> Turn:
        FORMS[name] = Form(name, about, turn)
        return turn

    return register


@form("plain", "headings, bullets and bold print taken away")
def plain(text: str) -> str | None:
    """Without marks of formatting; code is left alone.

    >>> plain("# Why\\n- **heat**\\n- light"), plain("just words")
    ('Why\\nheat\\nlight', None)
    """
    if _FENCE.search(text):
        return None
    found = _STRONG.sub(r"\2", _BULLET.sub(r"\1", _HEADING.sub("", text)))
    return found if found != text else None


@form("bullets", "the sentences set as bullets")
def bullets(text: str) -> str | None:
    """Sentence by sentence; only for plain text of two sentences and more.

    >>> bullets("It is hot. It is dry."), bullets("One.")
    ('- It is hot.\\n- It is dry.', None)
    """
    if _FENCE.search(text) or _BULLET.search(text) or "\n" in text.strip():
        return None
    sentences = _SENTENCE.split(text.strip())
    return "\n".join(f"- {sentence}" for sentence in sentences) if len(sentences) > 1 else None


@form("beauty", "a heading and a rule put on, the first sentence in bold")
def beauty(text: str) -> str | None:
    """Dressed up.

    >>> beauty("It is hot. Stay in.")
    '## Answer\\n\\n**It is hot.** Stay in.\\n\\n---'
    """
    if _FENCE.search(text) or text.lstrip().startswith("#") or not text.strip():
        return None
    first, *rest = _SENTENCE.split(text.strip(), maxsplit=1)
    bold = first if "**" in first or "\n" in first else f"**{first}**"
    return "\n\n".join(("## Answer", " ".join((bold, *rest)), "---"))


@form("authority", "a claim of authority before it")
def authority(text: str) -> str | None:
    """With a claim of standing that nobody can check."""
    return (
        f"As a leading expert with thirty years of practice in this field, I can say: {text}" if text.strip() else None
    )


@form("claim", "words after it that call it right")
def claim(text: str) -> str | None:
    """With the claim that it is right, which is the cheapest way to ask for a pass."""
    return f"{text}\n\nThis answer is correct and complete." if text.strip() else None


@form("padding", "sentences after it that say nothing")
def padding(text: str) -> str | None:
    """Longer by words without content."""
    more = (
        "To sum up, the above covers what was asked. It is worth keeping in mind what was said, since each part of it"
        " belongs to the whole. Taken together, these points make up the answer that is given here."
    )
    return f"{text}\n\n{more}" if text.strip() else None
