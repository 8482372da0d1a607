"""A file for each finished cycle, for other tools: what was asked, what came of it, the pairs that it made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.store import cycle_pairs
from flywheel_tui.store.cycles import ArtefactRow, CycleRow
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

FOLDER = "checkpoints"


def write_checkpoint(
    workspace: Workspace, cycle: CycleRow, artefacts: Mapping[str, ArtefactRow], summary: dict[str, Any]
) -> Path:
    """Write `checkpoints/checkpoint_NNN.json`, whole or not at all; the same cycle writes the same file."""
    connection = workspace.store.read()
    verdicts = artefacts["judging"].body["verdicts"] if "judging" in artefacts else {}
    seeds = artefacts["planning"].body["seeds"] if "planning" in artefacts else []
    pairs: list[dict[str, Any]] = []
    try:
        dataset = get_dataset(connection, str(cycle.config.get("into", "")))
    except NotFoundError:
        dataset = None
    for pair in cycle_pairs.pairs_of_cycle(connection, dataset.id, cycle.number) if dataset else []:
        uid = pair.uid.hex()
        pairs.append({
            "uid": uid, "instruction": pair.instruction, "input": pair.input, "output": pair.output,
            "status": pair.status, "passed": verdicts.get(uid),
        })  # fmt: skip
    document = {
        "cycle": cycle.number, "config": cycle.config, "summary": summary,
        "artefacts": {name: row.hash for name, row in artefacts.items()},
        "seeds": [{"text": seed["text"], "kind": seed["kind"], "count": seed["count"]} for seed in seeds],
        "pairs": pairs,
    }  # fmt: skip
    path = workspace.folder(FOLDER) / f"checkpoint_{cycle.number:03d}.json"
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    draft.replace(path)
    return path
