"""One job as it runs, as a record for a face: figures of the job, of its service, of what it makes, what comes next.

A `Watcher` belongs to one face. It reads a few rows each time: what a job shows of itself (`records.live`), and of a
judge run only the verdicts that are new since it looked last, so that a run of a million is read as fast as one of ten.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.job import ACTIVE, Job, Sample
from flywheel_tui.records.live import Calls, Histogram, Newest, Shown
from flywheel_tui.records.rubric import RubricKind, Scale
from flywheel_tui.stages.judge.options import rate_of
from flywheel_tui.store import generation, jobs, judge_jobs, judging
from flywheel_tui.store import live as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judging import RunRow, Tally

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

BINS = 10
RECENT = 12
"""Jobs that have ended, kept within reach of those under way."""
_FEW = 40
"""Jobs that are looked at for those."""
_SCORED = Scale(min=1, max=10)
_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


class Passing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a judge run stands, all its jobs together. The interval of the pass rate is Wilson's, 95 %."""

    tag: str
    judged: int
    passed: int
    rate: float | None
    low: float
    high: float
    mean: float | None
    missing: dict[str, int]
    preferences: dict[str, int]
    histogram: Histogram | None

    @property
    def unjudged(self) -> int:
        """Pairs that were asked about and have no verdict."""
        return sum(self.missing.values())


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and money of a job over all its attempts. Caps are None where nobody set one.

    `held_micro` and `held_tokens` are spent or set aside by the account that caps are kept on (0 without a cap).
    """

    calls: int
    hits: int
    tokens_in: int
    tokens_out: int
    cost_micro: int
    unpriced: bool
    cap_micro: int | None = None
    cap_tokens: int | None = None
    held_micro: int = 0
    held_tokens: int = 0


class LiveView(msgspec.Struct, frozen=True, kw_only=True):
    """A job and everything there is to show of it; parts that its kind does not have are None or empty.

    `rates` are units a second over the last two minutes, oldest first. `steerable` is the number of calls at once that
    holds (None where this job does not take one). `can_ask_again` pairs have no verdict and nobody is asking now.
    """

    job: Job
    dataset: str
    at: int
    calls: Calls | None
    spent: Spent | None
    passing: Passing | None
    histogram: Histogram | None
    figures: dict[str, str | int | float]
    newest: tuple[Newest, ...]
    rates: tuple[float, ...]
    steerable: int | None
    can_ask_again: int


class Watcher:
    """Reads jobs for one face. Call it from one thread at a time; it holds sums of the runs it has seen."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._runs: dict[int, _RunSums] = {}

    def jobs(self) -> list[Job]:
        """The jobs there are to watch: those under way, then those that wait, then some that ended; newest first."""
        return watchable(self._workspace)

    def view(self, job_id: int) -> LiveView:
        """Everything about one job. Raises NotFoundError."""
        workspace = self._workspace
        connection = workspace.store.read()
        job = jobs.get_job(workspace.store, job_id)
        shown = _shown(judge_jobs.live(connection, job_id))
        run = run_of(workspace, job)
        passing: Passing | None = None
        newest = shown.newest[::-1]
        if run is not None:
            sums = self._runs.setdefault(run.id, _RunSums(workspace, run))
            passing, newest = sums.read(workspace), sums.newest(workspace)
        busy = job.state == "running"
        return LiveView(
            job=job, dataset=_dataset_of(job), at=shown.at, calls=_calls(shown, busy),
            spent=_spent(workspace, job, shown), passing=passing,
            histogram=passing.histogram if passing is not None else shown.histogram,
            figures=shown.figures, newest=newest,
            rates=rates_of(jobs.samples(workspace.store, job_id, job.attempt)) if job.attempt else (),
            steerable=_steerable(workspace, job, shown),
            can_ask_again=passing.unjudged if passing is not None and not job.active else 0,
        )  # fmt: skip


class _RunSums:
    """The sums of one run so far, brought up to date by what is new."""

    def __init__(self, workspace: Workspace, run: RunRow) -> None:
        self._id, self._tag = run.id, run.tag
        self._scale = _scale_of(workspace, run)
        self._seen = self._last = 0
        self._passed = self._judged = self._scored = 0
        self._sum = 0.0
        self._preferences: dict[str, int] = {}
        self._bins = [0] * BINS

    def read(self, workspace: Workspace) -> Passing:
        connection = workspace.store.read()
        upto = store.last_verdict(connection)
        if upto != self._seen:
            scale = self._scale or _SCORED
            width = (scale.max - scale.min) / BINS
            for group in store.groups_since(connection, self._id, self._seen, upto, scale.min, width, BINS):
                self._add(group)
            self._seen = upto
        missing = store.missing_by_kind(connection, self._id)
        mean = self._sum / self._scored if self._scored else None
        rate, low, high = rate_of(Tally(
            judged=self._judged, passed=self._passed, scored=self._scored, mean=mean, inconsistent=0, both_orders=0,
            preferences=self._preferences, missing=missing,
        ))  # fmt: skip
        histogram = None
        if self._scale is not None:
            histogram = Histogram(label="score", low=self._scale.min, high=self._scale.max, counts=tuple(self._bins))
        return Passing(
            tag=self._tag, judged=self._judged, passed=self._passed, rate=rate, low=low, high=high, mean=mean,
            missing=missing, preferences=dict(sorted(self._preferences.items())), histogram=histogram,
        )  # fmt: skip

    def _add(self, group: store.Group) -> None:
        self._judged += group.verdicts
        self._passed += group.verdicts if group.passed else 0
        if group.preference is not None:
            self._preferences[group.preference] = self._preferences.get(group.preference, 0) + group.verdicts
        if group.bin is not None:
            self._scored += group.verdicts
            self._sum += group.sum
            self._bins[group.bin] += group.verdicts
        self._last = max(self._last, group.last)

    def newest(self, workspace: Workspace, limit: int = 50) -> tuple[Newest, ...]:
        rows = store.newest(workspace.store.read(), self._id, self._last, limit)
        return tuple(
            Newest(
                text=row.text, at=row.at, pair=row.pair, passed=None if row.passed is None else bool(row.passed),
                score=row.score, kind=row.kind or "", note=row.preference or row.note or "",
            )
            for row in rows
        )  # fmt: skip


def _scale_of(workspace: Workspace, run: RunRow) -> Scale | None:
    """The scores that the rubric of a run can give; None where it gives preferences."""
    if run.judge is None or not run.judge.rubric:
        return _SCORED
    rubric = judging.kept_rubric(workspace.store.read(), run.judge.rubric)
    if rubric.kind is RubricKind.PAIRWISE:
        return None
    if rubric.kind is RubricKind.BINARY:
        return Scale(min=0, max=1)
    return rubric.scale or _SCORED


def run_of(workspace: Workspace, job: Job) -> RunRow | None:
    """The run of a judge job, None before it has begun one (and for other kinds of jobs)."""
    tag = job.args.get("tag") or (job.result or {}).get("tag")
    if job.kind != "judge" or not isinstance(tag, str) or not tag:
        return None
    connection = workspace.store.read()
    try:
        dataset = get_dataset(connection, str(job.args.get("dataset", "")))
    except NotFoundError:
        return None
    return judging.find_run(connection, dataset.id, tag)


def watchable(workspace: Workspace) -> list[Job]:
    """Jobs under way (those that run, wait, pause), then the newest that have ended."""
    found = jobs.list_jobs(workspace.store, limit=_FEW)
    ended = [job for job in found if job.state not in ACTIVE]
    return [job for job in found if job.state in ACTIVE] + ended[:RECENT]


def _shown(figures: dict[str, Any]) -> Shown:
    """What a job wrote; nothing where it is of a version that wrote it in another way."""
    try:
        return msgspec.convert(figures, Shown)
    except msgspec.ValidationError:
        return Shown()


def _calls(shown: Shown, busy: bool) -> Calls | None:
    """The service's own figures; those that the stage counts itself take their place. None in flight once it ended."""
    if shown.service is None and not shown.concurrency:
        return None
    calls = shown.service or Calls(concurrency=shown.concurrency)
    if not busy:
        return msgspec.structs.replace(calls, in_flight=0, waiting=0, per_second=0.0)
    return msgspec.structs.replace(calls, in_flight=calls.in_flight or shown.in_flight, waiting=shown.waiting)


def _spent(workspace: Workspace, job: Job, shown: Shown) -> Spent | None:
    connection = workspace.store.read()
    steering = judge_jobs.steering(connection, job.id)
    usd, tokens = job.args.get("budget_usd"), job.args.get("budget_tokens")
    cap_micro = steering.get("budget_micro", round(usd * 1e6) if isinstance(usd, int | float) else None)
    cap_tokens = steering.get("budget_tokens", tokens if isinstance(tokens, int) else None)
    counts = shown.counts
    if not counts and cap_micro is None and cap_tokens is None and not job.cost_micro:
        return None
    held = judge_jobs.spent(connection, job.id)
    return Spent(
        calls=int(counts.get("calls", 0)), hits=int(counts.get("hits", 0)), tokens_in=int(counts.get("tokens_in", 0)),
        tokens_out=int(counts.get("tokens_out", 0)), cost_micro=max(int(counts.get("cost_micro", 0)), job.cost_micro),
        unpriced=bool(counts.get("unpriced", False) or (shown.service is not None and shown.service.unpriced)),
        cap_micro=cap_micro, cap_tokens=cap_tokens, held_micro=held.micro, held_tokens=held.tokens,
    )  # fmt: skip


def _steerable(workspace: Workspace, job: Job, shown: Shown) -> int | None:
    """The calls at once that hold; None where the job does not take a number (or has ended)."""
    if not job.active:
        return None
    asked = judge_jobs.steering(workspace.store.read(), job.id).get("concurrency")
    if asked is not None:
        return int(asked)
    if shown.concurrency:
        return shown.concurrency
    if job.kind == "judge" and job.args.get("backend") != "offline":
        given = job.args.get("concurrency")
        return int(given) if given else workspace.settings.judge_concurrency
    return None


def _dataset_of(job: Job) -> str:
    named = job.dataset or job.args.get("dataset") or ""
    return named if isinstance(named, str) else ""


def rates_of(samples: list[Sample]) -> tuple[float, ...]:
    """Units a second between samples, oldest first; a new phase begins anew."""
    found: list[float] = []
    for before, after in pairwise(samples):
        if after.phase != before.phase or after.done < before.done:
            found.clear()
        elif after.at > before.at:
            found.append((after.done - before.done) * 1e6 / (after.at - before.at))
    return tuple(found)


def rows_of_job(workspace: Workspace, job_id: int) -> list[int]:
    """The pairs that a generate job has made so far, oldest first; none for other kinds. Raises NotFoundError."""
    job = jobs.get_job(workspace.store, job_id)
    if job.kind != "generate" or job.dataset_id is None:
        return []
    return generation.rows_of_job(workspace.store.read(), job.dataset_id, job_id)


# -- steering


def step_concurrency(workspace: Workspace, job_id: int, by: int) -> int:
    """One step (of 1, 2, 3, 4, 6, 8, 12 …) more calls at once, or fewer; the number that holds now.

    Raises UsageError where the job takes no such number or has ended.
    """
    job = jobs.get_job(workspace.store, job_id)
    now = _steerable(workspace, job, _shown(judge_jobs.live(workspace.store.read(), job_id)))
    if now is None:
        said = "asks nobody, so there is no number of calls to change" if job.active else f"is {job.state}"
        raise UsageError(f"job {job_id} {said}")
    further = [step for step in _STEPS if step > now] if by > 0 else [step for step in _STEPS[::-1] if step < now]
    wanted = further[0] if further else now
    with workspace.store.tx() as connection:
        judge_jobs.steer(connection, job_id, {"concurrency": wanted})
    return wanted


def ask_again(workspace: Workspace, job_id: int) -> tuple[dict[str, Any], str]:
    """`(arguments, title)` of a job that asks again about the pairs that have no verdict in the run of this one.

    Raises UsageError where there are none or somebody is at it.
    """
    job = jobs.get_job(workspace.store, job_id)
    run = run_of(workspace, job)
    if run is None:
        raise UsageError(f"job {job_id} ({job.kind}) has no pairs without a verdict to ask about again")
    if job.active:
        raise UsageError(f"job {job_id} is {job.state}; ask again once it has ended")
    if not store.missing_by_kind(workspace.store.read(), run.id):
        raise UsageError(f"every pair of {run.tag} that was asked about has a verdict")
    args = {**job.args, "retry": True, "estimate": False, "sample": None, "tag": run.tag}
    return args, f"judge {run.tag} again where it has no verdict"
