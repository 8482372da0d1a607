"""Recipes from seeds to files: made, validated, judged, exported, traced; without a model and with a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs, make_workspace, say
from generate_helpers import phrase, rows, run, seeds, teacher_server
from recipe_helpers import served_steps

from flywheel_tui.jobs import run_foreground
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest, export
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.lineage import trace
from flywheel_tui.stages.validate.engine import ValidateOptions, validate
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

FORMATS = {
    "constitutional": ["dpo", "ipo", "openai-dpo", "llama-factory-dpo"],
    "preference": ["dpo", "ipo", "openai-dpo", "llama-factory-dpo"],
    "kto": ["kto", "llama-factory-kto"],
    "tools": ["tools", "openai", "axolotl", "grpo", "unsloth", "messages"],
    "rag": ["rag", "sft", "messages"],
    "distill": ["distill", "grpo", "sft", "messages"],
    "from-failures": ["sft", "alpaca", "messages", "openai", "sharegpt", "llama-factory"],
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "w", seeds(20))
    folder = tmp_path / "papers"
    folder.mkdir()
    for number in range(6):
        text = "\n\n".join(
            f"The {phrase(number * 31 + place, 6)} is kept by {phrase(number * 37 + place, 9)}."
            f" It is {phrase(place + 90, 9)}."
            for place in range(4)
        )
        (folder / f"paper{number}.txt").write_text(f"# Paper {number}\n\n{text}\n")
    for row in rows(made, "demo")[:4]:
        say(made, row["id"], "rejected", reasons=("wrong_facts",))
    return made


def make(workspace: Workspace, recipe: str, **more: Any) -> Any:
    given: dict[str, Any] = {"seeds": "demo", "count": 12, "watch": False, "stop_failing_at": 1.0}
    if recipe == "rag":
        given |= {"seeds": str(workspace.root.parent / "papers"), "options": {"passage_words": 40}}
    if recipe == "tools":
        given |= {"seeds": ""}
    if recipe == "from-failures":
        given |= {"seeds": "", "options": {"failures": "demo"}}
    return run(workspace, recipe, **given | more)


@pytest.mark.parametrize("recipe", sorted(FORMATS))
def test_without_a_model(workspace: Workspace, tmp_path: Path, recipe: str) -> None:
    report = make(workspace, recipe, backend="offline")
    made = rows(workspace)
    assert report.made == 12 == len(made) and all("offline" in row["tags"] for row in made)
    found = validate(workspace, ValidateOptions(dataset="made"))
    errors = (
        workspace.store.read().execute("SELECT check_name, message FROM finding WHERE severity = 'error'").fetchall()
    )
    assert errors == [], found
    judged = run_foreground(
        workspace, "judge", {"dataset": "made", "backend": "offline", "tag": "rules"}, title="judge",
        dataset_id=get_dataset(workspace.store.read(), "made").id,
    )  # fmt: skip
    assert judged["judged"] + judged["unjudged"] == 12
    for format in FORMATS[recipe]:
        result = export(workspace, ExportRequest(dataset="made", to=str(tmp_path / format / "x.jsonl"), format=format))
        left = {one.reason: one.pairs for one in result.left_out}
        assert result.generated == 12 - sum(left.values()) > 0, (format, left)
        side = (tmp_path / format / "x.provenance.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in side]
        assert all(line["made"]["recipe"] == recipe for line in lines if not line["real"])
        if recipe == "tools":
            assert {line["made"]["params"]["catalogue"] for line in lines} == {"household@1"}
        assert all(recipe == parent["recipe"] for line in lines for parent in line.get("parents", []))
    told = trace(workspace, str(made[0]["id"]))
    assert told.made is not None and (told.made.recipe, told.made.teacher) == (recipe, "offline:rules")
    if recipe == "tools":  # a catalogue has no rows to be parents
        assert told.made.params["catalogue"] == "household@1" and told.ancestors == ()
    else:
        assert told.ancestors and told.ancestors[0].recipe == recipe and told.ancestors[0].teacher == "offline:rules"


@pytest.mark.parametrize("recipe", sorted(FORMATS))
def test_with_a_real_server(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    with teacher_server(served_steps) as server:
        options = {"base_url": server.url}
        more: dict[str, Any] = {"options": {"variants": "reference"}} if recipe == "preference" else {}
        if recipe == "distill":
            answers = [Draft(kind="prompt", instruction=phrase(n, 9), body={"reference": "42"}) for n in range(12)]
            add_pairs(workspace, answers, "problems")
            more = {"seeds": "problems"}
        if recipe == "tools":
            more = {"options": {"scenarios": "call"}}
        report = make(workspace, recipe, backend="openai", models=("m",), backend_options=options, count=6, **more)
        assert report.made == 6 and report.calls >= 6 and sum(server.asked.values()) == report.calls
        again = make(workspace, recipe, backend="openai", models=("m",), backend_options=options, count=6, **more)
        assert again.calls == 0 and again.made == 6, "what is done is not asked again"
    assert {row["meta"]["teacher"] for row in rows(workspace)} == {"openai:m"}


@pytest.mark.shared
def test_tools_from_the_schemas_of_bfcl(tmp_path: Path, shared_data: Path) -> None:
    with make_workspace(tmp_path / "w") as workspace:
        source = shared_data / "bfcl" / "BFCL_v4_multiple.json"
        ingest(workspace, IngestOptions(source=str(source), name="bfcl"))
        report = run(workspace, "tools", seeds="bfcl", count=40, backend="offline", watch=False)
        assert report.made == 40
        validate(workspace, ValidateOptions(dataset="made"))
        assert (
            not workspace.store.read()
            .execute(
                "SELECT check_name, message FROM finding WHERE severity = 'error' AND check_name IN ('tools', 'schema')"
            )
            .fetchall()
        )
        for format in ("tools", "openai"):
            result = export(
                workspace, ExportRequest(dataset="made", to=str(tmp_path / f"{format}.jsonl"), format=format)
            )
            assert result.generated == 40 and result.seeds > 10, "the rows of bfcl come along"
