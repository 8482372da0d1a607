"""The page on reading files names every reader, suffix, layout and field that there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from flywheel_tui.stages.layouts import load_layouts, recognise
from flywheel_tui.stages.layouts.mapping import TARGETS
from flywheel_tui.stages.readers import DEFAULT_LIMITS, load_readers

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ingest.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]+) \| (.*) \|$", re.M)


@pytest.mark.parametrize("format", sorted(load_readers()))
def test_every_reader_and_its_suffixes_are_named(format: str) -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{format}` |"))
    assert all(f"`{suffix}`" in line for suffix in load_readers()[format].suffixes)


@pytest.mark.parametrize("name", sorted(load_layouts()))
def test_every_layout_is_named_with_its_kind_and_an_example_that_works(name: str) -> None:
    layouts = {found[1]: found for found in ROW.finditer(PAGE)}
    kinds, text = layouts[name][2], layouts[name][3]
    assert load_layouts()[name].kind in kinds or kinds == "any"
    example = re.match(r"`(\{.*?\})`", text)
    if example and "[…]" not in example[1]:
        assert recognise([json.loads(example[1])]).name == name


def test_no_layout_is_named_that_is_not_there() -> None:
    assert {found[1] for found in ROW.finditer(PAGE)} <= load_layouts().keys()


def test_every_field_of_map_is_named() -> None:
    listed = re.search(r"The fields are: `([^`]+)`", PAGE)
    assert listed is not None
    assert tuple(re.split(r",\s+", listed[1])) == TARGETS


def test_the_limits_are_those_of_the_readers() -> None:
    limits = DEFAULT_LIMITS
    assert f"a row over {limits.row_bytes >> 20} MB" in PAGE
    assert f"nesting deeper than {limits.depth}" in PAGE
    assert f"Up to {limits.whole_bytes >> 20} MB" in PAGE
    assert f"An element of more than {limits.row_bytes >> 19} MB" in PAGE
    assert f"more than {limits.ratio} times its size" in PAGE
    assert f"passed {limits.free_bytes >> 20} MB" in PAGE
    assert f"than {limits.table_rows // 1_000_000} million rows" in PAGE
