"""Half-typed work that must survive the end of the program: one small file for each reviewer, for their eyes only.

It is a file and not a row, so that it can be kept when the database cannot be written.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import StoreFullError
from flywheel_tui.records.label import Decision

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

FOLDER = "drafts"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody was doing: the pair, the kind of work, the texts of the fields, and a decision not yet saved."""

    pair: int
    dataset: str
    version: int
    kind: str
    """`edit`, `note` or `tags`, or `decision` for one that could not be written."""
    texts: dict[str, str] = {}
    decision: Decision | None = None
    action: str = "label"
    at: int = 0


def draft_path(workspace: Workspace, reviewer: str) -> Path:
    """The file of a reviewer; names may hold anything, so it is named by a hash."""
    return workspace.root / FOLDER / f"{blake2b(reviewer.encode(), digest_size=8).hexdigest()}.json"


def save_draft(workspace: Workspace, reviewer: str, draft: Draft) -> Path:
    """Keep a draft (the newest replaces the one before), on disk when it returns. Raises StoreFullError."""
    path = draft_path(workspace, reviewer)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(draft))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreFullError(f"{path}: the draft could not be kept ({error.strerror})") from error
    return path


def load_draft(workspace: Workspace, reviewer: str) -> Draft | None:
    """The draft that was kept; None where there is none, or where its file is no longer readable as one."""
    try:
        return msgspec.json.decode(draft_path(workspace, reviewer).read_bytes(), type=Draft)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def drop_draft(workspace: Workspace, reviewer: str) -> None:
    """The draft was taken up, or is not wanted."""
    draft_path(workspace, reviewer).unlink(missing_ok=True)
