"""Judge jobs, the whole of them: pairs read, prompts made, answers asked for and read strictly, verdicts written.

Against a loopback server that waits 50 ms, by calls at once; and again with every answer in the cache, beside reading
one JSON file for each verdict.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import msgspec

from benchmarks.bench_llm import DELAY, stub
from benchmarks.harness import Measure, make_rows, told
from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.judge.options import JudgeOptions, JudgeReport
from flywheel_tui.workspace import Workspace

TITLE = "Judge jobs: pairs a second, with everything that belongs to a run"
MOST = 40_000
GOALS = {16: (1_600, 0.93), 64: (6_400, 0.88), 256: (12_800, 0.55)}
"""Calls at once: pairs to judge, and the share of the ideal to reach."""
ROUNDS = 3
CRITERIA = ("accuracy", "helpfulness", "clarity", "completeness", "safety")
VERDICT = json.dumps({"rationale": "word " * 40, "scores": dict.fromkeys(CRITERIA, 7)})


def run(folder: Path, rows: int) -> list[Measure]:
    """Medians of three rounds; each asks under a rubric of its own, so that nothing is known before."""
    count = min(rows, MOST)
    file = make_rows(folder / "rows.jsonl", count)
    measures = []
    with Workspace.open(folder / "w", create=True) as workspace:
        with told("ingest"):
            ingest(workspace, IngestOptions(source=str(file), name="rows"))
        for width, (wanted, goal) in GOALS.items():
            pairs, ideal = min(wanted, count), width / DELAY
            with told(f"{pairs:,} pairs, {width} calls at once (ideal {ideal:,.0f}/s)"), stub(verdict=VERDICT) as url:
                found = [_judged(workspace, url, width, pairs, f"{width}-{number}") for number in range(ROUNDS)]
            rate = statistics.median(found)
            what = f"judge job, {width} calls at once: {rate / ideal:.3f} of the ideal"
            measures.append(Measure(what, rate, "pairs/s", ideal, "ideal", "more", f"≥ {goal} of ideal"))
        with told(f"{count:,} pairs into the cache"), stub(0.0, VERDICT) as url:
            _judged(workspace, url, 64, count, "first")
        with told("all from the cache"):
            known = statistics.median(
                _judged(workspace, "http://127.0.0.1:9", 64, count, f"first.{number}", "first")
                for number in range(ROUNDS)
            )
        with told("a file for each verdict"):
            files = _files(folder / "files", count)
    measures.append(Measure("judge job, all from the cache", known, "pairs/s", files,
                            "reading a JSON file a verdict", "more", "≥ 20,000 pairs/s"))  # fmt: skip
    return measures


def _judged(workspace: Workspace, url: str, width: int, pairs: int, tag: str, model: str = "") -> float:
    """Pairs a second of one job. The model's name is part of what is asked: another one is not in the cache."""
    options = JudgeOptions(
        dataset="rows", tag=tag, backend="openai", model=model or tag, rubric="default", max_pairs=pairs,
        concurrency=width, backend_options={"base_url": f"{url}/v1"},
    )  # fmt: skip
    started = time.perf_counter()
    result = run_foreground(workspace, "judge", msgspec.to_builtins(options), title="judge", slot="network")
    seconds = time.perf_counter() - started
    report = msgspec.convert(result, JudgeReport)
    assert report.judged == pairs, report.missing
    return pairs / seconds


def _files(folder: Path, count: int) -> float:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.json").write_text(VERDICT)
    started = time.perf_counter()
    for number in range(count):
        json.loads((folder / f"{number}.json").read_text())
    return count / (time.perf_counter() - started)
