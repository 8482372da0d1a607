"""No task ever belongs to two splits, whatever its wording, and the same seed makes the same sets."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.tasks import SPLITS, load_skills, make, make_in, make_many, split_of, task_of, vary_in, vary_many

NAMES = sorted(load_skills())
seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(NAMES), seeds, seeds)
def test_splits_share_no_task(name: str, one: int, other: int) -> None:
    keys = {}
    for number, split in enumerate(SPLITS):
        made = make_many([name], 40, seed=one if number % 2 else other, split=split)
        keys[split] = {task.key for task in made}
        assert len(keys[split]) == 40
        assert {split_of(task) for task in made} == {split}
    everything = [key for found in keys.values() for key in found]
    assert len(everything) == len(set(everything))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(NAMES), seeds)
def test_another_wording_belongs_to_the_same_split(name: str, seed: int) -> None:
    task = make(name, Random(seed))
    again = task_of(name, task.params | {"wording": 1 - task.params["wording"]})
    assert again.prompt != task.prompt
    assert again.key == task.key
    assert split_of(again) == split_of(task)


def test_the_order_of_what_is_given_makes_no_other_task() -> None:
    assert task_of("add", {"a": 3, "b": 40}).key == task_of("add", {"a": 40, "b": 3}).key
    one, other = ({"items": items, "way": "up"} for items in ([3, 1, 2], [1, 2, 3]))
    assert task_of("sort", one).key == task_of("sort", other).key


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(NAMES), seeds)
def test_tasks_like_a_failed_one_never_are_held_out(name: str, seed: int) -> None:
    rng = Random(seed)
    failed = make_in(name, "probe", rng)
    for _ in range(5):
        near = vary_in(failed, "generate", rng)
        assert split_of(near) == "generate"
        assert near.skill == name


def test_sets_are_the_same_for_the_same_seed_and_their_difficulties_take_turns() -> None:
    one, other = (make_many(NAMES, 60, seed=4, split="heldout") for _ in range(2))
    assert one == other
    assert one != make_many(NAMES, 60, seed=5, split="heldout")
    for name in NAMES:
        levels = [task.difficulty for task in one if task.skill == name]
        assert all(levels.count(level) >= 15 for level in (1, 2, 3))


def test_many_like_few_seeds() -> None:
    failed = make_many(["days"], 8, seed=1, split="probe", difficulty=2)
    made = vary_many(failed, 300, seed=2)
    assert len({task.key for task in made}) == 300
    assert {task.skill for task in made} == {"days"}
    assert made == vary_many(failed, 300, seed=2)


def test_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match=r"only .* different tasks"):
        make_many(["add"], 400, seed=0, split="heldout", difficulty=1)
    with pytest.raises(UsageError, match="only 0 of 3"):
        vary_many([], 3, seed=0)
