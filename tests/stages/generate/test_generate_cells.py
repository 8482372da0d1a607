"""Rows for one cell of a taxonomy: exactly that cell is filled, and the grid knows of it afterwards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from factories import make_workspace
from generate_helpers import plausible, rows, run, use_teacher
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.resources import shipped
from flywheel_tui.stages.generate.coverage import EDGE, Cell, aim_at, aimed, cells_of, coverage, key_of_cell
from flywheel_tui.stages.generate.objects import Taxonomy, read_object_file
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.workspace import Workspace

SUPPORT = read_object_file(shipped("taxonomies") / "support.yaml", Taxonomy)[0]
CELLS = list(cells_of(SUPPORT))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w")


def filled(workspace: Workspace) -> Counter[str]:
    return Counter(row["meta"]["cell"] for row in rows(workspace))


def test_only_the_cell_aimed_at_is_filled(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    cell = key_of_cell(CELLS[7])
    report = run(workspace, "from-taxonomy", seeds="", count=9, options={"taxonomy": "support", "cell": cell})
    assert report.made == 9 and filled(workspace) == {cell: 9}
    assert {row["meta"]["params"]["aim"] for row in rows(workspace)} == {cell}


def test_a_star_stands_for_any_and_the_shares_hold_inside(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, plausible)
    topic, style = CELLS[0].topic, CELLS[0].style
    run(workspace, "from-taxonomy", seeds="", count=40, options={"taxonomy": "support", "cell": f"{topic}/{style}/*"})
    levels = Counter(key.rpartition("/")[2] for key in filled(workspace).elements())
    assert {key.rpartition("/")[0] for key in filled(workspace)} == {f"{topic}/{style}"}
    assert [levels[level.name] for level in SUPPORT.difficulty] == [12, 20, 8]


def test_the_grid_counts_what_was_aimed_at_when_it_is_filled_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, plausible)
    cell = CELLS[7]
    own = {"taxonomy": "support", "cell": key_of_cell(cell)}
    run(workspace, "from-taxonomy", seeds="", count=30, options=own)
    run(workspace, "from-taxonomy", seeds="", count=60, options={"taxonomy": "support"})
    assert coverage(workspace, "made", "support").rows == 90
    assert filled(workspace)[key_of_cell(cell)] == 30, "the cell had more than its share already"
    again = run(workspace, "from-taxonomy", seeds="", count=60, options={"taxonomy": "support"})
    assert (again.new, again.calls) == (0, 0)


@given(st.sampled_from(CELLS), st.booleans(), st.booleans())
@settings(deadline=None)
def test_what_the_map_shows_is_what_is_aimed_at(cell: Cell, by_level: bool, one: bool) -> None:
    inside = [each for each in CELLS if each.topic == cell.topic and (each == cell if one else (
        each.difficulty == cell.difficulty if by_level or cell.difficulty == EDGE
        else each.style == cell.style and each.difficulty != EDGE
    ))]  # fmt: skip
    text = aim_at(cell.topic, [key_of_cell(each) for each in inside], CELLS)
    assert aimed(SUPPORT, CELLS, text) == inside
    assert "," not in text


def test_cells_that_a_star_would_not_tell_apart_are_named_one_by_one() -> None:
    some = [key_of_cell(cell) for cell in CELLS[:2]]
    assert [key_of_cell(cell) for cell in aimed(SUPPORT, CELLS, aim_at(CELLS[0].topic, some, CELLS))] == some


@pytest.mark.parametrize("text", ["billing", "billing/none/easy", "*/*/impossible", "a/b/c/d"])
def test_a_cell_that_is_not_there_is_said_with_what_is(workspace: Workspace, text: str) -> None:
    own = {"taxonomy": "support", "cell": text}
    with pytest.raises(UsageError, match=r"has no cell .*write TOPIC/STYLE/DIFFICULTY.*topics: .*billing"):
        announce(workspace, GenerateOptions(recipe="from-taxonomy", into="made", backend="offline", options=own))
