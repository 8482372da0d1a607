"""Making a workspace, empty or filled with the shipped demo data. Both are safe to repeat."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flywheel_tui.resources import shipped
from flywheel_tui.workspace import Workspace

if TYPE_CHECKING:
    from flywheel_tui.stages.ingest import IngestSummary


def make_workspace(target: str | Path) -> Workspace:
    """An open workspace at `target` with its database, folders and default rubrics; what is there is left alone."""
    workspace = Workspace.open(target, create=True)
    for rubric in sorted(shipped("rubrics").glob("*.yaml")):
        place = workspace.folder("rubrics") / rubric.name
        if place.resolve() != rubric.resolve() and not place.exists():
            shutil.copyfile(rubric, place)
    return workspace


def fill_with_demo(workspace: Workspace) -> list[IngestSummary]:
    """Take in the shipped demo pairs, one data set for each file; those taken in before stay as they are."""
    from flywheel_tui.stages.ingest import IngestOptions, ingest
    from flywheel_tui.stages.search_index import build

    summaries = [
        ingest(workspace, IngestOptions(source=str(file), name=f"demo-{file.stem}", tags=("demo",)))
        for file in sorted(shipped("demo").glob("*.jsonl"))
    ]
    build(workspace)
    return summaries
