"""How the width of the table is divided between its columns. Pure numbers, no widget."""

from __future__ import annotations

from typing import NamedTuple

STATUS_WIDTH = 11
SCORE_WIDTH = 5
FINDINGS_WIDTH = 4


class Columns(NamedTuple):
    """Widths in cells; 0 where there is no room for a column."""

    number: int
    status: int
    score: int
    findings: int
    kind: int
    text: int
    answer: int
    tags: int


def divide(width: int, count: int, *, mixed: bool, scored: bool, found: bool) -> Columns:
    """Columns for a table `width` cells wide with `count` rows.

    `mixed`: several kinds are in it; `scored`, `found`: there are scores, findings. The text gets what is left, and a
    second column for the answer where both have room to be read.
    """
    number = max(len(f"{count:,}"), 4)
    score = SCORE_WIDTH if scored else 0
    findings = FINDINGS_WIDTH if found else 0
    kind = 10 if mixed and width >= 72 else 0
    tags = 14 if width >= 110 else 0
    fixed = [number, STATUS_WIDTH, score, findings, kind, tags]
    # a mark in front, a gap of one after each column
    left = max(width - 1 - sum(size + 1 for size in fixed if size), 8)
    answer = left // 2 if left >= 80 else 0
    return Columns(number, STATUS_WIDTH, score, findings, kind, left - answer - (1 if answer else 0), answer, tags)
