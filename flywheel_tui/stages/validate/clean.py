"""The clean file: the pairs without findings of severity error, in our own full layout, redacted where asked.

To redact, the checks of REDACTED look at every text again: stored findings are cut off after some per pair, and what
is left out of a file must not depend on how many were kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from flywheel_tui.expressions import parse
from flywheel_tui.stages.export.base import Options, exporter_named
from flywheel_tui.stages.export.files import NewFile, check_free
from flywheel_tui.stages.validate.base import Candidate, Check, Found, load_checks
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.export_rows import Columns, ExportRow, read_rows, sources_of
from flywheel_tui.store.selections import Where, select_pairs, where_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from flywheel_tui.workspace import Workspace

REDACTED = ("pii", "secrets")
"""Checks whose findings `--redact` replaces by marks; their messages begin with the type: `EMAIL: …`."""
_TYPE = re.compile(r"([A-Z][A-Z0-9_ -]{0,40}):")
_STEP = re.compile(r"([^.\[\]]+)|\[([0-9]{1,6})\]")
_WORTH_SEEKING = 5
_encode = msgspec.json.Encoder().encode


class CleanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Which pairs go to which file. `options` are those of the redacting checks."""

    dataset: str
    path: str
    redact: bool = False
    where: str | None = None
    options: dict[str, dict[str, Any]] = {}
    force: bool = False


class CleanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: pairs, those left out, and how many spans were replaced."""

    path: str
    pairs: int
    left_out: int
    redactions: int


def write_clean(
    workspace: Workspace,
    request: CleanOptions,
    *,
    on_progress: Callable[[int, int | None, str], None] | None = None,
) -> CleanResult:
    """Write the clean file: whole or not at all, private (0600).

    A pair that cannot be redacted for certain is left out and counted. Raises UsageError for a path that is taken.
    """
    path = Path(request.path).expanduser()
    check_free([path], force=request.force)
    connection = workspace.store.read()
    dataset = get_dataset(connection, request.dataset)
    selection = select_pairs(connection, dataset.id, _where(request))
    redactor = Redactor(request.options) if request.redact else None
    exporter = exporter_named("jsonl")(Options(), sources_of(connection, dataset.id))
    file = NewFile(path)
    try:
        sink = exporter.open(cast("BinaryIO", file))
        pairs = done = 0
        for part in selection.chunks(500):
            rows = read_rows(connection, part, Columns())
            kept = redactor.apply(rows) if redactor else rows
            sink.write([exporter.convert(row) for row in kept])
            pairs += len(kept)
            done += len(rows)
            if on_progress:
                on_progress(done, len(selection), "writing the clean file")
        sink.close()
        file.finish()
        file.commit(force=request.force)
    finally:
        file.discard()
    redactions = redactor.count if redactor else 0
    return CleanResult(path=str(path), pairs=pairs, left_out=dataset.pairs - pairs, redactions=redactions)


def _where(request: CleanOptions) -> Where:
    asked = where_of(parse(request.where)) if request.where else Where()
    clean = "c.severity IS NULL OR c.severity <> 'error'"
    if request.redact:
        # what is replaced by a mark is an error no longer
        names = ", ".join(f"'{name}'" for name in REDACTED)
        clean += (
            " OR NOT EXISTS (SELECT 1 FROM finding f WHERE f.pair_id = c.pair_id AND f.severity = 'error'"
            f" AND f.check_name NOT IN ({names}))"
        )
    both = f"({clean}) AND ({asked.sql})" if asked.sql else clean
    return Where(both, asked.parameters, asked.pair)


class Redactor:
    """Replaces what the checks of REDACTED find by marks: `[EMAIL]`, `[CARD]` …"""

    def __init__(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        known = load_checks(True)
        self.checks: list[Check] = []
        for name in REDACTED:
            if name in known:
                asked = dict(options.get(name, {}))
                if "policy" in known[name].options:
                    asked["policy"] = "strict"
                self.checks.append(known[name](**asked))
        self.count = 0

    def apply(self, rows: Sequence[ExportRow]) -> list[ExportRow]:
        """The rows with marks in place; without those of which something could not be replaced."""
        found = self._found([
            Candidate(row.pair_id, row.kind, row.instruction, row.input, row.output, row.body, row.meta)
            for row in rows
        ])  # fmt: skip
        return [row for row in rows if row.pair_id not in found or self._redact(row, found[row.pair_id])]

    def _found(self, rows: Sequence[Candidate]) -> dict[int, list[Found | None]]:
        """Findings by version; None stands for a check that could not look."""
        found: dict[int, list[Found | None]] = {}
        for check in self.checks:
            for row in rows:
                if row.unreadable:
                    found.setdefault(row.id, []).append(None)
            try:
                for one in check.look(rows):
                    found.setdefault(one.pair, []).append(one)
            except Exception:
                for row in rows:
                    found.setdefault(row.id, []).extend(_look_alone(check, row))
        return found

    def _redact(self, row: ExportRow, found: Iterable[Found | None]) -> bool:
        by_field: dict[str, list[tuple[int, int, str]]] = {}
        for one in found:
            if one is None or one.field is None or one.start is None or one.end is None:
                return False
            by_field.setdefault(one.field, []).append((one.start, one.end, mark_of(one.message)))
        body = msgspec.json.decode(row.body) if row.body else None
        meta = msgspec.json.decode(row.meta) if row.meta else None
        values: dict[str, str] = {}
        for field, spans in by_field.items():
            if not self._redact_field(row, body, field, spans, values):
                return False
        # the same value may stand where no check looks: the arguments of a call, the notes in meta
        for name in ("instruction", "input", "output"):
            if text := getattr(row, name):
                setattr(row, name, _replaced(text, values))
        row.body = _encode(_deep(body, values)).decode() if body is not None else None
        row.meta = _encode(_deep(meta, values)).decode() if meta is not None else None
        return True

    def _redact_field(
        self, row: ExportRow, body: Any, field: str, spans: list[tuple[int, int, str]], values: dict[str, str]
    ) -> bool:
        of_row = field in ("instruction", "input", "output")
        holder: Any = None
        key: Any = None
        if not of_row:
            holder, key = _holder(body, field)
        text = getattr(row, field) if of_row else _at(holder, key)
        if not isinstance(text, str):
            return False
        new = marked(text, spans)
        self.count += len(spans)
        for start, end, mark in spans:
            if end - start >= _WORTH_SEEKING:
                values[text[start:end]] = mark
        if of_row:
            setattr(row, field, new)
            _same_messages(body, text, new)
        else:
            holder[key] = new
        return True


def _look_alone(check: Check, row: Candidate) -> list[Found | None]:
    try:
        return list(check.look([row]))
    except Exception:
        # whatever it was: a row that could not be looked at is left out of the file
        return [None]


def mark_of(message: str) -> str:
    """The mark for a finding, from the type its message begins with: `EMAIL: a@b.example` -> `[EMAIL]`."""
    match = _TYPE.match(message)
    return f"[{match[1].strip()}]" if match else "[REDACTED]"


def marked(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """`text` with marks in place of the spans; spans that overlap become one, with the mark of the first."""
    pieces: list[str] = []
    at = 0
    for start, end, mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= at:
            pieces += [text[at:start], mark]
        at = max(at, end)
    return "".join(pieces) + text[at:]


def _holder(body: Any, path: str) -> tuple[Any, Any]:
    """What holds the value at a path such as `body.messages[2].content`, and its key; (None, None): nothing does."""
    steps = [name or int(index) for name, index in _STEP.findall(path)][1:]
    if not steps or not path.startswith("body."):
        return None, None
    value = body
    for step in steps[:-1]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None, None
    return (value, steps[-1]) if isinstance(value, (dict, list)) else (None, None)


def _at(holder: Any, key: Any) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError, TypeError):
        return None


def _same_messages(body: Any, old: str, new: str) -> None:
    """Put the new text into the messages that only repeated the old one."""
    for message in (body or {}).get("messages") or ():
        if isinstance(message, dict) and message.get("content") == old:
            message["content"] = new


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for value, mark in values.items():
        text = text.replace(value, mark)
    return text


def _deep(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _replaced(value, values)
    if isinstance(value, list):
        return [_deep(item, values) for item in value]
    if isinstance(value, dict):
        return {_replaced(str(key), values): _deep(item, values) for key, item in value.items()}
    return value
