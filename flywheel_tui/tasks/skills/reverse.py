"""Made-up words spelt backwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.letters import made_up, misspelt, spelling
from flywheel_tui.tasks.said import word

_LENGTHS = {1: (3, 4), 2: (5, 6), 3: (7, 8)}


@skill
class Reverse(Skill):
    """`Spell 'lemon' backwards.`"""

    name = "reverse"
    title = "words spelt backwards"
    wordings = ("Spell '{word}' backwards.", "Reverse '{word}'.")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1: three or four letters; 2: five or six; 3: seven or eight."""
        return {"word": made_up(rng, rng.randint(*_LENGTHS[level]))}

    def ask(self, params: Params) -> Mapping[str, object]:
        """The word."""
        return params

    def solve(self, params: Params) -> str:
        """The word backwards."""
        return str(params["word"])[::-1]

    def read(self, output: str, params: Params) -> str | None:
        """The word it says."""
        return word(output)

    def kind(self, got: str, params: Params) -> str:
        """Not reversed, or misspelt."""
        return "not reversed" if got == params["word"] else spelling(got, self.solve(params))

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """The word as it is, or misspelt."""
        yield params["word"]
        yield from misspelt(self.solve(params), rng)
