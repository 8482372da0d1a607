"""Cold start: a few golden examples and nothing else. They stay as rows, and synthetic ones are made beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, recipe
from flywheel_tui.stages.generate.writing import MAYBE, TEXT, closed, offline_answer, offline_task

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

SHOWN = 3


@recipe
class ColdStart(Recipe):
    """The golden examples go in as they are; each item makes a new task and its answer in their manner."""

    name = "cold-start"
    about = "Golden examples taken in as they are, and synthetic ones in their manner."
    seed_kinds = ("sft",)
    default_seeds = "everyday"
    templates = ("cold_start.task", "cold_start.answer")
    likely_tokens = 450
    novelty = 0.7

    def prepare(self) -> None:
        answered = [seed for seed in self.setup.seeds if seed.output]
        self._golden = [seed for seed in answered if seed.depth == 0] or answered

    def item(self, index: int) -> Item | None:
        if not self._golden:
            return None
        first = self._golden[index % len(self._golden)]
        fields = [seed for seed in self._golden if seed is not first]
        others = self.draw("shown", index).sample(fields, min(SHOWN - 1, len(fields)))
        category = first.category or "anything"
        return Item(
            index=index, teacher=self.teacher_in_turn(index, len(self._golden)), seeds=(first, *others),
            params={"category": category},
        )  # fmt: skip

    async def make(self, item: Item, ask: Ask) -> Made:
        shown = "\n\n".join(f"Example {number}: {seed.prompt}" for number, seed in enumerate(item.seeds, 1))
        values = {"examples": shown, "category": item.params["category"].replace("_", " ")}
        found = await ask.object("task", "cold_start.task", values, closed(instruction=TEXT, input=MAYBE))
        instruction, given = found["instruction"].strip(), found["input"].strip() or None
        whole = f"{instruction}\n\n{given}" if given else instruction
        solved = "\n\n".join(
            f"Example {number}: {seed.prompt}\nAnswer: {seed.output}" for number, seed in enumerate(item.seeds, 1)
        )
        answer = await ask.text("answer", "cold_start.answer", {"examples": solved, "task": whole})
        if any(answer == seed.output for seed in item.seeds):
            raise Rejected("copied", "the answer is that of a golden example", answer)
        draft = Draft(instruction=instruction, input=given, output=answer, category=item.seed.category)
        return Made(draft=draft, parents=tuple(Parent(seed) for seed in item.seeds))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "task":
            return {"instruction": offline_task(item.seed.prompt, chance), "input": ""}
        return offline_answer(str(values["task"]), chance)

    def real_rows(self) -> list[Draft]:
        """The golden examples as rows of their own."""
        return [
            Draft(kind=seed.kind, instruction=seed.instruction, input=seed.input, output=seed.output,
                  body=seed.body or None, meta=seed.meta or None, category=seed.category, tags=["golden"])
            for seed in self._golden if seed.depth == 0
        ]  # fmt: skip
