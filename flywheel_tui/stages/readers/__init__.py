"""Readers: a file, a folder or a hub data set becomes batches of rows; one file per format, each registers itself."""

from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, RAW_BYTES, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.registry import READERS, Reader, load_readers, open_source, reader

__all__ = [
    "DEFAULT_LIMITS",
    "RAW_BYTES",
    "READERS",
    "Batch",
    "Limits",
    "Reader",
    "Reject",
    "Row",
    "Source",
    "load_readers",
    "open_source",
    "reader",
]
