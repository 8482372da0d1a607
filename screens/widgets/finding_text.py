"""Findings as text: their marks, their places in a pair, and the order in which one reads them. Pure, no widget."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.content import Content, Span

from screens.glyphs import Glyphs
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.views import FindingSpan

SEVERITY_STYLE = {"error": "underline $reject", "warning": "underline $edit", "info": "underline $judge"}
HERE_STYLE = "bold reverse"
"""What a span looks like that one has stepped to; on top of the style of its severity."""

_ORDER = ("instruction", "input", "body.chunks", "body.messages", "body.reasoning", "output", "body.rejected")
_NUMBER = re.compile(r"\d+")


def reading_order(findings: Iterable[FindingSpan], first: str = "") -> list[FindingSpan]:
    """Those of the check `first` before the others; places as they are met when reading, then fields, then pairs."""
    return sorted(findings, key=lambda finding: (finding.check != first, _place(finding)))


def _place(finding: FindingSpan) -> tuple[int, int, list[int], int, str]:
    field = finding.field or ""
    at = next((number for number, name in enumerate(_ORDER) if field.startswith(name)), len(_ORDER))
    kind = 0 if finding.start is not None and finding.end is not None else 1 if field else 2
    return kind, at, [int(number) for number in _NUMBER.findall(field)], finding.start or 0, finding.check


def spans_in(findings: Sequence[FindingSpan], field: str, length: int, here: FindingSpan | None = None) -> list[Span]:
    """Where findings point in the text of a field; `here` stands out. Places beyond the text are cut."""
    found = []
    for each in findings:
        if each.field in (field, f"body.{field}") and each.start is not None and each.end is not None:
            start, end = max(each.start, 0), min(each.end, length)
            if start < end:
                found.append(Span(start, end, SEVERITY_STYLE.get(each.severity, "underline")))
                if each == here:
                    found.append(Span(start, end, HERE_STYLE))
    return found


def finding_line(finding: FindingSpan, glyphs: Glyphs, *, here: bool = False) -> Content:
    """Severity as glyph, word and colour; check, field and message."""
    mark = glyphs.mark(finding.severity)
    field = (finding.field or "").removeprefix("body.")
    return Content.assemble(
        (f"{glyphs.mark('cursor').glyph if here else ' '} ", "bold $accent"),
        (f"{mark.glyph} {mark.word} ", f"${mark.token}"),
        safe_text(finding.check, multiline=False, limit=40, style="bold"),
        safe_text(f" {field}" if field else " pair", multiline=False, limit=80, style="$muted"),
        safe_text(f": {finding.message}", multiline=False, limit=400),
    )


def counts_line(findings: Sequence[FindingSpan], glyphs: Glyphs) -> Content:
    """How many there are of each severity."""
    parts = []
    for severity in ("error", "warning", "info"):
        count = sum(each.severity == severity for each in findings)
        if count:
            mark = glyphs.mark(severity)
            words = mark.word if count == 1 or severity == "info" else f"{mark.word}s"
            parts.append(Content.styled(f"{mark.glyph} {count} {words}", f"${mark.token}"))
    return Content("  ").join(parts)
