"""Recorded judgments of other tools as runs: what they said, in their words where nobody could read it.

A judgment that the other tool could not parse is kept with its raw text as *no verdict*. How such pairs count is a
policy of whoever compares (`skip`, `tie`, `wrong`): it is kept with the run, shown, and can be changed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.records.calibration import IMPORT_POLICIES
from flywheel_tui.records.judgment import NoVerdict
from flywheel_tui.stages.judge import recorded_layouts as layouts
from flywheel_tui.stages.judge.identity import judge_of
from flywheel_tui.stages.judge.options import JudgeReport, default_tag, valid_tag
from flywheel_tui.stages.judge.record import ROWS, Counts
from flywheel_tui.stages.judge.recorded_rows import FIELDS as FIELDS
from flywheel_tui.stages.judge.recorded_rows import ORDERS, Told
from flywheel_tui.stages.judge.recorded_tables import suggestion, table
from flywheel_tui.stages.judge.run import report_of
from flywheel_tui.stages.judge.work import alone_at
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judging import Row

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.recorded_layouts import Asked, Known
    from flywheel_tui.stages.judge.recorded_places import RawRow
    from flywheel_tui.workspace import Workspace


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to take in. `mapping` names columns (`FIELDS`) of a table that is of no known layout; `match` says what its
    pair column holds, `words` what its values mean (`stages.said.parse_words`), `pass_at` from which score a pair
    passes where nothing else says it. `orders` makes one verdict of two; `unparsed` None keeps the policy of the run.
    """

    dataset: str
    file: str
    tag: str = ""
    model: str = ""
    mapping: dict[str, str] | None = None
    match: str = "id"
    unparsed: str | None = None
    pass_at: float | None = None
    words: dict[str, str] | None = None
    orders: str = "agree"


def import_judgments(workspace: Workspace, options: ImportOptions) -> JudgeReport:
    """Take in a file as a run; importing it again adds nothing.

    Raises UsageError for options that are off, InputError for a file that is no table, holds no judgment, or whose
    columns nobody knows.
    """
    if options.unparsed is not None and options.unparsed not in IMPORT_POLICIES:
        raise UsageError(f"--unparsed is one of: {', '.join(IMPORT_POLICIES)}")
    if options.orders not in ORDERS:
        raise UsageError(f"--orders is one of: {', '.join(ORDERS)}")
    started = time.monotonic()
    path = Path(options.file).absolute()
    dataset = get_dataset(workspace.store.read(), options.dataset)
    rows, remarks = _rows(path)
    asked = layouts.Asked(workspace.store.read(), dataset.id, str(path), options.orders, options.pass_at)
    known = _known(asked, rows, options)
    told = list(known.read(rows))
    found = _once([one for one in told if one.pair is not None], remarks)
    shared = Counter(one.shared for one in told if one.shared)
    remarks += [f"{count:,} rows cannot be placed: {reason}" for reason, count in shared.items()]
    if not found and shared:
        raise InputError(f"none of its rows can be placed: {next(iter(shared))}", file=str(path), remedy="name it")
    if not found:
        raise InputError(
            "none of its rows is about a pair of this data set", file=str(path),
            remedy="ingest what was judged first, or say with --match what its pair column holds",
        )  # fmt: skip
    digest = blake2b(path.read_bytes(), digest_size=16).hexdigest()
    model = options.model or known.model
    judge = judge_of("import", model, "", {"layout": known.name, "file": digest} | _how(options))
    tag = valid_tag(options.tag or default_tag(model))
    elsewhere = sum(one.pair is None for one in told)
    with workspace.store.tx() as writer:
        before = judging.find_run(writer, dataset.id, tag)
        policy = options.unparsed or (before.settings.get("unparsed") if before else None) or "skip"
        settings = {"unparsed": policy, "file": path.name, "layout": known.name, "elsewhere": elsewhere}
        run = judging.open_run(writer, dataset.id, tag, judge, None, kind="import", settings=settings)
    with alone_at(workspace, run.id, tag):
        for start in range(0, len(found), ROWS):
            batch = [Row(*one.pair, one.judged) for one in found[start : start + ROWS] if one.pair is not None]
            with workspace.store.tx(durable=False) as writer:
                judging.write_rows(writer, run.id, batch)
    report = report_of(
        workspace, dataset, tag, Counts(done=len(found), skipped=elsewhere), asked=len(rows),
        seconds=time.monotonic() - started,
    )  # fmt: skip
    return msgspec.structs.replace(report, remarks=(*known.remarks, *remarks, *_strange(told, found, known)))


def _rows(path: Path) -> tuple[Sequence[RawRow], list[str]]:
    """The rows of a file; what could not be read of it is told, since a judgment may be missing for it."""
    from flywheel_tui.stages.readers import open_source

    rows: list[RawRow] = []
    rejects = []
    for batch in open_source(str(path)).rows():
        rows += batch.rows
        rejects += batch.rejects
    remarks = []
    if rejects:
        first = rejects[0]
        remarks.append(f"{len(rejects):,} rows of the file could not be read and are no judgments (line {first.line}:"
                       f" {first.reason})")  # fmt: skip
    rows = list(layouts.unwrapped(rows))
    if not rows:
        raise InputError("holds no judgment", file=str(path), remedy="name a file with one row for each judged pair")
    return rows, remarks


def _known(asked: Asked, rows: Sequence[RawRow], options: ImportOptions) -> Known:
    if options.mapping is not None:
        return table(rows, asked, options.mapping, options.match, options.words, options.pass_at)
    known = layouts.recognised(rows[0], asked) or layouts.promptfoo(rows, asked, options.match)
    if known is None:
        raise InputError(
            "is no known layout of recorded judgments (PandaLM, LLMBar, JudgeBench, MT-bench, AlpacaEval, scores of"
            " chosen and rejected, promptfoo)", file=asked.file,
            remedy=f"name its columns, e.g. --map {suggestion(rows[0])}",
        )  # fmt: skip
    return known


def _how(options: ImportOptions) -> dict[str, Any]:
    """What of the options changes the verdicts: the same file read otherwise is another judge."""
    how: dict[str, Any] = {}
    if options.orders != "agree":
        how["orders"] = options.orders
    if options.words:
        how["words"] = options.words
    if options.pass_at is not None:
        how["pass_at"] = options.pass_at
    return how


def _once(told: Sequence[Told], remarks: list[str]) -> list[Told]:
    """The first judgment of each pair; further ones of the same pair are told, and left out."""
    seen: set[Any] = set()
    kept = [one for one in told if one.pair not in seen and not seen.add(one.pair)]  # type: ignore[func-returns-value]
    if len(kept) < len(told):
        remarks.append(f"{len(told) - len(kept):,} rows are about the pair of an earlier row; the first counts")
    return kept


def _strange(told: Sequence[Told], found: Sequence[Told], known: Known) -> list[str]:
    remarks = []
    if count := sum(one.pair is None and not one.shared for one in told):
        remarks.append(f"{count:,} rows are about no pair of this data set")
    if count := sum(one.strange for one in found):
        remarks.append(f"{count:,} rows name answers that are not those of their pair: see whether they belong to it")
    kinds = Counter(isinstance(one.judged.outcome, NoVerdict) for one in found)
    if kinds[True] > kinds[False]:
        remarks.append("most judgments could not be read: see the raw text, and say what its values mean with --words")
    return remarks
