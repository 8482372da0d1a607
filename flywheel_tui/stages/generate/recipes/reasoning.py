"""Problems with their steps: a new problem beside each seed, then steps and final answer in a second request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import PEOPLE, PLACES, TEXT, closed, one_of

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

_SOLUTION = closed(steps={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 30}, final=TEXT)
_GOODS = ("boxes", "loaves", "tickets", "bricks", "bottles", "seedlings", "books", "tiles", "letters", "candles")
_PACKS = ("crates", "bags", "rows", "shelves", "trays", "bundles")


@recipe
class Reasoning(Recipe):
    """A problem, its steps and its final answer; too few steps or a final answer that the steps never reach are
    rejected."""

    name = "reasoning"
    about = "Problems of several steps with their solution and final answer."
    kind = "reasoning"
    templates = ("reasoning.problem", "reasoning.solution")
    options: ClassVar[dict[str, Any]] = {"least_steps": 2}
    likely_tokens = 600
    novelty = 0.85

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        return {"steps": self.draw("steps", index).choice(("two or three", "three or four", "five or more"))}

    async def make(self, item: Item, ask: Ask) -> Made:
        values = {"example": item.seed.prompt, "steps": item.params["steps"]}
        problem = (await ask.object("problem", "reasoning.problem", values, closed(problem=TEXT)))["problem"].strip()
        found = await ask.object("solution", "reasoning.solution", {"problem": problem}, _SOLUTION)
        steps, final = [step.strip() for step in found["steps"]], found["final"].strip()
        if len(steps) < self.option("least_steps"):
            raise Rejected("too_few_steps", f"{len(steps)} of at least {self.option('least_steps')}", problem)
        if len(final) > 300:
            raise Rejected("no_final_answer", "the final answer is a text of its own", final)
        trace = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
        draft = Draft(
            kind="reasoning", instruction=problem, output=final, body={"reasoning": trace, "final": final},
            category=item.seed.category,
        )  # fmt: skip
        return Made(draft=draft, parents=(Parent(item.seed),))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        chance = self.draw("numbers", item.index)
        person, place, goods, packs = one_of(chance, PEOPLE, PLACES, _GOODS, _PACKS)
        count, each, given, more = (chance.randrange(3, 30), chance.randrange(4, 25), chance.randrange(2, 12),
                                    chance.randrange(5, 40))  # fmt: skip
        if step == "problem":
            who = person[0].upper() + person[1:]
            problem = (
                f"{who} {place} has {count} {packs} with {each} {goods} each, gives away {given} {goods} and gets"
                f" {more} new ones. How many {goods} are there now?"
            )
            return {"problem": problem}
        whole = count * each
        steps = [f"{count} {packs} of {each} are {count} × {each} = {whole} {goods}.",
                 f"Without the {given} given away: {whole} - {given} = {whole - given}.",
                 f"With the {more} new ones: {whole - given} + {more} = {whole - given + more}."]  # fmt: skip
        return {"steps": steps, "final": str(whole - given + more)}
