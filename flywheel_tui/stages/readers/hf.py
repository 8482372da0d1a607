"""Data sets of the Hugging Face hub, streamed: `hf://owner/name`, `hf://owner/name/config`, `…@revision`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flywheel_tui.errors import InputError, MissingExtraError, ServiceError
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.faults import value_fault
from flywheel_tui.stages.readers.parquet import plain
from flywheel_tui.stages.readers.registry import HF_PREFIX, reader

BATCH_ROWS = 1000
# A part begins with a letter or a digit, so that no name leads through the folders of this machine.
_NAME = re.compile(r"(?P<name>\w[\w.-]*(?:/\w[\w.-]*)?)(?:/(?P<config>\w[\w.-]*))?(?:@(?P<revision>\w[\w./-]*))?")


class HubName(NamedTuple):
    """Which data set of the hub is meant."""

    name: str
    config: str | None
    revision: str | None


def parse_hub_name(spec: str) -> HubName:
    """The parts of `hf://owner/name[/config][@revision]`; raises InputError where it is not of that form."""
    found = _NAME.fullmatch(spec.removeprefix(HF_PREFIX).rstrip("/"))
    if found is None:
        raise InputError("it is no name of a hub data set", file=spec, remedy="write hf://owner/name")
    return HubName(found["name"], found["config"], found["revision"])


class HubSource(Source):
    """Rows of one split of a hub data set; nothing of it is run, only its tables are read."""

    split: str = "train"
    token: str | None = None

    def batches(self) -> Iterator[Batch]:
        try:
            import datasets
            from datasets.exceptions import DatasetsError
        except ImportError as error:
            raise MissingExtraError("reading from the Hugging Face hub", "datasets", "hf") from error
        hub = parse_hub_name(self.name)
        try:
            table = datasets.load_dataset(
                hub.name, hub.config, split=self.split, revision=hub.revision, streaming=True, token=self.token
            )
            yield from self._body(iter(table))
        except (FileNotFoundError, ValueError, DatasetsError) as error:
            # An unknown name, configuration or split: the library's sentence lists those there are.
            raise InputError(
                _first_line(error), file=self.name, remedy="check the name, and the split with --hf-split"
            ) from error
        except OSError as error:
            raise ServiceError(f"{self.name}: the hub cannot be reached ({_first_line(error)}); try again") from error

    def _body(self, table: Iterator[Any]) -> Iterator[Batch]:
        line = 1
        done = False
        while not done:
            rows: list[Row] = []
            lines: list[int] = []
            rejects: list[Reject] = []
            for _ in range(BATCH_ROWS):
                found = next(table, None)
                if found is None:
                    done = True
                    break
                row = plain(found)
                fault = value_fault(row, self.limits.depth, True)
                if fault is None:
                    rows.append(row)
                    lines.append(line)
                else:
                    rejects.append(Reject(line=line, reason=fault.reason, remedy=fault.remedy))
                line += 1
            if rows or rejects:
                yield Batch(rows, lines, rejects)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


@reader("hf")
def open_hub(
    spec: str, *, split: str | None = None, token: str | None = None, limits: Limits = DEFAULT_LIMITS, **_options: Any
) -> Source:
    """A data set of the hub (needs the extra `hf`); `token` defaults to HUGGINGFACE_TOKEN."""
    parse_hub_name(spec)
    source = HubSource(spec, None, limits, "hf", None, "row")
    source.split = split or "train"
    source.token = token or os.environ.get("HUGGINGFACE_TOKEN") or None
    return source
