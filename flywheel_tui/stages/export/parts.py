"""One part of an export while it is written: its file (or the shards of a folder) and the side file of provenance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from flywheel_tui.stages.export.base import Exporter, Sink, Written
from flywheel_tui.stages.export.files import NewFile
from flywheel_tui.stages.export.report import ExportFile
from flywheel_tui.store.export_provenance import MadeBy, Origin, Parent, Said
from flywheel_tui.store.export_rows import ExportRow

Open = Callable[[Path], NewFile]


class Provenance(msgspec.Struct, omit_defaults=True):
    """One line of the side file: the row of that number in the data file, and where it came from."""

    row: int
    uid: str
    kind: str
    real: bool
    status: str
    version: int = 1
    family: str | None = None
    source: str | None = None
    line: int | None = None
    made: MadeBy | None = None
    parents: list[Parent] = []
    labels: list[Said] = []
    score: float | None = None
    passed: bool | None = None


class Part:
    """The data of one part of a split. Files get their final names when `finish` has counted the shards."""

    def __init__(self, name: str, path: Path, exporter: Exporter, opener: Open, side: Path | None) -> None:
        self.name, self.pairs, self.real = name, 0, 0
        self._path, self._exporter, self._opener = path, exporter, opener
        self.files: list[NewFile] = []
        self._counts: list[int] = []
        self._sink: Sink | None = None
        self.side: NewFile | None = None
        if side is not None:
            self.side = opener(side)
        self._encoder = msgspec.json.Encoder()
        self._next_file()

    def _next_file(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self.files[-1].finish()
        path = self._path
        if self._exporter.folder:
            path = path.with_name(f"{path.name}-{len(self.files):05d}{self._exporter.suffix}")
        file = self._opener(path)
        self.files.append(file)
        self._counts.append(0)
        self._sink = self._exporter.open(cast("BinaryIO", file))

    def write(self, rows: Sequence[ExportRow], records: Sequence[Any], origins: Sequence[Origin],
              sources: dict[int, str]) -> None:  # fmt: skip
        """Append records; `origins` is empty where nobody asked for provenance."""
        most = self._exporter.shard_rows
        start = 0
        while start < len(records):
            room = len(records) if most is None else most - self._counts[-1]
            if room <= 0:
                self._next_file()
                continue
            some = records[start : start + room]
            assert self._sink is not None
            self._sink.write(some)
            self._counts[-1] += len(some)
            start += len(some)
        if self.side is not None and rows:
            numbered = enumerate(zip(rows, origins, strict=True), self.pairs + 1)
            lines = [self._line(row, origin, number, sources) for number, (row, origin) in numbered]
            self.real += sum(line.real for line in lines)
            self.side.write(self._encoder.encode_lines(lines))
        self.pairs += len(records)

    def _line(self, row: ExportRow, origin: Origin, number: int, sources: dict[int, str]) -> Provenance:
        return Provenance(
            number, row.uid, row.kind, origin.real, row.status, row.version, origin.family,
            sources.get(row.source_id) if row.source_id is not None else None, row.line, origin.made, origin.parents,
            origin.labels, row.score, None if row.passed is None else row.passed == 1,
        )  # fmt: skip

    def finish(self) -> list[ExportFile]:
        """Everything is on disk, under hidden names; the files as they will be called."""
        assert self._sink is not None
        self._sink.close()
        self.files[-1].finish()
        if self.side is not None:
            self.side.finish()
        if self._exporter.folder:
            for number, file in enumerate(self.files):
                name = f"{self._path.name}-{number:05d}-of-{len(self.files):05d}{self._exporter.suffix}"
                file.path = file.path.with_name(name)
        return [
            ExportFile(path=str(file.path), part=self.name, pairs=count, bytes=file.size, sha256=file.sha256)
            for file, count in zip(self.files, self._counts, strict=True)
        ]

    def written(self, folder: Path) -> Written:
        """The names of the files, relative to the folder that the card and the configuration lie in."""
        names = tuple(str(file.path.relative_to(folder)).replace("\\", "/") for file in self.files)
        return Written(self.name, names, self.pairs)
