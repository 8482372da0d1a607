"""The screens over a large data set, beside Textual's own table over 10,000 rows with the same pane beside it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure, make_rows, told
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.search_index import build
from flywheel_tui.workspace import Workspace

TITLE = "The screens, without a terminal, 160×45 (a key: from its event to the frame; labels with FULL durability)"
TIMES = 3
KEYS = 100
PEER_ROWS = 10_000
PEER = f"DataTable, {PEER_ROWS:,} rows"


def run(folder: Path, rows: int) -> list[Measure]:
    """Medians of runs in turn, each in a process of its own."""
    file = make_rows(folder / "rows.jsonl", rows)
    with told("filling"), Workspace.open(folder / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(file), name="rows"))
        build(workspace)
    ours: list[dict[str, Any]] = []
    peer: list[dict[str, Any]] = []
    for number in range(TIMES):
        with told(f"round {number + 1} of {TIMES}"):
            ours.append(_probe("ours", folder / "w", rows))
            peer.append(_probe("datatable", folder / "w", min(PEER_ROWS, rows)))
    return [*_opening(_median(ours), _median(peer)), *_keys(_median(ours), _median(peer))]


def _probe(which: str, folder: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.screen_probe", which, str(folder), str(rows), str(KEYS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _median(found: list[dict[str, Any]]) -> dict[str, Any]:
    first = found[0]
    return {
        name: _median([each[name] for each in found])
        if isinstance(value, dict)
        else statistics.median(each[name] for each in found)
        for name, value in first.items()
    }


def _opening(ours: dict[str, Any], peer: dict[str, Any]) -> list[Measure]:
    return [
        Measure("Browse to its first rows", ours["open"], "ms", peer["open"], PEER, goal="≤ 300 ms"),
        Measure("… memory it takes", ours["open MB"], "MB", peer["open MB"], PEER, goal="≤ 50 MB"),
        Measure("a jump to any row, median", ours["jump"]["p50"], "ms"),
        Measure("a jump to any row, 95 of 100", ours["jump"]["p95"], "ms"),
        Measure("search: last letter of three words to rows", ours["search rare"], "ms", goal="≤ 50 ms"),
        Measure("search: three letters that half of all have, to rows", ours["search common"], "ms", goal="≤ 50 ms"),
        Measure("filter length > 400, to rows", ours["filter"], "ms"),
        Measure("… to all that match", ours["filter all"], "ms"),
        Measure("Label from Browse, to the pair", ours["label open"], "ms"),
        Measure("Label, unlabelled pairs first, to the pair", ours["label unlabelled"], "ms"),
        Measure("… memory of all of it", ours["MB"], "MB"),
    ]


def _keys(ours: dict[str, Any], peer: dict[str, Any]) -> list[Measure]:
    goals = {"first p95": "≤ 25 ms", "settled p95": "≤ 40 ms", "cpu": "≤ 8 ms"}
    words = {
        "first p50": "first repaint, median",
        "first p95": "first repaint, 95 of 100",
        "settled p50": "all repaints, median",
        "settled p95": "all repaints, 95 of 100",
        "cpu": "CPU",
    }
    made = [
        Measure(
            f"a label key with the pair beside it: {said}",
            ours["label"][name],
            "ms",
            peer["label"][name],
            PEER,
            goal=goals.get(name, ""),
        )
        for name, said in words.items()
    ]
    for key, title in (("down", "Browse, cursor down"), ("page down", "Browse, page down")):
        for name in ("first p50", "first p95", "cpu"):
            made.append(Measure(f"{title}: {words[name]}", ours[key][name], "ms", peer[key][name], PEER))
    return made
