"""Self-Instruct (Wang et al. 2022): new tasks from eight examples, six by people and two made before, then filters.

The people's tasks are dealt into blocks of about eight. A task is made from examples of one block only, and the made
examples come from the same block: so what belongs together in a split stays small, while examples vary within a block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import MAX_DEPTH, Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import MAYBE, TEXT, closed, offline_answer, offline_task

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

HUMAN, MACHINE = 6, 2
BLOCK = 8
LEAST_WORDS, MOST_WORDS = 3, 150
_KEYWORDS = ("image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps", "draw",
             "plot", "go to")  # fmt: skip
_KEYWORD = re.compile(rf"\b({'|'.join(map(re.escape, _KEYWORDS))})\b", re.IGNORECASE)


@recipe
class SelfInstruct(Recipe):
    """One new task and its response per item."""

    name = "self-instruct"
    about = "New tasks from six human and two machine examples, filtered for novelty, length and keywords."
    seed_kinds = ("sft", "prompt")
    templates = ("self_instruct.task", "answer")
    options: ClassVar[dict[str, Any]] = {"keywords": True}
    temperature = 0.7
    novelty = 0.7
    likely_tokens = 400

    def item(self, index: int) -> Item | None:
        blocks = self._blocks()
        if not blocks:
            return None
        block = blocks[index % len(blocks)]
        chosen = self.draw("examples", index).sample(block, min(HUMAN, len(block)))
        return Item(index=index, teacher=self.teacher_in_turn(index, len(blocks)), seeds=tuple(chosen))

    def _blocks(self) -> list[list[Seed]]:
        """The real seeds in blocks; with fewer than two blocks' worth there is one."""
        if not hasattr(self, "_dealt"):
            seeds = [self.setup.seeds[place] for place in self.order()]
            real = [seed for seed in seeds if seed.depth == 0] or seeds
            count = max(1, len(real) // BLOCK)
            self._dealt = [real[number::count] for number in range(count)] if real else []
        return self._dealt

    async def make(self, item: Item, ask: Ask) -> Made:
        examples = [*item.seeds, *self._machine(item)]
        self.draw("order", item.index).shuffle(examples)
        tasks = "\n\n".join(f"Task {number}: {one.prompt}" for number, one in enumerate(examples, 1))
        values = {"tasks": tasks, "number": len(examples) + 1}
        found = await ask.object("task", "self_instruct.task", values, closed(instruction=TEXT, input=MAYBE))
        instruction, given = found["instruction"].strip(), found["input"].strip() or None
        self._filter(instruction)
        whole = f"{instruction}\n\n{given}" if given else instruction
        answer = await ask.text("answer", "answer", {"task": whole})
        parents = (*item.seeds, *(one for one in examples if one not in item.seeds))
        draft = Draft(instruction=instruction, input=given, output=answer, category=item.seed.category)
        notes = {"human": len(item.seeds), "machine": len(parents) - len(item.seeds)}
        return Made(draft=draft, parents=tuple(Parent(seed) for seed in parents), notes=notes)

    def _machine(self, item: Item) -> list[Seed]:
        """Two of the rows made before whose roots are in the block of this item."""
        block = self._blocks()[item.index % len(self._blocks())]
        families = {seed.family for seed in block}
        made = [one for one in self.setup.grown if one.family in families and one.depth < MAX_DEPTH]
        return self.draw("machine", item.index).sample(made, min(MACHINE, len(made)))

    def _filter(self, instruction: str) -> None:
        """The rules on the instruction alone; novelty is the engine's."""
        words = instruction.split()
        if len(words) <= LEAST_WORDS:
            raise Rejected("too_short", f"{len(words)} words; more than {LEAST_WORDS} are needed", instruction)
        if len(words) > MOST_WORDS:
            raise Rejected("too_long", f"{len(words)} words; at most {MOST_WORDS} are taken", instruction)
        if self.option("keywords") and (hit := _KEYWORD.search(instruction)):
            raise Rejected("keyword", f"{hit[0]!r} asks for something that text cannot give", instruction)
        if instruction.startswith("Write a program"):
            raise Rejected("starts_with_program", "models write too many of these", instruction)
        first = instruction[0]
        if not first.isascii():
            raise Rejected("non_ascii_start", f"it begins with {first!r}", instruction)
        if not first.isalnum():
            raise Rejected("punctuation_start", f"it begins with {first!r}", instruction)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "task":
            return {"instruction": offline_task(_texts(item.seeds), chance), "input": ""}
        return offline_answer(str(values["task"]), chance)


def _texts(seeds: Sequence[Seed]) -> str:
    return " ".join(seed.instruction for seed in seeds)
