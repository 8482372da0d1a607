"""Reading a whole source in one go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.stages.readers import Reject, Row, Source, open_source


@dataclass
class Reading:
    """Everything that a source gave."""

    source: Source
    rows: list[Row]
    lines: list[int]
    rejects: list[Reject]
    places: list[tuple[int | None, bytes]]


@pytest.fixture
def read() -> Callable[..., Reading]:
    """Read a source to its end."""

    def reading(spec: str | Path, format: str | None = None, **options: Any) -> Reading:
        source = open_source(spec, format, **options)
        rows: list[Row] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        places: list[tuple[int | None, bytes]] = []
        position = 0
        for batch in source.rows():
            assert len(batch.rows) == len(batch.lines)
            assert batch.position >= position
            position = batch.position
            rows += batch.rows
            lines += batch.lines
            rejects += batch.rejects
            for index in range(len(batch.rows)):
                found = batch.reject(index, "asked for", "nothing")
                places.append((found.byte_offset, found.raw))
        return Reading(source, rows, lines, rejects, places)

    return reading
