"""Recorded judgments of other tools as runs: what they said, in their words where nobody could read it.

A judgment that the other tool could not parse is kept with its raw text as *no verdict*. How such pairs count is a
policy of whoever compares (`skip`, `tie`, `wrong`): it is kept with the run, shown, and can be changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.records.calibration import IMPORT_POLICIES
from flywheel_tui.records.judgment import A_FIRST, B_FIRST, Judged, Missing, NoVerdict, Verdict
from flywheel_tui.stages.judge.engine import alone
from flywheel_tui.stages.judge.identity import judge_of
from flywheel_tui.stages.judge.options import JudgeReport, default_tag, valid_tag
from flywheel_tui.stages.judge.read import DEFAULT_PASS, both_orders, preferred
from flywheel_tui.stages.judge.record import ROWS, Counts
from flywheel_tui.stages.judge.run import report_of
from flywheel_tui.store import judging, pair_keys
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judging import Row
from flywheel_tui.store.pair_sides import Sides, sides_finder

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


FIELDS = ("pair", "passed", "score", "preference", "rationale")
_PREFERENCES = {
    "a": ("a", "1", "first", "left", "chosen", "response1", "output_1", "model_a"),
    "b": ("b", "2", "second", "right", "rejected", "response2", "output_2", "model_b"),
    "tie": ("tie", "0", "draw", "equal", "same"),
    "neither": ("neither", "both_bad", "both bad", "none"),
}
_PASSED = {"true": True, "pass": True, "passed": True, "yes": True, "1": True,
           "false": False, "fail": False, "failed": False, "no": False, "0": False}  # fmt: skip
_RawRow = Mapping[str, Any]


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to take in. `mapping` names columns (pair, passed, score, preference, rationale) of a table that is neither
    PandaLM's nor LLMBar's; `match` says what its pair column holds; `unparsed` None keeps the policy of the run."""

    dataset: str
    file: str
    tag: str = ""
    model: str = ""
    mapping: dict[str, str] | None = None
    match: str = "id"
    unparsed: str | None = None
    pass_at: float | None = None


class Told(NamedTuple):
    """One recorded judgment: the pair it is about (None: not in this data set) and what it says."""

    pair: tuple[int, int] | None
    judged: Judged


def import_judgments(workspace: Workspace, options: ImportOptions) -> JudgeReport:
    """Take in a file as a run; importing it again adds nothing.

    Raises UsageError for options that are off, InputError for a file that is no table or holds no judgment, or with
    the line where a mapped column holds what cannot be understood and is no text of a failed parse either.
    """
    from flywheel_tui.stages.readers import open_source

    if options.unparsed is not None and options.unparsed not in IMPORT_POLICIES:
        raise UsageError(f"--unparsed is one of: {', '.join(IMPORT_POLICIES)}")
    started = time.monotonic()
    path = Path(options.file).absolute()
    dataset = get_dataset(workspace.store.read(), options.dataset)
    rows = [row for batch in open_source(str(path)).rows() for row in batch.rows]
    if not rows:
        raise InputError("holds no judgment", file=str(path), remedy="name a file with one row for each judged pair")
    layout, read = _reader(workspace, dataset.id, rows[0], options, str(path))
    told = list(read(rows))
    found = [one for one in told if one.pair is not None]
    if not found:
        raise InputError(
            "none of its rows is about a pair of this data set", file=str(path),
            remedy="ingest what was judged first, or say with --match what its pair column holds",
        )  # fmt: skip
    digest = blake2b(path.read_bytes(), digest_size=16).hexdigest()
    model = options.model or layout.model
    judge = judge_of("import", model, "", {"layout": layout.name, "file": digest})
    tag = valid_tag(options.tag or default_tag(model))
    with workspace.store.tx() as writer:
        before = judging.find_run(writer, dataset.id, tag)
        policy = options.unparsed or (before.settings.get("unparsed") if before else None) or "skip"
        settings = {"unparsed": policy, "file": path.name, "layout": layout.name, "elsewhere": len(told) - len(found)}
        run = judging.open_run(writer, dataset.id, tag, judge, None, kind="import", settings=settings)
    with alone(workspace, run.id, tag):
        for start in range(0, len(found), ROWS):
            batch = [Row(*one.pair, one.judged) for one in found[start : start + ROWS] if one.pair is not None]
            with workspace.store.tx(durable=False) as writer:
                judging.write_rows(writer, run.id, batch)
    return report_of(
        workspace, dataset, tag, Counts(done=len(found), skipped=len(told) - len(found)), asked=len(rows),
        seconds=time.monotonic() - started,
    )  # fmt: skip


class _Layout(NamedTuple):
    name: str
    model: str


_Read = Callable[[Sequence[_RawRow]], Iterator[Told]]


def _reader(
    workspace: Workspace, dataset_id: int, first: _RawRow, options: ImportOptions, file: str
) -> tuple[_Layout, _Read]:
    connection = workspace.store.read()
    if options.mapping is not None:
        find = pair_keys.finder(connection, dataset_id, options.match)
        return _Layout("table", Path(file).stem), lambda rows: _table(rows, find, options, file)
    if isinstance(first.get("results"), list) and "output_1" in first:
        sides = sides_finder(connection, dataset_id)
        # …/evaluators/GPT-4/Vanilla/result.json: the names of the folders say who judged and how
        model = "-".join(Path(file).parts[-3:-1]) if Path(file).name == "result.json" else Path(file).stem
        return _Layout("llmbar", model), lambda rows: _llmbar(rows, sides)
    column = next((name for name in first if name.endswith("_result")), None)
    if "idx" in first and column is not None:
        find = pair_keys.finder(connection, dataset_id, "meta.idx")
        said = f"{column.removesuffix('_result')}_reason"
        model = Path(file).stem.removesuffix("-testset-v1")
        return _Layout("pandalm", model), lambda rows: _pandalm(rows, find, column, said)
    raise InputError(
        "is no known layout of recorded judgments (PandaLM, LLMBar)", file=file,
        remedy="name its columns, e.g. --map pair=id,preference=winner (or passed=, score=, rationale=)",
    )  # fmt: skip


def _unread(raw: Any, rationale: str = "") -> Judged:
    text = raw if isinstance(raw, str) else msgspec.json.encode(raw).decode()
    detail = "the other tool's judgment is no choice that can be read"
    return Judged(outcome=NoVerdict(kind=Missing.UNPARSED.value, detail=detail, raw=f"{text}\n{rationale}".strip()))


def _choice(value: Any) -> str | None:
    text = str(value).strip().lower()
    return next((word for word, spellings in _PREFERENCES.items() if text in spellings), None)


def _pandalm(
    rows: Sequence[_RawRow], find: Callable[[Any], pair_keys.Found | None], column: str, reason: str
) -> Iterator[Told]:
    """1 and 2 are the answers as they stand in the pair, 0 or Tie is a tie; anything else could not be read."""
    for row in rows:
        pair, said = find(row.get("idx")), row.get(column)
        rationale = str(row.get(reason) or "")
        choice = _choice(said)
        judged = _unread(said, rationale) if choice is None else Judged(outcome=preferred(choice, rationale=rationale))
        yield Told((pair.id, pair.version) if pair else None, judged)


def _llmbar(rows: Sequence[_RawRow], sides: Callable[[str, str, str], Sides | None]) -> Iterator[Told]:
    """Both orders of each pair: `winner` names the output by its number in the file, whichever was shown first."""
    for row in rows:
        one, two = str(row.get("output_1")), str(row.get("output_2"))
        pair = sides(str(row.get("input")), one, two)
        if pair is None:
            yield Told(None, _unread(None))
            continue
        last = row["results"][-1] if row["results"] else {}
        halves: list[tuple[int, Verdict]] = []
        unread: list[Any] = []
        for swapped in (False, True):
            said = last.get(f"swap = {swapped}") if isinstance(last, dict) else None
            if said is None:
                continue
            winner = _choice(said.get("winner")) if isinstance(said, dict) and said.get("winner") is not None else None
            if winner is None:
                unread.append(said)
                continue
            if pair.turned and winner in ("a", "b"):
                winner = "b" if winner == "a" else "a"
            order = A_FIRST if swapped == pair.turned else B_FIRST
            halves.append((order, preferred(winner, rationale=_completion(said))))
        yield Told((pair.id, pair.version), _of_halves(sorted(halves, key=lambda half: half[0]), unread))


def _completion(said: Mapping[str, Any]) -> str:
    text = said.get("completion")
    return str(text[0] if isinstance(text, list) and text else text or "")


def _of_halves(halves: list[tuple[int, Verdict]], unread: list[Any]) -> Judged:
    if unread or not halves:
        return _unread(unread)
    if len(halves) == 1:
        return Judged(outcome=halves[0][1])
    return Judged(outcome=both_orders(halves[0][1], halves[1][1]), halves=tuple(halves))


def _table(
    rows: Sequence[_RawRow], find: Callable[[Any], pair_keys.Found | None], options: ImportOptions, file: str
) -> Iterator[Told]:
    mapping = options.mapping or {}
    if unknown := set(mapping) - set(FIELDS):
        raise UsageError(f"no field {sorted(unknown)[0]!r} of a judgment; there are: {', '.join(FIELDS)}")
    if "pair" not in mapping or not {"passed", "score", "preference"} & set(mapping):
        raise UsageError("--map names the column of the pair and of passed, score or preference")
    pass_at = options.pass_at if options.pass_at is not None else max(DEFAULT_PASS.values())
    for number, row in enumerate(rows, 1):
        missing = [column for column in mapping.values() if column not in row]
        if missing:
            raise InputError(
                "there is no such column", file=file, line=number, field=missing[0],
                remedy=f"its columns are: {', '.join(map(str, row))}"[:300],
            )  # fmt: skip
        pair = find(row[mapping["pair"]])
        yield Told((pair.id, pair.version) if pair else None, _table_row(row, mapping, pass_at))


def _table_row(row: _RawRow, mapping: Mapping[str, str], pass_at: float) -> Judged:
    values = {field: row[column] for field, column in mapping.items()}
    rationale = str(values.get("rationale") or "")
    raw = {field: value for field, value in values.items() if field != "pair"}
    if "preference" in values:
        choice = _choice(values["preference"])
        return _unread(raw) if choice is None else Judged(outcome=preferred(choice, rationale=rationale))
    score = _score(values.get("score")) if "score" in values else None
    if "score" in values and score is None:
        return _unread(raw)
    passed = _PASSED.get(str(values["passed"]).strip().lower()) if "passed" in values else None
    if "passed" in values and passed is None:
        return _unread(raw)
    if passed is None:
        assert score is not None
        passed = score >= pass_at
    return Judged(outcome=Verdict(passed=passed, score=score, rationale=rationale))


def _score(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
