"""Two answers side by side, without saying whose they are: a person chooses, the result comes with an interval.

Items, their order and which answer is shown first follow from the seed of the sitting. The choices are the labels that
a judge's win rate is corrected with.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.calibration import Number
from flywheel_tui.records.evaluation import Item
from flywheel_tui.stats.intervals import wilson
from flywheel_tui.stats.paired import sign_test
from flywheel_tui.store import blind_tests as store
from flywheel_tui.store import evaluations
from flywheel_tui.store.blind_tests import BlindRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

CHOICES = ("first", "second", "tie", "neither")
"""`neither`: both are bad. It is no vote for a side and counts like a tie, but is told apart wherever it is counted."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What is put before a person: the request, two answers, and how far they are. Whose is whose is not in it."""

    test: int
    key: str
    number: int
    of: int
    messages: list[dict[str, str]]
    first: str
    second: str


class BlindResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a sitting, unsealed when it is over. `rate` counts a tie as half a win of the candidate, and so it
    does where both were called bad (`both_bad`, which are not among the `ties`)."""

    test: int
    evaluation: int
    reviewer: str
    done: int
    planned: int
    over: bool
    candidate: int | None
    base: int | None
    ties: int | None
    both_bad: int | None
    rate: Number | None
    p: float | None
    first_shown: float | None


def begin(workspace: Workspace, evaluation: int, *, reviewer: str, count: int = 30, seed: int = 0) -> BlindRow:
    """Draw items on which the two answers differ, at random by the seed. Raises UsageError where there are none."""
    if not reviewer.strip():
        raise UsageError("choosing blind needs a name (--reviewer NAME)")
    if count < 1:
        raise UsageError("--count is a number from 1 up")
    connection = workspace.store.read()
    row = evaluations.get_evaluation(connection, evaluation)
    items = [item for item in evaluations.items_of(connection, row.id) if _differs(item)]
    if not items:
        raise UsageError(f"the two sides of the evaluation {evaluation} answered nothing differently")
    keys = sorted((item.key for item in items), key=lambda key: _hash(seed, "order", key))[:count]
    with workspace.store.tx() as writing:
        return store.add_blind_test(writing, evaluation_id=row.id, reviewer=reviewer.strip(), seed=seed, keys=keys)


def _differs(item: Item) -> bool:
    both = item.base_output is not None and item.candidate_output is not None
    asked = item.group != "regression" or not item.checker
    return both and asked and item.base_output != item.candidate_output


def _hash(seed: int, what: str, key: str) -> bytes:
    return sha256(f"{seed}:{what}:{key}".encode()).digest()


def flipped(seed: int, key: str) -> bool:
    """Whether the candidate's answer is shown second."""
    return bool(_hash(seed, "side", key)[0] & 1)


def shown(workspace: Workspace, test: int) -> Shown | None:
    """What is next, None where all is chosen. Raises NotFoundError."""
    connection = workspace.store.read()
    row = store.get_blind_test(connection, test)
    done = {choice.key for choice in store.choices(connection, test)}
    key = next((key for key in row.keys if key not in done), None)
    if key is None:
        return None
    item = next(item for item in evaluations.items_of(connection, row.evaluation_id) if item.key == key)
    sides = [item.candidate_output or "", item.base_output or ""]
    if flipped(row.seed, key):
        sides.reverse()
    return Shown(
        test=test, key=key, number=len(done) + 1, of=row.planned, messages=item.messages, first=sides[0],
        second=sides[1],
    )  # fmt: skip


def choose(workspace: Workspace, test: int, key: str, choice: str) -> None:
    """Keep what a person chose: first, second, tie or neither (both are bad).

    Raises UsageError for another word or an item that was not drawn, ConflictError where it was chosen before.
    """
    if choice not in CHOICES:
        raise UsageError(f"one chooses {', '.join(CHOICES)}, not {choice!r}")
    row = store.get_blind_test(workspace.store.read(), test)
    if key not in row.keys:
        raise UsageError(f"the item {key!r} is not in the blind comparison {test}")
    with workspace.store.tx() as connection:
        store.add_choice(connection, test, key, choice, flipped(row.seed, key))


def result(workspace: Workspace, test: int) -> BlindResult:
    """What came of it; the sides stay hidden until the last item is chosen, so that nobody stops where it suits."""
    connection = workspace.store.read()
    row = store.get_blind_test(connection, test)
    made = store.choices(connection, test)
    over = len(made) >= row.planned
    found = BlindResult(
        test=row.id, evaluation=row.evaluation_id, reviewer=row.reviewer, done=len(made), planned=row.planned,
        over=over, candidate=None, base=None, ties=None, both_bad=None, rate=None, p=None, first_shown=None,
    )  # fmt: skip
    if not over:
        return found
    voted = [choice for choice in made if choice.choice in ("first", "second")]
    own, n = sum((choice.choice == "first") != choice.flipped for choice in voted), len(made)
    other, bad = len(voted) - own, sum(choice.choice == "neither" for choice in made)
    share = own + (n - len(voted)) / 2
    low, high = wilson(share, n)
    firsts = sum(choice.choice == "first" for choice in made)
    return msgspec.structs.replace(
        found, candidate=own, base=other, ties=n - len(voted) - bad, both_bad=bad,
        rate=Number(value=share / n, low=low, high=high, n=n, method="Wilson, ties as half"),
        p=sign_test(own, other).p, first_shown=firsts / len(voted) if voted else None,
    )  # fmt: skip
