"""What a validation says in the end: figures by check, examples, and the JSON file that scripts read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.store import findings as store
from flywheel_tui.store.findings import FindingRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SEVERITY_ORDER = ("error", "warning", "info")


class FindingLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding in a report. `position` is where its pair stands in the data set (from 1)."""

    position: int
    pair: int
    check: str
    severity: str
    message: str
    field: str | None = None
    start: int | None = None
    end: int | None = None
    cluster: int | None = None


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says of the data set as it is now, and what it cost this time.

    `looked_at` pairs were new or changed, `could_not` of them made the check fail, `failed` says why it gave no answer
    at all.
    """

    name: str
    version: int
    options: dict[str, Any]
    findings: dict[str, int]
    looked_at: int
    could_not: int
    seconds: float
    failed: str | None = None
    figures: dict[str, Any] = {}
    examples: tuple[FindingLine, ...] = ()

    @property
    def total(self) -> int:
        """All findings."""
        return sum(self.findings.values())


class ValidationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one run. `pairs_by_severity` counts each pair once, by the worst that was found in it.

    `findings` counts those of the checks of this run, in the pairs as they are now (also what earlier runs found).
    """

    dataset: str
    pairs: int
    looked_at: int
    where: str | None
    policy: str
    findings: dict[str, int]
    pairs_by_severity: dict[str, int]
    checks: tuple[CheckReport, ...]
    skipped: dict[str, str]
    fail_on: str
    passed: bool
    started: int
    seconds: float
    flywheel_tui: str
    report: str | None = None
    clean: str | None = None
    clean_pairs: int | None = None
    redactions: int | None = None


def line_of(position: int, row: FindingRow) -> FindingLine:
    """A stored finding as a line of a report."""
    return FindingLine(
        position=position, pair=row.pair, check=row.check, severity=row.severity, message=row.message, field=row.field,
        start=row.start, end=row.end, cluster=row.cluster,
    )  # fmt: skip


def ordered(counts: dict[str, int]) -> dict[str, int]:
    """Counts by severity, the worst first; those that occur."""
    return {severity: counts[severity] for severity in SEVERITY_ORDER if counts.get(severity)}


def passes(findings: dict[str, int], fail_on: str) -> bool:
    """Whether a gate lets these findings through."""
    refused = {"error": ("error",), "warning": ("error", "warning"), "never": ()}[fail_on]
    return not any(findings.get(severity) for severity in refused)


def write_report(workspace: Workspace, report: ValidationReport, path: Path, *, every_finding: bool) -> None:
    """Write the JSON report: whole or not at all, private (0600).

    With `every_finding` it lists all of them under `pairs`, by pair. Raises UsageError where it cannot be written.
    """
    from flywheel_tui.stages.export.files import NewFile

    file = NewFile(path)
    try:
        head = msgspec.json.format(msgspec.json.encode(report), indent=2).rstrip()
        if not every_finding:
            file.write(head + b"\n")
        else:
            file.write(head[:-1].rstrip() + b',\n  "every_finding": [')
            for number, line in enumerate(_all_lines(workspace, report)):
                file.write((b",\n    " if number else b"\n    ") + msgspec.json.encode(line))
            file.write(b"\n  ]\n}\n")
        file.finish()
        file.commit(force=True)
    finally:
        file.discard()


def _all_lines(workspace: Workspace, report: ValidationReport) -> Iterator[FindingLine]:
    from flywheel_tui.store.datasets import get_dataset

    connection = workspace.store.read()
    dataset_id = get_dataset(connection, report.dataset).id
    names = {check.name for check in report.checks}
    after = 0
    while page := store.findings_after(connection, dataset_id, after):
        after = page[-1][0]
        yield from (line_of(position, row) for _, position, row in page if row.check in names)


def default_path(workspace: Workspace, dataset: str) -> Path:
    """Where a report goes that nobody named a place for."""
    return workspace.root / "reports" / dataset / "validation.json"


def absolute(path: str) -> str:
    """A path that means the same in every process."""
    return str(Path(os.path.expandvars(path)).expanduser().absolute())
