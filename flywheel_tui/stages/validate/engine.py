"""The validation run: versions stream past the checks in batches, what is found is written in short transactions.

What a batch gave and how far its checks have come are written together, so a run that is stopped at any moment (or
killed) goes on from there. Only versions above a check's watermark are looked at; checks that compare pairs start over
when anything in the data set has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.identity import now_us
from flywheel_tui.locks import alone
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.crew import Crew, Job, crew_size
from flywheel_tui.stages.validate.look import Looked, candidates, checked, feed, look, of_kinds
from flywheel_tui.stages.validate.plan import Line, plan
from flywheel_tui.stages.validate.record import Recorder, rows_of
from flywheel_tui.stages.validate.report import CheckReport, ValidationReport, line_of, ordered, passes
from flywheel_tui.store import findings as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.findings import FindingRow
from flywheel_tui.store.selections import select_pairs, where_of
from flywheel_tui.store.versions import VersionRow, Versions, mark_of, read_versions

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace

Say = Callable[[int, int | None, str], None]

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
    helpers: int | None = None
    """Processes that look at pairs beside this one; None: as many as there are cores where it pays."""


def validate(workspace: Workspace, options: ValidateOptions, *, on_progress: Say | None = None) -> ValidationReport:
    """Run the checks over what is new; `on_progress(done, total, phase)` after each batch, what it raises ends the run.

    Raises NotFoundError, UsageError, ExpressionError, MissingExtraError; ConflictError where another process validates
    the same data set.
    """
    dataset = get_dataset(workspace.store.read(), options.dataset)
    lock = workspace.store.path.with_name(f"{workspace.store.path.name}.validate-{dataset.id}")
    with alone(lock, f"{dataset.name!r} is being validated already; wait for it (flywheel jobs ls shows it)"):
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
        self.recorder = Recorder(workspace, self.dataset.id, self.lines, whole=self.expression is None)
        self.single = [line for line in self.lines if not line.compares]
        self.marks = {line.name: self._mark(line) for line in self.lines if line.compares}
        self.comparing = [line for line in self.lines if line.compares and self._is_stale(line)]
        self.looked_at = 0

    def _mark(self, line: Line) -> str:
        return mark_of(self.connection, self.dataset.id, labels=line.check.reads_labels)

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
            versions = Versions(self.connection, self.dataset.id, after)
            self._pass(iter(versions.read, []), versions.count())
        self.recorder.forget_partly_known()
        for line in self.comparing:
            self._compare(line)

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
            yield read_versions(self.connection, part.versions)

    def _pass(self, batches: Iterator[list[VersionRow]], total: int | None) -> None:
        self.say(0, total, self.phase)
        size = crew_size(total or 0, self.options.helpers) if self.single and self.expression is None else 0
        crew = Crew(self.workspace.store.path, [line.check for line in self.single], size) if size else None
        try:
            for rows in batches:
                everything = candidates(rows)
                if crew and crew.works:
                    self._give(crew, everything, total)
                else:
                    self._look(everything)
                self._feed(everything, rows)
                if not (crew and crew.works):
                    self._advance(len(rows), total)
            while crew and crew.busy:
                self._take(crew, total)
        finally:
            if crew:
                crew.close()

    def _advance(self, count: int, total: int | None) -> None:
        self.looked_at += count
        self.say(self.looked_at, total, self.phase)

    def _give(self, crew: Crew, rows: Sequence[Candidate], total: int | None) -> None:
        """Hand a batch to a helper, and write what has come back of an earlier one."""
        if crew.full:
            self._take(crew, total)
        crew.give(Job([row.id for row in rows], [line.upto for line in self.single]))

    def _take(self, crew: Crew, total: int | None) -> None:
        job, answer = crew.take(self.connection)
        found: list[FindingRow] = []
        seen: dict[str, list[int]] = {}
        for line, looked, given, upto in zip(self.single, answer.looked, answer.given, job.above, strict=True):
            if mine := [id for id in job.versions if id > upto]:
                seen[line.name] = mine
                found += self._taken(line, given, Looked(*looked))
        self.recorder.write_batch(job.versions, seen, found)
        self._advance(len(job.versions), total)

    def _look(self, rows: Sequence[Candidate]) -> None:
        found: list[FindingRow] = []
        seen: dict[str, list[int]] = {}
        for line in self.single:
            mine = rows
            if self.expression is None and line.upto >= rows[0].id:
                mine = [row for row in rows if row.id > line.upto]
            if mine:
                seen[line.name] = [row.id for row in mine]
                mine = of_kinds(mine, line.check.kinds)
                found += self._taken(line, len(mine), look(line.check, mine))
        self.recorder.write_batch([row.id for row in rows], seen, found)

    def _feed(self, rows: Sequence[Candidate], versions: Sequence[VersionRow]) -> None:
        """Hand the current versions to the checks that compare."""
        if not self.comparing:
            return
        current = [row for row, version in zip(rows, versions, strict=True) if version.current]
        for line in self.comparing:
            mine = of_kinds(current, line.check.kinds)
            looked = feed(line.check, mine)
            line.fed_badly += looked.found
            self._taken(line, len(mine), looked)

    def _taken(self, line: Line, given: int, looked: Looked) -> list[FindingRow]:
        line.looked_at += given
        line.could_not += looked.broken
        line.seconds += looked.seconds
        return rows_of(line, looked.found)

    def _compare(self, line: Line) -> None:
        """Ask a comparing check for its findings, and write what differs from what it said before."""
        self.phase = f"comparing ({line.name})"
        self.say(self.looked_at, None, self.phase)
        started = time.perf_counter()
        try:
            found = [*checked(line.check.finish()), *line.fed_badly]
            line.figures = line.check.figures()
            self._record(line, rows_of(line, found))
        except FlywheelError:
            raise
        except Exception as error:
            # sqlite's part: a finding of a pair that does not exist; the rest: whatever a check can raise
            line.failed = f"{type(error).__name__}: {error}"[:400]
        line.seconds += time.perf_counter() - started

    def _record(self, line: Line, found: list[FindingRow]) -> None:
        if self.expression is None:
            self.recorder.write_difference(line, found, self.marks[line.name], None)
            return
        # a part of the data set was compared: the whole is to be compared again next time
        selection = select_pairs(self.connection, self.dataset.id, where_of(self.expression))
        among = set(selection.versions) | {row.pair for row in found}
        self.recorder.write_difference(line, found, None, among)

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
