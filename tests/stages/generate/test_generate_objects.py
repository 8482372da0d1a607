"""Taxonomies, constitutions, catalogues, seeds: shipped whole, refused with file, line and field where they are off."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import add_pairs, make_workspace
from generate_helpers import plausible, rows, run, use_teacher
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate import objects
from flywheel_tui.stages.generate.coverage import EDGE, Cell, cells_of, coverage, quotas
from flywheel_tui.stages.generate.seeds import seed_files
from flywheel_tui.store.ingredients import list_ingredients
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w")


def test_what_ships_can_be_used(workspace: Workspace) -> None:
    for name in objects.object_files(workspace, "taxonomy"):
        grid = objects.load_taxonomy(workspace, name)
        assert [level.share for level in grid.difficulty] == [0.3, 0.5, 0.2]
        assert grid.edge_cases is not None and 0.10 <= grid.edge_cases.share <= 0.15
        assert sum(cells_of(grid).values()) == pytest.approx(1)
    for name in objects.object_files(workspace, "constitution"):
        assert len(objects.load_constitution(workspace, name).principles) >= 5
    for name in objects.object_files(workspace, "catalogue"):
        catalogue = objects.load_catalogue(workspace, name)
        assert len(catalogue.tools) >= 5 and catalogue.requests and catalogue.no_tool_requests
    assert {(one.kind, one.version) for one in list_ingredients(workspace.store)} == {
        ("taxonomy", 1), ("constitution", 1), ("catalogue", 1)
    }  # fmt: skip
    assert {"instructions", "everyday"} <= set(seed_files(workspace))


def test_a_version_is_kept_when_it_changes(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = "name: mine\nversion: {0}\nprinciples:\n  - {{id: a, critique: Look., revise: Mend it.}}\n"
    for version in (1, 1, 2):
        path.write_text(text.format(version))
        objects.load_constitution(workspace, str(path))
    assert [(one.name, one.version) for one in list_ingredients(workspace.store)] == [("mine", 1), ("mine", 2)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("share: 0.3", "share: 0.4"),
            r"grid\.yaml:\d+: field 'difficulty': the shares add up to 1\.1; ",
        ),
        (
            ("name: plain", "name: friendly"),
            r"grid\.yaml:\d+: field 'styles\[2\]': the name 'friendly' is ",
        ),
        (("version: 1", "version: one"), r"grid\.yaml:\d+: field 'version': expected `int`"),
        (("  share: 0.12", "  share: 1.2"), r"field 'edge_cases\.share': 1\.2 is no share"),
        (
            ("description: How nature", "descripton: How nature"),
            r"grid\.yaml:\d+: field 'topics\.science\.descripton'",
        ),
    ],
)
def test_a_taxonomy_that_is_off_names_file_line_and_field(
    workspace: Workspace, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = objects.object_files(workspace, "taxonomy")["general"].read_text("utf-8")
    assert change[0] in text
    (tmp_path / "grid.yaml").write_text(text.replace(*change, 1), "utf-8")
    with pytest.raises(InputError, match=said):
        objects.load_taxonomy(workspace, str(tmp_path / "grid.yaml"))


def test_a_catalogue_with_a_bad_schema_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    text = objects.object_files(workspace, "catalogue")["household"].read_text("utf-8")
    (tmp_path / "c.yaml").write_text(text.replace("minimum: 0.1", "minimum: low", 1), "utf-8")
    with pytest.raises(InputError, match=r"c\.yaml:\d+: field 'tools\[1\]': "):
        objects.load_catalogue(workspace, str(tmp_path / "c.yaml"))
    with pytest.raises(NotFoundError, match="household"):
        objects.load_catalogue(workspace, "no-such")


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(0, 500))
def test_quotas_are_whole_and_never_off_by_one(weights: list[int], wanted: int) -> None:
    shares = {Cell(str(at), "s", "d"): weight / sum(weights) for at, weight in enumerate(weights)}
    found = quotas(shares, wanted)
    assert sum(found.values()) == wanted
    assert all(abs(found[cell] - share * wanted) < 1 + 1e-9 for cell, share in shares.items())


def test_the_grid_is_filled_by_its_shares(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    run(workspace, "from-taxonomy", seeds="", count=400, options={"taxonomy": "support"}, concurrency=8)
    found = coverage(workspace, "made", "support")
    assert (found.rows, found.outside) == (400, 0)
    cells = {tuple(key.split("/")): count for key, count in found.counts.items()}
    by_level = {level: sum(c for key, c in cells.items() if key[2] == level) / 400 for level in (*found.levels, EDGE)}
    assert by_level == pytest.approx({"easy": 0.264, "medium": 0.44, "hard": 0.176, EDGE: 0.12}, abs=0.01)
    by_topic = [sum(c for key, c in cells.items() if key[0] == topic) for topic in found.topics]
    assert max(by_topic) - min(by_topic) <= 20
    row = rows(workspace)[0]
    assert row["meta"]["cell"].count("/") == 2 and row["meta"]["params"]["taxonomy"] == "support@1"


def test_the_emptiest_cells_come_first(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set that has all but one topic already: the next rows are of that topic."""
    grid = objects.load_taxonomy(workspace, "support")
    full = [cell for cell in cells_of(grid) if cell.topic != "repair"]
    drafts = [
        Draft(instruction=f"{cell.topic} {cell.style} {cell.difficulty} {number}", output="x",
              meta={"cell": f"{cell.topic}/{cell.style}/{cell.difficulty}"})
        for cell in full for number in range(3)
    ]  # fmt: skip
    add_pairs(workspace, drafts, "made")
    assert coverage(workspace, "made", "support").empty == len(cells_of(grid)) - len(full)
    use_teacher(monkeypatch, plausible)
    run(workspace, "from-taxonomy", seeds="", count=40, options={"taxonomy": "support"})
    made = [row["meta"]["topic"] for row in rows(workspace) if row["meta"] and "topic" in row["meta"]]
    assert len(made) == 40 and made.count("repair") >= 36


def test_what_is_no_seed_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no data set, file or list of seeds named 'nothing'.*everyday"):
        run(workspace, "qa", seeds="nothing", backend="offline")
    (tmp_path / "bad.jsonl").write_text('{"instruction": "fine"}\n{"instruction": 7}\n[1]\n')
    report = run(workspace, "qa", seeds=str(tmp_path / "bad.jsonl"), backend="offline", count=1)
    assert report.made == 1, "bad lines are rejected by the ingest, with their numbers"
    with pytest.raises(UsageError, match="has no option 'colour'; there are: none"):
        run(workspace, "qa", seeds="instructions", options={"colour": "red"})
    with pytest.raises(UsageError, match=r"--option least_steps of reasoning cannot be 'many'; write it like"):
        run(workspace, "reasoning", seeds="instructions", options={"least_steps": "many"})
