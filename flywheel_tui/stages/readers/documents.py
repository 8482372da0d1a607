"""Documents: each file of a folder (or one file) is a row of title, text and path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, RAW_BYTES, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.faults import Fault, too_long
from flywheel_tui.stages.readers.registry import reader
from flywheel_tui.stages.readers.stream import ByteStream

SUFFIXES = (".txt", ".md", ".rst", ".markdown", ".text", ".org", ".adoc")
BATCH_FILES = 100
_MARKDOWN_TITLE = re.compile(r"\s*#{1,6}\s+(.+?)\s*#*\s*$", re.M)
_UNDERLINED_TITLE = re.compile(r"\s*(\S.*)\n([=\-~^*#])\2{2,}\s*$", re.M)


class DocumentsSource(Source):
    """Documents in the order of their paths; hidden files and links that lead out of the folder are left out."""

    paths: tuple[Path, ...] = ()
    others: tuple[str, ...] = ()

    def batches(self) -> Iterator[Batch]:
        assert self.path is not None
        root, paths = self.path, self.paths
        if self.others:
            named = ", ".join(self.others[:5])
            self.remarks.append(f"files that are no documents were left out ({len(self.others)}): {named}")
        done = 0
        for begin in range(0, len(paths), BATCH_FILES):
            lines: list[int] = []
            batch = Batch([], lines)
            for number, path in enumerate(paths[begin : begin + BATCH_FILES], begin + 1):
                shown = path.relative_to(root).as_posix() if path != root else path.name
                done += path.stat().st_size
                self._read(path, shown, number, batch, lines)
            batch.position = done
            yield batch

    def _read(self, path: Path, shown: str, number: int, batch: Batch, lines: list[int]) -> None:
        content = b""
        fault: Fault | None = None
        try:
            with ByteStream(path, self.limits) as stream:
                for block in stream.blocks():
                    content += block
                    if len(content) > self.limits.row_bytes:
                        fault = too_long(self.limits.row_bytes)
                        break
            text = content.decode("utf-8")
        except InputError as error:
            fault = Fault(error.message, error.remedy)
        except UnicodeDecodeError as error:
            fault = fault or Fault(f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8")
        if fault is None and "\0" in text:
            fault = Fault("it holds a NUL byte, so it seems to be no text", "leave it out of the folder")
        if fault is None and not text.strip():
            fault = Fault("there is no text in it", "leave it out of the folder")
        if fault is None:
            row: Row = {"title": _title(text, path), "text": text, "path": shown}
            batch.rows.append(row)
            lines.append(number)
        else:
            reason = f"{shown}: {fault.reason}"
            batch.rejects.append(Reject(line=number, reason=reason, remedy=fault.remedy, raw=content[:RAW_BYTES]))


def _documents(root: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The documents of a folder and the names of its other files. Raises InputError where it holds no document."""
    within = root.resolve()
    paths: list[Path] = []
    others: list[str] = []
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or not path.is_file() or not path.resolve().is_relative_to(within):
            continue
        if _is_document(path):
            paths.append(path)
        else:
            others.append(path.name)
    if not paths:
        raise InputError(
            f"the folder holds no documents ({', '.join(SUFFIXES)})",
            file=str(root),
            remedy=f"name one of its files: {', '.join(others[:5])}" if others else "check that it is the right folder",
        )
    return tuple(paths), tuple(others)


def _is_document(path: Path) -> bool:
    name = path.name.lower()
    return name.removesuffix(".gz").endswith(SUFFIXES)


def _title(text: str, path: Path) -> str:
    """The first heading where the text begins with one, else the name of the file."""
    found = _MARKDOWN_TITLE.match(text) or _UNDERLINED_TITLE.match(text)
    return found.group(1) if found else path.name.removesuffix(".gz").rpartition(".")[0] or path.name


@reader("documents", suffixes=SUFFIXES)
def open_documents(spec: str, *, limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """A folder of documents, or one document."""
    path = Path(spec)
    paths, others = _documents(path) if path.is_dir() else ((path,), ())
    source = DocumentsSource(spec, path, limits, "documents", sum(file.stat().st_size for file in paths), "file")
    source.paths, source.others = paths, others
    return source
