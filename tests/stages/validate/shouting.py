"""A check that reports the word LOUD and counts what it is given, rows for it, and what the store holds after a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.stages.label import decide
from flywheel_tui.stages.validate import ValidateOptions, ValidationReport, validate
from flywheel_tui.stages.validate.base import Candidate, Check, Found
from flywheel_tui.store import findings as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

AddRows = Callable[..., Workspace]
Register = Callable[[type[Check]], type[Check]]
"""What the fixtures `add_rows` and `registered` give."""


class Shout(Check):
    """Reports the word LOUD wherever it stands, and remembers which versions it was given."""

    name = "shout"
    default = False
    options: ClassVar[dict[str, Any]] = {"severity": "warning"}
    seen: ClassVar[Counter[int]] = Counter()

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            Shout.seen[row.id] += 1
            for field, text in row.texts():
                at = text.find("LOUD")
                if at >= 0:
                    yield Found(row.id, self.settings["severity"], field, at, at + 4, "it shouts")


def numbered(count: int, *, loud: Iterable[int] = (), start: int = 0) -> list[dict[str, Any]]:
    chosen = set(loud)
    return [
        {"instruction": f"Say {n}", "output": f"{'LOUD' if n in chosen else 'quiet'} {n}"}
        for n in range(start, start + count)
    ]


def run(workspace: Workspace, *checks: str, **more: Any) -> ValidationReport:
    return validate(workspace, ValidateOptions(dataset="demo", checks=checks or ("shout",), **more))


def known(workspace: Workspace) -> list[tuple[int, str, str | None]]:
    """(position, check, severity) of the stored findings of current versions, in order."""
    dataset = get_dataset(workspace.store.read(), "demo").id
    return sorted(
        (position, row.check, row.severity)
        for _, position, row in store.findings_after(workspace.store.read(), dataset, 0, 100_000)
    )


def current(workspace: Workspace) -> dict[int, tuple[int, str | None]]:
    rows = workspace.store.read().execute("SELECT position, findings, severity FROM pair_current WHERE findings > 0")
    return {position: (findings, severity) for position, findings, severity in rows}


def edit(workspace: Workspace, position: int, output: str, reviewer: str = "ann") -> bytes:
    root, version = (
        workspace.store.read()
        .execute("SELECT id, pair_id FROM pair_current WHERE position = ?", (position,))
        .fetchone()
    )
    decision = Decision(
        uid=new_uid(), pair=root, version=version, reviewer=reviewer, status="edited", edit={"output": output},
        presented=now_us(), answered=now_us(),
    )  # fmt: skip
    decide(workspace, decision)
    return decision.uid
