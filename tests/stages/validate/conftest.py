"""A workspace with pairs made here, and checks of our own to run over them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from shouting import AddRows, Register, Shout

from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.validate import base
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "ws", create=True) as opened:
        yield opened


@pytest.fixture
def add_rows(workspace: Workspace, tmp_path: Path) -> AddRows:
    """Take in rows (dictionaries of any layout) as a data set, or add to it."""
    count = 0

    def add(rows: Sequence[dict[str, Any]], name: str = "demo") -> Workspace:
        nonlocal count
        count += 1
        path = tmp_path / f"rows{count}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        ingest(workspace, IngestOptions(source=str(path), name=name, append=True))
        return workspace

    return add


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Register a check for one test."""
    base.load_checks(True)

    def register(cls: type[base.Check]) -> type[base.Check]:
        monkeypatch.setitem(base.CHECKS, cls.name, cls)
        return cls

    return register


@pytest.fixture
def shout(registered: Register) -> None:
    """The check `shout` is there and has been given nothing yet."""
    Shout.seen.clear()
    registered(Shout)
