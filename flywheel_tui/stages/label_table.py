"""Labels out of other tools' tables: by columns that a person names, or votes on two models as arenas write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.records.label import Decision, Source
from flywheel_tui.stages import said
from flywheel_tui.stages.judge.recorded_places import models_finder
from flywheel_tui.stages.label import check_decision
from flywheel_tui.stages.label_log import CHUNK, LogSummary
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import pair_keys
from flywheel_tui.store.pair_sides import turning

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class TableOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read labels out of somebody else's table.

    `columns` maps pair, status, preference, rating, note, reviewer to columns; `match` is what the pair column holds:
    id, uid, position, line, instruction, or meta.NAME. `words` says what values mean
    (`stages.said.parse_words`); from a rating of `approve_from` a pair is approved, below it rejected.
    """

    dataset: str
    columns: dict[str, str]
    match: str = "id"
    reviewer: str | None = None
    source: str = Source.IMPORT.value
    format: str | None = None
    words: dict[str, str] | None = None
    approve_from: float | None = None


FIELDS = ("pair", "status", "preference", "rating", "note", "reviewer", "first", "second")
"""What `--map` names: `first` and `second` are the answers in the order in which the preference names them."""


VOTES = {"preference": "winner", "reviewer": "judge"}
"""The columns of people's votes on two models (MT-bench, arenas), which need no `--map`."""


class _Place(NamedTuple):
    """The pair that a row labels, and whether the pair holds the row's answers the other way round."""

    pair: pair_keys.Found | None
    turned: bool


def import_table(workspace: Workspace, path: str, options: TableOptions) -> LogSummary:
    """Add labels from a table of another tool; importing it again adds nothing.

    Raises UsageError for columns or words that are off, InputError naming file and line for a value that cannot be
    understood (the rows before it are kept).
    """
    from flywheel_tui.stages.readers import open_source

    dataset = dataset_store.get_dataset(workspace.store.read(), options.dataset)
    source = open_source(path, options.format)
    place: Callable[[dict[str, Any]], _Place] | None = None
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for batch in source.rows():
        for reject in batch.rejects:
            refused[reject.reason] += 1
        rows = list(zip(batch.lines, batch.rows, strict=True))
        if rows and place is None:
            options = _checked(batch.rows[:1000], options, source.name)
            place = _placer(workspace, dataset.id, batch.rows[0], options, source.name)
        for start in range(0, len(rows), CHUNK):
            with workspace.store.tx(durable=True) as connection:
                for number, row in rows[start : start + CHUNK]:
                    assert place is not None
                    counts["read"] += 1
                    decision = _placed(row, place, options, source.name, number)
                    if isinstance(decision, str):
                        refused[decision] += 1
                        continue
                    label_store.know_reviewer(connection, decision.reviewer)
                    new = label_store.append_decision(connection, decision, dataset_id=dataset.id)
                    counts["added" if new else "known"] += 1
    return LogSummary(read=counts["read"], added=counts["added"], known=counts["known"], refused=dict(refused))


def _placed(
    row: dict[str, Any], place: Callable[[dict[str, Any]], _Place], options: TableOptions, file: str, line: int
) -> Decision | str:
    """The label in a row, or why there is none."""
    try:
        where = place(row)
    except pair_keys.SharedKeyError as error:
        return error.reason
    if where.pair is None:
        if "pair" not in options.columns:
            return "no pair with its question, models and turn"
        return f"no pair whose {options.match} is the value of its column"
    decision = _decision(row, options, where.pair, f"{file}:{line}", file, line)
    if decision is None:
        return "its label is empty"
    other = {"a": "b", "b": "a"}.get(decision.preference or "")
    return msgspec.structs.replace(decision, preference=other) if where.turned and other else decision


def _placer(
    workspace: Workspace, dataset_id: int, first: dict[str, Any], options: TableOptions, file: str
) -> Callable[[dict[str, Any]], _Place]:
    """A preference names an answer by its place in *this* table. Where a row carries both answers and the pair holds
    them the other way round, a and b change places.
    """
    connection = workspace.store.read()
    if "pair" not in options.columns:
        by_models = models_finder(connection, dataset_id, file, ("model_a", "model_b"))
        return lambda row: _Place(*by_models(row))
    find = pair_keys.finder(connection, dataset_id, options.match)
    check = turning(connection)

    def place(row: dict[str, Any]) -> _Place:
        pair = find(said.key_of(row, options.columns["pair"]))
        answers = _answers(row, options) if pair is not None and "preference" in options.columns else None
        return _Place(pair, bool(pair and answers and check(pair.version, *answers)))

    return place


def _checked(rows: Sequence[dict[str, Any]], options: TableOptions, file: str) -> TableOptions:
    """The options, with the columns of votes where none are named. Raises for a column that is not there, and for
    values that could mean two things.
    """
    columns = options.columns
    if not columns and {"question_id", "model_a", "model_b", *VOTES.values()} <= set(rows[0]):
        return msgspec.structs.replace(options, columns=VOTES)
    if unknown := set(columns) - set(FIELDS):
        raise UsageError(f"no label field {sorted(unknown)[0]!r}; there are: {', '.join(FIELDS)}")
    if "pair" not in columns or not {"status", "preference", "rating"} & set(columns):
        raise UsageError(
            "--map names the column of the pair and of the status, preference or rating, e.g. pair=id,status=label"
        )
    if options.reviewer is None and "reviewer" not in columns:
        raise UsageError("say who labelled: --reviewer NAME, or reviewer=COLUMN in --map")
    if (absent := said.missing_column(rows, columns.values())) is not None:
        raise InputError(
            "there is no such column", file=file, line=1, field=absent,
            remedy=f"its columns are: {', '.join(map(str, rows[0]))}"[:300],
        )  # fmt: skip
    if "preference" in columns:
        column = columns["preference"]
        said.check_two_numbers((said.value_of(row, column) for row in rows), options.words, file, column)
    return options


def _answers(row: dict[str, Any], options: TableOptions) -> tuple[str, str] | None:
    if "first" in options.columns and "second" in options.columns:
        one, two = (said.value_of(row, options.columns[field]) for field in ("first", "second"))
        return (str(one), str(two)) if one is not None and two is not None else None
    return said.answers_of(row)


def _decision(
    row: dict[str, Any], options: TableOptions, pair: pair_keys.Found, place: str, file: str, line: int
) -> Decision | None:
    """The label in a row; None where its cells are empty."""

    def value(field: str) -> Any:
        column = options.columns.get(field)
        found = said.value_of(row, column) if column else None
        return None if said.plain(found) == "" else found

    reviewer = str(value("reviewer") or options.reviewer)
    rating = _rating(value("rating"), file, line)
    status = _word(value("status"), said.status, said.STATUSES, "status", file, line, options)
    preference = _word(value("preference"), said.choice, said.CHOICES, "preference", file, line, options)
    if status is None and rating is not None and options.approve_from is not None:
        status = "approved" if rating >= options.approve_from else "rejected"
    if status is None and preference is None and rating is None and not value("note"):
        return None
    told = msgspec.json.encode([options.dataset, reviewer, status, preference, rating, place])
    decision = Decision(
        uid=blake2b(pair.uid + told, digest_size=16).digest(), pair=pair.id, version=pair.version, reviewer=reviewer,
        status=status or ("approved" if preference else None), preference=preference, rating=rating,
        note=str(value("note")) if value("note") else None, source=options.source, policy="import", answered=now_us(),
    )  # fmt: skip
    check_decision(decision)
    return decision


def _rating(value: Any, file: str, line: int) -> int | None:
    if value is None:
        return None
    number = said.score(value)
    if number is None or not number.is_integer():
        raise InputError(
            f"{value!r} is no whole number", file=file, line=line, field="rating",
            remedy="take in each reviewer's own rating instead of a mean, or round it",
        )  # fmt: skip
    return int(number)


def _word(
    value: Any, reads: Callable[..., str | None], words: dict[str, tuple[str, ...]], field: str, file: str, line: int,
    options: TableOptions,
) -> str | None:  # fmt: skip
    if value is None:
        return None
    if (word := reads(value, options.words)) is not None:
        return word
    raise InputError(
        f"{value!r} is no {field}", file=file, line=line, field=field,
        remedy="use one of: " + ", ".join(spelling for group in words.values() for spelling in group[:3])
        + f"; or say what it means, e.g. --words {next(iter(words))}={value}",
    )  # fmt: skip
