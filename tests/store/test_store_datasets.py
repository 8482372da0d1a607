"""Names of data sets, their counters, removal and return."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say, sft
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.store import datasets
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "w", sft(5)) as made:
        yield made


@pytest.mark.parametrize("name", ["a", "9", "gpt-4.turbo_x", "a" * 64, "con1", "com10x", "nul-l", "a..b"])
def test_names_that_can_be_used(name: str) -> None:
    assert datasets.valid_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", ".a", "-a", "_a", "a" * 65, "a/b", "../a", "a b", "ä", "a\n", "a\x00", "con", "nul.txt", "com1", "a."],
)
def test_names_that_cannot(name: str) -> None:
    with pytest.raises(UsageError):
        datasets.valid_name(name)


@settings(deadline=None)
@given(st.text(max_size=70))
def test_a_valid_name_is_one_path_component_of_its_own(name: str) -> None:
    try:
        datasets.valid_name(name)
    except UsageError:
        return
    assert name.isascii() and "/" not in name and name == Path("x", name).name and not name.startswith(".")


def test_counts_come_from_the_counters(workspace: Workspace) -> None:
    ids = add_pairs(workspace, sft(5))
    say(workspace, ids[0], "approved")
    row = datasets.get_dataset(workspace.store.read(), "demo")
    assert (row.pairs, row.open, row.counts["approved"]) == (5, 4, 1)
    assert datasets.list_datasets(workspace.store.read()) == [row]


def test_an_unknown_name_lists_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no data set named 'x'; there are: demo"):
        datasets.get_dataset(workspace.store.read(), "x")


def test_a_name_is_taken_once(workspace: Workspace) -> None:
    with pytest.raises(ConflictError, match="there is a data set 'demo'"), workspace.store.tx() as connection:
        datasets.create_dataset(connection, "demo", "sft")


def test_remove_and_restore(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        removed = datasets.remove_dataset(connection, "demo")
        with pytest.raises(NotFoundError):
            datasets.remove_dataset(connection, "demo")
        again = datasets.create_dataset(connection, "demo", "sft", ["b", "a", "b"])
        assert again.tags == ("a", "b") and again.id != removed.id
        with pytest.raises(ConflictError, match="in use again"):
            datasets.restore_dataset(connection, "demo")
        datasets.remove_dataset(connection, "demo")
    with workspace.store.tx() as connection:
        assert datasets.restore_dataset(connection, "demo").id == again.id, "the one removed last comes back"
        datasets.remove_dataset(connection, "demo")
        with pytest.raises(NotFoundError, match="removed data set"):
            datasets.restore_dataset(connection, "other")
    assert [row.id for row in datasets.list_datasets(workspace.store.read(), deleted=True)] == [removed.id, again.id]
