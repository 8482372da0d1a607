"""What screens tell of the validation of a data set: figures by check as they are now. Runs no check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.expressions import quote
from flywheel_tui.stages.validate.base import Check, load_checks
from flywheel_tui.stages.validate.report import (
    SEVERITY_ORDER,
    CheckReport,
    FindingLine,
    ValidationReport,
    default_path,
    line_of,
    ordered,
    passes,
    write_report,
)
from flywheel_tui.store import finding_figures
from flywheel_tui.store import findings as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.versions import Versions, mark_of

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.store.finding_figures import CheckTime
    from flywheel_tui.workspace import Workspace

REPORT_LIMIT = 20_000_000
"""Bytes of a report file that are read to tell of the last run; a longer one lists findings that nobody needs here."""


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """One check on one data set.

    `pairs` counts pairs by the worst that the check found in them, `findings` counts findings. `at` is when it last
    looked (microseconds UTC; None: never), `behind` how many new or changed pairs it has not seen since (None: it
    compares pairs, and something has changed).
    """

    name: str
    about: str
    default: bool
    compares: bool
    pairs: dict[str, int]
    findings: dict[str, int]
    at: int | None
    behind: int | None
    figures: dict[str, Any] = {}
    note: str = ""

    @property
    def total(self) -> int:
        """Pairs in which it found something."""
        return sum(self.pairs.values())


class CheckChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A check that can be run on a data set; `ticked` where the last run had it, else where it runs by `default`."""

    name: str
    about: str
    ticked: bool
    default: bool


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask before a run: the checks that fit, and what was chosen last time."""

    checks: tuple[CheckChoice, ...]
    policy: str
    language: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of a data set: those that found something first, then by name.

    `by_severity` counts each pair once, by the worst that was found in it. `last` is the report of the last run, where
    its file is still there.
    """

    dataset: str
    kind: str
    pairs: int
    by_severity: dict[str, int]
    checks: tuple[CheckLine, ...]
    last: ValidationReport | None

    @property
    def ran(self) -> bool:
        """Whether any check has looked at the data set."""
        return any(check.at is not None for check in self.checks)

    @property
    def at(self) -> int | None:
        """When a check last looked."""
        return max((check.at for check in self.checks if check.at is not None), default=None)

    @property
    def with_findings(self) -> int:
        """Pairs in which anything was found."""
        return sum(self.by_severity.values())


def overview(workspace: Workspace, dataset: str) -> Overview:
    """The figures of a data set. Reads every finding: not for the event loop. Raises NotFoundError."""
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    pairs = finding_figures.pairs_by_check(connection, row.id)
    counts = store.counts(connection, row.id)
    times = finding_figures.check_times(connection, row.id)
    known = load_checks(True)
    last = last_report(workspace, dataset)
    newest = finding_figures.newest_version(connection, row.id)
    lines = []
    for name in {*known, *pairs, *times}:
        cls = known.get(name)
        if cls is not None and cls.kinds and row.kind not in cls.kinds and name not in pairs:
            continue
        time = times.get(name)
        lines.append(
            CheckLine(
                name=name, about=cls.about if cls else "a check that is not installed here", pairs=pairs.get(name, {}),
                default=bool(cls and cls.default), compares=bool(cls and cls.compares),
                findings=ordered(counts.get(name, {})), at=time.at if time else None,
                behind=_behind(connection, row.id, cls, time, newest) if time else 0,
                figures=_figures(time), note=_note(name, last),
            )
        )  # fmt: skip
    lines.sort(key=_rank)
    return Overview(
        dataset=row.name, kind=row.kind, pairs=row.pairs, checks=tuple(lines), last=last,
        by_severity=ordered(store.pairs_by_severity(connection, row.id)),
    )  # fmt: skip


def choices(workspace: Workspace, dataset: str) -> Choices:
    """What a person can choose for a run. Raises NotFoundError."""
    kind = get_dataset(workspace.store.read(), dataset).kind
    last = last_report(workspace, dataset)
    ran = {check.name: check for check in last.checks} if last else {}
    fitting = [cls for _, cls in sorted(load_checks(True).items()) if not cls.kinds or kind in cls.kinds]
    language = ran["language"].options.get("expected", "") if "language" in ran else ""
    return Choices(
        checks=tuple(
            CheckChoice(
                name=cls.name, about=cls.about, ticked=cls.name in ran if ran else cls.default, default=cls.default
            )
            for cls in fitting
        ),
        policy=last.policy if last else workspace.settings.pii_policy,
        language=language if isinstance(language, str) else "",
    )


def examples(workspace: Workspace, dataset: str, check: str, severity: str = "", limit: int = 8) -> list[FindingLine]:
    """Some findings of a check, the worst first; with `severity` only such. Raises NotFoundError."""
    connection = workspace.store.read()
    found = store.examples(connection, get_dataset(connection, dataset).id, check, limit if not severity else 200)
    return [line_of(at, row) for at, row in found if not severity or row.severity == severity][:limit]


def check_options(name: str, options: dict[str, Any]) -> None:
    """Raises what a run would raise for these options: UsageError, MissingExtraError."""
    load_checks(True)[name](**options)


def _rank(line: CheckLine) -> tuple[object, ...]:
    """Those with errors first, then with warnings, then those that ran, then the others."""
    return (*(-line.pairs.get(severity, 0) for severity in SEVERITY_ORDER), line.at is None, line.name)


def _figures(time: CheckTime | None) -> dict[str, Any]:
    figures = msgspec.json.decode(time.figures) if time and time.figures else {}
    return figures if isinstance(figures, dict) else {}


def _behind(
    connection: Connection, dataset_id: int, cls: type[Check] | None, time: CheckTime, newest: int
) -> int | None:
    if cls is not None and cls.compares:
        # a check that reads labels is told apart by its mark, which then has the last label in it
        labels = (time.mark or "").count(":") > 4
        return 0 if time.mark == mark_of(connection, dataset_id, labels=labels) else None
    return Versions(connection, dataset_id, time.upto).count() if newest > time.upto else 0


def _note(name: str, last: ValidationReport | None) -> str:
    """Why a check gave no answer in the last run, or ''."""
    if last is None:
        return ""
    if name in last.skipped:
        return f"did not run: {last.skipped[name]}"
    for check in last.checks:
        if check.name == name and check.failed:
            return f"failed: {check.failed}"
        if check.name == name and check.could_not:
            return f"could not look at {check.could_not:,} pairs"
    return ""


def last_report(workspace: Workspace, dataset: str) -> ValidationReport | None:
    """The report of the last run at its usual place; None where it is not there or cannot be read."""
    path = default_path(workspace, dataset)
    try:
        if path.stat().st_size > REPORT_LIMIT:
            return None
        return msgspec.json.decode(path.read_bytes(), type=ValidationReport)
    except (OSError, msgspec.DecodeError):
        return None


def filter_of(check: str, severity: str = "") -> str:
    """The expression that finds the pairs of a check; with `severity`, those in which that is the worst it found."""
    if not severity:
        return f"{quote(check)} in findings"
    worse = SEVERITY_ORDER[: SEVERITY_ORDER.index(severity)]
    parts = [f"{quote(f'{check}:{severity}')} in findings"]
    parts += [f"{quote(f'{check}:{each}')} not in findings" for each in worse]
    return " and ".join(parts)


def report_now(workspace: Workspace, found: Overview, *, examples: int = 5) -> ValidationReport:
    """A report of what the store holds now; nothing is looked at for it."""
    from flywheel_tui import __version__

    connection = workspace.store.read()
    dataset_id = get_dataset(connection, found.dataset).id
    before = {check.name: check for check in found.last.checks} if found.last else {}
    known, times = load_checks(True), finding_figures.check_times(connection, dataset_id)
    checks = []
    for line in found.checks:
        if line.at is None and not line.findings:
            continue
        then, time = before.get(line.name), times.get(line.name)
        some = store.examples(connection, dataset_id, line.name, examples) if line.findings else []
        checks.append(
            CheckReport(
                name=line.name, version=time.version if time else known[line.name].version if line.name in known else 0,
                options=then.options if then else {}, findings=line.findings, looked_at=0,
                could_not=then.could_not if then else 0, seconds=0.0, failed=then.failed if then else None,
                figures=line.figures, examples=tuple(line_of(position, row) for position, row in some),
            )
        )  # fmt: skip
    totals: dict[str, int] = {}
    for check in checks:
        for severity, count in check.findings.items():
            totals[severity] = totals.get(severity, 0) + count
    fail_on = found.last.fail_on if found.last else "error"
    return ValidationReport(
        dataset=found.dataset, pairs=found.pairs, looked_at=0, where=None, findings=ordered(totals),
        policy=found.last.policy if found.last else workspace.settings.pii_policy, pairs_by_severity=found.by_severity,
        checks=tuple(checks), skipped=found.last.skipped if found.last else {}, fail_on=fail_on,
        passed=passes(totals, fail_on) and not any(check.failed for check in checks), started=found.at or 0,
        seconds=0.0, flywheel_tui=__version__,
    )  # fmt: skip


def write_report_now(workspace: Workspace, dataset: str, path: Path) -> int:
    """Write the report of what the store holds now, with every finding; how many there are.

    Raises UsageError where it cannot be written.
    """
    report = report_now(workspace, overview(workspace, dataset))
    write_report(workspace, msgspec.structs.replace(report, report=str(path)), path, every_finding=True)
    return sum(report.findings.values())
