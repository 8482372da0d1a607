"""Make the evidence bundle of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.evaluation import Judgement
from flywheel_tui.stages.gate.derive import GATES, derive, read_raw
from flywheel_tui.stages.gate.evidence import gather
from flywheel_tui.stages.gate.files import read_bundle, sealed, write_folder, zipped
from flywheel_tui.store import evaluations
from flywheel_tui.store import gate as store
from flywheel_tui.store.gate import BundleRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

FOLDER = "bundles"
ADDED = ("cycle",)
"""What a cycle adds to the evidence."""


def make_bundle(workspace: Workspace, evaluation: int, *, extra: Mapping[str, Any] | None = None) -> BundleRow:
    """The evidence bundle of a finished evaluation, as a folder `bundles/HASH` of the workspace.

    The same evidence is the same bundle. `extra` adds files (`cycle`, `costs_of_cycle` …: JSON values by name). Raises
    NotFoundError for an unknown evaluation, UsageError for one that is not finished.
    """
    row = evaluations.get_evaluation(workspace.store.read(), evaluation)
    if row.state != "done":
        raise UsageError(f"the evaluation {evaluation} is not finished; go on with the same flywheel evaluate command")
    raw = gather(workspace, row, extra or {})
    derived = derive(read_raw(raw))
    files, hash = sealed(raw | derived)
    folder = f"{FOLDER}/{hash[:16]}"
    write_folder(workspace.root / folder, files)
    judgement = msgspec.json.decode(derived[GATES], type=Judgement)
    with workspace.store.tx() as connection:
        return store.add_bundle(connection, hash=hash, evaluation_id=row.id, folder=folder, judgement=judgement)


def renewed(workspace: Workspace, evaluation: int) -> BundleRow | None:
    """The evidence of an evaluation with the choices that people made since its bundle was sealed.

    None where it has no bundle, or a person has decided on it already: that decision stands on what it saw.
    """
    found = [row for row in store.bundles(workspace.store.read(), limit=10_000) if row.evaluation_id == evaluation]
    if not found or found[0].decision is not None:
        return None
    files = read_bundle(workspace.root / found[0].folder)
    extra = {name: msgspec.json.decode(files[f"{name}.json"]) for name in ADDED if f"{name}.json" in files}
    return make_bundle(workspace, evaluation, extra=extra)


def bundle_path(workspace: Workspace, name: str) -> Path:
    """Where a bundle lies: a folder or zip that is named, else one of the workspace by number or hash."""
    path = Path(name).expanduser()
    if path.exists():
        return path
    return workspace.root / store.find_bundle(workspace.store.read(), name).folder


def export_zip(workspace: Workspace, name: str, target: Path) -> Path:
    """Write a bundle as a zip: the same bundle is the same bytes."""
    content = zipped(read_bundle(bundle_path(workspace, name)))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.tmp")
    draft.write_bytes(content)
    draft.replace(target)
    return target
