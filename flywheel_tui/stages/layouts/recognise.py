"""Which layout rows have, found from their columns; `--map` and `--kind` obeyed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from flywheel_tui.errors import InputError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import LAYOUTS, Layout, Row, RowError, load_layouts
from flywheel_tui.stages.layouts.mapping import apply_map, check_map
from flywheel_tui.stages.layouts.notes import Notes
from flywheel_tui.stages.layouts.recast import recast
from flywheel_tui.stages.readers.base import Batch, Reject

SAMPLE = 100
_REMEMBERED = 1000
_COMMON = ("alpaca", "messages", "question_answer")
_NO_TEXT = ("id", "idx", "index", "key", "uid", "uuid", "date", "url")


class Recognised:
    """The layout of a source: `convert` a row, or `convert_batch` for speed.

    Rows whose columns differ from the first ones are looked at anew; each set of columns is looked at once.
    """

    def __init__(self, main: Layout, kind: str | None, mapping: Mapping[str, str] | None, file: Path | None) -> None:
        self.main, self.wanted, self.mapping, self.file = main, kind, mapping, file
        self._by_columns: dict[tuple[str, ...], Layout] = {}
        self._made: dict[str, Layout] = {main.name: main}

    @property
    def name(self) -> str:
        """The name of the layout that most of the first rows have."""
        return self.main.name

    @property
    def kind(self) -> str:
        """The kind of pair that rows of it mostly make."""
        return self.wanted or self.main.kind

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        """The drafts of one row; raises RowError, also where the columns of this row are those of no layout."""
        if self.mapping:
            row = apply_map(row, self.mapping)
        columns = tuple(row)
        layout = self._by_columns.get(columns)
        if layout is None:
            if len(self._by_columns) >= _REMEMBERED:
                self._by_columns.clear()
            layout = self._by_columns[columns] = self._layout_for(row)
        drafts = layout.convert(row, line, notes)
        if self.wanted:
            drafts = [recast(draft, self.wanted) for draft in drafts]
        return drafts

    def convert_batch(self, batch: Batch, notes: Notes) -> tuple[list[Draft], list[Reject]]:
        """The drafts of a batch, and its rejects: those of the reader and those of the layout, by line."""
        drafts: list[Draft] = []
        rejects = list(batch.rejects)
        convert = self.convert
        known = self._by_columns if not self.mapping and not self.wanted else {}
        for index, (row, line) in enumerate(zip(batch.rows, batch.lines, strict=True)):
            try:
                layout = known.get(tuple(row))
                drafts += layout.convert(row, line, notes) if layout else convert(row, line, notes)
            except RowError as error:
                rejects.append(batch.reject(index, error.message, error.remedy, error.field))
        rejects.sort(key=lambda reject: reject.line)
        return drafts, rejects

    def _layout_for(self, row: Row) -> Layout:
        if any("\0" in column for column in row):
            raise RowError("", "the name of a column holds a NUL character", "take the character out")
        if self.main.fits(row):
            return self.main
        for cls in _ranked():
            if cls.fits(row):
                if cls.name not in self._made:
                    self._made[cls.name] = cls(self.file)
                return self._made[cls.name]
        raise RowError(
            "",
            f"its columns ({_listed(row)}) are not those of the other rows ({', '.join(self.main.columns)})",
            "add the missing columns, or name them with --map",
        )


def recognise(
    rows: Sequence[Row],
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    file: str | Path | None = None,
) -> Recognised:
    """The layout of the first rows of a source (100 are enough).

    `kind` is the kind that a person asked for, `mapping` what `parse_map` gave. Raises InputError where a mapped
    column is not there, and where no layout fits: it lists the columns found, the nearest layouts and a `--map` to try.
    """
    sample = list(rows[:SAMPLE])
    name, path = (str(file), Path(file)) if file is not None else ("", None)
    if mapping:
        check_map(mapping, sample, name)
        sample = [apply_map(row, mapping) for row in sample]
    for external in (False, True):
        load_layouts(external)
        best = _best(sample)
        if best is not None:
            return Recognised(best(path), kind, mapping, path)
    raise _unknown(sample, name, path)


def _best(sample: Sequence[Row]) -> type[Layout] | None:
    """The most particular layout that half of the rows have, else the one that most of them have."""
    best, most = None, 0
    for cls in _ranked():
        fitting = sum(map(cls.fits, sample))
        if 2 * fitting >= len(sample) > 0:
            return cls
        if fitting > most:
            best, most = cls, fitting
    return best


def _ranked() -> list[type[Layout]]:
    return sorted(LAYOUTS.values(), key=lambda cls: (cls.rank, cls.name))


def _listed(row: Row) -> str:
    return ", ".join(list(row)[:20]) or "none"


def _unknown(sample: Sequence[Row], name: str, path: Path | None) -> InputError:
    columns = list(dict.fromkeys(column for row in sample for column in row))
    shown = ", ".join(columns[:20]) or "none"
    by_columns = {cls.columns: cls for cls in reversed(_ranked())}.values()
    near = sorted(by_columns, key=lambda cls: (-_nearness(cls, columns), cls.name not in _COMMON, cls.rank))[:3]
    layouts = "; ".join(f"{cls.name} ({', '.join(cls.columns)})" for cls in near)
    return InputError(
        f"its columns ({shown}) are those of no known layout; the nearest are {layouts}",
        file=name,
        line=1 if sample else None,
        remedy=f"say which column is which, for example --map {_suggestion(sample, columns)!r}",
    )


def _nearness(cls: type[Layout], columns: Sequence[str]) -> float:
    """How much of a layout's columns is there, by name or nearly so."""
    found = sum(bool(difflib.get_close_matches(needed, columns, n=1, cutoff=0.7)) for needed in cls.columns)
    return found / len(cls.columns)


def _suggestion(sample: Sequence[Row], columns: Sequence[str]) -> str:
    """A mapping from the columns that hold the longest texts: the longest is most likely the answer."""
    lengths = {column: sum(len(row[column]) for row in sample if type(row.get(column)) is str) for column in columns}
    texts = [column for column in columns if lengths[column] and column.lower().split("_")[-1] not in _NO_TEXT]
    texts.sort(key=lambda column: -lengths[column])
    if len(texts) < 2:
        return "instruction=COLUMN,output=COLUMN"
    first, second = sorted(texts[:2], key=list(columns).index)
    return f"instruction={first},output={second}"
