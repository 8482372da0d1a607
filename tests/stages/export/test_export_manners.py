"""What an export says of where things came from, and that it never writes a file in which there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from factories import add_pairs, make_workspace
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest, export
from flywheel_tui.stages.export.formats.hf import _size
from flywheel_tui.stages.export.report import shown_sources
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

HOME = "jane-doe-at-home"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A data set of two files that are called the same, in the folder of a person."""
    made = make_workspace(tmp_path / "w")
    for folder in ("first", "second"):
        file = tmp_path / HOME / folder / "tasks.jsonl"
        file.parent.mkdir(parents=True)
        lines = ({"instruction": f"Say {folder} {number}", "output": f"It is {number}."} for number in range(5))
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        ingest(made, IngestOptions(source=str(file), name="tasks", append=folder == "second"))
    return made


@pytest.mark.parametrize("format", ["sft", "jsonl", "csv", "hf", "hf:sft", "llama-factory", "axolotl"])
def test_no_file_tells_in_whose_home_a_source_lay(workspace: Workspace, tmp_path: Path, format: str) -> None:
    to = tmp_path / "out"
    result = export(workspace, ExportRequest(dataset="tasks", to=f"{to}/", format=format))
    assert result.sources == {"first/tasks.jsonl": 5, "second/tasks.jsonl": 5}
    for path in to.rglob("*"):
        assert path.is_dir() or HOME.encode() not in path.read_bytes(), path


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=6, unique_by=tuple))
@settings(deadline=None)
def test_shown_names_tell_sources_apart_and_hide_the_first_folder(paths: list[list[str]]) -> None:
    shown = shown_sources({number: "/home/" + "/".join(path) for number, path in enumerate(paths)})
    assert len(set(shown.values())) == len(paths)
    assert all(path == "/home/" + "/".join(paths[number]) or "/home" not in path for number, path in shown.items())


def test_names_that_are_no_paths_stay() -> None:
    names = {1: "typed", 2: "hub:who/what", 3: "generate qa", 4: "some/file.jsonl"}
    assert shown_sources(names) == names


@pytest.mark.parametrize("format", ["dpo", "rag", "hf:dpo", "openai-dpo", "tools"])
def test_a_format_that_holds_none_of_the_pairs_is_refused_and_leaves_no_file(
    workspace: Workspace, tmp_path: Path, format: str
) -> None:
    to = tmp_path / "out"
    with pytest.raises(UsageError, match=rf"no pair of tasks can be a row of {format} \(each of 10 is .*nothing was"):
        export(workspace, ExportRequest(dataset="tasks", to=f"{to}/", format=format))
    assert not [path for path in to.rglob("*") if path.is_file()]


def test_a_card_of_a_folder_begins_with_yaml_that_names_its_files(workspace: Workspace, tmp_path: Path) -> None:
    to = tmp_path / "folder"
    export(workspace, ExportRequest(dataset="tasks", to=str(to), format="hf", split={"train": 0.6, "test": 0.4}))
    _, front, text = (to / "README.md").read_text().split("---\n", 2)
    found = yaml.safe_load(front)
    [config] = found["configs"]
    assert {part["split"] for part in config["data_files"]} == {"train", "test"}
    assert all((to / path).is_file() for part in config["data_files"] for path in part["path"])
    assert text.lstrip().startswith("# tasks")
    assert (found["pretty_name"], found["size_categories"], found.get("tags")) == ("tasks", ["n<1K"], None)


@pytest.mark.parametrize(
    ("rows", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (1_000_000, "1M<n<10M"),
     (2_000_000_000, "n>1B")],
)  # fmt: skip
def test_sizes_are_those_that_the_hub_knows(rows: int, size: str) -> None:
    assert _size(rows) == size


def test_every_file_of_a_bundle_is_there_also_where_nothing_failed(workspace: Workspace, tmp_path: Path) -> None:
    from flywheel_tui.stages.export.bundle import bundle

    add_pairs(workspace, [Draft(instruction="One more", output="Yes.")], "tasks")
    to = tmp_path / "bundle"
    bundle(workspace, ExportRequest(dataset="tasks", to=str(to), format="messages"))
    for name in ("training_data.jsonl", "eval_holdout.jsonl", "failed_examples.jsonl", "generation_report.json",
                 "rubric_analysis.json"):  # fmt: skip
        assert (to / name).is_file(), name
