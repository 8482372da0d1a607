"""Tables of recorded judgments whose columns a person named, and what to propose for columns that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages import said
from flywheel_tui.stages.judge.recorded_layouts import Asked, Known
from flywheel_tui.stages.judge.recorded_places import RawRow
from flywheel_tui.stages.judge.recorded_rows import FIELDS, Told, mapped, unread
from flywheel_tui.store import pair_keys
from flywheel_tui.store.pair_sides import turning


def table(
    rows: Sequence[RawRow], asked: Asked, mapping: Mapping[str, str], match: str, words: Mapping[str, str] | None,
    pass_at: float | None,
) -> Known:  # fmt: skip
    """A table whose columns were named. Raises UsageError for fields that are off, InputError for a column that no row
    has, and for values that could mean two things.
    """
    if unknown := set(mapping) - set(FIELDS):
        raise UsageError(f"no field {sorted(unknown)[0]!r} of a judgment; there are: {', '.join(FIELDS)}")
    if "pair" not in mapping or not {"passed", "score", "preference"} & set(mapping):
        raise UsageError("--map names the column of the pair and of passed, score or preference")
    sample = rows[:1000]
    if (absent := said.missing_column(sample, mapping.values())) is not None:
        raise InputError(
            "there is no such column", file=asked.file, line=1, field=absent,
            remedy=f"its columns are: {', '.join(map(str, rows[0]))}"[:300],
        )  # fmt: skip
    if "preference" in mapping:
        values = (said.value_of(row, mapping["preference"]) for row in sample)
        said.check_two_numbers(values, words, asked.file, mapping["preference"])
    line = _line_of(rows, mapping, asked.file, pass_at)
    find = pair_keys.finder(asked.connection, asked.dataset_id, match)
    check = turning(asked.connection)

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            try:
                found = find(said.key_of(row, mapping["pair"]))
            except pair_keys.SharedKeyError as error:
                yield Told(None, unread(""), shared=error.reason)
                continue
            pair = (found.id, found.version) if found else None
            answers = _answers(row, mapping) if "preference" in mapping else None
            turned = check(found.version, *answers) if found and answers else False
            yield Told(pair, mapped(row, mapping, line, words, turned), strange=turned is None)

    remarks = (f"scores of {line:g} and more pass",) if "score" in mapping and "passed" not in mapping else ()
    return Known("table", Path(asked.file).stem, read, remarks)


def _answers(row: RawRow, mapping: Mapping[str, str]) -> tuple[str, str] | None:
    if "first" in mapping and "second" in mapping:
        one, two = (said.value_of(row, mapping[field]) for field in ("first", "second"))
        return (str(one), str(two)) if one is not None and two is not None else None
    return said.answers_of(row)


def _line_of(rows: Sequence[RawRow], mapping: Mapping[str, str], file: str, pass_at: float | None) -> float:
    """The score from which a row passes. Where nobody said it, nothing may hang on a scale that was guessed."""
    if pass_at is not None:
        return pass_at
    if "score" not in mapping or "passed" in mapping or "preference" in mapping:
        return 7.0
    known = [score for row in rows if (score := said.score(said.value_of(row, mapping["score"]))) is not None]
    if known and not min(known) < 7.0 <= max(known):
        raise UsageError(
            f"{file}: its scores lie between {min(known):g} and {max(known):g}; say with --pass-at X from which one a"
            " pair passes"
        )
    return 7.0


_PAIRS = ("id", "idx", "pair_id", "uid", "item", "item_id", "question_id", "index", "key")
_REASONS = ("rationale", "feedback", "reason", "explanation", "judgment", "critique")
_HINTS = (
    ("preference", ("winner", "preference", "decision", "choice", "better", "label", "verdict")),
    ("passed", ("passed", "pass", "success", "correct", "verdict", "ok", "result")),
    ("score", ("score", "rating", "points", "grade")),
)


def suggestion(first: RawRow) -> str:
    """A `--map` for columns that nobody knows, from their names and values."""
    columns = _leaves(first)

    def named(names: Sequence[str]) -> list[str]:
        return [column for column in columns if column.rsplit(".", 1)[-1].lower() in names]

    for field, names in _HINTS:
        for column in named(names):
            value = said.value_of(first, column)
            reads = {"preference": said.choice(value), "passed": said.passed(value), "score": said.score(value)}[field]
            if reads is not None:
                pair, why = next(iter(named(_PAIRS)), "COLUMN"), named(_REASONS)
                return f"pair={pair},{field}={column}" + (f",rationale={why[0]}" if why else "")
    return "pair=id,preference=winner (or passed=, score=, rationale=)"


def _leaves(row: RawRow, before: str = "") -> list[str]:
    found: list[str] = []
    for name, value in row.items():
        if isinstance(value, dict) and before.count(".") < 3:
            found += _leaves(value, f"{before}{name}.")
        elif not isinstance(value, list):
            found.append(f"{before}{name}")
    return found
