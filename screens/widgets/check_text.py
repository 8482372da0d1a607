"""What the validation report tells of one check: counts, when it looked, figures, examples. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content

from flywheel_tui.text import relative_time
from screens.glyphs import Glyphs
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.overview import CheckLine, Overview
    from flywheel_tui.stages.validate.report import FindingLine

SEVERITIES = ("error", "warning", "info")
_LISTED = 6


def severity_words(counts: Mapping[str, int], glyphs: Glyphs, what: str = "") -> Content:
    """Counts by severity: glyph, number, word and colour."""
    parts = []
    for severity in SEVERITIES:
        if count := counts.get(severity, 0):
            mark = glyphs.mark(severity)
            word = mark.word if count == 1 or severity == "info" else f"{mark.word}s"
            parts.append(Content.styled(f"{mark.glyph} {count:,} {word}{what}", f"${mark.token}"))
    return Content("  ").join(parts)


def summary_line(found: Overview, glyphs: Glyphs, now: int, width: int) -> Content:
    """One line about the whole data set, with as much as fits into `width` columns."""
    name = safe_text(f" {found.dataset}", multiline=False, limit=40, style="bold")
    share = f"{found.with_findings:,} of {found.pairs:,} pairs"
    counts = severity_words(found.by_severity, glyphs)
    looked = Content.styled(f"looked {relative_time(found.at, now)}" if found.at is not None else "", "$muted")
    line = Content("")
    for parts in (
        (name, Content(f"{share} have findings"), counts, looked),
        (name, Content(f"{share} have findings"), counts),
        (name, Content(share), counts),
    ):
        line = Content("  ").join([part for part in parts if part.plain])
        if line.cell_length <= width:
            break
    return line


def check_content(line: CheckLine, examples: Sequence[FindingLine], glyphs: Glyphs, when: str, pairs: int) -> Content:
    """All that is known of a check on this data set."""
    lines: list[Content] = [
        Content.assemble(
            safe_text(line.name, multiline=False, limit=60, style="bold $accent"),
            safe_text(f"  {line.about}", limit=300, style="$muted"),
        )
    ]
    if line.note:
        lines.append(safe_text(line.note, multiline=False, limit=400, style="$edit"))
    lines.append(Content.styled(_looked(line, when, pairs), "$muted"))
    if line.findings:
        lines.append(Content.assemble(severity_words(line.findings, glyphs), (f" in {line.total:,} pairs", "$muted")))
    elif line.at is not None and not line.figures:
        lines.append(Content("found nothing"))
    if line.figures:
        lines += [Content(""), *(_figure(depth, name, value) for depth, name, value in _figures(line.figures))]
    if examples:
        lines += [Content(""), Content.styled("for example", "bold")]
        lines += [_example(each, glyphs) for each in examples]
    return Content("\n").join(lines)


def _looked(line: CheckLine, when: str, pairs: int) -> str:
    if line.at is None:
        return "has not looked at this data set; v runs it"
    if line.behind is None:
        return f"last looked {when}; pairs or labels have changed since: v compares again"
    if line.behind:
        return f"last looked {when}, at {max(pairs - line.behind, 0):,} of {pairs:,} pairs; v looks at the rest"
    return f"last looked {when}, at all {pairs:,} pairs"


def _example(example: FindingLine, glyphs: Glyphs) -> Content:
    mark = glyphs.mark(example.severity)
    field = (example.field or "").removeprefix("body.")
    return Content.assemble(
        (f"{mark.glyph} {mark.word} ", f"${mark.token}"),
        (f"#{example.position:,} ", "$muted"),
        safe_text(f"{field}: " if field else "", multiline=False, limit=80, style="$muted"),
        safe_text(example.message, multiline=False, limit=300),
    )


def _figures(figures: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """`(depth, name, value)` of figures; lists are counted, their first items told."""
    for name, value in figures.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            if value:
                yield depth, words, ""
                yield from _figures(value, depth + 1)
        elif isinstance(value, list | tuple):
            if value and not isinstance(value[0], Mapping):
                shown = ", ".join(_item(item) for item in value[:_LISTED])
                yield depth, words, shown + (f" and {len(value) - _LISTED:,} more" if len(value) > _LISTED else "")
        elif value is not None and value != "":
            yield depth, words, _number(name, value)


def _item(value: Any) -> str:
    return " × ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and "share" in name:
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _figure(depth: int, name: str, value: str) -> Content:
    if not value:
        return safe_text(f"{'  ' * depth}{name}", multiline=False, limit=80, style="bold")
    return Content.assemble(
        safe_text(f"{'  ' * depth}{name:<{22 - 2 * depth}} ", multiline=False, limit=80, style="$muted"),
        safe_text(value, multiline=False, limit=200),
    )
