"""Questions and answers: one new question on the subject of each seed, with its answer, in a single request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Seed, recipe
from flywheel_tui.stages.generate.writing import PEOPLE, PLACES, TEXT, closed, offline_answer, one_of, subject

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

ANGLES = (
    "what something is", "how something works", "why something happens", "what to do in a case",
    "how two things differ",     "when something fails", "what follows from a fact", "how much or how many",
)  # fmt: skip
_ASKS = ("What is the purpose of", "How does one recognise", "Why do people rely on", "What goes wrong most often with",
         "When is it better to avoid", "How would you check", "What follows from a lack of")  # fmt: skip
_WHERE = ("in everyday life", "in a small business", "when time is short", "for a beginner", "on a tight budget",
          "when two people disagree", "after a mistake", "in the long run", "in an emergency", "abroad")  # fmt: skip


@recipe
class QuestionAnswer(Recipe):
    """One question and its answer per item."""

    name = "qa"
    about = "Questions with answers on the subjects of the seeds."
    templates = ("qa.question",)
    likely_tokens = 220
    novelty = 0.7

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        return {"angle": self.draw("angle", index).choice(ANGLES)}

    async def make(self, item: Item, ask: Ask) -> Made:
        values = {"subject": item.seed.prompt, "angle": item.params["angle"]}
        found = await ask.object("question", "qa.question", values, closed(question=TEXT, answer=TEXT))
        draft = Draft(
            instruction=found["question"].strip(), output=found["answer"].strip(), category=item.seed.category
        )
        return Made(draft=draft, parents=(Parent(item.seed),))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        chance = self.draw("offline", item.index)
        opening, where = one_of(chance, _ASKS, _WHERE)
        about = subject(str(values["subject"]), chance)
        person, place = one_of(chance, PEOPLE, PLACES)
        question = chance.choice((
            f"{opening} {about} {where}?",
            f"{person[0].upper()}{person[1:]} works {place}: what should be known about {about} {where}?",
            f"Which mistake with {about} costs the most {place}?",
            f"{where[0].upper()}{where[1:]}, how does {person} tell good {about} from bad?",
            f"Is {about} more useful {place} or {where}, and why?",
        ))  # fmt: skip
        return {"question": question, "answer": offline_answer(question, chance)}
