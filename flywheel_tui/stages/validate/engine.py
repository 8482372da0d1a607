"""The validation run: versions stream past the checks in batches, what is found is written in short transactions.

What a batch gave and how far its checks have come are written together, so a run that is stopped at any moment (or
killed) goes on from there. Only versions above a check's watermark are looked at; checks that compare pairs start over
when anything in the data set has changed.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from flywheel_tui.errors import ConflictError, FlywheelError, UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.identity import now_us
from flywheel_tui.stages.validate.base import Candidate, Found
from flywheel_tui.stages.validate.look import Looked, candidates, checked, feed, look, of_kinds
from flywheel_tui.stages.validate.plan import Line, plan
from flywheel_tui.stages.validate.report import CheckReport, ValidationReport, line_of, ordered, passes
from flywheel_tui.store import findings as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.findings import FindingRow, VersionRow
from flywheel_tui.store.selections import select_pairs, where_of

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace

Say = Callable[[int, int | None, str], None]

TRANSACTION_ROWS = 2_000
WHERE_ROWS = 200


class ValidateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to validate, and how. `checks=None` runs those that run by default, `options` are by check.

    `where` looks at the pairs that an expression matches, and among them only; `again` looks at every pair again.
    `pii_policy` stands in for the setting. `report` and `write_clean` are paths ("" for the default place).
    """

    dataset: str
    checks: tuple[str, ...] | None = None
    options: dict[str, dict[str, Any]] = {}
    where: str | None = None
    again: bool = False
    fail_on: Literal["error", "warning", "never"] = "error"
    pii_policy: Literal["strict", "warn", "off"] | None = None
    examples: int = 5
    report: str | None = None
    every_finding: bool = False
    write_clean: str | None = None
    redact: bool = False
    force: bool = False


def validate(workspace: Workspace, options: ValidateOptions, *, on_progress: Say | None = None) -> ValidationReport:
    """Run the checks over what is new; `on_progress(done, total, phase)` after each batch, what it raises ends the run.

    Raises NotFoundError, UsageError, ExpressionError, MissingExtraError; ConflictError where another process validates
    the same data set.
    """
    dataset = get_dataset(workspace.store.read(), options.dataset)
    with _alone(workspace, dataset.id, dataset.name):
        run = _Run(workspace, options, on_progress or _silent)
        run.go()
        return run.report()


def run_job(workspace: Workspace, args: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """The job kind "validate": the arguments are the fields of ValidateOptions, with absolute paths.

    Writes the report (and the clean file) too; the result is the report.
    """
    from flywheel_tui.stages.validate.outcome import write_outcome

    def say(done: int, total: int | None, phase: str) -> None:
        task.progress(done, total, phase)
        task.check()

    options = msgspec.convert(dict(args), ValidateOptions)
    report = write_outcome(workspace, options, validate(workspace, options, on_progress=say), on_progress=say)
    result: dict[str, Any] = msgspec.to_builtins(report)
    return result


def _silent(done: int, total: int | None, phase: str) -> None:
    return


@contextmanager
def _alone(workspace: Workspace, dataset_id: int, name: str) -> Iterator[None]:
    """One validation of a data set at a time; the lock goes with its process, however that ends."""
    path = workspace.store.path
    descriptor = os.open(path.with_name(f"{path.name}.validate-{dataset_id}"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConflictError(f"{name!r} is being validated already; wait for it (flywheel jobs ls shows it)") from error
    try:
        yield
    finally:
        os.close(descriptor)


class _Run:
    def __init__(self, workspace: Workspace, options: ValidateOptions, say: Say) -> None:
        self.started, self._clock = now_us(), time.monotonic()
        self.workspace, self.options, self.say = workspace, options, say
        self.connection = workspace.store.read()
        self.dataset = get_dataset(self.connection, options.dataset)
        self.policy = options.pii_policy or workspace.settings.pii_policy
        self.expression = parse(options.where) if options.where else None
        states = store.states_of(self.connection, self.dataset.id)
        self.lines, self.skipped = plan(
            options.checks, options.options, states, policy=self.policy, again=options.again
        )
        if not self.lines:
            raise UsageError("no check is left to run; name some with --checks")
        self.had = {line.name: store.has_findings(self.connection, self.dataset.id, line.name) for line in self.lines}
        self.single = [line for line in self.lines if not line.compares]
        self.marks = {line.name: self._mark(line) for line in self.lines if line.compares}
        self.comparing = [line for line in self.lines if line.compares and self._is_stale(line)]
        self.looked_at = 0

    def _mark(self, line: Line) -> str:
        return store.mark_of(self.connection, self.dataset.id, labels=line.check.reads_labels)

    def _is_stale(self, line: Line) -> bool:
        return self.expression is not None or line.state is None or line.state.mark != self.marks[line.name]

    # -- the pass over the versions ----------------------------------------------------------------------------------

    def go(self) -> None:
        for line in self.comparing:
            line.check.tick = self._tick  # type: ignore[method-assign]
        if self.expression is not None:
            self._pass(self._selected(), None)
        else:
            after = 0 if self.comparing else min([line.upto for line in self.single], default=0)
            versions = store.Versions(self.connection, self.dataset.id, after)
            total = versions.count()
            self._pass(iter(versions.read, []), total)
        self._forget_partly_known()
        for line in self.comparing:
            self._compare(line)

    def _forget_partly_known(self) -> None:
        """After a look at some pairs with other options than the rest: the next full run must look at all."""
        changed = [line for line in self.single if not line.known]
        if self.expression is not None and changed:
            with self.workspace.store.tx(durable=False) as connection:
                for line in changed:
                    store.write_state(connection, self.dataset.id, line.name, line.new_state(0))

    def _tick(self) -> None:
        self.say(self.looked_at, None, self.phase)

    phase = "looking"

    def _selected(self) -> Iterator[list[VersionRow]]:
        """The pairs that the filter matches, as of one moment."""
        where = where_of(self.expression)
        selection = select_pairs(
            self.connection, self.dataset.id, where, on_progress=lambda found: self.say(found, None, "selecting")
        )
        self.say(0, len(selection), self.phase)
        for part in selection.chunks(WHERE_ROWS):
            yield store.read_versions(self.connection, part.versions)

    def _pass(self, batches: Iterator[list[VersionRow]], total: int | None) -> None:
        done = 0
        self.say(0, total, self.phase)
        for rows in batches:
            self._batch(rows)
            done += len(rows)
            self.looked_at = done
            self.say(done, total, self.phase)

    def _batch(self, rows: list[VersionRow]) -> None:
        everything = candidates(rows)
        found: list[FindingRow] = []
        seen: dict[str, list[int]] = {}
        for line in self.single:
            mine: Sequence[Candidate] = everything
            if self.expression is None and line.upto >= everything[0].id:
                mine = [row for row in everything if row.id > line.upto]
            if mine:
                seen[line.name] = [row.id for row in mine]
                mine = of_kinds(mine, line.check.kinds)
                found += self._taken(line, mine, look(line.check, mine))
        if self.comparing:
            current = [row for row, version in zip(everything, rows, strict=True) if version.current]
            for line in self.comparing:
                mine = of_kinds(current, line.check.kinds)
                looked = feed(line.check, mine)
                line.fed_badly += looked.found
                self._taken(line, mine, looked)
        if seen:
            self._write_batch(everything, seen, found)

    def _taken(self, line: Line, rows: Sequence[Candidate], looked: Looked) -> list[FindingRow]:
        line.looked_at += len(rows)
        line.could_not += looked.broken
        line.seconds += looked.seconds
        return _rows(line, looked.found)

    # -- writing -----------------------------------------------------------------------------------------------------

    def _write_batch(self, rows: Sequence[Candidate], seen: dict[str, list[int]], found: list[FindingRow]) -> None:
        """Write what was found, in transactions that end between two pairs and move the watermarks along."""
        found.sort(key=lambda row: row.pair)
        ids = [row.id for row in rows]
        for part, some in _portions(ids, found):
            within = set(part)
            with self.workspace.store.tx(durable=False) as connection:
                touched = {row.pair for row in some}
                for names, mine in _by_rows(seen):
                    stale = [name for name in names if self.had[name]]
                    if stale:
                        touched.update(store.forget(connection, within.intersection(mine), stale))
                store.insert(connection, self.dataset.id, some)
                store.recount(connection, touched)
                if self.expression is None:
                    for line in self.single:
                        if line.name in seen and part[-1] > line.upto:
                            store.write_state(connection, self.dataset.id, line.name, line.new_state(part[-1]))
            if self.expression is None:
                for line in self.single:
                    line.upto = max(line.upto, part[-1])

    def _compare(self, line: Line) -> None:
        """Ask a comparing check for its findings, and write what differs from what it said before."""
        self.phase = f"comparing ({line.name})"
        self.say(self.looked_at, None, self.phase)
        started = time.perf_counter()
        try:
            found = [*checked(line.check.finish()), *line.fed_badly]
            line.figures = line.check.figures()
            self._write_difference(line, _rows(line, found))
        except FlywheelError:
            raise
        except Exception as error:
            # sqlite's part: a finding of a pair that does not exist; the rest: whatever a check can raise
            line.failed = f"{type(error).__name__}: {error}"[:400]
        line.seconds += time.perf_counter() - started

    def _write_difference(self, line: Line, found: list[FindingRow]) -> None:
        before = store.of_check(self.connection, self.dataset.id, line.name) if self.had[line.name] else {}
        gone = {row: list(numbers) for row, numbers in before.items()}
        new: list[FindingRow] = []
        for row in found:
            if numbers := gone.get(row):
                numbers.pop()
            else:
                new.append(row)
        old = [(row.pair, number) for row, numbers in gone.items() for number in numbers]
        if self.expression is not None:
            compared = {row.pair for row in found} | self._fed_versions(line)
            old = [(pair, number) for pair, number in old if pair in compared]
        for start in range(0, len(old), TRANSACTION_ROWS):
            some = old[start : start + TRANSACTION_ROWS]
            with self.workspace.store.tx(durable=False) as connection:
                store.forget_rows(connection, [number for _, number in some])
                store.recount(connection, {pair for pair, _ in some})
        for start in range(0, len(new), TRANSACTION_ROWS):
            part = new[start : start + TRANSACTION_ROWS]
            with self.workspace.store.tx(durable=False) as connection:
                store.insert(connection, self.dataset.id, part)
                store.recount(connection, {row.pair for row in part})
        # a part of the data set was compared: the whole is to be compared again next time
        mark = self.marks[line.name] if self.expression is None else None
        with self.workspace.store.tx(durable=False) as connection:
            store.write_state(connection, self.dataset.id, line.name, line.new_state(0, mark))

    def _fed_versions(self, line: Line) -> set[int]:
        selection = select_pairs(self.connection, self.dataset.id, where_of(self.expression))
        return set(selection.versions)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def report(self) -> ValidationReport:
        counts = store.counts(self.connection, self.dataset.id)
        checks = tuple(self._check_report(line, counts.get(line.name, {})) for line in self.lines)
        totals: dict[str, int] = {}
        for check in checks:
            for severity, number in check.findings.items():
                totals[severity] = totals.get(severity, 0) + number
        failed = any(line.failed for line in self.lines) and self.options.fail_on != "never"
        from flywheel_tui import __version__

        return ValidationReport(
            dataset=self.dataset.name, pairs=get_dataset(self.connection, self.dataset.name).pairs,
            looked_at=max([line.looked_at for line in self.lines], default=0), where=self.options.where,
            policy=self.policy, findings=ordered(totals),
            pairs_by_severity=ordered(store.pairs_by_severity(self.connection, self.dataset.id)), checks=checks,
            skipped=self.skipped, fail_on=self.options.fail_on,
            passed=not failed and passes(totals, self.options.fail_on), started=self.started,
            seconds=round(time.monotonic() - self._clock, 3), flywheel_tui=__version__,
        )  # fmt: skip

    def _check_report(self, line: Line, counts: dict[str, int]) -> CheckReport:
        found = store.examples(self.connection, self.dataset.id, line.name, self.options.examples) if counts else []
        return CheckReport(
            name=line.name, version=line.check.version, options=line.check.settings, findings=ordered(counts),
            looked_at=line.looked_at, could_not=line.could_not, seconds=round(line.seconds, 3), failed=line.failed,
            figures=line.figures, examples=tuple(line_of(position, row) for position, row in found),
        )  # fmt: skip


def _rows(line: Line, found: Sequence[Found]) -> list[FindingRow]:
    name, version = line.name, line.check.version
    return [
        FindingRow(one.pair, name, version, one.severity, one.field, one.start, one.end, one.message, one.cluster)
        for one in found
    ]


def _by_rows(seen: dict[str, list[int]]) -> list[tuple[list[str], list[int]]]:
    """Checks that were given the same rows, together."""
    groups: dict[tuple[int, int], tuple[list[str], list[int]]] = {}
    for name, ids in seen.items():
        groups.setdefault((len(ids), ids[0]), ([], ids))[0].append(name)
    return list(groups.values())


def _portions(ids: list[int], found: list[FindingRow]) -> Iterator[tuple[list[int], list[FindingRow]]]:
    """The batch cut so that a portion holds whole pairs and about TRANSACTION_ROWS findings; `found` is by pair."""
    if len(found) <= TRANSACTION_ROWS:
        yield ids, found
        return
    by_pair: dict[int, list[FindingRow]] = {}
    for row in found:
        by_pair.setdefault(row.pair, []).append(row)
    part: list[int] = []
    some: list[FindingRow] = []
    for id in ids:
        part.append(id)
        some += by_pair.get(id, ())
        if len(some) >= TRANSACTION_ROWS:
            yield part, some
            part, some = [], []
    if part:
        yield part, some
