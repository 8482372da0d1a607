"""The policy around calls: retries, breaker, budget, concurrency, cancellation, figures."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from email.utils import formatdate

import pytest
from fault_server import as_json, error, good, serve
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_helpers import FakeClock, made, question

from flywheel_tui.llm import BackendFault, Reply, Request
from flywheel_tui.llm.backends.scripted import ScriptedBackend, Step, fails_then
from flywheel_tui.llm.breaker import Breakers
from flywheel_tui.llm.budget import MemoryLedger
from flywheel_tui.llm.client import Client, Policy
from flywheel_tui.llm.faults import KINDS, RETRIED, Kind
from flywheel_tui.llm.prices import Price, PriceTable
from flywheel_tui.llm.retry_after import read_retry_after
from flywheel_tui.llm.strict_json import read_object


def client(script: list[Step], clock: FakeClock | None = None, **policy: object) -> tuple[Client, ScriptedBackend]:
    """A client of a scripted back end whose clock stands."""
    backend = ScriptedBackend(script)
    made_client = Client(
        backend,
        policy=Policy(**policy),
        clock=clock or FakeClock(),
        rng=random.Random(1),  # type: ignore[arg-type]
    )
    return made_client, backend


async def test_retries_wait_with_full_jitter_below_a_doubling_limit() -> None:
    waits: list[list[float]] = []
    for seed in range(200):
        clock = FakeClock()
        backend = ScriptedBackend([BackendFault("timeout", "x")])
        tried = Client(backend, policy=Policy(tries=5), clock=clock, rng=random.Random(seed))
        with pytest.raises(BackendFault):
            await tried.complete(question())
        assert len(backend.requests) == 5
        waits.append(clock.slept)
    for position, most in enumerate((0.5, 1.0, 2.0, 4.0)):
        column = [row[position] for row in waits]
        assert 0 <= min(column) < 0.2 * most and 0.8 * most < max(column) <= most
        assert abs(sum(column) / len(column) - most / 2) < 0.15 * most


@pytest.mark.parametrize("kind", KINDS)
async def test_only_kinds_that_can_pass_are_tried_again(kind: Kind) -> None:
    tried, backend = client(fails_then("ok", BackendFault(kind, "x")))
    if kind in RETRIED:
        assert (await tried.complete(question())).text == "ok"
        assert len(backend.requests) == 2
    else:
        with pytest.raises(BackendFault):
            await tried.complete(question())
        assert len(backend.requests) == 1


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 61 "}, 61.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "900"}, 900.0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Fri, 99 Foo 2026"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({}, None),
    ],
)
def test_what_retry_after_says(headers: dict[str, str], seconds: float | None) -> None:
    found = read_retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=0.1))


@pytest.mark.parametrize("seconds", [0.0, 7.0, 61.0, 900.0])
async def test_the_wait_is_never_shorter_than_the_server_asks(seconds: float) -> None:
    clock = FakeClock()
    tried, _ = client(fails_then("ok", BackendFault("overloaded", "x", retry_after=seconds)), clock)
    await tried.complete(question())
    assert seconds <= clock.slept[0] <= max(seconds, 0.5)


async def test_a_wait_beyond_fifteen_minutes_gives_up_and_says_when() -> None:
    clock = FakeClock()
    tried, backend = client(fails_then("ok", BackendFault("rate_limited", "x", retry_after=5000.0)), clock)
    with pytest.raises(BackendFault, match="come back at 2023-11-1") as caught:
        await tried.complete(question())
    assert caught.value.retry_at == pytest.approx(clock.wall() + 5000)
    assert len(backend.requests) == 1 and clock.slept == []


async def test_the_deadline_holds_for_all_tries_together() -> None:
    clock = FakeClock()
    fault = BackendFault("overloaded", "x", retry_after=40.0)
    tried, backend = client([fault], clock, deadline=100.0, tries=50)
    with pytest.raises(BackendFault):
        await tried.complete(question())
    assert len(backend.requests) == 3 and sum(clock.slept) <= 100


async def test_a_back_end_that_keeps_no_deadline_is_held_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flywheel_tui.llm.client._GRACE", 0.0)
    backend = ScriptedBackend(["late"], seconds=5.0)
    tried = Client(backend, policy=Policy(tries=1, call_deadline=0.05))
    with pytest.raises(BackendFault) as caught:
        await tried.complete(question())
    assert caught.value.kind == "timeout"


async def test_the_breaker_opens_after_five_failures_probes_once_and_closes() -> None:
    clock = FakeClock()
    breakers = Breakers(clock=clock)
    backend = ScriptedBackend([*[BackendFault("connect", "x") for _ in range(5)], "ok"])
    tried = Client(backend, policy=Policy(tries=1), clock=clock, breakers=breakers)
    for _ in range(5):
        with pytest.raises(BackendFault):
            await tried.complete(question())
    assert tried.snapshot().breaker == "open"
    with pytest.raises(BackendFault) as caught:
        await tried.complete(question())
    assert caught.value.retry_after == pytest.approx(30.0) and len(backend.requests) == 5
    clock.seconds += 31
    assert tried.snapshot().breaker == "half-open"
    backend._seconds = 0.01
    outcomes = await asyncio.gather(*(tried.complete(question()) for _ in range(4)), return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {Reply: 1, BackendFault: 3}
    assert len(backend.requests) == 6 and tried.snapshot().breaker == "closed"


async def test_a_failing_probe_opens_the_breaker_again() -> None:
    clock = FakeClock()
    tried, backend = client([BackendFault("reset", "x")], clock, tries=1)
    for _ in range(5):
        with pytest.raises(BackendFault):
            await tried.complete(question())
    clock.seconds += 31
    for _ in range(3):
        with pytest.raises(BackendFault):
            await tried.complete(question())
    assert len(backend.requests) == 6


@pytest.mark.parametrize("kind", ["auth", "quota"])
async def test_a_refused_key_stops_all_calls_until_a_person_acts(kind: Kind) -> None:
    clock = FakeClock()
    tried, backend = client(fails_then("ok", BackendFault(kind, "no")), clock)
    for _ in range(3):
        with pytest.raises(BackendFault) as caught:
            await tried.complete(question())
        assert caught.value.kind == kind
        clock.seconds += 3600
    assert len(backend.requests) == 1 and tried.snapshot().breaker == "locked"
    tried.reset_breaker()
    assert (await tried.complete(question())).text == "ok"


async def test_an_answer_of_the_wrong_form_is_asked_for_once_more() -> None:
    tried, backend = client(["no json", '{"score": 7}'])
    _, found = await tried.ask(question(), lambda reply: read_object(reply.text))
    assert found.value == {"score": 7}
    roles = [message.role for message in backend.requests[1].messages]
    assert roles == ["user", "assistant", "user"] and "no JSON object" in backend.requests[1].messages[2].content
    tried, backend = client(["no json"])
    with pytest.raises(BackendFault) as caught:
        await tried.ask(question(), lambda reply: read_object(reply.text))
    assert caught.value.kind == "bad_json" and len(backend.requests) == 2
    snapshot = tried.snapshot()
    assert (snapshot.asked, snapshot.answered, snapshot.failed, snapshot.faults) == (1, 0, 1, {"bad_json": 2})


PRICES = PriceTable({"scripted": {"*": Price(1.0, 1.0)}, "loopback": {"m": Price(1000.0, 1000.0)}})


def billed(request: Request) -> Reply:
    """A reply that costs 1,000 millionths of a dollar and 1,000 tokens."""
    return Reply(
        text="x", finish_reason="stop", tokens_in=500, tokens_out=500, model="s", backend="scripted", latency_ms=1.0
    )


@pytest.mark.parametrize("concurrency", [1, 16])
@pytest.mark.parametrize("estimate", [100, 480])
async def test_a_budget_is_overshot_by_one_call_at_most(concurrency: int, estimate: int) -> None:
    """`estimate` tokens are reserved for the answer, below what the calls turn out to cost."""
    budget = 20_500
    for limit in ({"budget_micro": budget}, {"budget_tokens": budget}):
        ledger = MemoryLedger(**limit)
        backend = ScriptedBackend([billed], seconds=0.001)
        tried = Client(backend, policy=Policy(concurrency=concurrency, tries=1), ledger=ledger, prices=PRICES)
        requests = [question("word " * 400, max_tokens=estimate) for _ in range(100)]
        outcomes = await asyncio.gather(*(tried.complete(each) for each in requests), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, BackendFault)]
        spent = ledger.spent()
        assert {fault.kind for fault in refused} == {"cost_cap"} and spent.held_tokens == spent.held_micro == 0
        assert spent.calls == len(backend.requests) == 100 - len(refused)
        call = 1000 if concurrency == 1 else 1000 + concurrency * max(0, 1000 - 667 - estimate)
        assert budget - 2500 < spent.tokens <= budget + call
        assert spent.cost_micro == spent.tokens


async def test_a_budget_in_money_takes_no_call_without_a_price() -> None:
    backend = ScriptedBackend([billed])
    backend.place = "elsewhere"
    tried = Client(backend, ledger=MemoryLedger(budget_micro=10**9), prices=PRICES)
    with pytest.raises(BackendFault, match="has no price"):
        await tried.complete(question())
    assert backend.requests == []
    tried = Client(backend, ledger=MemoryLedger(budget_tokens=10**6), prices=PRICES)
    assert (await tried.complete(question())).cost_micro is None
    assert tried.snapshot().unpriced == 1 and tried.ledger.spent().unpriced == 1


async def test_failed_calls_are_counted_as_they_are_billed() -> None:
    ledger = MemoryLedger()
    script: list[Step] = [
        BackendFault("auth", "x"),
        BackendFault("length", "x", tokens_in=40, tokens_out=60),
        BackendFault("timeout", "x"),
    ]
    for step in script:
        tried = Client(ScriptedBackend([step]), policy=Policy(tries=1), ledger=ledger, prices=PRICES)
        with pytest.raises(BackendFault):
            await tried.complete(question(max_tokens=100))
    spent = ledger.spent()
    assert (spent.calls, spent.uncertain, spent.held_tokens) == (1, 1, 0)
    assert spent.tokens == 100 + 112, "100 were billed, and the reserve of the call that broke off counts as spent"


async def test_concurrency_is_kept_and_changed_while_calls_run() -> None:
    running = 0
    seen: list[int] = []

    class Slow(ScriptedBackend):
        async def complete(self, request: Request) -> Reply:
            nonlocal running
            running += 1
            seen.append(running)
            await asyncio.sleep(0.005)
            running -= 1
            return billed(request)

    tried = Client(Slow(), policy=Policy(concurrency=4))
    calls = [asyncio.create_task(tried.complete(question())) for _ in range(120)]
    await asyncio.sleep(0.02)
    assert max(seen) == 4 and tried.snapshot().in_flight == 4 and tried.snapshot().waiting > 50
    tried.set_concurrency(12)
    await asyncio.sleep(0.02)
    assert max(seen) == 12
    tried.set_concurrency(2)
    await asyncio.sleep(0.02)
    seen.clear()
    await asyncio.gather(*calls)
    assert max(seen) == 2
    snapshot = tried.snapshot()
    assert (snapshot.in_flight, snapshot.waiting, snapshot.answered) == (0, 0, 120)


async def test_a_429_halves_the_calls_and_success_brings_them_back() -> None:
    clock = FakeClock()
    tried, _ = client([BackendFault("rate_limited", "x", retry_after=2.0), *["ok"] * 300], clock, concurrency=16)
    await tried.complete(question())
    assert tried.snapshot().concurrency == 8
    for _ in range(40):
        await tried.complete(question())
    assert 11 <= tried.snapshot().concurrency <= 13
    for _ in range(100):
        await tried.complete(question())
    assert tried.snapshot().concurrency == 16


async def test_a_429_keeps_the_other_calls_out_too() -> None:
    clock = FakeClock()
    tried, _ = client([BackendFault("rate_limited", "x", retry_after=20.0), "ok"], clock, concurrency=4, tries=1)
    with pytest.raises(BackendFault):
        await tried.complete(question())
    started = clock.now()
    await tried.complete(question())
    assert clock.now() - started == pytest.approx(20.0, abs=0.5)


async def test_cancelled_calls_end_within_a_second_and_leave_nothing_held() -> None:
    tried = Client(ScriptedBackend(["x"], seconds=30.0), policy=Policy(concurrency=3))
    calls = [asyncio.create_task(tried.complete(question())) for _ in range(9)]
    await asyncio.sleep(0.02)
    for call in calls:
        call.cancel()
    done, waiting = await asyncio.wait(calls, timeout=1.0)
    assert len(done) == 9 and not waiting and all(call.cancelled() for call in done)
    snapshot, spent = tried.snapshot(), tried.ledger.spent()
    assert (snapshot.in_flight, snapshot.waiting, snapshot.faults) == (0, 0, {"cancelled": 3})
    assert (spent.held_tokens, spent.uncertain) == (0, 3)
    tried.backend._seconds = 0.0  # type: ignore[attr-defined]
    assert (await tried.complete(question())).text == "x"


FAULTS = st.sampled_from([kind for kind in KINDS if kind not in ("auth", "quota")])


@settings(deadline=None, max_examples=150)
@given(st.lists(st.none() | st.none() | st.none() | FAULTS, min_size=1, max_size=60), st.integers(1, 8))
def test_under_any_schedule_of_faults_replies_are_true_and_figures_add_up(plan: list[Kind | None], width: int) -> None:
    remaining = list(plan)

    def step(request: Request) -> str | BackendFault:
        kind = remaining.pop(0) if remaining else None
        return request.messages[0].content if kind is None else BackendFault(kind, "planned")

    async def run() -> None:
        clock = FakeClock()
        tried = Client(
            ScriptedBackend([step]),
            policy=Policy(concurrency=width),
            breakers=Breakers(failures=10**6, clock=clock),
            clock=clock,
            rng=random.Random(0),
        )
        texts = [f"question {number}" for number in range(20)]
        outcomes = await asyncio.gather(*(tried.complete(question(text)) for text in texts), return_exceptions=True)
        for text, outcome in zip(texts, outcomes, strict=True):
            assert isinstance(outcome, BackendFault) or (isinstance(outcome, Reply) and outcome.text == text)
        snapshot = tried.snapshot()
        failed = sum(isinstance(outcome, BackendFault) for outcome in outcomes)
        assert (snapshot.asked, snapshot.failed, snapshot.answered) == (20, failed, 20 - failed)
        assert snapshot.attempts == snapshot.answered + sum(snapshot.faults.values())
        assert (snapshot.in_flight, snapshot.waiting, tried.ledger.spent().held_tokens) == (0, 0, 0)

    asyncio.run(run())


async def test_a_whole_run_against_a_server_that_often_fails() -> None:
    """Four calls of ten meet a fault; in the end every question has its own answer, and each is counted once."""
    rng = random.Random(7)
    served: Counter[str] = Counter()

    def answer(head: bytes, body: bytes) -> bytes:
        name = body.split(b"question ")[1].split(b'"')[0].decode()
        if rng.random() < 0.4:
            choices = [as_json(error("x"), 500), as_json(error("x"), 429, "Retry-After: 0"), b"", as_json({})]
            return rng.choice(choices)
        served[name] += 1
        return as_json(good("openai", f"answer {name}"))

    async with serve(answer) as url:
        policy = Policy(concurrency=16, tries=12, first_wait=0.001)
        tried = Client(made("openai", url), policy=policy, prices=PRICES, breakers=Breakers(failures=10**6))
        async with tried:
            replies = await asyncio.gather(*(tried.complete(question(f"question {n}")) for n in range(150)))
    assert [reply.text for reply in replies] == [f"answer {n}" for n in range(150)]
    assert len(served) == 150 and set(served.values()) == {1}
    snapshot = tried.snapshot()
    assert snapshot.answered == 150 and snapshot.attempts == 150 + sum(snapshot.faults.values())
    assert snapshot.cost_micro == 150 * 16_000 and snapshot.unpriced == 0
    assert snapshot.p50_ms is not None and snapshot.p95_ms is not None and snapshot.p50_ms <= snapshot.p95_ms
    assert snapshot.per_second > 0
