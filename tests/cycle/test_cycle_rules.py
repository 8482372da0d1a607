"""Shares, stopping, and what changed from cycle to cycle: pure functions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.cycle.shares import apportion, shares
from flywheel_tui.cycle.stopping import rate_of, stop_reason
from flywheel_tui.cycle.summary import change
from flywheel_tui.store.cycles import CycleRow

OPTIONS = CycleOptions(seeds=("one",), max_cycles=10)


def cycle(number: int, **summary: Any) -> CycleRow:
    """A finished cycle with these figures."""
    if "passed" in summary:
        summary["pass_rate"] = rate_of(summary["passed"], summary["judged"])
    return CycleRow(
        id=number, number=number, run_id=1, config={}, state="done", stop_reason=summary.pop("halted", None),
        summary=summary, created=0, finished=1,
    )  # fmt: skip


def test_shares_keep_floor_and_cap() -> None:
    found = shares({"a": 100.0, "b": 1.0, "c": 1.0, "d": 0.0})
    assert found["a"] == pytest.approx(0.40)
    assert found["d"] == pytest.approx(0.05)
    assert sum(found.values()) == pytest.approx(1.0)
    assert shares({"alone": 3.0}) == {"alone": 1.0}
    assert shares({}) == {}


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1e6), min_size=1, max_size=40))
def test_shares_add_up_and_stay_within(weights: dict[str, float]) -> None:
    found, count = shares(weights), len(weights)
    assert sum(found.values()) == pytest.approx(1.0)
    for share in found.values():
        assert min(0.05, 1 / count) - 1e-9 <= share <= max(0.40, 1 / count) + 1e-9


@settings(deadline=None)
@given(st.integers(0, 5000), st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 10), min_size=1))
def test_whole_numbers_add_up(count: int, parts: dict[str, float]) -> None:
    found = apportion(count, parts)
    assert sum(found.values()) == count
    total = sum(parts.values())
    assert all(abs(found[name] - count * part / total) < 1 for name, part in parts.items())


def test_stops_at_the_maximum_and_not_before() -> None:
    options = msgspec.structs.replace(OPTIONS, max_cycles=2, plateau_cycles=0)
    assert stop_reason(options, []) is None
    assert stop_reason(options, [cycle(1, passed=8, judged=10)]) is None
    reason = stop_reason(options, [cycle(1, passed=8, judged=10), cycle(2, passed=8, judged=10)])
    assert reason is not None and "maximum of 2" in reason


def test_a_low_pass_rate_must_be_certain() -> None:
    assert stop_reason(OPTIONS, [cycle(1, passed=0, judged=2)]) is None, "two pairs prove nothing"
    reason = stop_reason(OPTIONS, [cycle(1, passed=20, judged=100)])
    assert reason is not None and "generator is at fault" in reason


def test_a_target_must_be_proven() -> None:
    options = msgspec.structs.replace(OPTIONS, target_pass_rate=0.9)
    assert stop_reason(options, [cycle(1, passed=10, judged=10)]) is None
    reason = stop_reason(options, [cycle(1, passed=400, judged=400)])
    assert reason is not None and "at least 90%" in reason


def test_a_plateau_needs_narrow_intervals() -> None:
    few = [cycle(at, passed=8, judged=10) for at in (1, 2, 3)]
    many = [cycle(at, passed=1600, judged=2000) for at in (1, 2, 3)]
    moving = [cycle(at, passed=1200 + 200 * at, judged=2000) for at in (1, 2, 3)]
    assert stop_reason(OPTIONS, few) is None
    assert stop_reason(OPTIONS, moving) is None
    reason = stop_reason(OPTIONS, many)
    assert reason is not None and "plateau" in reason


def test_two_drops_of_variety_in_a_row() -> None:
    good = {"passed": 9, "judged": 10}
    falling = [cycle(at, vendi_share=share, **good) for at, share in ((1, 0.8), (2, 0.6), (3, 0.5))]
    once = [cycle(at, vendi_share=share, **good) for at, share in ((1, 0.8), (2, 0.6), (3, 0.6))]
    assert stop_reason(OPTIONS, once) is None
    reason = stop_reason(OPTIONS, falling)
    assert reason is not None and "variety" in reason


def test_cost_of_an_accepted_pair() -> None:
    options = msgspec.structs.replace(OPTIONS, cost_per_item=0.01)
    assert stop_reason(options, [cycle(1, passed=9, judged=10, cost_usd=0.05, accepted=9)]) is None
    reason = stop_reason(options, [cycle(1, passed=9, judged=10, cost_usd=0.5, accepted=9)])
    assert reason is not None and "$0.0556" in reason


def test_two_refusals_of_the_gate() -> None:
    refused = {"passed": 9, "judged": 10, "gate": {"decision": "refused"}}
    assert stop_reason(OPTIONS, [cycle(1, **refused)]) is None
    reason = stop_reason(OPTIONS, [cycle(1, **refused), cycle(2, **refused)])
    assert reason is not None and "gate refused twice" in reason


def test_a_halted_cycle_ends_the_run() -> None:
    assert stop_reason(OPTIONS, [cycle(1, halted="nothing left")]) == "nothing left"


def test_change_by_kind() -> None:
    before = {
        "sort": {"failed": 60, "tried": 100},
        "add": {"failed": 1, "tried": 100},
        "old": {"failed": 2, "tried": 9},
    }
    now = {"sort": {"failed": 10, "tried": 100}, "add": {"failed": 2, "tried": 100}, "new": {"failed": 1, "tried": 9}}
    lines = {line["kind"]: line for line in change(before, now)}
    assert lines["sort"]["shrank"] is True and lines["sort"]["difference"] == pytest.approx(-0.5)
    assert lines["add"]["shrank"] is None
    assert "difference" not in lines["new"] and lines["new"]["before"] == [0, 0]
    assert "difference" not in lines["old"]
    back = {line["kind"]: line for line in change(now, before)}
    assert back["sort"]["shrank"] is False
