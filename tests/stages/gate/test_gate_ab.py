"""Two adapters in use: who gets which, when one may look, what is concluded."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from factories import make_workspace

from flywheel_tui.errors import ConflictError, InputError, NotFoundError, UsageError
from flywheel_tui.stages.gate import ab
from flywheel_tui.store import ab_tests
from flywheel_tui.store.ab_tests import AbRow, Outcome
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w")


def plan(workspace: Workspace, name: str = "t", **fields: object) -> AbRow:
    asked = {"planned": 100} | fields
    return ab.new(workspace, name, "old", "new", **asked)  # type: ignore[arg-type]


def feed(workspace: Workspace, test: AbRow, control: float, treatment: float, count: int, seed: int = 0) -> None:
    """Outcomes of `count` units; the shares are those of each arm."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        unit = f"user {seed} {number}"
        arm = ab.arm_of(test, unit)
        rows.append(Outcome(unit, arm, float(draw.random() < (treatment if arm == "treatment" else control))))
    with workspace.store.tx() as connection:
        ab_tests.add_outcomes(connection, test.id, rows)


def test_the_arm_follows_from_the_unit_and_the_test_alone(workspace: Workspace) -> None:
    one, two = plan(workspace, "one", share=0.2), plan(workspace, "two", share=0.2)
    units = [f"user {number}" for number in range(5000)]
    arms = [ab.arm_of(one, unit) for unit in units]
    assert arms == [ab.arm_of(one, unit) for unit in units]
    assert 0.17 < arms.count("treatment") / 5000 < 0.23
    both = sum(ab.arm_of(two, unit) == "treatment" for unit, arm in zip(units, arms, strict=True) if arm == "treatment")
    assert 0.1 < both / arms.count("treatment") < 0.3
    assert ab.arm_of(one, "user 0") == "control" and ab.arm_of(one, "user 7") in ab.ARMS


def test_a_fixed_test_is_locked_until_the_planned_number(workspace: Workspace) -> None:
    test = plan(workspace, planned=400)
    feed(workspace, test, 0.5, 0.9, 399)
    found = ab.look(workspace, "t")
    assert found.locked and found.advice == "locked" and found.outcomes == 399
    assert (found.difference, found.p, found.evidence) == (None, None, None)
    assert [arm.mean for arm in found.arms] == [None, None]
    assert ab.record(workspace, "t", "the last one", 1) == 1
    over = ab.look(workspace, "t")
    assert over.advice == "treatment better" and over.difference is not None
    assert over.difference.low is not None and over.difference.low > 0.2
    feed(workspace, test, 1.0, 0.0, 500, seed=9)
    later = ab.look(workspace, "t")
    assert later.outcomes == 900 and later.difference == over.difference, "only the planned outcomes count"


def test_no_difference_is_said_to_be_none_found(workspace: Workspace) -> None:
    feed(workspace, plan(workspace, planned=200), 0.5, 0.5, 200)
    assert ab.look(workspace, "t").advice == "no difference found"


def test_an_anytime_test_may_be_looked_at_and_rarely_errs(workspace: Workspace) -> None:
    wrong = 0
    for seed in range(40):
        test = plan(workspace, f"n{seed}", plan="anytime", effect=0.1, planned=400)
        feed(workspace, test, 0.5, 0.5, 400, seed=seed)
        found = ab.look(workspace, test.name)
        assert found.difference is not None and found.difference.low is not None and found.difference.high is not None
        wrong += found.advice != "go on"
    assert wrong <= 4


def test_a_worse_treatment_is_to_be_taken_back(workspace: Workspace) -> None:
    test = plan(workspace, plan="anytime", effect=0.1, planned=1000)
    feed(workspace, test, 0.8, 0.5, 1000)
    found = ab.look(workspace, "t")
    assert found.advice == "treatment worse" and "flywheel gate rollback" in found.why
    assert found.evidence is not None and found.evidence >= ab.WORSE_AT
    assert found.difference is not None and found.difference.high is not None and found.difference.high < 0


def test_scores(workspace: Workspace) -> None:
    test = plan(workspace, metric="score", planned=60)
    for number in range(60):
        unit = f"u{number}"
        ab.record(workspace, "t", unit, number % 5 + (2.0 if ab.arm_of(test, unit) == "treatment" else 0.0))
    found = ab.look(workspace, "t")
    assert found.advice == "treatment better" and found.difference is not None and found.difference.method == "Welch"


def test_lost_assignments_are_noticed(workspace: Workspace) -> None:
    test = plan(workspace, planned=50)
    units = [unit for unit in (f"u{n}" for n in range(500)) if ab.arm_of(test, unit) == "control"][:60]
    for unit in units:
        ab.record(workspace, "t", unit, 1)
    found = ab.look(workspace, "t")
    assert found.advice == "arms off" and found.difference is None


def test_outcomes_of_a_file(workspace: Workspace, tmp_path: Path) -> None:
    test = plan(workspace)
    file = tmp_path / "o.csv"
    file.write_text(f"unit,value,arm\nu1,1,{ab.arm_of(test, 'u1')}\nu2,0,\nu1,0,\n")
    assert ab.record_file(workspace, "t", str(file)) == 2
    assert ab.record_file(workspace, "t", str(file)) == 0
    assert [row.value for row in ab_tests.outcomes(workspace.store.read(), test.id)] == [1.0, 0.0]
    other = next(arm for arm in ab.ARMS if arm != ab.arm_of(test, "u3"))
    for line, words in ((f"u3,1,{other}", "was given the wrong adapter"), ("u3,2,", "is 0 or 1"), ("u3,,", "'value'"),
                        ("u3,x,", "is no number")):  # fmt: skip
        file.write_text(f"unit,value,arm\nu4,1,\n{line}\n")
        with pytest.raises(InputError, match=words) as refused:
            ab.record_file(workspace, "t", str(file))
        assert "o.csv:3" in str(refused.value)
    assert len(ab_tests.outcomes(workspace.store.read(), test.id)) == 2


@pytest.mark.parametrize(
    "fields",
    [{"planned": 1}, {"share": 1.0}, {"metric": "clicks"}, {"plan": "peek"}, {"alpha": 0.0}, {"effect": 0.0},
     {"plan": "anytime", "metric": "score"}],
)  # fmt: skip
def test_plans_that_cannot_be_kept(workspace: Workspace, fields: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        plan(workspace, **fields)


def test_a_plan_is_kept(workspace: Workspace) -> None:
    test = plan(workspace)
    with pytest.raises(ConflictError, match="its plan is kept"):
        plan(workspace, planned=10)
    with pytest.raises(UsageError, match="the same adapter"):
        ab.new(workspace, "x", "a", "a", planned=10)
    with pytest.raises(NotFoundError, match="there are: t"):
        ab.look(workspace, "unknown")
    ab.record(workspace, "t", "u", 1)
    with pytest.raises(Exception, match="append-only"), workspace.store.tx() as connection:
        connection.execute("UPDATE ab_outcome SET value = 0 WHERE ab_test_id = ?", (test.id,))
