"""`rag`: citations, gold passages, and what the answer says that no passage does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flywheel_tui.stages.aids.grounding import Claim, Sources, abstains, ungrounded
from flywheel_tui.stages.aids.sources import LARGEST, Citation, citations, labels_and_texts
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check

Said = tuple[str, str | None, int | None, int | None, str]
"""(severity, field, start, end, message)"""


@check
class Rag(Check):
    """Citations of passages that are not there, quotes that nobody said, numbers and names from nowhere."""

    name = "rag"
    kinds = ("rag",)
    about = "citations and quotes that are not in the passages, answers that no passage supports"

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        return [Found(row.id, *said) for row in rows if row.has_body for said in _faults(row, row.body)]


def _faults(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    chunks = body.get("chunks")
    if type(chunks) is not list or not chunks:
        return  # the check `schema` says so
    labels, texts = labels_and_texts(body)
    yield from _twice(labels, texts)
    answer = row.output
    if not answer:
        return
    cited = citations(answer, body, (labels, texts))
    yield from _cited(cited)
    gold = [number for number, chunk in enumerate(chunks) if type(chunk) is dict and chunk.get("gold") is True]
    answerable = _answerable(row, body)
    if answerable is not False:
        yield from _gold(chunks, gold, cited, labels, answer, answerable)
    elif not abstains(answer):
        yield "warning", "output", None, None, "the row says that the passages hold no answer, and it is answered"
    doubts = [*ungrounded(answer, Sources([*texts, *_titles(chunks)], row.instruction))]
    if doubts and not abstains(answer):
        yield from map(_doubt, doubts)


def _twice(labels: list[str], texts: list[str]) -> Iterator[Said]:
    """Passages with the same text."""
    if sum(map(len, texts)) > 4 * LARGEST:
        return
    seen: dict[str, int] = {}
    for number, text in enumerate(texts):
        key = " ".join(text.casefold().split())
        if key and key in seen:
            message = f"the passage has the text of {labels[seen[key]][:60]!r}"
            yield "warning", f"body.chunks[{number}].text", None, None, message
        seen.setdefault(key, number)


def _cited(cited: list[Citation]) -> Iterator[Said]:
    """Citations that name no passage, once each, and quotes that are not there."""
    told: set[str] = set()
    for one in cited:
        if not one.problem or (one.passage is None and one.label in told):
            continue
        told.add(one.label)
        field = "output" if one.span is not None else f"body.citations[{one.number}]"
        start, end = one.span or (None, None)
        yield "error", field, start, end, f"{one.label[:60]}: {one.problem}"


def _gold(
    chunks: list[Any], gold: list[int], cited: list[Citation], labels: list[str], answer: str, answerable: bool | None
) -> Iterator[Said]:
    marked = any(type(chunk) is dict and type(chunk.get("gold")) is bool for chunk in chunks)
    if marked and not gold and not abstains(answer):
        yield "warning", "body.chunks", None, None, "no passage is marked as the one with the answer"
    if answerable is True and not cited and abstains(answer):
        yield "warning", "output", None, None, "the row says that the passages hold the answer, and none is given"
    named = {one.passage for one in cited if one.passage is not None}
    inline = {one.passage for one in cited if one.span is not None and one.passage is not None}
    if gold and named and not named & set(gold):
        wanted = ", ".join(labels[number][:60] for number in gold[:3])
        yield "warning", "body.citations", None, None, f"the passage with the answer ({wanted}) is not cited"
    if inline:
        for one in cited:
            if one.span is None and one.passage is not None and one.passage not in inline:
                field = f"body.citations[{one.number}]"
                yield "warning", field, None, None, f"{one.label[:60]} is listed, and the answer does not cite it"


def _answerable(row: Candidate, body: dict[str, Any]) -> bool | None:
    """Whether the row says that its passages hold the answer; None where it says nothing."""
    for place in (body, row.meta):
        for name, means in (("answerable", True), ("is_impossible", False), ("unanswerable", False)):
            value = place.get(name)
            if value is True or value == "true":
                return means
            if value is False or value == "false":
                return not means
    return None


def _titles(chunks: list[Any]) -> list[str]:
    return [chunk["title"] for chunk in chunks if type(chunk) is dict and type(chunk.get("title")) is str]


def _doubt(claim: Claim) -> Said:
    say = {
        "number": f"{claim.text[:60]} is in no passage",
        "name": f"{claim.text[:60]} is in no passage",
        "sentence": "no passage says anything of this sentence",
        "elsewhere": f"the passages give {claim.text} to something else; with these words they have {claim.instead}",
    }[claim.kind]
    return "warning", "output", claim.start, claim.end, say
