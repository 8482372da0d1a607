"""What is practised so that it is not forgotten: all over a skill, not near a few seeds."""

from __future__ import annotations

from random import Random
from typing import Any

from flywheel_tui.cycle.drivers.tasks import REHEARSAL, TaskSettings, _like, capped
from flywheel_tui.tasks import Task, make, split_of

SEED: dict[str, Any] = {
    "kind": "days", "params": {"day": 10, "month": 7, "days": 20, "level": 2, "wording": 0}, "count": 120,
}  # fmt: skip


def made(origin: str, count: int = 120) -> list[Task]:
    return _like(SEED | {"origin": origin, "count": count}, Random(1), set())


def test_a_rehearsal_covers_the_whole_year() -> None:
    tasks = made(REHEARSAL)
    assert len(tasks) == 120
    months = {task.params["month"] for task in tasks}
    assert len(months) == 11, "a step over the end of February is never asked for"
    assert {(task.skill, task.difficulty) for task in tasks} == {("days", 2)}
    assert {split_of(task) for task in tasks} == {"generate"}


def test_what_failed_is_practised_where_it_failed() -> None:
    tasks = made("evaluation", 60)
    assert {task.params["month"] for task in tasks} <= {6, 7}
    assert all(abs(task.params["days"] - 20) <= 6 for task in tasks)


def test_a_rehearsal_covers_every_choice_of_members() -> None:
    seed = make("extract", Random(0), 3)
    tasks = _like(
        {"kind": "extract", "params": seed.params, "origin": REHEARSAL, "count": 200}, Random(2), set()
    )  # fmt: skip
    assert len({task.params["member"] for task in tasks}) == 8
    near = _like({"kind": "extract", "params": seed.params, "origin": "evaluation", "count": 50}, Random(2), set())
    assert {task.params["member"] for task in near} == {seed.params["member"]}


def test_nothing_is_made_twice() -> None:
    met: set[str] = set()
    first = _like(SEED | {"origin": REHEARSAL}, Random(1), met)
    second = _like(SEED | {"origin": REHEARSAL}, Random(1), met)
    assert not {task.key for task in first} & {task.key for task in second}


def test_a_cycle_trains_no_longer_than_the_most_steps() -> None:
    settings = TaskSettings(train={"epochs": 2.0, "batch": 32}, most_steps=240)
    assert "max_steps" not in capped(settings, 3840), "just as many as two epochs have"
    assert capped(settings, 3841)["max_steps"] == 240
    assert "max_steps" not in capped(TaskSettings(train={"epochs": 2.0, "batch": 32}), 100_000)
    fixed = TaskSettings(train={"max_steps": 6}, most_steps=240)
    assert capped(fixed, 100_000)["max_steps"] == 6, "what was asked for stays where it is less"
