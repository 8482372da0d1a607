"""What a person's text for seeds is taken for, and that a price or a preview stores none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import make_workspace, say
from generate_helpers import plausible, rows, run, seeds, use_teacher

from flywheel_tui.errors import FlywheelError, NotFoundError, UsageError
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.recipe import load_recipes, recipe_named
from flywheel_tui.stages.generate.run import announce, generate
from flywheel_tui.stages.generate.seeds import look_at_seeds, place_seeds, read_seeds
from flywheel_tui.store.datasets import list_datasets
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "w", seeds())
    for row in rows(made, "demo")[:3]:
        say(made, row["id"], "rejected", reasons=("wrong_facts",))
    return made


def everything(workspace: Workspace) -> list[str]:
    return list(workspace.store.read().iterdump())


def folder_of_documents(tmp_path: Path) -> str:
    folder = tmp_path / "papers"
    folder.mkdir(exist_ok=True)
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"# Paper {number}\n\n" + "Bread rises because yeast makes gas. " * 12)
    return str(folder)


@pytest.mark.parametrize("recipe", sorted(load_recipes()))
def test_an_estimate_writes_nothing(workspace: Workspace, tmp_path: Path, recipe: str) -> None:
    given = {"rag": folder_of_documents(tmp_path)}.get(recipe, "")
    own = {"failures": "demo"} if recipe == "from-failures" else {}
    options = GenerateOptions(recipe=recipe, into="made", backend="offline", seeds=given, options=own, estimate=True)
    before = everything(workspace)
    report = generate(workspace, options)
    assert report.price is not None and report.price.tokens_in > 0
    assert bool(report.seeds) == (recipe_named(recipe).needs != "nothing")
    assert everything(workspace) == before


def test_an_estimate_knows_the_seeds_that_a_job_would_have(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps({"instruction": f"Tell me of {n}", "output": "Yes."}) + "\n" for n in range(5)))
    cls = recipe_named("qa")
    for text in ("demo", "instructions", str(file), "why bread rises, how tides work"):
        looked = look_at_seeds(workspace, text, cls)
        place = place_seeds(workspace, text, cls)
        stored = read_seeds(workspace, place, cls)
        assert [(one.uid, one.instruction, one.family) for one in looked.seeds] == [
            (one.uid, one.instruction, one.family) for one in stored
        ]
        assert looked.meant == place.meant
    narrowed = look_at_seeds(workspace, str(file), cls, "instruction == 'Tell me of 3'")
    assert [one.instruction for one in narrowed.seeds] == ["Tell me of 3"]


def test_a_preview_stores_no_seeds_and_is_not_paid_twice(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = use_teacher(monkeypatch, plausible)
    before = [(row.name, row.pairs) for row in list_datasets(workspace.store.read())]
    report = run(workspace, "qa", seeds="why bread rises, how tides work", count=3, preview=2)
    assert len(report.preview) == 2
    assert [(row.name, row.pairs) for row in list_datasets(workspace.store.read())] == before
    asked = len(backend.requests)
    report = run(workspace, "qa", seeds="why bread rises, how tides work", count=2)
    assert (report.made, report.calls, report.hits, len(backend.requests)) == (2, 0, 2, asked)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("demo", "the data set demo"),
        ("instructions", "the list instructions"),
        ("pros and/or cons of tides", "what was typed"),
        ("and/or, tcp/ip", "what was typed"),
        ("tcp/ip,", "what was typed"),
        ("how to read data.csv, then plot", "what was typed"),
        ("one seed, two seed", "what was typed"),
    ],
)
def test_what_a_text_is_taken_for(workspace: Workspace, text: str, taken: str) -> None:
    assert look_at_seeds(workspace, text, recipe_named("qa")).meant == taken


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tcp/ip", "end it with a comma"),
        ("bread", "end it with a comma"),
        ("nowhere/tasks.jsonl", "no file or folder of seeds named 'nowhere/tasks.jsonl'"),
        ("my tasks.jsonl", "no file or folder of seeds"),
        ("/nowhere/my folder", "no file or folder of seeds"),
        ("~/nowhere", "no file or folder of seeds"),
        ("a/b.jsonl, c/d.jsonl", "'a/b.jsonl' stands among seeds between commas and names a file"),
        (" , ,", "there is no seed in that list"),
        ("x" * 5000, "end it with a comma"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said(workspace: Workspace, text: str, says: str) -> None:
    with pytest.raises((NotFoundError, UsageError), match=says.replace("(", r"\(")):
        look_at_seeds(workspace, text, recipe_named("qa"))


def test_a_folder_or_file_that_is_there_is_read_whatever_its_name(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of_documents(tmp_path)
    assert look_at_seeds(workspace, "papers", recipe_named("rag")).meant == "the folder papers"
    (tmp_path / "my, own.jsonl").write_text('{"instruction": "Say hello"}\n')
    assert len(look_at_seeds(workspace, "my, own.jsonl", recipe_named("qa")).seeds) == 1


def test_a_job_says_what_it_took_the_seeds_for(workspace: Workspace) -> None:
    said = announce(
        workspace, GenerateOptions(recipe="qa", into="made", seeds="and/or, tides", count=1, backend="offline")
    ).sentence
    assert said == "Making 1 row with qa from 2 seeds (what was typed) into made, asking offline:rules"


def test_a_store_that_is_only_read_takes_no_seeds(workspace: Workspace) -> None:
    with workspace.for_reading() as still, pytest.raises(FlywheelError):
        place_seeds(still, "one, two", recipe_named("qa"))
