"""Limits, prices, and the ledger on their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_helpers import FakeClock, question

from flywheel_tui.errors import InputError
from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.llm.budget import MemoryLedger
from flywheel_tui.llm.client import Client, Policy
from flywheel_tui.llm.limits import TokenBucket
from flywheel_tui.llm.prices import load_prices


def busiest_minute(taken: list[tuple[float, float]]) -> float:
    """The most units in any 60 s."""
    return max(sum(units for moment, units in taken if start <= moment < start + 60) for start, _ in taken)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(10, 6000),
    st.lists(st.tuples(st.floats(0.001, 0.1), st.sampled_from([0.0, 0.0, 0.1, 5.0, 90.0])), min_size=1, max_size=80),
)
def test_no_minute_holds_more_than_a_tenth_above_the_limit(limit: int, plan: list[tuple[float, float]]) -> None:
    import asyncio

    async def run() -> list[tuple[float, float]]:
        clock = FakeClock()
        bucket = TokenBucket(limit, clock=clock)
        taken = []
        for share, pause in plan:
            clock.seconds += pause
            units = max(1.0, share * limit)
            await bucket.take(units)
            taken.append((clock.now(), units))
        return taken

    assert busiest_minute(asyncio.run(run())) <= 1.1 * limit + 1.0


async def test_the_bucket_starts_empty_and_a_giant_request_still_passes() -> None:
    clock = FakeClock()
    bucket = TokenBucket(60, clock=clock)
    await bucket.take(1)
    assert clock.now() == pytest.approx(1001.0)
    await bucket.take(10_000)
    assert clock.now() == pytest.approx(1061.0, abs=1.0)
    with pytest.raises(ValueError, match="above 0"):
        TokenBucket(0)


async def test_requests_and_tokens_a_minute_are_kept_by_a_client() -> None:
    clock = FakeClock()
    backend = ScriptedBackend(["x" * 400])
    client = Client(backend, policy=Policy(requests_per_minute=30), clock=clock)
    for _ in range(30):
        await client.complete(question())
    assert clock.now() - 1000 == pytest.approx(60.0, abs=0.1)
    clock = FakeClock()
    client = Client(backend, policy=Policy(tokens_per_minute=6000), clock=clock)
    for _ in range(20):
        await client.complete(question("word " * 80, max_tokens=200))
    tokens = client.snapshot().tokens_in + client.snapshot().tokens_out
    assert tokens / (clock.now() - 1000) <= 1.1 * 100, "what a call did not use is given back, and no more"
    assert tokens / (clock.now() - 1000) >= 0.7 * 100


def test_prices_are_found_by_name_version_and_place() -> None:
    table = load_prices()
    mini = table.price("api.openai.com", "gpt-4o-mini")
    assert mini is not None and mini == table.price("api.openai.com", "gpt-4o-mini-2024-07-18")
    assert table.price("api.openai.com", "gpt-4o-mini-audio-preview") is None
    assert table.price("api.anthropic.com", "claude-haiku-4-5-20251001") is not None
    assert table.price("api.openai.com", "gpt-99") is None and table.cost_micro("other.host", "x", 1, 1) is None
    assert table.cost_micro("loopback", "anything", 10**6, 10**6) == 0
    assert table.price("loopback", "big:cloud") is None and table.price("loopback", "gpt-oss:120b-cloud") is None
    assert table.cost_micro("api.openai.com", "gpt-4o-mini", 1000, 1000) == 750
    assert table.cost_micro("api.openai.com", "gpt-4o-mini", 1, 0) == 1, "rounded up, never to nothing"


def test_own_prices_lie_over_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text('["api.openai.com"]\n"gpt-4o-mini" = { input = 9, output = 9.5 }\n')
    table = load_prices(tmp_path)
    assert table.cost_micro("api.openai.com", "gpt-4o-mini", 1, 2) == 28
    assert table.price("api.openai.com", "gpt-4o") is not None


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "host = 5",
        '[h]\n"m" = 5',
        '[h]\n"m" = { input = 1 }',
        '[h]\n"m" = { input = -1, output = 1 }',
        '[h]\n"m" = { input = nan, output = 1 }',
        '[h]\n"m" = { input = 1, output = 1, currency = "EUR" }',
    ],
)
def test_a_price_table_that_is_off_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(InputError, match=r"prices\.toml"):
        load_prices(tmp_path)


def test_settling_twice_changes_nothing() -> None:
    ledger = MemoryLedger(budget_tokens=1000)
    hold = ledger.reserve(None, 600)
    ledger.settle(hold, 5, 100)
    ledger.settle(hold, 5, 100)
    ledger.release(hold)
    ledger.uncertain(hold)
    spent = ledger.spent()
    assert (spent.cost_micro, spent.tokens, spent.calls, spent.held_tokens, spent.uncertain) == (5, 100, 1, 0, 0)
