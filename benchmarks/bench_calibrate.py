"""Calibrate on as many judgments as there are rows, each with a blind label: the command, and the screen."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure, told
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.judgment import Judge
from flywheel_tui.store import datasets, judging
from flywheel_tui.workspace import Workspace

TITLE = "Calibrate: labels and judgments of one run, scores of one digit, intervals bootstrapped 2,000 times"
TIMES = 3
KEYS = 60
_FILL = (
    "INSERT INTO pair (id, dataset_id, uid, hash, kind, instruction, output, length, created)"
    " SELECT value, :set, randomblob(16), randomblob(16), 'sft', 'Question ' || value, 'Answer ' || value, 20, 1"
    " FROM generate_series",
    "INSERT INTO pair_current (id, dataset_id, position, pair_id, status)"
    " SELECT value, :set, value, value, 'approved' FROM generate_series",
    "INSERT INTO label_event (uid, action, dataset_id, root_id, pair_id, reviewer, source, status, answered)"
    " SELECT randomblob(16), 'label', :set, value, value, 'ana', 'human',"
    " iif((value * 7919) % 1000 < (value * 104729) % 1000 + 150, 'approved', 'rejected'), 1 FROM generate_series",
    "INSERT INTO label_current (root_id, reviewer, event_id, dataset_id, pair_id, source, status, flagged, answered)"
    " SELECT root_id, reviewer, id, dataset_id, pair_id, source, status, 0, answered FROM label_event",
    "INSERT INTO verdict (judge_run_id, pair_id, score, passed, created)"
    " SELECT :run, value, 1 + ((value * 104729) % 1000) * 9 / 1000 + (value % 10) / 10.0,"
    " (value * 104729) % 1000 >= 500, 1 FROM generate_series",
)
_SERIES = "WITH RECURSIVE generate_series (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate_series"


def run(folder: Path, rows: int) -> list[Measure]:
    """Medians of runs in turn, each in a process of its own."""
    with told("filling"):
        fill(folder / "w", rows)
    found: list[dict[str, float]] = []
    for number in range(TIMES):
        with told(f"round {number + 1} of {TIMES}"):
            found.append(_probe(folder / "w"))
    m = {name: statistics.median(each[name] for each in found) for name in found[0]}
    return [
        Measure("calibrate, the whole of it", m["calibrate"], "s", goal="≤ 1 s"),
        Measure("… its CPU", m["calibrate cpu"], "s"),
        Measure("calibrate --threshold auto", m["auto"], "s"),
        Measure("kappa and counts by plain SQL and Python", m["sql"], "s"),
        Measure("the screen: key to figures", m["open"], "ms"),
        Measure("… longest that the loop was held up meanwhile", m["held"], "ms"),
        Measure("a threshold's figures, without drawing", m["at"], "ms", goal="≤ 16 ms"),
        Measure("threshold key to frame, median, 80×24", m["small p50"], "ms", goal="≤ 16 ms"),
        Measure("threshold key to frame, 95 of 100, 80×24", m["small p95"], "ms"),
        Measure("threshold key to frame, median, 140×40 with the curve", m["wide p50"], "ms", goal="≤ 16 ms"),
        Measure("threshold key to frame, 95 of 100, 140×40", m["wide p95"], "ms"),
        Measure("the pairs of a cell", m["cell"], "s"),
        Measure("memory of it all", m["MB"], "MB"),
    ]


def fill(folder: Path, rows: int) -> None:
    """A data set of short pairs, a blind label and a verdict on each; written as SQL, since only reading is timed."""
    with Workspace.open(folder, create=True) as workspace, workspace.store.tx(durable=False) as connection:
        dataset = datasets.create_dataset(connection, "rows", "sft").id
        judge = Judge(hash="made", backend="made", model="made", rubric="", params={})
        run_id = judging.open_run(connection, dataset, "made", judge, None).id
        series = f"{_SERIES} WHERE value < {rows})"
        for statement in _FILL:
            head, _, rest = statement.partition(" SELECT ")
            connection.execute(f"{head} {series} SELECT {rest}", {"set": dataset, "run": run_id})
    with Workspace.open(folder) as workspace, workspace.store.tx(durable=False) as connection:
        connection.execute("ANALYZE")


def _probe(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_calibrate", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def probe(folder: Path) -> dict[str, float]:
    """Every figure, in this process."""
    import asyncio

    from flywheel_tui.stages.calibrate import calibrate

    found: dict[str, float] = {}
    with Workspace.open(folder) as workspace:
        options = CalibrateOptions(tag="made")
        found["calibrate"], found["calibrate cpu"] = _timed(lambda: calibrate(workspace, "rows", options))
        auto = CalibrateOptions(tag="made", threshold="auto")
        found["auto"] = _timed(lambda: calibrate(workspace, "rows", auto))[0]
        found["sql"] = _timed(lambda: _plain(workspace))[0]
        _desk(workspace, options, found)
        asyncio.run(_screen(workspace, found, (80, 24), "small"))
        asyncio.run(_screen(workspace, found, (140, 40), "wide"))
    found["MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _desk(workspace: Workspace, options: CalibrateOptions, found: dict[str, float]) -> None:
    from flywheel_tui.stages.calibrate_desk import open_desk

    desk = open_desk(workspace, "rows", options, keep=False)
    found["at"] = statistics.median(_timed(partial(desk.at, line))[0] for line in desk.lines[:60]) * 1e3
    found["cell"] = _timed(lambda: desk.pairs(workspace, 0, 1, 5.0))[0]


def _plain(workspace: Workspace) -> None:
    """What one would write by hand: one join, four counts."""
    workspace.store.read().execute(
        "SELECT l.status = 'approved', v.passed, count(*) FROM label_current l JOIN verdict v ON v.pair_id = l.pair_id"
        " WHERE l.source = 'human' GROUP BY 1, 2"
    ).fetchall()


async def _screen(workspace: Workspace, found: dict[str, float], size: tuple[int, int], name: str) -> None:
    import asyncio

    from benchmarks.screen_probe import Ours, frame_when, post, still, time_keys
    from screens.calibrate import CalibrateScreen

    app = Ours(workspace)
    async with app.run_test(size=size, notifications=False):
        await still(app)
        held, ended = 0.0, asyncio.Event()

        async def watch() -> None:
            nonlocal held
            while not ended.is_set():
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                held = max(held, time.perf_counter() - began)

        def shown() -> bool:
            screen = app.screen
            return isinstance(screen, CalibrateScreen) and screen.ready

        watcher = asyncio.create_task(watch())
        post(app, "g")
        await asyncio.sleep(0.1)
        taken = await frame_when(app, shown, post(app, "c"))
        ended.set()
        await watcher
        found.setdefault("open", taken)
        found.setdefault("held", held * 1e3)
        await still(app)
        post(app, "home")
        await still(app)
        keys = await time_keys(app, "right", KEYS)
        found[f"{name} p50"], found[f"{name} p95"] = keys["first p50"], keys["first p95"]


if __name__ == "__main__":
    print(json.dumps(probe(Path(sys.argv[1]))))
