"""Rows into drafts, with what was noted on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts import Notes, recognise


@pytest.fixture
def notes() -> Notes:
    """What is noted while rows are taken."""
    return Notes()


@pytest.fixture
def take(notes: Notes) -> Callable[..., list[Draft]]:
    """The drafts of some rows of one source, whose layout must be the one named."""

    def taking(layout: str, *rows: dict[str, Any], **options: Any) -> list[Draft]:
        found = recognise(rows, **options)
        assert found.name == layout
        return [draft for line, row in enumerate(rows, 1) for draft in found.convert(row, line, notes)]

    return taking
