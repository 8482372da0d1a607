"""Conversations and tool traces: each message folded to a few lines, each call checked against its schema."""

from __future__ import annotations

from typing import Any

import msgspec
from textual.content import Content

from flywheel_tui.stages.aids.calls import Call, calls_in, schemas_of
from flywheel_tui.stages.cards import Card
from screens.label_widgets.panes import Pane, Row, Showing, answer_pane, question_pane, title
from screens.safe import safe_text
from screens.widgets.finding_text import spans_in

_FOLDED = 400
_FOLDED_RESULT = 160
_MESSAGES = 60
_ROLE = {"user": "$accent", "assistant": "$approve", "tool": "$judge", "system": "$muted"}


def rows(card: Card, showing: Showing) -> list[Row]:
    """The request, the way to the answer, the answer."""
    pair = card.pair
    schemas = schemas_of(pair.body)
    messages = pair.body.get("messages")
    messages = messages if isinstance(messages, list) else []
    shown = messages if showing.open else messages[:_MESSAGES]
    blocks = [_message(message, at, schemas, card, showing) for at, message in enumerate(shown)]
    if len(messages) > len(shown):
        blocks.append(Content.styled(f"… {len(messages) - len(shown):,} more messages: + shows them", "$muted"))
    expected = calls_in(pair.body.get("expected_calls"), schemas) if not _has_calls(messages) else []
    if expected:
        heading = Content.styled("expected calls", "bold $judge")
        blocks.append(Content("\n").join([heading, *[_call(call, showing) for call in expected]]))
    if schemas:
        blocks.append(_tools(schemas, showing))
    found = [call for message in messages for call in calls_in(message, schemas)] + expected
    way = Pane(_heading(found, len(messages), showing), Content("\n\n").join(blocks), "", 6, not showing.open)
    question = question_pane(card, showing, "Request" if schemas else "Instruction")
    answer = [(answer_pane(card, showing, "Answer" if schemas else "Response"),)]
    repeats = bool(messages) and isinstance(messages[-1], dict) and messages[-1].get("content") == pair.output
    if pair.output is None or (repeats and len(messages) > 3):
        answer = []
    return [(question,), (way,), *answer]


def _has_calls(messages: list[Any]) -> bool:
    return any(isinstance(message, dict) and message.get("tool_calls") for message in messages)


def _heading(calls: list[Call], messages: int, showing: Showing) -> Content:
    name = "Conversation" if messages else "Calls"
    if not calls:
        return title(name, f"{messages} messages")
    wrong = sum(bool(call.problems) for call in calls)
    if wrong:
        glyph = showing.glyphs.mark("rejected").glyph
        words = f"{wrong} of {len(calls)} calls {'breaks its' if wrong == 1 else 'break their'} schema"
        return title(name, f"{glyph} {words}", "$reject")
    glyph = showing.glyphs.mark("approved").glyph
    words = "1 call fits its schema" if len(calls) == 1 else f"{len(calls)} calls fit their schemas"
    return title(name, f"{glyph} {words}", "$approve")


def _message(message: Any, at: int, schemas: dict[str, dict[str, Any]], card: Card, showing: Showing) -> Content:
    if not isinstance(message, dict):
        return safe_text(message, limit=_FOLDED)
    role = str(message.get("role", "?"))
    heading = safe_text(role, multiline=False, limit=30, style=f"bold {_ROLE.get(role, '$foreground')}")
    name = message.get("name")
    if isinstance(name, str) and name:
        heading = Content.assemble(heading, " ", safe_text(name, multiline=False, limit=60, style="$muted"))
    parts = [heading]
    content = message.get("content")
    if content is not None and content != "":
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        limit = showing.limit if showing.open else _FOLDED_RESULT if role == "tool" else _FOLDED
        spans = spans_in(card.findings, f"messages[{at}].content", len(text), showing.here)
        parts.append(safe_text(text, limit=limit, highlights=spans))
    parts += [_call(call, showing) for call in calls_in(message, schemas)]
    return Content("\n").join(parts)


def _call(call: Call, showing: Showing) -> Content:
    state, style = ("rejected", "$reject") if call.problems else ("approved", "$approve")
    if not call.checked:
        state, style = "no verdict", "$muted"
    limit = showing.limit if showing.open else _FOLDED
    line = Content.assemble(
        (f"{showing.glyphs.mark(state).glyph} ", style),
        safe_text(call.name, multiline=False, limit=80, style="bold"),
        " ",
        safe_text(call.arguments, limit=limit),
    )
    problems = [safe_text(f"  {problem}", multiline=False, limit=300, style=style) for problem in call.problems]
    return Content("\n").join([line, *problems])


def _tools(schemas: dict[str, dict[str, Any]], showing: Showing) -> Content:
    heading = Content.styled("tools", "bold $muted")
    if not showing.open:
        names = safe_text(", ".join(schemas), multiline=False, limit=300, style="$muted")
        return Content.assemble(heading, "  ", names)
    lines = []
    for name, schema in schemas.items():
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
        lines.append(
            Content.assemble((safe_text(name, multiline=False, limit=80, style="bold")), "\n", safe_text(text))
        )
    return Content("\n").join([heading, *lines])
