"""Sums of two numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.figures import miscounted, moved
from flywheel_tui.tasks.said import whole_number

_RANGES = {1: ((1, 9), (10, 99)), 2: ((10, 99), (10, 99)), 3: ((100, 499), (10, 99))}


@skill
class Add(Skill):
    """`What is 47 + 85?`"""

    name = "add"
    title = "sums of two numbers"
    wordings = ("What is {a} + {b}?", "Add {a} and {b}.")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1: one digit to two; 2: two digits each; 3: three digits and two."""
        one, other = (rng.randint(*span) for span in _RANGES[level])
        return {"a": one, "b": other} if rng.random() < 0.5 else {"a": other, "b": one}

    def near(self, params: Params, rng: Random) -> Params:
        """Each number moved a little, with as many digits as it had."""
        return {"a": moved(params["a"], rng), "b": moved(params["b"], rng)}

    def ask(self, params: Params) -> Mapping[str, object]:
        """Both numbers."""
        return params

    def solve(self, params: Params) -> str:
        """Their sum."""
        return str(params["a"] + params["b"])

    def identity(self, params: Params) -> Params:
        """The order of the two does not make another task."""
        return {"of": sorted((params["a"], params["b"]))}

    def read(self, output: str, params: Params) -> str | None:
        """The number it says."""
        return whole_number(output)

    def kind(self, got: str, params: Params) -> str:
        """A lost carry, one off, the other operation, or just wrong."""
        if int(got) == abs(params["a"] - params["b"]):
            return "other operation"
        return miscounted(int(got), int(self.solve(params)), "carry")

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """A lost carry, one off, the difference instead, another number."""
        right = int(self.solve(params))
        yield from map(str, (right - 10, right + 1, right - 1, abs(params["a"] - params["b"])))
        yield str(right + rng.choice((-7, -4, -3, 3, 4, 7, 12)))
