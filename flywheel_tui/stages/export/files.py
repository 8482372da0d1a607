"""Where an export is written, and files that are whole or not there at all."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from flywheel_tui.errors import FlywheelError, StoreFullError, UsageError

_SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")
PROVENANCE = ".provenance.jsonl"
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Places(NamedTuple):
    """The files of one export: the data by name of part (`""` where there is no split), the manifest, the card."""

    base: Path
    data: dict[str, Path]
    manifest: Path
    card: Path
    sides: dict[str, Path]
    """The side files of provenance, by name of part."""
    folder: Path
    """What the names in a configuration beside the data are relative to."""
    stem: str
    """What files beside the data are called after."""


def places(to: str, folder: Path, name: str, suffix: str, parts: Iterable[str]) -> Places:
    """Where an export to `to` is written.

    `to` is a file, or a folder (it exists as one, or ends with a slash) in which the file is called `name` + `suffix`;
    nothing means `folder`. Relative paths are relative to the working directory. A part of a split goes between the
    name and its suffix: `demo.jsonl` to `demo.train.jsonl`.
    """
    base = Path(to).expanduser() if to else folder
    if not to or to.endswith(("/", os.sep)) or base.is_dir():
        base = base / (name + suffix)
    stem, ending = base.name, ""
    for known in sorted({*_SUFFIXES, suffix}, key=len, reverse=True):
        if base.name.lower().endswith(known) and len(base.name) > len(known):
            stem, ending = base.name[: -len(known)], base.name[-len(known) :]
            break
    parts = list(parts)
    data = {part: base.with_name(f"{stem}.{part}{ending or suffix}") for part in parts} or {"": base}
    return _placed(base, data, stem)


def _placed(base: Path, data: dict[str, Path], stem: str) -> Places:
    sides = {part: _side(path) for part, path in data.items()}
    return Places(base, data, _beside(base, ".manifest.json"), _beside(base, ".card.md"), sides, base.parent, stem)


def _side(data: Path) -> Path:
    """`demo.train.jsonl` to `demo.train.provenance.jsonl`."""
    ending = next((known for known in _SUFFIXES if data.name.lower().endswith(known)), "")
    return data.with_name(data.name[: len(data.name) - len(ending)] + PROVENANCE)


def named_places(folder: Path, names: Mapping[str, str]) -> Places:
    """Files in a folder whose names are given, by name of part; manifest and card are called after the folder."""
    data = {part: folder / name for part, name in names.items()}
    sides = {part: _side(path) for part, path in data.items()}
    return Places(folder, data, folder / "manifest.json", folder / "card.md", sides, folder, folder.name)


def folder_places(to: str, folder: Path, name: str, parts: Iterable[str]) -> Places:
    """A folder with `data/`, a card README.md, the manifest and `provenance/`; nothing means `folder`/NAME-hf.

    Raises UsageError for parts whose names cannot be those of a split.
    """
    base = Path(to).expanduser() if to else folder / f"{name}-hf"
    listed = list(parts) or [""]
    for part in listed:
        if "-" in part:
            raise UsageError(f"--split: {part!r} cannot name a split of a data set folder; use a-z, 0-9 and _")
    data = {part: base / "data" / (part or "train") for part in listed}
    sides = {part: base / "provenance" / ((part or "train") + PROVENANCE) for part in listed}
    return Places(base, data, base / "manifest.json", base / "README.md", sides, base, name)


def _beside(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def check_free(paths: Iterable[Path], *, force: bool) -> None:
    """Raise UsageError for what must not be written over: a symbolic link, a folder, or (without `force`) a file."""
    for path in paths:
        if path.is_symlink():
            raise UsageError(f"{path}: is a symbolic link, which an export never writes through; name another path")
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name a file, or the folder it should lie in")
        if is_database(path):
            raise UsageError(f"{path}: is a database, which is never overwritten; name another path")
        if path.exists() and not force:
            raise UsageError(f"{path}: exists already; name another path, or overwrite it with --force")


def is_database(path: Path) -> bool:
    """Whether a SQLite database (or its journal) is there: labels must never be lost to a name given by mistake."""
    name = path.name
    for suffix in ("-wal", "-shm", "-journal"):
        name = name.removesuffix(suffix)
    try:
        with path.with_name(name).open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


class NewFile(io.RawIOBase):
    """A file that gets its name when it is finished. Private (0600), hashed while it is written.

    Until `commit` its text is under a hidden name beside `path`; `finish` has put it on disk. Raises UsageError where
    it cannot be made, StoreFullError where the disk is full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.size = path, 0
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._digest = sha256()
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_FOLLOW
            self._descriptor = os.open(self._draft, flags, 0o600)
        except OSError as error:
            raise _told(error, path) from error

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self.size += len(view)
        written = 0
        try:
            while written < len(view):
                written += os.write(self._descriptor, view[written:])
        except OSError as error:
            raise _told(error, self.path) from error
        return len(view)

    def tell(self) -> int:
        return self.size

    @property
    def sha256(self) -> str:
        """Of what was written so far, as hexadecimal digits."""
        return self._digest.hexdigest()

    def finish(self) -> None:
        """Everything is written: put it on disk, still under its hidden name."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _told(error, self.path) from error
        finally:
            self._close()

    def commit(self, *, force: bool) -> None:
        """Give the file its name. Raises UsageError where something has taken it meanwhile."""
        check_free([self.path], force=force)
        try:
            self._draft.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _told(error, self.path) from error

    def discard(self) -> None:
        """Remove what was not committed; does nothing after `commit`."""
        self._close()
        with suppress(OSError):
            self._draft.unlink()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _told(error: OSError, path: Path) -> FlywheelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFullError(f"{path}: the disk is full; nothing was written, free some space and try again")
    return UsageError(f"{path}: cannot be written ({error.strerror}); name another path")


def _remove_abandoned(path: Path) -> None:
    """Remove drafts of this file whose process has died (it was killed while it exported)."""
    if sys.platform == "win32":
        return
    for draft in path.parent.glob(f".{_literal(path.name)}.*.tmp"):
        pid = draft.name.removesuffix(".tmp").rpartition(".")[2]
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            draft.unlink(missing_ok=True)
        except (PermissionError, OverflowError):
            continue


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
