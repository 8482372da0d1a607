"""Labels in and out of a workspace as our own log: exact, and mergeable.

Two reviewers who took in the same file have the same uids for its pairs, so the log of one merges into the workspace
of the other: each event is there once, whatever the order and however often it is merged.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError, NotFoundError
from flywheel_tui.identity import parse_uid
from flywheel_tui.stages.export.files import check_free
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import label_log as log_store

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

CHUNK = 500


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What an import or a merge did. `refused` counts, by reason, what could not be placed."""

    read: int
    added: int
    known: int
    refused: dict[str, int]


def export_log(
    workspace: Workspace,
    target: Path,
    *,
    datasets: Sequence[str] = (),
    reviewer: str | None = None,
    force: bool = False,
) -> int:
    """Write the label events (and bulk actions) as JSON lines; how many events. 0600, whole or not at all.

    Raises UsageError for a file that is there already, unless `force`.
    """
    check_free([target], force=force)
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
