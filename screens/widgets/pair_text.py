"""A pair as text to read: sections with headings, findings highlighted. Pure: a record in, Content out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from textual.content import Content

from screens.glyphs import Glyphs
from screens.safe import safe_text
from screens.widgets.finding_text import finding_line, spans_in

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView
    from flywheel_tui.stages.views import FindingSpan

LIMIT = 20_000
"""Characters of one pair shown at first; `more` shows ten times as many."""
LINE = 40
"""A line counts as so many characters, however short it is: drawing 10,000 lines takes a second."""

_NAMES = {
    "sft": ("Instruction", "Context", "Response"),
    "preference": ("Prompt", "Context", "Answer A"),
    "kto": ("Prompt", "Context", "Completion"),
    "prompt": ("Prompt", "Context", "Response"),
    "tools": ("Request", "Context", "Final answer"),
    "rag": ("Question", "Context", "Answer"),
    "reasoning": ("Question", "Context", "Answer"),
    "trace": ("First request", "Context", "Last answer"),
    "document": ("Title", "Text", "Summary"),
}


class Section(NamedTuple):
    """A heading, the text below it, and the field as findings name it."""

    title: str
    text: str
    field: str


def sections(pair: PairView) -> Iterator[Section]:
    """The parts of a pair in reading order, whatever its kind; empty ones are left out, an empty response is said."""
    asked, context, answer = _NAMES.get(pair.kind, _NAMES["sft"])
    messages = pair.body.get("messages")
    yield Section(asked, pair.instruction, "instruction")
    if pair.input:
        yield Section(context, pair.input, "input")
    yield from _chunks(pair.body.get("chunks"))
    if isinstance(messages, list):
        yield from _messages(messages)
    if isinstance(reasoning := pair.body.get("reasoning"), str):
        yield Section("Reasoning", reasoning, "body.reasoning")
    if pair.output or pair.kind in ("sft", "preference", "kto", "rag", "reasoning"):
        yield Section(answer, pair.output or "", "output")
    if isinstance(rejected := pair.body.get("rejected"), str):
        yield Section("Answer B", rejected, "body.rejected")
    known = {"messages", "chunks", "reasoning", "rejected"}
    for name, value in pair.body.items():
        if name not in known:
            yield Section(name.replace("_", " ").capitalize(), _as_text(value), f"body.{name}")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _messages(messages: Sequence[Any]) -> Iterator[Section]:
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            yield Section("message", _as_text(message), f"body.messages[{at}]")
            continue
        content = message.get("content")
        rest = {key: value for key, value in message.items() if key not in ("role", "content")}
        text = "\n".join([_as_text(part) for part in (content, rest) if part])
        yield Section(str(message.get("role", "message")), text, f"body.messages[{at}].content")


def _chunks(chunks: Any) -> Iterator[Section]:
    for at, chunk in enumerate(chunks if isinstance(chunks, list) else ()):
        if not isinstance(chunk, dict):
            yield Section("Passage", _as_text(chunk), f"body.chunks[{at}]")
            continue
        gold = " (supports the answer)" if chunk.get("gold") else ""
        name = chunk.get("title") or chunk.get("id") or ""
        yield Section(f"Passage {name}{gold}", str(chunk.get("text", "")), f"body.chunks[{at}].text")


def facts_line(pair: PairView, glyphs: Glyphs) -> Content:
    """Number, status, kind, where it comes from: one line."""
    mark = glyphs.mark(pair.status)
    parts: list[Content | tuple[str, str]] = [(f"{mark.glyph} {mark.word}", f"${mark.token}")]
    if pair.flagged:
        flag = glyphs.mark("flagged")
        parts.append((f"{flag.glyph} {flag.word}", f"${flag.token}"))
    facts = [f"#{pair.position}", pair.kind, f"{pair.length:,} characters"]
    if pair.version > 1:
        facts.append(f"version {pair.version}")
    if pair.score is not None:
        facts.append(f"score {pair.score:g}")
    if pair.category:
        facts.append(pair.category)
    facts += [", ".join(pair.tags)] if pair.tags else []
    if pair.source:
        name = PurePath(pair.source).name or pair.source
        facts.append(f"{name}:{pair.line}" if pair.line else name)
    if pair.reviewer:
        facts.append(f"by {pair.reviewer}")
    shown = [safe_text(fact, multiline=False, limit=80, style="$muted") for fact in facts]
    return Content("  ").join([Content.assemble(part) if isinstance(part, tuple) else part for part in parts] + shown)


def _that_fits(text: str, room: int) -> int:
    """How many characters of a text may be shown: at most `room`, in at most `room` / LINE lines."""
    taken = min(room, len(text))
    if text.count("\n", 0, taken) * LINE <= room:
        return taken
    at = -1
    for _ in range(max(room // LINE, 1)):
        at = text.index("\n", at + 1)
    return max(at, 200)


def pair_content(
    pair: PairView,
    findings: Iterable[FindingSpan] = (),
    *,
    glyphs: Glyphs,
    limit: int = LIMIT,
    here: FindingSpan | None = None,
    listed: bool = True,
) -> tuple[Content, bool]:
    """The whole pair as text, at most about `limit` characters of it; and whether there is more.

    Findings are highlighted where they point, the one that is `here` stands out; they are `listed` below the texts.
    """
    found = list(findings)
    blocks: list[Content] = []
    room, more = limit, False
    for section in sections(pair):
        title = safe_text(section.title, multiline=False, limit=80, style="bold $accent")
        if not section.text.strip():
            blocks.append(Content.assemble(title, "\n", ("(empty)", "$muted italic")))
            continue
        taken = _that_fits(section.text, max(room, 200))
        more = more or taken < len(section.text)
        room -= max(taken, section.text.count("\n", 0, taken) * LINE)
        spans = spans_in(found, section.field, len(section.text), here)
        blocks.append(Content.assemble(title, "\n", safe_text(section.text, limit=taken, highlights=spans)))
    if found and listed:
        lines = [finding_line(each, glyphs, here=each is here) for each in found]
        blocks.append(Content.assemble(("Findings", "bold $accent"), "\n", Content("\n").join(lines)))
    return Content("\n\n").join(blocks), more
