"""Differences of two numbers, never below nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.figures import miscounted, moved
from flywheel_tui.tasks.said import whole_number

_RANGES = {1: ((10, 99), (1, 9)), 2: ((20, 99), (10, 99)), 3: ((100, 499), (10, 99))}


@skill
class Subtract(Skill):
    """`What is 85 - 47?`"""

    name = "subtract"
    title = "differences of two numbers"
    wordings = ("What is {a} - {b}?", "Subtract {b} from {a}.")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1: one digit from two; 2: two digits each; 3: two digits from three."""
        one, other = (rng.randint(*span) for span in _RANGES[level])
        return {"a": max(one, other), "b": min(one, other)}

    def near(self, params: Params, rng: Random) -> Params:
        """Each number moved a little, with as many digits as it had."""
        one, other = moved(params["a"], rng), moved(params["b"], rng)
        return {"a": max(one, other), "b": min(one, other)}

    def ask(self, params: Params) -> Mapping[str, object]:
        """Both numbers."""
        return params

    def solve(self, params: Params) -> str:
        """Their difference."""
        return str(params["a"] - params["b"])

    def read(self, output: str, params: Params) -> str | None:
        """The number it says."""
        return whole_number(output)

    def kind(self, got: str, params: Params) -> str:
        """A forgotten borrow, one off, the other operation, or just wrong."""
        if int(got) == params["a"] + params["b"]:
            return "other operation"
        return miscounted(int(got), int(self.solve(params)), "borrow")

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """A forgotten borrow, one off, the sum instead, another number."""
        right = int(self.solve(params))
        yield from map(str, (right + 10, right + 1, params["a"] + params["b"]))
        yield str(right + rng.choice((3, 4, 7, 12)))
