"""A bundle as files: a folder or a zip, its manifest, and what is wrong with them byte for byte."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.stages.gate.derive import pretty

MANIFEST, CHECKSUM = "manifest.json", "manifest.sha256"
FORMAT = "flywheel-tui evidence bundle 1"
MOST_BYTES = 512 * 2**20
_EPOCH = (1980, 1, 1, 0, 0, 0)


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest of files: SHA-256 and size of each. Its own SHA-256 is the hash of the bundle."""
    listed = {
        name: {"sha256": sha256(files[name]).hexdigest(), "bytes": len(files[name])}
        for name in sorted(files)
        if name not in (MANIFEST, CHECKSUM)
    }
    return pretty({"format": FORMAT, "files": listed})


def sealed(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], str]:
    """The files with their manifest, and the hash of the bundle."""
    manifest = manifest_of(files)
    hash = sha256(manifest).hexdigest()
    return {**files, MANIFEST: manifest, CHECKSUM: f"{hash}  {MANIFEST}\n".encode()}, hash


def changed(files: Mapping[str, bytes]) -> list[str]:
    """The names of files that are not what was sealed, missing or added; empty where all is as it was."""
    now = manifest_of(files)
    said = files.get(CHECKSUM, b"")
    expected = f"{sha256(now).hexdigest()}  {MANIFEST}\n".encode()
    if files.get(MANIFEST) == now:
        return [] if said == expected else [CHECKSUM]
    if said == expected or MANIFEST not in files:
        return [MANIFEST]
    manifest = files[MANIFEST]
    whole = said == f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
    return sorted({*([] if whole else [MANIFEST]), *_differences(files, manifest)}) or [MANIFEST]


def _differences(files: Mapping[str, bytes], manifest: bytes) -> list[str]:
    try:
        listed = msgspec.json.decode(manifest)["files"]
        digests = {name: part["sha256"] for name, part in listed.items()}
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError, RecursionError):
        return [MANIFEST]
    own = {name for name in files if name not in (MANIFEST, CHECKSUM)}
    differing = {name for name in own & set(digests) if sha256(files[name]).hexdigest() != digests[name]}
    return sorted(differing | (own ^ set(digests)))


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle whole: into a folder beside it, on disk, then renamed. One that is there is replaced."""
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    try:
        for name, content in files.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_bundle(path: Path) -> dict[str, bytes]:
    """The files of a folder or a zip, by name. Raises InputError for anything else, and for one that is too large."""
    if path.is_dir():
        return _read_folder(path)
    if path.is_file() and zipfile.is_zipfile(path):
        return _read_zip(path)
    raise InputError("is no evidence bundle", file=str(path), remedy="name the folder, the zip or the hash of one")


def _read_folder(folder: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise InputError("is a link, which no bundle has", file=str(path), remedy="make the bundle again")
        if path.is_file():
            size += path.stat().st_size
            _check_size(folder, size)
            found[name] = path.read_bytes()
    return found


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(entry.file_size for entry in archive.infolist()))
            names = [entry.filename for entry in archive.infolist()]
            if len(set(names)) != len(names):
                raise InputError("holds two files of one name", file=str(path), remedy="make the zip again")
            return {name: archive.read(name) for name in names if not name.endswith("/")}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"the zip is damaged ({error})", file=str(path), remedy="make the zip again") from None


def _check_size(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise InputError(f"is larger than {MOST_BYTES:,} bytes", file=str(path), remedy="this is no bundle of ours")


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of a bundle: the same files are the same bytes (sorted, stored, dated 1980)."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, files[name])
    return held.getvalue()
