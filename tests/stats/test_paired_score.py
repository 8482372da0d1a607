"""Tango's interval and test: known values, what they have in common with McNemar's, and how often they hold."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.intervals import z_of
from flywheel_tui.stats.paired_score import noninferior_paired, score, tango

tables = st.integers(1, 200).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


@settings(deadline=None)
@given(tables, st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_ends_are_where_the_test_stops_rejecting(table: tuple[int, int, int], level: float) -> None:
    first, second, n = table
    low, high = tango(first, second, n, level)
    value, z = (first - second) / n, z_of(level)
    assert -1 <= low <= value <= high <= 1
    if low > -1 + 1e-6 and high < 1 - 1e-6:
        assert math.isclose(score(first, second, n, low), z, abs_tol=1e-3)
        assert math.isclose(score(first, second, n, high), -z, abs_tol=1e-3)
    mirrored = tango(second, first, n, level)
    assert math.isclose(mirrored.low, -high, abs_tol=1e-9) and math.isclose(mirrored.high, -low, abs_tol=1e-9)


@settings(deadline=None)
@given(tables)
def test_at_zero_it_is_mcnemars(table: tuple[int, int, int]) -> None:
    first, second, n = table
    if first + second:
        assert math.isclose(score(first, second, n, 0.0) ** 2, (first - second) ** 2 / (first + second), abs_tol=1e-9)


def test_known_and_closed_form() -> None:
    # the table 36, 12, 2, 0
    assert [round(end, 4) for end in tango(12, 2, 50)] == [0.0611, 0.3447]
    for n in (5, 50, 500):
        z2 = z_of(0.95) ** 2
        assert math.isclose(tango(0, 0, n).high, z2 / (n + z2), rel_tol=1e-6)


@pytest.mark.parametrize(("n", "p10", "p01"), [(30, 0.2, 0.1), (60, 0.05, 0.02), (100, 0.3, 0.3)])
def test_it_covers_as_often_as_it_says(n: int, p10: float, p01: float) -> None:
    draw = random.Random(7)
    held = 0
    for _ in range(1500):
        drawn = [draw.random() for _ in range(n)]
        first, second = sum(u < p10 for u in drawn), sum(p10 <= u < p10 + p01 for u in drawn)
        low, high = tango(first, second, n)
        held += low <= p10 - p01 <= high
    assert held / 1500 > 0.93


def test_few_items_prove_nothing() -> None:
    assert noninferior_paired(0, 0, 0, 0.05) is None and tango(0, 0, 0) == (-1, 1)
    small, large = noninferior_paired(0, 0, 20, 0.05), noninferior_paired(0, 0, 60, 0.05)
    assert small is not None and large is not None and small > 0.05 > large
    for wrong in ((-1, 0, 5), (3, 3, 5)):
        with pytest.raises(UsageError):
            tango(*wrong)
    with pytest.raises(UsageError):
        noninferior_paired(0, 0, 10, 1.0)
