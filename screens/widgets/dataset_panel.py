"""What the side panel tells about a data set: figures in, Content out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from flywheel_tui.records.label import STATUSES
from flywheel_tui.stages.views import DatasetFigures, DatasetSummary
from flywheel_tui.text import relative_time
from screens.glyphs import Glyphs
from screens.safe import safe_text

BINS = 24


def histogram(values: Sequence[float], bins: int = BINS) -> tuple[list[int], float, float]:
    """Counts in equal bins, and the range they cover: from the least to the 98th percentile (the rest in the last)."""
    ordered = sorted(values)
    low, high = ordered[0], ordered[min(int(len(ordered) * 0.98), len(ordered) - 1)]
    width = (high - low) / bins or 1
    counts = [0] * bins
    for value in ordered:
        counts[min(int((value - low) / width), bins - 1)] += 1
    return counts, low, high


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _figure(title: str, values: Sequence[float], unit: str, glyphs: Glyphs) -> list[Content]:
    if not values:
        return []
    counts, low, high = histogram(values)
    middle = sorted(values)[len(values) // 2]
    return [
        Content(""),
        Content.styled(title, "bold"),
        Content.styled(glyphs.blocks(counts), "$accent"),
        Content.styled(f"{_number(low)} to {_number(high)}{unit}; half are below {_number(middle)}", "$muted"),
    ]


def panel_content(summary: DatasetSummary, figures: DatasetFigures | None, glyphs: Glyphs, now: int) -> Content:
    """Counts, lengths, scores, sources and tags; what is not read yet is left out."""
    row = summary.row
    lines: list[Content] = [
        Content.assemble(
            safe_text(row.name, multiline=False, limit=64, style="bold"),
            (f"  {row.kind}, {row.pairs:,} pairs", "$muted"),
        )
    ]
    for status in STATUSES:
        count = row.counts.get(status, 0)
        if not count:
            continue
        mark = glyphs.mark(status)
        share = count / row.pairs if row.pairs else 0.0
        lines.append(
            Content.assemble(
                (f"{mark.glyph} {mark.word:<9}", f"${mark.token}"),
                f"{count:>9,} ",
                (f"{share:>4.0%} ", "$muted"),
                (glyphs.bar(share, 8), f"${mark.token}"),
            )
        )
    for name in ("flagged", "with findings"):
        if row.counts.get(name):
            lines.append(Content(f"  {name:<13} {row.counts[name]:>5,}"))
    if row.tags:
        lines.append(Content.assemble(("tags ", "$muted"), safe_text(", ".join(row.tags), multiline=False, limit=200)))
    if figures is not None:
        lines += _figure("lengths", figures.lengths, " characters", glyphs)
        lines += _figure("scores", figures.scores, "", glyphs)
        if figures.sources:
            lines += [Content(""), Content.styled("from", "bold")]
        for source in figures.sources:
            lines.append(safe_text(source.name, multiline=False, limit=200))
            what = f"  {source.layout or source.format}, {source.added:,} pairs"
            rejected = f", {source.rejected:,} rejected" if source.rejected else ""
            lines.append(Content.styled(f"{what}{rejected}, {relative_time(source.created, now)}", "$muted"))
    return Content("\n").join(lines)
