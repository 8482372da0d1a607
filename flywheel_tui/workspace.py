"""The one object that every face holds: a folder with its database and its settings."""

from __future__ import annotations

import getpass
import os
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.store.db import Store

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

DATABASE = "flywheel.db"
FOLDERS = ("exports", "reports", "rejects", "rubrics")


def find_root(explicit: str | Path | None = None) -> Path:
    """The workspace folder: `explicit`, else FLYWHEEL_WORKSPACE, else ./data, else the nearest parent that is one.

    Raises NotFoundError that says how to make one.
    """
    if explicit is not None:
        return Path(explicit)
    if named := os.environ.get("FLYWHEEL_WORKSPACE"):
        return Path(named)
    here = Path.cwd()
    for folder in (here / "data", here, *here.parents):
        if (folder / DATABASE).is_file():
            return folder
        if folder != here and (folder / "data" / DATABASE).is_file():
            return folder / "data"
    error = NotFoundError("workspace", str(here / "data"))
    error.args = ("no workspace here; make one with: flywheel init (or name one with --workspace)",)
    raise error


class Workspace:
    """A folder: `flywheel.db`, `flywheel.toml`, and what commands write (exports, reports, rejects)."""

    def __init__(self, root: Path, store: Store, overrides: dict[str, Any] | None = None) -> None:
        self.root, self.store, self._overrides = root, store, overrides or {}

    @classmethod
    def open(
        cls, path: str | Path | None = None, *, create: bool = False, read_only: bool = False, **overrides: Any
    ) -> Workspace:
        """Open the workspace at `path` (found as `find_root` says). `create=True` makes it where it is missing.

        Raises NotFoundError where there is none, StoreError where its database cannot be used.
        """
        root = find_root(path).expanduser()
        if not (root / DATABASE).exists():
            if not create:
                raise UsageError(f"{root}: is no workspace (no {DATABASE} in it); make one with: flywheel init {root}")
            try:
                root.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise UsageError(
                    f"{root}: cannot be made a workspace ({error.strerror}); name another folder"
                ) from error
        elif root.is_file():
            raise UsageError(f"{root}: is a file; name the folder that holds {DATABASE}")
        workspace = cls(root.resolve(), Store(root.resolve() / DATABASE, read_only=read_only), overrides)
        if create:
            for name in FOLDERS:
                (workspace.root / name).mkdir(exist_ok=True, mode=0o700)
        return workspace

    def for_reading(self) -> Workspace:
        """The same workspace with its database opened for reading only; close it. Writing in it raises StoreError."""
        return Workspace(self.root, Store(self.store.path, read_only=True), self._overrides)

    @cached_property
    def settings(self) -> Settings:
        """Read once, at first use. Raises InputError where a value is off."""
        from flywheel_tui.settings import load_settings

        return load_settings(self.root, self._overrides)

    @property
    def reviewer(self) -> str:
        """Who labels here: the setting, else the login name."""
        if self.settings.reviewer:
            return self.settings.reviewer
        try:
            return getpass.getuser()
        except (OSError, KeyError):
            return "reviewer"

    def folder(self, name: str) -> Path:
        """A folder of the workspace, made where it is missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
