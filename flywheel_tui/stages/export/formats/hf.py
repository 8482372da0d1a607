"""`hf`: a folder that `datasets.load_dataset` reads: shards for each split and a card that names them.

`hf` holds the columns of `parquet`; `hf:sft`, `hf:dpo`, … hold the records of that format, as JSON lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, ClassVar

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.export.base import Exporter, JsonExporter, Options, Sink, Written, exporter
from flywheel_tui.stages.export.formats.parquet import Parquet
from flywheel_tui.store.export_rows import ExportRow


@exporter("hf", suffix=".parquet", about="a Hugging Face data set folder; hf:sft and others for trainers' rows")
class HuggingFace(Exporter):
    """The folder around another format, which makes the records and the files."""

    folder = True
    shard_rows = 200_000
    total = False
    inner_format: ClassVar[type[Exporter]] = Parquet

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        self.takes = self.inner_format.takes
        super().__init__(options, sources)
        self.inner = self.inner_format(options._replace(array=False), sources)
        self.kinds, self.wants = self.inner.kinds, self.inner.wants
        self.surveys = self.inner.surveys

    @classmethod
    def holding(cls, inner: type[Exporter]) -> type[Exporter]:
        if not issubclass(inner, JsonExporter | Parquet):
            raise UsageError(f"a folder of the format hf does not hold {inner.name}; it holds the formats of JSON rows")
        made: type[Exporter] = type("HuggingFaceOf", (cls,), {"inner_format": inner})
        made.name = f"{cls.name}:{inner.name}"
        made.suffix = ".jsonl" if issubclass(inner, JsonExporter) else ".parquet"
        made.about = f"a Hugging Face data set folder of: {inner.about}"
        return made

    def survey(self, rows: Sequence[ExportRow]) -> None:
        self.inner.survey(rows)

    def convert(self, row: ExportRow) -> Any:
        return self.inner.convert(row)

    def open(self, file: BinaryIO) -> Sink:
        return self.inner.open(file)

    def notes(self) -> list[str]:
        return self.inner.notes()

    def front_matter(self, written: Sequence[Written]) -> str:
        """The card's YAML: which files are which split (every file is named, so that no other one is taken), how many
        rows, and whether some were generated. The licence is a person's to say."""
        lines = ["---", f'pretty_name: "{self.options.dataset}"', "size_categories:"]
        lines.append(f"- {_size(sum(part.pairs for part in written))}")
        if self.generated:
            lines += ["tags:", "- synthetic"]
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for part in written:
            lines.append(f"  - split: {part.part or 'train'}")
            lines.append("    path:")
            lines += [f'    - "{name}"' for name in part.files]
        return "\n".join([*lines, "---", "", ""])


def _size(rows: int) -> str:
    """The size as the hub sorts data sets by it."""
    steps = ("1K", "10K", "100K", "1M", "10M", "100M", "1B")
    at = max(len(str(rows)) - 3, 0)
    if at == 0:
        return f"n<{steps[0]}"
    return f"{steps[at - 1]}<n<{steps[at]}" if at < len(steps) else f"n>{steps[-1]}"
