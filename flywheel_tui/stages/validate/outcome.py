"""What a validation leaves behind: its report, and the clean file where one was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.stages.validate.clean import CleanOptions, write_clean
from flywheel_tui.stages.validate.report import ValidationReport, default_path, write_report

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.engine import ValidateOptions
    from flywheel_tui.workspace import Workspace


def write_outcome(
    workspace: Workspace,
    options: ValidateOptions,
    report: ValidationReport,
    *,
    on_progress: Callable[[int, int | None, str], None] | None = None,
) -> ValidationReport:
    """Write the clean file (where `write_clean` names one) and the report; the report as it was written.

    Raises UsageError where a file cannot be written or (without `force`) is there already.
    """
    path = Path(options.report) if options.report else default_path(workspace, report.dataset)
    if options.write_clean is not None:
        request = CleanOptions(
            dataset=report.dataset, path=options.write_clean, redact=options.redact, where=options.where,
            options=options.options, force=options.force,
        )  # fmt: skip
        clean = write_clean(workspace, request, on_progress=on_progress)
        report = msgspec.structs.replace(
            report, clean=clean.path, clean_pairs=clean.pairs, redactions=clean.redactions if options.redact else None
        )
    report = msgspec.structs.replace(report, report=str(path))
    write_report(workspace, report, path, every_finding=options.every_finding)
    return report
