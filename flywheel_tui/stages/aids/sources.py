"""Answers over passages: which sentences support the answer, and whether the citations name passages that exist."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s)[^.!?\n]*)*[.!?]?")
_MARK = re.compile(r"\[([^\[\]\n]{1,60})\]")
_ENOUGH = 0.4
_LARGEST = 50_000
_STOP = frozenset(
    (
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "by",
        "but",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "here",
        "if",
        "in",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "per",
        "so",
        "than",
        "that",
        "the",
        "then",
        "there",
        "these",
        "this",
        "those",
        "to",
        "was",
        "were",
        "will",
        "with",
        "you",
        "your",
    )
)


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage, the sentences in it that carry words of the answer, and whether the answer cites it."""

    id: str
    title: str
    text: str
    gold: bool
    cited: bool
    support: tuple[tuple[int, int], ...]


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A citation, where it stands in the answer (None: in the list only), and what is wrong with it, or ''."""

    label: str
    span: tuple[int, int] | None
    problem: str


def _words(text: str) -> set[str]:
    return {word for match in _WORD.finditer(text) if (word := match.group().lower()) not in _STOP}


def supporting(answer: str, text: str) -> tuple[tuple[int, int], ...]:
    """The sentences of a passage whose words are mostly in the answer, or that share a number and two words with it."""
    if len(text) > _LARGEST or len(answer) > _LARGEST:
        return ()
    said = _words(answer)
    found = []
    for match in _SENTENCE.finditer(text):
        words = _words(match.group())
        common = words & said
        numbers = {word for word in common if word.isdigit()}
        if len(common) >= 2 and (len(common) >= _ENOUGH * len(words) or (numbers and len(common) >= 3)):
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            found.append((start, match.end()))
    return tuple(found)


def passages(answer: str, body: dict[str, Any]) -> list[Passage]:
    """The passages of a pair as they are to be shown."""
    chunks = body.get("chunks")
    cited = {citation.label for citation in citations(answer, body)}
    found = []
    for number, chunk in enumerate(chunks if isinstance(chunks, list) else (), 1):
        if not isinstance(chunk, dict):
            chunk = {"text": chunk if isinstance(chunk, str) else str(chunk)}
        label, text = str(chunk.get("id", number)), chunk.get("text")
        text = text if isinstance(text, str) else str(text or "")
        found.append(
            Passage(
                id=label,
                title=str(chunk.get("title") or ""),
                text=text,
                gold=chunk.get("gold") is True,
                cited=label in cited,
                support=supporting(answer, text),
            )
        )
    return found


def citations(answer: str, body: dict[str, Any]) -> list[Citation]:
    """Every citation, in the answer (`[c2]`) and in the list beside it, checked against the passages."""
    chunks = body.get("chunks")
    texts: dict[str, str] = {}
    for number, chunk in enumerate(chunks if isinstance(chunks, list) else (), 1):
        label = str(chunk.get("id", number)) if isinstance(chunk, dict) else str(number)
        texts[label] = str(chunk.get("text") or "") if isinstance(chunk, dict) else str(chunk)
    listed = body.get("citations")
    named = [_label_and_quote(entry) for entry in listed] if isinstance(listed, list) else []
    known = set(texts) | {label for label, _ in named}
    found: list[Citation] = []
    for match in _MARK.finditer(answer[:_LARGEST]):
        for label in (part.strip() for part in match.group(1).split(",")):
            if label in known or label.isdigit() or re.fullmatch(r"[A-Za-z]{1,8}[-_]?\d{1,4}", label):
                found.append(Citation(label=label, span=match.span(), problem=_problem(label, "", texts)))
    inline = {citation.label for citation in found}
    for label, quote in named:
        problem = _problem(label, quote, texts)
        if problem or label not in inline:
            found.append(Citation(label=label, span=None, problem=problem))
    return found


def _label_and_quote(entry: Any) -> tuple[str, str]:
    if isinstance(entry, dict):
        quote = entry.get("quote") or entry.get("text") or ""
        return str(entry.get("id", entry.get("chunk", "?"))), quote if isinstance(quote, str) else ""
    return str(entry), ""


def _problem(label: str, quote: str, texts: dict[str, str]) -> str:
    if label not in texts:
        return "there is no such passage"
    if quote and " ".join(quote.split()) not in " ".join(texts[label].split()):
        return "the quoted words are not in that passage"
    return ""
