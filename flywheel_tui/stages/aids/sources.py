"""Answers over passages: which sentences support the answer, and whether the citations name passages that exist."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flywheel_tui.stages.aids.words import words

LARGEST = 50_000
"""Answers and passages with more characters than this are not looked into."""
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s)[^.!?\n]*)*[.!?]?")
_MARK = re.compile(r"[\[【]([^\[\]【】\n]{1,60})[\]】]")
_LABEL = re.compile(r"([A-Za-z]{1,12}[-_ ]?)?(\d{1,4})")
_ENOUGH = 0.4
_STOP = words(
    "a an and are as at be been by but can do does for from had has have here if in is it its no not of on or per so "
    "than that the then there these this those to was were will with you your"
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "\u00a0": " "})
NOT_THERE = "there is no such passage"
NOT_SAID = "the quoted words are not in that passage"


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage, the sentences in it that carry words of the answer, and whether the answer cites it."""

    id: str
    title: str
    text: str
    gold: bool
    cited: bool
    support: tuple[tuple[int, int], ...]


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A citation, where it stands in the answer (None: in the list only), and what is wrong with it, or ''.

    `number` is its place in `body.citations`, `passage` the number of the passage that it names.
    """

    label: str
    span: tuple[int, int] | None
    problem: str
    number: int | None = None
    passage: int | None = None


def _words(text: str) -> set[str]:
    return {word for match in _WORD.finditer(text) if (word := match.group().lower()) not in _STOP}


def supporting(answer: str, text: str) -> tuple[tuple[int, int], ...]:
    """The sentences of a passage whose words are mostly in the answer, or that share a number and two words with it."""
    if len(text) > LARGEST or len(answer) > LARGEST:
        return ()
    said = _words(answer)
    found = []
    for match in _SENTENCE.finditer(text):
        mine = _words(match.group())
        common = mine & said
        numbers = {word for word in common if word.isdigit()}
        if len(common) >= 2 and (len(common) >= _ENOUGH * len(mine) or (numbers and len(common) >= 3)):
            start = match.start() + len(match.group()) - len(match.group().lstrip())
            found.append((start, match.end()))
    return tuple(found)


def labels_and_texts(body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The ids of the passages (their numbers where they have none) and their texts."""
    chunks = body.get("chunks")
    labels: list[str] = []
    texts: list[str] = []
    for number, chunk in enumerate(chunks if isinstance(chunks, list) else (), 1):
        if isinstance(chunk, dict):
            text = chunk.get("text")
            labels.append(str(chunk.get("id", number)))
            texts.append(text if isinstance(text, str) else str(text or ""))
        else:
            labels.append(str(number))
            texts.append(str(chunk))
    return labels, texts


def passages(answer: str, body: dict[str, Any]) -> list[Passage]:
    """The passages of a pair as they are to be shown."""
    chunks = body.get("chunks")
    listed = chunks if isinstance(chunks, list) else []
    labels, texts = labels_and_texts(body)
    cited = {citation.passage for citation in citations(answer, body, (labels, texts))}
    found = []
    for number, (chunk, label, text) in enumerate(zip(listed, labels, texts, strict=True)):
        chunk = chunk if isinstance(chunk, dict) else {}
        found.append(
            Passage(
                id=label,
                title=str(chunk.get("title") or ""),
                text=text,
                gold=chunk.get("gold") is True,
                cited=number in cited,
                support=supporting(answer, text),
            )
        )
    return found


def citations(answer: str, body: dict[str, Any], known: tuple[list[str], list[str]] | None = None) -> list[Citation]:
    """Every citation, in the answer (`[c2]`, `[1, 3]`) and in the list beside it, checked against the passages.

    A number may stand for the place of a passage where the ids are no numbers. What stands in brackets and looks
    like no id of these passages is no citation. `known` is what `labels_and_texts` gave, where that is at hand.
    """
    labels, texts = known or labels_and_texts(body)
    where = {label: number for number, label in reversed(list(enumerate(labels)))}
    listed = body.get("citations")
    named = [_label_and_quote(entry) for entry in listed] if isinstance(listed, list) else []
    found: list[Citation] = []
    if "[" in answer or "【" in answer:
        for match in _MARK.finditer(answer[:LARGEST]):
            found += _inline(answer, match, where, {label for label, _ in named}, texts)
    inline = {citation.passage if citation.passage is not None else citation.label for citation in found}
    for number, (label, quote) in enumerate(named):
        passage = _place(label, where, len(texts))
        problem = NOT_THERE if passage is None else _quoted(quote, texts[passage])
        if problem or passage not in inline:
            found.append(Citation(label=label, span=None, problem=problem, number=number, passage=passage))
    return found


def _inline(
    answer: str, match: re.Match[str], where: dict[str, int], named: set[str], texts: list[str]
) -> list[Citation]:
    found: list[Citation] = []
    glued = answer[match.start() - 1 : match.start()].isalnum() if match.start() else False
    for part in match.group(1).replace(";", ",").split(","):
        label = part.strip().split("†")[0].lstrip("^#")
        passage = _place(label, where, len(texts))
        if passage is not None:
            found.append(Citation(label=label, span=match.span(), problem="", passage=passage))
            continue
        alike = (shape := _shape(label)) is not None and any(_shape(other) == shape for other in (*where, *named))
        looks = label in named or (not glued and (alike or label.isdecimal()))
        if not looks or (label.isdecimal() and len(label) > 3) or any(match.group() in text for text in texts):
            continue
        found.append(Citation(label=label, span=match.span(), problem=NOT_THERE))
    return found


def _place(label: str, where: dict[str, int], count: int) -> int | None:
    """The number of the passage that a label names: by its id, by its place where ids are no numbers."""
    if label in where:
        return where[label]
    if label.isdecimal() and len(label) < 4 and 1 <= int(label) <= count:
        return None if any(known.isdecimal() for known in where) else int(label) - 1
    return None


def _shape(label: str) -> str | None:
    """What the ids of a set have in common: the letters in front of the number."""
    match = _LABEL.fullmatch(label)
    return (match[1] or "#").lower() if match else None


def _label_and_quote(entry: Any) -> tuple[str, str]:
    if isinstance(entry, dict):
        quote = entry.get("quote") or entry.get("text") or entry.get("span") or ""
        names = ("id", "chunk", "chunk_id", "doc_id", "source")
        label = next((entry[name] for name in names if entry.get(name) is not None), "?")
        return str(label), quote if isinstance(quote, str) else ""
    return str(entry), ""


def plain(text: str) -> str:
    """A text as quotations compare: one sort of quotes, single spaces, no case."""
    return " ".join(text.translate(_QUOTES).casefold().split())


def _quoted(quote: str, text: str) -> str:
    """'' where the quotation stands in the text; the parts around an ellipsis one after the other."""
    if not quote or quote in text:
        return ""
    whole, at = plain(text), 0
    for part in plain(quote).replace("…", "...").split("..."):
        part = part.strip(" \"'[]()")
        place = whole.find(part, at)
        if place < 0:
            return NOT_SAID
        at = place + len(part)
    return ""
