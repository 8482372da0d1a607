"""The first or the last letters of made-up words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.letters import made_up, misspelt, spelling
from flywheel_tui.tasks.said import word


@skill
class Ends(Skill):
    """`Give the last 3 letters of 'lemon'.`"""

    name = "ends"
    title = "first or last letters of words"
    wordings = ("Give the {end} {count} letters of '{word}'.", "What are the {end} {count} letters of '{word}'?")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1, 2, 3: two, three, four letters, of words with a few letters more."""
        length = level + 1 + rng.randint(2, 3)
        return {"word": made_up(rng, length), "count": level + 1, "end": rng.choice(("first", "last"))}

    def near(self, params: Params, rng: Random) -> Params:
        """The same end and as many letters of another word."""
        return params | {"word": made_up(rng, len(params["word"]))}

    def ask(self, params: Params) -> Mapping[str, object]:
        """The word, the end and how many."""
        return params

    def solve(self, params: Params) -> str:
        """The letters."""
        return _cut(params, params["end"], params["count"])

    def read(self, output: str, params: Params) -> str | None:
        """The letters it says."""
        return word(output)

    def kind(self, got: str, params: Params) -> str:
        """The other end, too many or too few, or other letters."""
        if got == _cut(params, "last" if params["end"] == "first" else "first", params["count"]):
            return "other end"
        return spelling(got, self.solve(params))

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """The other end, one letter more, or misspelt."""
        yield _cut(params, "last" if params["end"] == "first" else "first", params["count"])
        yield _cut(params, params["end"], params["count"] + 1)
        yield from misspelt(self.solve(params), rng)


def _cut(params: Params, end: str, count: int) -> str:
    text = str(params["word"])
    return text[:count] if end == "first" else text[-count:]
