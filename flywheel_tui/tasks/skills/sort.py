"""Numbers put in order, upwards or downwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.figures import moved
from flywheel_tui.tasks.said import whole_numbers

_COUNTS = {1: 3, 2: 4, 3: 5}
_DIRECTIONS = {"up": "up", "down": "down"}


@skill
class Sort(Skill):
    """`Sort 41, 7, 23 up.`"""

    name = "sort"
    title = "numbers put in order"
    wordings = ("Sort {items} {way}.", "Put {items} in order, {way}.")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1, 2, 3: three, four, five different numbers below 100."""
        return {"items": rng.sample(range(1, 100), _COUNTS[level]), "way": rng.choice(("up", "down"))}

    def near(self, params: Params, rng: Random) -> Params:
        """As many numbers, each moved a little, in another order, the same way."""
        items: list[int] = []
        while len(items) < len(params["items"]):
            number = moved(params["items"][len(items)], rng)
            if number not in items:
                items.append(number)
        rng.shuffle(items)
        return {"items": items, "way": params["way"]}

    def ask(self, params: Params) -> Mapping[str, object]:
        """The numbers and the way."""
        return {"items": ", ".join(map(str, params["items"])), "way": _DIRECTIONS[params["way"]]}

    def solve(self, params: Params) -> str:
        """The numbers in order."""
        return ", ".join(map(str, sorted(params["items"], reverse=params["way"] == "down")))

    def identity(self, params: Params) -> Params:
        """The order in which the numbers are given does not make another task."""
        return {"items": sorted(params["items"]), "way": params["way"]}

    def read(self, output: str, params: Params) -> str | None:
        """The numbers it says."""
        return whole_numbers(output)

    def kind(self, got: str, params: Params) -> str:
        """The other way round, numbers lost or added, or in wrong order."""
        said, right = got.split(", "), self.solve(params).split(", ")
        if said == right[::-1]:
            return "other direction"
        if sorted(said) == sorted(right):
            return "wrong order"
        return "numbers missing" if len(said) < len(right) else "other numbers"

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """The other way round, two neighbours swapped, one left out, one changed."""
        right = sorted(params["items"], reverse=params["way"] == "down")
        at = rng.randrange(len(right) - 1)
        swapped = [*right[:at], right[at + 1], right[at], *right[at + 2 :]]
        changed = [number + (place == at) for place, number in enumerate(right)]
        for made in (right[::-1], swapped, right[:at] + right[at + 1 :], changed):
            yield ", ".join(map(str, made))
