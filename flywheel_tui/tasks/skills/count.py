"""How often a letter stands in a made-up word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.letters import made_up
from flywheel_tui.tasks.said import whole_number

_LENGTHS = {1: (3, 4), 2: (5, 6), 3: (7, 9)}


@skill
class Count(Skill):
    """`How many 'e' are in 'lemon'?`"""

    name = "count"
    title = "letters counted in words"
    wordings = ("How many '{letter}' are in '{word}'?", "Count '{letter}' in '{word}'.")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1: three or four letters; 2: five or six; 3: seven to nine. The letter is mostly there."""
        letters = list(made_up(rng, rng.randint(*_LENGTHS[level])))
        letter = rng.choice(letters)
        for place in range(len(letters)):
            if rng.random() < 0.2:
                letters[place] = letter
        if rng.random() < 0.1:
            letter = rng.choice("aeiou")
        return {"word": "".join(letters), "letter": letter}

    def ask(self, params: Params) -> Mapping[str, object]:
        """The word and the letter."""
        return params

    def solve(self, params: Params) -> str:
        """How often."""
        return str(str(params["word"]).count(params["letter"]))

    def read(self, output: str, params: Params) -> str | None:
        """The number it says."""
        return whole_number(output)

    def kind(self, got: str, params: Params) -> str:
        """One too many, one too few, or more."""
        off = int(got) - int(self.solve(params))
        return {1: "one too many", -1: "one too few"}.get(off, "wrong number")

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """One more, one less, two more."""
        right = int(self.solve(params))
        yield from map(str, (right + 1, max(right - 1, 0), right + 2))
