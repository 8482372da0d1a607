"""From a taxonomy: topics × styles × difficulty with edge cases beside them; the emptiest cells are filled first.
With the option `cell` only those cells are filled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.errors import NotFoundError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.coverage import EDGE, Cell, aimed, cells_of, key_of_cell
from flywheel_tui.stages.generate.objects import load_taxonomy
from flywheel_tui.stages.generate.recipe import Item, Made, Recipe, recipe
from flywheel_tui.stages.generate.writing import PEOPLE, PLACES, TEXT, closed, offline_answer, one_of
from flywheel_tui.store import datasets, generation

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask
    from flywheel_tui.workspace import Workspace

_HORIZON = 1_000_000


@recipe
class FromTaxonomy(Recipe):
    """One message for one cell of the grid, and its answer."""

    name = "from-taxonomy"
    about = "Messages for every cell of topics × styles × difficulty, edge cases included, with answers."
    needs = "nothing"
    instead_of_seeds = "--option taxonomy=NAME"
    templates = ("taxonomy.task", "answer")
    options: ClassVar[dict[str, Any]] = {"taxonomy": "general", "cell": ""}
    hints: ClassVar[dict[str, str]] = {
        "taxonomy": "a name or a YAML file", "cell": "the whole grid; or TOPIC/STYLE/DIFFICULTY, * for any",
    }  # fmt: skip
    likely_tokens = 500
    novelty = 0.7

    @classmethod
    def plan_ahead(
        cls, workspace: Workspace, dataset: str, options: Mapping[str, Any], run_seed: int
    ) -> dict[str, Any]:
        """The rows that the cells have as the job is made, but for those of a run with the same seed and aim: the same
        command meets its own items again and counts them then."""
        connection = workspace.store.read()
        try:
            found = datasets.get_dataset(connection, dataset)
        except NotFoundError:
            return {"filled": {}}
        return {"filled": generation.cells(connection, found.id, but=(cls.name, run_seed, options["cell"]))}

    def prepare(self) -> None:
        self._taxonomy = load_taxonomy(self.setup.workspace, self.option("taxonomy"))
        shares = cells_of(self._taxonomy)
        if aim := self.option("cell"):
            inside = aimed(self._taxonomy, list(shares), aim)
            whole = math.fsum(shares[cell] for cell in inside)
            shares = {cell: shares[cell] / whole for cell in inside}
        self._shares = shares
        filled = self.setup.carried.get("filled", {})
        self._counts = {cell: filled.get(key_of_cell(cell), 0) for cell in self._shares}
        self._plan: list[Cell] = []
        self._tie = {cell: self.draw("cell", key_of_cell(cell)).random() for cell in self._shares}

    def item(self, index: int) -> Item | None:
        while len(self._plan) <= index < _HORIZON:
            cell = self._next()
            self._plan.append(cell)
            self._counts[cell] += 1
        if index >= _HORIZON:
            return None
        cell = self._plan[index]
        chance = self.draw("subtopic", index)
        subtopics = self._taxonomy.topics[cell.topic].subtopics or (cell.topic,)
        params = {"cell": key_of_cell(cell), "topic": cell.topic, "style": cell.style, "difficulty": cell.difficulty,
                  "subtopic": chance.choice(subtopics), "taxonomy": f"{self._taxonomy.name}@{self._taxonomy.version}"}  # fmt: skip  # noqa: E501
        if aim := self.option("cell"):
            params["aim"] = aim
        return Item(index=index, teacher=self.teacher(index), params=params)

    def _next(self) -> Cell:
        """The cell of the next row. A cell that has less than half of its share of all rows goes first, the emptiest of
        them before the others; else the difficulty that is furthest behind its share, and in it the emptiest cell."""
        rows = sum(self._counts.values()) + 1
        due = {cell: share * rows for cell, share in self._shares.items()}
        behind = [cell for cell, wanted in due.items() if wanted >= 1 and self._counts[cell] < wanted / 2]
        if behind:
            return min(behind, key=lambda cell: (self._counts[cell] / self._shares[cell], self._tie[cell]))
        levels: dict[str, float] = {}
        topics: dict[str, int] = {}
        for cell, wanted in due.items():
            levels[cell.difficulty] = levels.get(cell.difficulty, 0.0) + wanted - self._counts[cell]
            topics[cell.topic] = topics.get(cell.topic, 0) + self._counts[cell]
        level = max(levels, key=lambda name: levels[name])
        inside = [cell for cell in due if cell.difficulty == level]
        return min(inside, key=lambda cell: (self._counts[cell], topics[cell.topic], self._tie[cell]))

    async def make(self, item: Item, ask: Ask) -> Made:
        cell = item.params
        topic = self._taxonomy.topics[cell["topic"]]
        if cell["difficulty"] == EDGE and self._taxonomy.edge_cases is not None:
            kind = next(one for one in self._taxonomy.edge_cases.kinds if one.name == cell["style"])
            style, style_text = "as such a person would", "anything that fits"
            level, level_text = f"an edge case ({kind.name})", kind.description
        else:
            found = next(one for one in self._taxonomy.styles if one.name == cell["style"])
            style, style_text = found.name, found.description
            named = next(one for one in self._taxonomy.difficulty if one.name == cell["difficulty"])
            level, level_text = named.name, named.description
        values = {
            "topic": cell["topic"], "topic_description": topic.description, "subtopic": cell["subtopic"],
            "style": style, "style_description": style_text, "difficulty": level, "difficulty_description": level_text,
        }  # fmt: skip
        message = (await ask.object("task", "taxonomy.task", values, closed(message=TEXT)))["message"].strip()
        answer = await ask.text("answer", "answer", {"task": message})
        draft = Draft(
            instruction=message, output=answer, category=cell["topic"], tags=[cell["style"], cell["difficulty"]]
        )
        notes = {name: cell[name] for name in ("cell", "topic", "style", "difficulty")}
        return Made(draft=draft, notes=notes)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "answer":
            return offline_answer(str(values["task"]), chance)
        cell = item.params
        person, place = one_of(chance, PEOPLE, PLACES)
        opening = chance.choice((
            f"I am {person} and have a question about {cell['subtopic']}",
            f"Could you help with {cell['subtopic']}? It is about something that happened {place}",
            f"{cell['subtopic'][0].upper()}{cell['subtopic'][1:]}: {person} told me something else {place}",
            f"Please explain to {person} what matters in {cell['subtopic']} {place}",
        ))  # fmt: skip
        style = cell["style"].replace("_", " ")
        close = chance.choice(("What do I do first?", "Which of the two is right?", "Is that always so?",
                               "How long does it take?", "What does it depend on?"))  # fmt: skip
        return {"message": f"{opening}. {close} ({cell['topic'].replace('_', ' ')}, {style}, {cell['difficulty']})"}
