"""Labels in and out of a workspace: our own log (exact, mergeable) and other tools' tables.

Two reviewers who took in the same file have the same uids for its pairs, so the log of one merges into the workspace
of the other: each event is there once, whatever the order and however often it is merged.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.identity import now_us, parse_uid
from flywheel_tui.records.label import Decision, Source
from flywheel_tui.stages.export.files import check_free
from flywheel_tui.stages.label import check_decision
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import label_log as log_store
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import pair_keys
from flywheel_tui.store.pair_sides import Sides, sides_finder

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

CHUNK = 500

_STATUS_WORDS = {
    "approved": (
        "approved",
        "approve",
        "accepted",
        "accept",
        "good",
        "pass",
        "passed",
        "yes",
        "true",
        "1",
        "keep",
        "ok",
    ),
    "rejected": ("rejected", "reject", "bad", "fail", "failed", "no", "false", "0", "drop"),
    "skipped": ("skipped", "skip", "unsure", "na", "n/a"),
}
_PREFERENCE_WORDS = {
    "a": ("a", "1", "first", "left", "chosen", "response1", "output_1"),
    "b": ("b", "2", "second", "right", "rejected", "response2", "output_2"),
    "tie": ("tie", "0", "draw", "equal", "both"),
    "neither": ("neither", "both bad", "none"),
}


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What an import or a merge did. `refused` counts, by reason, what could not be placed."""

    read: int
    added: int
    known: int
    refused: dict[str, int]


def export_log(workspace: Workspace, target: Path, *, datasets: Sequence[str] = (), reviewer: str | None = None) -> int:
    """Write the label events (and bulk actions) as JSON lines; how many events. 0600, whole or not at all."""
    check_free([target], force=True)
    connection = workspace.store.read()
    ids = _dataset_ids(workspace, datasets)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
            for line in log_store.batches(connection, ids):
                if reviewer in (None, line["reviewer"]):
                    file.write(msgspec.json.encode(line) + b"\n")
            after = 0
            while True:
                lines, after = log_store.events(connection, ids, reviewer, after, CHUNK)
                if not lines:
                    break
                file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
                count += len(lines)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _dataset_ids(workspace: Workspace, names: Sequence[str]) -> list[int]:
    connection = workspace.store.read()
    if names:
        return [dataset_store.get_dataset(connection, name).id for name in names]
    return [row.id for row in dataset_store.list_datasets(connection)]


def read_log(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """`(line, event or batch)` of a log file. Raises InputError for a line that is none."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                line = decode(raw)
                if line.get("type") not in ("event", "batch"):
                    raise ValueError("is neither an event nor a batch")
                if any(not isinstance(line[name], str) for name in ("uid", "dataset", "reviewer")):
                    raise ValueError("uid, dataset and reviewer are texts")
            except (msgspec.DecodeError, ValueError, KeyError) as error:
                raise InputError(
                    f"not a line of a label log ({error})", file=str(path), line=number,
                    remedy="export it again with: flywheel label export",
                ) from error  # fmt: skip
            yield number, line


def is_log(path: Path) -> bool:
    """Whether a file is a log of ours (by its first line)."""
    try:
        return path.is_file() and bool(next(read_log(path), None))
    except (InputError, OSError):
        return False


def import_log(
    workspace: Workspace,
    lines: Iterable[tuple[int, dict[str, Any]]],
    *,
    file: str,
    dataset: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> LogSummary:
    """Add events that are not here yet; `dataset` places them all in one data set instead of the one they name."""
    names = {row.name: row.id for row in dataset_store.list_datasets(workspace.store.read())}
    if dataset is not None and dataset not in names:
        raise NotFoundError("data set", dataset, sorted(names))
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for chunk in _chunks(lines):
        with workspace.store.tx(durable=True) as connection:
            touched: set[int] = set()
            for number, line in chunk:
                counts["read"] += 1
                dataset_id = names.get(dataset or line["dataset"])
                if dataset_id is None:
                    refused[f"no data set named {line['dataset']!r} here"] += 1
                    continue
                try:
                    touched |= _import_line(connection, dataset_id, line, counts, refused)
                except (KeyError, TypeError, ValueError, connection.IntegrityError) as error:
                    raise InputError(
                        f"not a label event ({error}); the lines before it are kept", file=file, line=number,
                        remedy="export it again with: flywheel label export",
                    ) from error  # fmt: skip
            log_store.project(connection, touched)
        if on_progress:
            on_progress(counts["read"])
    return LogSummary(read=counts["read"], added=counts["added"], known=counts["known"], refused=dict(refused))


def _import_line(
    connection: Any, dataset_id: int, line: dict[str, Any], counts: Counter[str], refused: Counter[str]
) -> set[int]:
    if line["type"] == "batch":
        log_store.add_batch(connection, dataset_id, line)
        counts["read"] -= 1
        return set()
    parse_uid(line["uid"])
    root_id = log_store.find_pair(connection, dataset_id, line.get("pair"))
    version_id = log_store.find_pair(connection, dataset_id, line.get("version"))
    if line["action"] != "undo" and (root_id is None or version_id is None):
        refused["the pair is not in this workspace: ingest the same file first"] += 1
        return set()
    new = log_store.add_event(connection, dataset_id, line, root_id, version_id)
    counts["added" if new else "known"] += 1
    return log_store.touched_by(connection, line, root_id) if new else set()


def _chunks(lines: Iterable[Any]) -> Iterator[list[Any]]:
    held: list[Any] = []
    for line in lines:
        held.append(line)
        if len(held) >= CHUNK:
            yield held
            held = []
    if held:
        yield held


def merge_workspace(workspace: Workspace, other: Workspace, **options: Any) -> LogSummary:
    """Add every label event of another workspace."""
    connection = other.store.read()
    ids = _dataset_ids(other, ())

    def lines() -> Iterator[tuple[int, dict[str, Any]]]:
        number = 0
        for line in log_store.batches(connection, ids):
            yield number, line
        after = 0
        while True:
            found, after = log_store.events(connection, ids, None, after, CHUNK)
            if not found:
                return
            for line in found:
                number += 1
                yield number, line

    return import_log(workspace, lines(), file=str(other.root), **options)


class TableOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read labels out of somebody else's table.

    `columns` maps pair, status, preference, rating, note, reviewer to columns; `match` is what the pair column holds:
    id, uid, position, line, instruction, or meta.NAME.
    """

    dataset: str
    columns: dict[str, str]
    match: str = "id"
    reviewer: str | None = None
    source: str = Source.IMPORT.value
    format: str | None = None


FIELDS = ("pair", "status", "preference", "rating", "note", "reviewer")


def import_table(workspace: Workspace, path: str, options: TableOptions) -> LogSummary:
    """Add labels from a table of another tool; importing it again adds nothing.

    Raises UsageError for columns or words that are off, InputError naming file and line for a value that cannot be
    understood (the rows before it are kept).
    """
    from flywheel_tui.stages.readers import open_source

    if unknown := set(options.columns) - set(FIELDS):
        raise UsageError(f"no label field {sorted(unknown)[0]!r}; there are: {', '.join(FIELDS)}")
    if "pair" not in options.columns or not {"status", "preference", "rating"} & set(options.columns):
        raise UsageError(
            "--map names the column of the pair and of the status, preference or rating, e.g. pair=id,status=label"
        )
    if options.reviewer is None and "reviewer" not in options.columns:
        raise UsageError("say who labelled: --reviewer NAME, or reviewer=COLUMN in --map")
    dataset = dataset_store.get_dataset(workspace.store.read(), options.dataset)
    source = open_source(path, options.format)
    find = pair_keys.finder(workspace.store.read(), dataset.id, options.match)
    turned = _turner(workspace, dataset.id, options)
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for batch in source.rows():
        for reject in batch.rejects:
            refused[reject.reason] += 1
        rows = list(zip(batch.lines, batch.rows, strict=True))
        for start in range(0, len(rows), CHUNK):
            with workspace.store.tx(durable=True) as connection:
                for number, row in rows[start : start + CHUNK]:
                    counts["read"] += 1
                    pair = find(row.get(options.columns["pair"]))
                    if pair is None:
                        refused[f"no pair whose {options.match} is the value of its column"] += 1
                        continue
                    decision = _table_decision(row, options, pair, f"{source.name}:{number}", source.name, number)
                    decision = turned(row, decision)
                    label_store.know_reviewer(connection, decision.reviewer)
                    new = label_store.append_decision(connection, decision, dataset_id=dataset.id)
                    counts["added" if new else "known"] += 1
    return LogSummary(read=counts["read"], added=counts["added"], known=counts["known"], refused=dict(refused))


def _turner(
    workspace: Workspace, dataset_id: int, options: TableOptions
) -> Callable[[dict[str, Any], Decision], Decision]:
    """A preference names an answer by its place in *this* table. Where a row carries both answers (input, output_1,
    output_2) and the pair holds them the other way round, a and b change places.
    """
    if "preference" not in options.columns:
        return lambda row, decision: decision
    sides: Callable[[str, str, str], Sides | None] | None = None
    other = {"a": "b", "b": "a"}

    def turned(row: dict[str, Any], decision: Decision) -> Decision:
        nonlocal sides
        texts = [row.get(column) for column in ("input", "output_1", "output_2")]
        if decision.preference not in other or not all(isinstance(text, str) for text in texts):
            return decision
        sides = sides or sides_finder(workspace.store.read(), dataset_id)
        found = sides(*(str(text) for text in texts))
        if found is None or found.id != decision.pair or not found.turned:
            return decision
        return msgspec.structs.replace(decision, preference=other[decision.preference])

    return turned


def _table_decision(
    row: dict[str, Any], options: TableOptions, pair: pair_keys.Found, place: str, file: str, line: int
) -> Decision:
    def value(field: str) -> Any:
        column = options.columns.get(field)
        return row.get(column) if column else None

    reviewer = str(value("reviewer") or options.reviewer)
    status = _word(value("status"), _STATUS_WORDS, "status", file, line)
    preference = _word(value("preference"), _PREFERENCE_WORDS, "preference", file, line)
    rating = value("rating")
    if rating is not None and (isinstance(rating, bool) or not str(rating).lstrip("-").isdigit()):
        raise InputError(f"{rating!r} is no whole number", file=file, line=line, field="rating", remedy="correct it")
    said = msgspec.json.encode([options.dataset, reviewer, status, preference, rating, place])
    decision = Decision(
        uid=blake2b(pair.uid + said, digest_size=16).digest(), pair=pair.id, version=pair.version, reviewer=reviewer,
        status=status or ("approved" if preference else None), preference=preference,
        rating=int(rating) if rating is not None else None, note=str(value("note")) if value("note") else None,
        source=options.source, policy="import", answered=now_us(),
    )  # fmt: skip
    check_decision(decision)
    return decision


def _word(value: Any, words: dict[str, tuple[str, ...]], field: str, file: str, line: int) -> str | None:
    if value is None or value == "":
        return None
    text = str(value).strip().lower()
    for word, spellings in words.items():
        if text in spellings:
            return word
    raise InputError(
        f"{value!r} is no {field}", file=file, line=line, field=field,
        remedy="use one of: " + ", ".join(spelling for group in words.values() for spelling in group[:3]),
    )  # fmt: skip
