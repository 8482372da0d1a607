"""Instructions with responses: a new task beside each seed, then its response in a second request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Seed, recipe
from flywheel_tui.stages.generate.writing import MAYBE, TEXT, closed, offline_answer, offline_task

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

SORTS = (
    "write something", "rewrite or improve a text", "extract facts from a text", "classify", "summarise", "plan",
    "compare", "explain", "give advice", "find the fault", "put into a given form", "translate or rephrase",
)  # fmt: skip


@recipe
class Instruction(Recipe):
    """A task and its response; the response is written by a request of its own, so that it is no afterthought."""

    name = "instruction"
    about = "New tasks beside the seeds, each with a response."
    templates = ("instruction.task", "answer")
    likely_tokens = 450
    novelty = 0.7

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        return {"sort": self.draw("sort", index).choice(SORTS)}

    async def make(self, item: Item, ask: Ask) -> Made:
        values = {"example": item.seed.prompt, "sort": item.params["sort"]}
        task = await ask.object("task", "instruction.task", values, closed(instruction=TEXT, input=MAYBE))
        instruction, given = task["instruction"].strip(), task["input"].strip() or None
        whole = f"{instruction}\n\n{given}" if given else instruction
        answer = await ask.text("answer", "answer", {"task": whole})
        draft = Draft(instruction=instruction, input=given, output=answer, category=item.seed.category)
        return Made(draft=draft, parents=(Parent(item.seed),))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "task":
            return {"instruction": offline_task(str(values["example"]), chance), "input": ""}
        return offline_answer(str(values["task"]), chance)
