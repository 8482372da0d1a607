"""docs/expressions.md: every example in it is taken, and it names every field."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flywheel_tui.expressions import FIELDS, parse

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "expressions.md").read_text(encoding="utf-8")
BLOCK = re.search(r"```\n(.*?)```", PAGE, re.DOTALL)
ROWS = re.findall(r"^\| `(.+?)` \|", PAGE, re.MULTILINE)
INLINE = ["reviewer != 'ana'", "reviewer is None or reviewer != 'ana'"]


def test_the_page_has_examples() -> None:
    assert BLOCK is not None
    assert len(BLOCK[1].splitlines()) >= 6
    assert len(ROWS) >= 6
    assert all(f"`{example}`" in PAGE for example in INLINE)


@pytest.mark.parametrize("example", [*(BLOCK[1].splitlines() if BLOCK else []), *ROWS, *INLINE])
def test_every_example_parses_without_a_warning_it_does_not_speak_of(example: str) -> None:
    warnings = [warning for warning in parse(example).warnings if "same for every pair" not in warning.message]
    assert warnings == []


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_named(name: str) -> None:
    assert re.search(rf"`{name}\b", PAGE)
