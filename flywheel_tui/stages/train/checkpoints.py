"""Checkpoints that can be told whole: the hashes of their files are written last."""

from __future__ import annotations

import json
import os
from pathlib import Path

from flywheel_tui.stages.train.models import file_hash

MANIFEST = "flywheel.json"


def seal(folder: Path) -> None:
    """Write the hashes of a checkpoint's files into it: a checkpoint without them is not whole, and is not loaded."""
    hashes = {
        file.relative_to(folder).as_posix(): file_hash(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    draft = folder / f"{MANIFEST}.tmp"
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(hashes, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(folder / MANIFEST)


def is_whole(folder: Path) -> bool:
    """Whether a checkpoint holds exactly what it held when it was sealed."""
    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_text("utf-8"))
        return bool(hashes) and all(file_hash(folder / name) == known for name, known in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    ordered = sorted(found, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    return next((path for path in ordered if is_whole(path)), None)
