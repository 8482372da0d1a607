"""The queue: claims, leases, fencing, what people ask for, rate and remaining time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flywheel_tui.errors import NotFoundError, StaleClaimError, UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.job import Job, Sample, progress_of
from flywheel_tui.store import claims, jobs
from flywheel_tui.store.db import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "flywheel.db") as found:
        yield found


def add(store: Store, **options: object) -> Job:
    return jobs.enqueue(store, "kind", {"a": 1}, title="A job", **options)  # type: ignore[arg-type]


def take(store: Store, owner: str = "me", **options: float) -> Job:
    job = claims.claim(store, owner, **options)  # type: ignore[arg-type]
    assert job is not None
    return job


def test_the_same_uid_is_one_job(store: Store) -> None:
    uid = new_uid()
    assert add(store, uid=uid).id == add(store, uid=uid).id
    assert len(jobs.list_jobs(store)) == 1


def test_what_is_counted_follows_from_the_kind_of_job(store: Store) -> None:
    kinds = ("judge", "cycle", "train", "evaluate", "generate")
    found = {kind: jobs.enqueue(store, kind, {}, title="A job").unit for kind in kinds}
    assert found == {"judge": "pairs", "cycle": "items", "train": "steps", "evaluate": "items", "generate": "rows"}


def test_arguments_that_json_cannot_hold_are_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="JSON"):
        jobs.enqueue(store, "kind", {"a": object()}, title="x")
    assert jobs.list_jobs(store) == []


def test_taken_up_by_priority_then_age_and_only_once(store: Store) -> None:
    first, second, urgent = add(store), add(store), add(store, priority=1)
    taken = [take(store).id for _ in range(3)]
    assert taken == [urgent.id, first.id, second.id]
    assert claims.claim(store, "me") is None


def test_a_worker_takes_only_what_fits_its_slots_and_one_gpu_job_runs_at_a_time(store: Store) -> None:
    gpu, other_gpu, network = add(store, slot="gpu"), add(store, slot="gpu"), add(store, slot="network")
    assert take(store, slots=("network",)).id == network.id  # type: ignore[arg-type]
    held = take(store)
    assert held.id == gpu.id
    assert claims.claim(store, "other") is None
    claims.finish(store, held.claim, {})
    assert take(store).id == other_gpu.id


def test_whoever_lost_the_lease_can_write_nothing(store: Store) -> None:
    add(store)
    old = take(store, "first", lease_s=-1)
    new = take(store, "second")
    assert (new.id, new.attempt) == (old.id, 2)
    for write in (
        lambda: claims.heartbeat(store, old.claim),
        lambda: claims.progress(store, old.claim, 1),
        lambda: claims.finish(store, old.claim, {"by": "first"}),
        lambda: claims.fail(store, old.claim, "no"),
        lambda: claims.give_back(store, old.claim, "queued", reason="no"),
        lambda: claims.item_done(store, old.claim, "key"),
        lambda: claims.wanted(store, old.claim),
    ):
        with pytest.raises(StaleClaimError):
            write()
    claims.finish(store, new.claim, {"by": "second"})
    found = jobs.get_job(store, new.id)
    assert (found.state, found.result, claims.done_items(store, new.id)) == ("done", {"by": "second"}, set())
    with pytest.raises(StaleClaimError):
        claims.finish(store, new.claim, {"by": "second, twice"})


def test_the_same_owner_in_an_older_attempt_is_stale_too(store: Store) -> None:
    add(store)
    old = take(store, lease_s=-1)
    take(store)
    with pytest.raises(StaleClaimError):
        claims.heartbeat(store, old.claim)


def test_an_items_state_and_its_result_land_together_or_not_at_all(store: Store) -> None:
    with store.tx() as connection:
        connection.execute("CREATE TABLE effect (key TEXT) STRICT")
    add(store)
    old = take(store, "first", lease_s=-1)
    new = take(store, "second")
    with pytest.raises(StaleClaimError), store.tx(durable=False) as connection:
        connection.execute("INSERT INTO effect VALUES ('stale')")
        claims.item_done(store, old.claim, "a")
    for expected in (True, False):
        with store.tx(durable=False) as connection:
            assert claims.item_done(store, new.claim, "a") is expected
            if expected:
                connection.execute("INSERT INTO effect VALUES ('a')")
    assert store.read().execute("SELECT key FROM effect").fetchall() == [("a",)]
    assert claims.done_items(store, new.id) == {"a"}


def test_a_job_whose_workers_keep_dying_is_dead_and_can_be_retried(store: Store) -> None:
    job = add(store, max_attempts=2)
    for _ in range(2):
        take(store, lease_s=-1)
    assert claims.claim(store, "me") is None
    found = jobs.get_job(store, job.id)
    assert (found.state, found.attempt) == ("dead", 2)
    assert found.error is not None and "lost 2 times" in found.error and f"retry {job.id}" in found.error
    assert jobs.retry(store, job.id).state == "queued"
    assert take(store).attempt == 3


def test_a_failure_that_may_pass_is_tried_again_later_until_dead(store: Store) -> None:
    job = add(store, max_attempts=2)
    assert claims.fail(store, take(store).claim, "server down", retry=True) == "queued"
    assert claims.claim(store, "me") is None, "it waits before the next attempt"
    with store.tx() as connection:
        connection.execute("UPDATE job SET lease_until = 0")
    assert claims.fail(store, take(store).claim, "server down", retry=True) == "dead"
    assert jobs.get_job(store, job.id).error == "server down"


def test_giving_back_does_not_use_up_attempts(store: Store) -> None:
    add(store, max_attempts=1)
    for _ in range(4):
        claims.give_back(store, take(store).claim, "queued", reason="the worker stops")
    assert take(store).attempt == 5


def test_cancel_and_pause_at_once_where_nobody_works_on_it(store: Store) -> None:
    job = add(store)
    assert jobs.pause(store, job.id).state == "paused"
    assert claims.claim(store, "me") is None
    assert jobs.resume(store, job.id).state == "queued"
    assert jobs.cancel(store, job.id).state == "cancelled"
    assert jobs.cancel(store, job.id).state == "cancelled", "asking twice is no error"
    with pytest.raises(UsageError, match="cancelled"):
        jobs.pause(store, job.id)


def test_cancel_and_pause_of_a_running_job_are_heard_by_its_worker(store: Store) -> None:
    add(store)
    job = take(store)
    assert claims.heartbeat(store, job.claim) is None
    assert jobs.pause(store, job.id).wanted == "pause"
    assert claims.wanted(store, job.claim) == "pause"
    assert jobs.resume(store, job.id).wanted is None
    jobs.cancel(store, job.id)
    assert claims.heartbeat(store, job.claim) == claims.progress(store, job.claim, 1) == "cancel"


@pytest.mark.parametrize(("word", "state"), [(jobs.cancel, "cancelled"), (jobs.pause, "paused")])
def test_a_wish_survives_the_death_of_the_worker(store: Store, word: object, state: str) -> None:
    add(store)
    job = take(store)
    word(store, job.id)  # type: ignore[operator]
    claims.expire(store, ["me"])
    assert claims.claim(store, "other") is None
    found = jobs.get_job(store, job.id)
    assert (found.state, found.finished is None) == (state, state == "paused")


def test_a_done_job_cannot_be_retried_and_an_unknown_one_names_those_there_are(store: Store) -> None:
    job = add(store)
    claims.finish(store, take(store).claim, {})
    with pytest.raises(UsageError, match="is done"):
        jobs.retry(store, job.id)
    with pytest.raises(NotFoundError, match=f"'77'; there are: {job.id}"):
        jobs.cancel(store, 77)


def test_the_list_shows_running_then_queued_in_order_then_paused_then_the_newest_of_the_rest(store: Store) -> None:
    done, running, late, early, paused, failed = (add(store, priority=p) for p in (1, 2, 50, 40, 60, 3))
    claims.finish(store, take(store).claim, {})
    assert take(store).id == running.id
    claims.fail(store, take(store).claim, "no")
    jobs.pause(store, paused.id)
    assert [job.id for job in jobs.list_jobs(store)] == [running.id, early.id, late.id, paused.id, failed.id, done.id]
    assert [job.id for job in jobs.list_jobs(store, states=["failed", "dead"])] == [failed.id]
    assert jobs.count_states(store) == {"done": 1, "running": 1, "queued": 2, "paused": 1, "failed": 1}


def test_events_tell_the_story_and_go_on_after_the_last_one_read(store: Store) -> None:
    job = add(store)
    claims.give_back(store, take(store).claim, "paused", reason="a person asked")
    told = jobs.events(store, job.id)
    assert ["taken up" in told[0].text, told[1].text] == [True, "paused: a person asked"]
    jobs.add_event(store, job.id, "warning", "lone \ud800 surrogate")
    assert [event.text for event in jobs.events(store, job.id, after=told[-1].id)] == ["lone ? surrogate"]


def test_enqueue_for_an_owner_is_never_taken_by_another(store: Store) -> None:
    job = add(store, claim_for="me")
    assert (job.state, job.attempt, job.owner) == ("running", 1, "me")
    assert claims.claim(store, "other") is None
    claims.finish(store, job.claim, {"n": 1})


def test_rate_comes_from_what_happened_lately_in_this_attempt(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store, total=100)
    first = take(store, lease_s=-1)
    claims.progress(store, first.claim, 40, phase="reading")
    job = take(store)
    start = now_us()
    for at, done in ((0, 40), (2, 50), (4, 60)):
        monkeypatch.setattr(claims, "now_us", lambda at=at: start + at * 1_000_000)
        claims.progress(store, job.claim, done, phase="reading")
    found = jobs.get_job(store, job.id)
    assert (found.done, found.rate, found.eta_s) == (60, pytest.approx(5.0, rel=0.05), pytest.approx(8.0, rel=0.05))


def test_two_minutes_of_progress_are_kept_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store)
    job = take(store)
    start = now_us() + 1_000_000
    for second in range(300):
        monkeypatch.setattr(claims, "now_us", lambda second=second: start + second * 1_000_000)
        claims.progress(store, job.claim, second)
    kept = jobs.samples(store, job.id, job.attempt)
    assert (len(kept), kept[0].done, kept[-1].done) == (120, 180, 299)


def test_progress_of_counts_one_phase_and_never_backwards() -> None:
    second = 1_000_000
    samples = [Sample(0, 90, "a"), Sample(second, 100, "a"), Sample(2 * second, 0, "b"), Sample(4 * second, 10, "b")]
    now = progress_of(samples, 10, 30, "b")
    assert (now.rate, now.eta_s) == (5.0, 4.0)
    assert progress_of(samples[:1], 90, 100, "a").rate is None
    restarted = [Sample(0, 50, None), Sample(second, 0, None), Sample(2 * second, 7, None)]
    assert progress_of(restarted, 7, None, None).rate == 7.0
    assert progress_of(restarted, 7, None, None).eta_s is None


class QueueMachine(RuleBasedStateMachine):
    """Any order of what workers and people do: one holder at most, results only from the holder, nothing lost."""

    folders: Iterator[int] = itertools.count()
    root: Path

    @initialize()
    def start(self) -> None:
        self.store = Store(self.root / f"{next(self.folders)}.db")
        self.held: list[Job] = []
        self.finished: dict[int, int] = {}
        self.ids: list[int] = []

    @rule()
    def enqueue(self) -> None:
        self.ids.append(add(self.store, max_attempts=3).id)

    @rule(gone=st.booleans())
    def claim(self, gone: bool) -> None:
        if job := claims.claim(self.store, f"owner {len(self.held)}", lease_s=-1 if gone else 60):
            assert job.id not in self.finished
            self.held.append(job)

    @rule(pick=st.integers(0, 20), how=st.sampled_from(["finish", "fail", "retry", "give back", "beat", "die"]))
    def work(self, pick: int, how: str) -> None:
        if not self.held:
            return
        job = self.held[pick % len(self.held)]
        now = jobs.get_job(self.store, job.id)
        holds = now.state == "running" and now.claim == job.claim
        try:
            match how:
                case "finish":
                    claims.finish(self.store, job.claim, {"attempt": job.attempt})
                    assert self.finished.setdefault(job.id, job.attempt) == job.attempt
                case "fail" | "retry":
                    claims.fail(self.store, job.claim, "no", retry=how == "retry")
                case "give back":
                    claims.give_back(self.store, job.claim, "queued", reason="test")
                case "beat":
                    claims.heartbeat(self.store, job.claim)
                case "die":
                    claims.expire(self.store, [job.owner or ""])
                    return
            assert holds, f"{how} was taken from one who held it no more"
        except StaleClaimError:
            assert not holds, f"{how} was refused to the one who held it"

    @rule(pick=st.integers(0, 20), word=st.sampled_from([jobs.cancel, jobs.pause, jobs.resume, jobs.retry]))
    def ask(self, pick: int, word: object) -> None:
        if self.ids:
            try:
                word(self.store, self.ids[pick % len(self.ids)])  # type: ignore[operator]
            except UsageError:
                return

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "ids"):
            return
        found = {job.id: job for job in jobs.list_jobs(self.store, limit=1000)}
        assert sorted(found) == sorted(self.ids)
        for id, attempt in self.finished.items():
            assert (found[id].state, found[id].result) == ("done", {"attempt": attempt})
        for job in found.values():
            assert (job.state == "running") == (job.owner is not None)
            assert (job.finished is not None) == (job.state in ("done", "failed", "cancelled", "dead"))

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


def test_any_order_of_events_keeps_one_holder_and_loses_nothing(tmp_path: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    QueueMachine.root = tmp_path
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
