"""Every skill: right answers pass, planted errors fail as the kind they say, the same seed makes the same tasks."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.tasks import check, load_skills, make, skill_named, spoil, task_of, vary

NAMES = sorted(load_skills())
names = st.sampled_from(NAMES)
seeds = st.integers(0, 2**32)
levels = st.sampled_from((1, 2, 3))
plenty = settings(deadline=None, max_examples=200)


def test_the_skills_that_ship() -> None:
    assert NAMES == ["add", "count", "days", "ends", "extract", "reverse", "sort", "subtract"]


@plenty
@given(names, seeds, levels)
def test_right_answers_pass_and_planted_errors_fail_as_their_kind(name: str, seed: int, level: int) -> None:
    rng = Random(seed)
    task = make(name, rng, level)
    assert check(task, task.answer).passed
    spoilt = spoil(task, rng)
    found = check(task, spoilt.answer)
    assert not found.passed
    assert found.kind == spoilt.kind != ""
    assert task.answer in found.reason


@plenty
@given(names, seeds, levels, st.sampled_from(("The answer is {}.", "Answer: {}", "{}\n", "  {} ", "**{}**", "`{}`")))
def test_harmless_words_around_an_answer_do_not_matter(name: str, seed: int, level: int, around: str) -> None:
    task = make(name, Random(seed), level)
    found = check(task, around.format(task.answer))
    assert found.passed, found


@plenty
@given(names, seeds, levels)
def test_the_same_seed_makes_the_same_task(name: str, seed: int, level: int) -> None:
    one, other = (make(name, Random(seed), level) for _ in range(2))
    assert one == other
    assert vary(one, Random(seed)) == vary(other, Random(seed))
    assert spoil(one, Random(seed)) == spoil(other, Random(seed))


@plenty
@given(names, seeds, levels)
def test_a_task_comes_back_from_its_meta(name: str, seed: int, level: int) -> None:
    task = make(name, Random(seed), level)
    meta = json.loads(json.dumps(task.meta()))
    assert task_of(meta["skill"], meta["params"]) == task


@plenty
@given(names, seeds, levels)
def test_a_varied_task_has_the_same_skill_and_difficulty(name: str, seed: int, level: int) -> None:
    rng = Random(seed)
    task = make(name, rng, level)
    near = vary(task, rng)
    assert (near.skill, near.difficulty) == (task.skill, task.difficulty)
    assert check(near, near.answer).passed


def test_varied_sums_are_near_the_seed() -> None:
    task = task_of("add", {"a": 47, "b": 85, "level": 2})
    for seed in range(50):
        near = vary(task, Random(seed))
        assert abs(near.params["a"] - 47) <= 15
        assert abs(near.params["b"] - 85) <= 15


@plenty
@given(names, st.text(max_size=300))
def test_any_text_gets_a_verdict(name: str, output: str) -> None:
    found = check(make(name, Random(7)), output)
    assert found.passed or found.kind


@pytest.mark.parametrize(
    ("name", "params", "prompt", "answer"),
    [
        ("add", {"a": 47, "b": 85}, "What is 47 + 85?", "132"),
        ("subtract", {"a": 85, "b": 47}, "What is 85 - 47?", "38"),
        ("sort", {"items": [41, 7, 23], "way": "up"}, "Sort 41, 7, 23 up.", "7, 23, 41"),
        ("sort", {"items": [41, 7, 23], "way": "down"}, "Sort 41, 7, 23 down.", "41, 23, 7"),
        ("reverse", {"word": "lemon"}, "Spell 'lemon' backwards.", "nomel"),
        ("ends", {"word": "lemon", "count": 2, "end": "last"}, "Give the last 2 letters of 'lemon'.", "on"),
        ("count", {"word": "banana", "letter": "a"}, "How many 'a' are in 'banana'?", "3"),
        ("extract", {"object": {"id": 4, "city": "roma"}, "member": "city"},
         'Give only city of {"id":4,"city":"roma"} as JSON.', '{"city":"roma"}'),
        ("days", {"day": 27, "month": 3, "days": 9}, "Which date is 9 days after 27 March?", "5 April"),
        ("days", {"day": 20, "month": 12, "days": 20}, "Which date is 20 days after 20 December?", "9 January"),
    ],
)  # fmt: skip
def test_tasks_worked_by_hand(name: str, params: dict[str, object], prompt: str, answer: str) -> None:
    task = task_of(name, params)
    assert (task.prompt, task.answer) == (prompt, answer)


@pytest.mark.parametrize(
    ("name", "params", "output", "kind"),
    [
        ("add", {"a": 47, "b": 85}, "122", "carry"),
        ("add", {"a": 47, "b": 85}, "131", "off by one"),
        ("add", {"a": 47, "b": 85}, "38", "other operation"),
        ("add", {"a": 47, "b": 85}, "312", "digits in wrong order"),
        ("add", {"a": 47, "b": 85}, "I cannot say", "no answer"),
        ("subtract", {"a": 85, "b": 47}, "48", "borrow"),
        ("sort", {"items": [41, 7, 23], "way": "up"}, "41, 23, 7", "other direction"),
        ("sort", {"items": [41, 7, 23], "way": "up"}, "7, 41", "numbers missing"),
        ("sort", {"items": [41, 7, 23], "way": "up"}, "7 < 23 < 41", ""),
        ("sort", {"items": [41, 7, 23], "way": "up"}, "Sorted: 7, 23 and 41.", ""),
        ("reverse", {"word": "lemon"}, "'lemon'", "not reversed"),
        ("reverse", {"word": "lemon"}, "nomle", "letters in wrong order"),
        ("ends", {"word": "lemon", "count": 2, "end": "last"}, "le", "other end"),
        ("count", {"word": "banana", "letter": "a"}, "three", ""),
        ("count", {"word": "banana", "letter": "a"}, "2", "one too few"),
        ("extract", {"object": {"id": 4, "city": "roma"}, "member": "id"}, '```json\n{"id": 4}\n```', ""),
        ("extract", {"object": {"id": 4, "city": "roma"}, "member": "id"}, '{"id": "4"}', "wrong value"),
        ("extract", {"object": {"id": 4, "city": "roma"}, "member": "id"}, '{"id":4,"city":"roma"}',
         "too many members"),
        ("days", {"day": 27, "month": 3, "days": 9}, "It is April 5.", ""),
        ("days", {"day": 27, "month": 3, "days": 9}, "5th of April", ""),
        ("days", {"day": 27, "month": 3, "days": 9}, "2025-04-05", ""),
        ("days", {"day": 27, "month": 3, "days": 9}, "36 March", "no such date"),
        ("days", {"day": 27, "month": 3, "days": 9}, "5 May", "wrong month"),
        ("days", {"day": 27, "month": 3, "days": 9}, "6 April", "off by one"),
    ],
)  # fmt: skip
def test_kinds_of_errors(name: str, params: dict[str, object], output: str, kind: str) -> None:
    found = check(task_of(name, params), output)
    assert (found.passed, found.kind) == (kind == "", kind)


@plenty
@given(seeds, levels)
def test_dates_are_the_same_in_a_leap_year(seed: int, level: int) -> None:
    task = make("days", Random(seed), level)
    start = date(2024, task.params["month"], task.params["day"])
    end = start + timedelta(days=task.params["days"])
    assert task.answer == f"{end.day} {end:%B}"


def test_faults_are_told() -> None:
    with pytest.raises(NotFoundError, match="no skill named 'poetry'; there are: add"):
        skill_named("poetry")
    with pytest.raises(UsageError, match="no parameters of a task 'add'"):
        task_of("add", {"a": 1})
    with pytest.raises(UsageError, match="no parameters of a task 'days'"):
        task_of("days", {"day": 31, "month": 2, "days": 1})
    with pytest.raises(UsageError, match="has no difficulty 9; it has 1, 2, 3"):
        make("add", Random(0), 9)
