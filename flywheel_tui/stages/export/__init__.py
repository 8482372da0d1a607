"""Export: pairs out of the store into files that a trainer, a spreadsheet or another workspace reads."""

from flywheel_tui.stages.export.base import Exporter, LeftOut, Options, exporter, exporter_named, load_exporters
from flywheel_tui.stages.export.report import ExportFile, ExportRequest, ExportResult
from flywheel_tui.stages.export.run import check, export, run_job
from flywheel_tui.stages.export.split import Splitter, parse_split
from flywheel_tui.stages.export.templates import Preview, preview

__all__ = [
    "ExportFile",
    "ExportRequest",
    "ExportResult",
    "Exporter",
    "LeftOut",
    "Options",
    "Preview",
    "Splitter",
    "check",
    "export",
    "exporter",
    "exporter_named",
    "load_exporters",
    "parse_split",
    "preview",
    "run_job",
]
