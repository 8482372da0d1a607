"""A small real workspace for screen tests, the same every time, and an app over it that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from flywheel_tui.identity import now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import search_index
from flywheel_tui.stages.label import decide
from flywheel_tui.store import datasets, pairs, sources
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp

NOON = 1_760_000_000_000_000
"""The clock of these tests, in microseconds UTC."""

_TOPICS = ("tides", "bread", "glaciers", "violins", "bees", "bridges", "chess", "maps")


def drafts(count: int) -> list[Draft]:
    """Pairs that differ in length and topic."""
    return [
        Draft(
            instruction=f"Question {n}: what should one know about {_TOPICS[n % 8]}?",
            output=f"Answer {n}. " + f"{_TOPICS[n % 8].capitalize()} are worth a closer look. " * (1 + n % 6),
            tags=["made"] if n % 3 else ["made", _TOPICS[n % 8]],
            line=n,
        )
        for n in range(1, count + 1)
    ]


def preferences(count: int) -> list[Draft]:
    """Preference pairs."""
    return [
        Draft(
            kind="preference",
            instruction=f"Which answer about {_TOPICS[n % 8]} is better?",
            output=f"The first answer, number {n}.",
            body={"rejected": f"The second answer, number {n}."},
            line=n,
        )
        for n in range(1, count + 1)
    ]


def add(workspace: Workspace, name: str, made: Sequence[Draft], file: str = "made.jsonl") -> None:
    """A data set of these drafts, as of an hour before noon."""
    with workspace.store.tx() as connection:
        dataset = datasets.create_dataset(connection, name, made[0].kind, ["made"])
        source = sources.add_source(
            connection, dataset.id, name=file, format="jsonl", layout="alpaca", fingerprint=name
        )
        pairs.insert_drafts(connection, dataset.id, source, pairs.prepare(made), pairs.Occurrences())
        sources.finish_source(connection, source, rows=len(made), added=len(made), rejected=0, notes=[])
        connection.execute("UPDATE source SET created = ? WHERE id = ?", (NOON - 3_600_000_000, source))
        connection.execute("UPDATE dataset SET created = ? WHERE id = ?", (NOON - 7_200_000_000, dataset.id))


def label_uid(pair: int, reviewer: str, status: str) -> bytes:
    """The same label gets the same 16 bytes every time: of two labels at one instant, the greater is the later."""
    return blake2b(f"{pair} {reviewer} {status}".encode(), digest_size=16).digest()


def say(workspace: Workspace, pair: int, status: str, reviewer: str = "ana", flagged: bool = False) -> None:
    """A label on a pair, a minute before noon."""
    version = workspace.store.read().execute("SELECT pair_id FROM pair_current WHERE id = ?", (pair,)).fetchone()[0]
    decide(
        workspace,
        Decision(
            uid=label_uid(pair, reviewer, status), pair=pair, version=version, reviewer=reviewer, status=status,
            flagged=flagged, answered=NOON - 60_000_000,
        ),
    )  # fmt: skip


def make(folder: Path, *, count: int = 240, labels: bool = True) -> Workspace:
    """Two data sets, some labels, the search index built."""
    workspace = Workspace.open(folder / "work", create=True)
    add(workspace, "demo", drafts(count))
    add(workspace, "prefs", preferences(30))
    if labels:
        for pair, status in ((2, "approved"), (3, "rejected"), (5, "skipped"), (8, "approved")):
            say(workspace, pair, status)
        say(workspace, 6, "approved", flagged=True)
    search_index.build(workspace)
    return workspace


class StillApp(FlywheelApp):
    """The workstation with the clock stopped and nothing that blinks or glides."""

    def __init__(self, workspace: Workspace, *, theme: str = "flywheel-dark", **options: object) -> None:
        super().__init__(workspace, reviewer="ana", clock=lambda: NOON, worker=False, **options)  # type: ignore[arg-type]
        self.theme = theme
        self.animation_level = "none"

    def on_load(self) -> None:
        """Run tasks at once, as the program itself does from Python 3.12 on; in a pilot Textual leaves that out."""
        if factory := getattr(asyncio, "eager_task_factory", None):
            asyncio.get_running_loop().set_task_factory(factory)


def now() -> int:
    """The real clock, for tests that write."""
    return now_us()
