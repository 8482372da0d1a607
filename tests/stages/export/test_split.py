"""The split: whole groups, stable, near its shares."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.export.split import Splitter, check_split, parse_split


def test_it_is_read_as_written() -> None:
    assert parse_split("train=0.8, val=0.1,test=.1") == {"train": 0.8, "val": 0.1, "test": 0.1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train=0.8", "add up to 0.8"),
        ("train=0.8,val=0.3", "add up to 1.1"),
        ("train", "has no share"),
        ("train=0.5,train=0.5", "named twice"),
        ("train=x,val=0.5", "is no number"),
        ("train=1,val=0", "above 0"),
        ("train=1.5,val=-0.5", "above 0"),
        ("train=nan,val=0.5", "above 0"),
        ("../x=1", "cannot name a file"),
        ("=1", "cannot name a file"),
        ("", "has no share"),
    ],
)
def test_what_is_off_is_told(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_split(text)


shares = st.lists(st.integers(1, 50), min_size=1, max_size=5).map(
    lambda parts: {f"p{number}": part / sum(parts) for number, part in enumerate(parts)}
)


@settings(deadline=None)
@given(shares, st.integers(), st.binary(max_size=20))
def test_every_group_has_one_part_and_keeps_it(split: dict[str, float], seed: int, group: bytes) -> None:
    part = Splitter(check_split(split), seed).part(group)
    assert part in split and Splitter(split, seed).part(group) == part


@pytest.mark.parametrize("seed", [0, 1, 77])
def test_the_parts_come_near_their_shares(seed: int) -> None:
    split = {"train": 0.8, "val": 0.15, "test": 0.05}
    splitter, count = Splitter(split, seed), 20_000
    parts = [splitter.part(number.to_bytes(16, "big")) for number in range(count)]
    for name, share in split.items():
        assert abs(parts.count(name) / count - share) < 5 * math.sqrt(share * (1 - share) / count)


def test_another_seed_is_another_split() -> None:
    groups = [number.to_bytes(16, "big") for number in range(200)]
    one, other = Splitter({"a": 0.5, "b": 0.5}, 0), Splitter({"a": 0.5, "b": 0.5}, 1)
    agree = sum(one.part(group) == other.part(group) for group in groups)
    assert 60 < agree < 140


def test_a_larger_last_share_only_moves_groups_into_it() -> None:
    groups = [number.to_bytes(16, "big") for number in range(2000)]
    small, large = Splitter({"train": 0.9, "val": 0.1}, 3), Splitter({"train": 0.7, "val": 0.3}, 3)
    assert all(large.part(group) == "val" for group in groups if small.part(group) == "val")
