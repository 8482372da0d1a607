"""A workspace with a judge run under way, the same every time, for the tests of Live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixtures_workspace import NOON, make

from flywheel_tui.records.job import Claim, Job
from flywheel_tui.records.judgment import Judge, Judged, NoVerdict, Use, Verdict
from flywheel_tui.store import claims, judge_jobs, judging
from flywheel_tui.store import jobs as queue
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

OWNER = "4711/1/another-boot/00000000"
PAIRS = 40
JUDGED = 26
SERVICE: dict[str, Any] = {
    "in_flight": 8, "waiting": 120, "concurrency": 8, "ceiling": 8, "asked": 40, "answered": 26, "failed": 2,
    "attempts": 44, "faults": {"rate_limited": 9, "timeout": 3}, "p50_ms": 112.4, "p95_ms": 348.0, "per_second": 18.3,
    "tokens_in": 18_200, "tokens_out": 1_300, "cost_micro": 41_000, "unpriced": 0, "breaker": "closed",
}  # fmt: skip
COUNTS = {"done": 28, "calls": 30, "hits": 4, "tokens_in": 18_200, "tokens_out": 1_300, "cost_micro": 41_000,
          "unpriced": False}  # fmt: skip


def claimed(workspace: Workspace, kind: str, title: str, **args: Any) -> Claim:
    """A job that runs by the book."""
    dataset = get_dataset(workspace.store.read(), "demo").id
    made = {"dataset": "demo", **args}
    return queue.enqueue(workspace.store, kind, made, title=title, claim_for=OWNER, dataset_id=dataset).claim


def write_run(workspace: Workspace, tag: str, count: int = JUDGED, missing: tuple[str, ...] = ("timeout",)) -> None:
    """Verdicts of a run: scores that go round, and pairs without one."""
    judge = Judge(hash=f"of {tag}", backend="openai", model="m", rubric="", params={})
    with workspace.store.tx() as connection:
        dataset = get_dataset(connection, "demo")
        run = judging.open_run(connection, dataset.id, tag, judge, None)
        rows = connection.execute("SELECT id, pair_id FROM pair_current WHERE dataset_id = ?", (dataset.id,)).fetchall()
        said: list[Judged] = []
        for number in range(count):
            score = float((4, 8, 9, 7, 6, 8, 10, 2, 8, 9)[number % 10])
            verdict = Verdict(passed=score >= 7, score=score, rationale=f"It holds together in place {number}.")
            said.append(Judged(outcome=verdict, use=Use(asked=1, tokens_in=700, tokens_out=50, cost_micro=1_500)))
        said += [Judged(outcome=NoVerdict(kind=kind, detail="no answer in time")) for kind in missing]
        judging.write_rows(
            connection,
            run.id,
            [judging.Row(root, version, one) for (root, version), one in zip(rows, said, strict=False)],
        )
        connection.execute("UPDATE verdict SET created = ? + id", (NOON - 60_000_000,))
        connection.execute("UPDATE judge_error SET created = ? + id", (NOON - 50_000_000,))


def at_noon(workspace: Workspace) -> None:
    """Times that hang on nothing but the clock of the tests."""
    with workspace.store.tx() as connection:
        connection.execute("UPDATE job SET created = ? - id * 60000000", (NOON,))
        connection.execute("UPDATE job SET started = ? - 200000000 WHERE started IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET finished = ? - 100000000 WHERE finished IS NOT NULL", (NOON,))
        connection.execute("UPDATE job SET lease_until = ? WHERE lease_until IS NOT NULL", (NOON + 25_000_000,))
        connection.execute("UPDATE job_event SET at = ? + id * 1000000", (NOON - 200_000_000,))
        connection.execute("DELETE FROM job_progress")


def show(workspace: Workspace, job: int, **more: Any) -> None:
    """Let a judge job show figures of itself."""
    shown = {"at": NOON, "in_flight": 8, "concurrency": 8, "waiting": 120, "service": SERVICE, "counts": COUNTS}
    with workspace.store.tx() as connection:
        judge_jobs.show_live(connection, job, {**shown, **more})


def running(folder: Path) -> tuple[Workspace, Job]:
    """A judge job under way, with samples of its progress."""
    made = make(folder, count=PAIRS, labels=False)
    claim = claimed(made, "judge", "judge demo openai:m", tag="t", backend="openai", budget_usd=0.1, concurrency=8)
    write_run(made, "t")
    claims.progress(made.store, claim, JUDGED + 1, PAIRS, "judging")
    show(made, claim.job_id)
    at_noon(made)
    with made.store.tx() as connection:
        connection.execute("INSERT INTO budget (job_id, spent_micro) VALUES (?, 41000)", (claim.job_id,))
        for slot in range(13):
            connection.execute(
                "INSERT INTO job_progress (job_id, slot, attempt, at, phase, done) VALUES (?, ?, 1, ?, 'judging', ?)",
                (claim.job_id, slot, NOON - (13 - slot) * 1_000_000, slot * slot // 6),
            )
    return made, queue.get_job(made.store, claim.job_id)
