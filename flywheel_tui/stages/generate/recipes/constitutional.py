"""Constitutional AI (Bai et al. 2022): an answer is criticised under a written principle and revised.

The revised answer is a row for SFT; beside the first one it is a preference pair, kept only where the judge prefers
it in both orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.comparing import COMPARE, better_of, offline_better
from flywheel_tui.stages.generate.objects import Principle, load_constitution
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import MAYBE, closed, offline_answer, subject

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

_CRITIQUE = closed(fault={"type": "boolean"}, critique=MAYBE)
_MENTIONS = ("critique", "the principle", "earlier version", "previous version", "revised answer")


@recipe
class Constitutional(Recipe):
    """Draft, critique, revision, one to three rounds, each under another principle.

    Rules: `nothing_to_mend` (no principle found a fault), `unchanged` (the revision is the draft),
    `speaks_of_critique`, and for pairs `not_better` (the judge prefers the draft), `orders_disagree`, `tie`.
    """

    name = "constitutional"
    about = "Answers criticised under a written constitution and revised; as preference pairs, as answers, or both."
    kind = "preference"
    seed_kinds = ("sft", "prompt", "preference", "kto")
    templates = ("preference.plain", "constitution.critique", "constitution.revise", COMPARE)
    options = {"constitution": "careful", "rounds": 1, "form": ("preference", "sft", "both")}  # noqa: RUF012
    hints = {"constitution": "a name or a YAML file"}  # noqa: RUF012
    likely_tokens = 1400

    def prepare(self) -> None:
        self._constitution = load_constitution(self.setup.workspace, self.option("constitution"))
        if not 1 <= self.option("rounds") <= 3:
            raise UsageError("--option rounds of constitutional lies between 1 and 3")

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        principles = list(self._constitution.principles)
        drawn = self.draw("principles", index).sample(principles, min(self.option("rounds"), len(principles)))
        name = f"{self._constitution.name}@{self._constitution.version}"
        return {"constitution": name, "principles": [one.id for one in drawn]}

    async def make(self, item: Item, ask: Ask) -> Made | list[Made]:
        task, form = item.seed.prompt, self.option("form")
        first = await ask.text("draft", "preference.plain", {"task": task})
        revised, rounds = await self._revised(item, ask, task, first)
        notes: dict[str, Any] = {"rounds": rounds, "variant": "constitutional"}
        made = []
        if form in ("preference", "both"):
            criteria = " ".join(self._principle(one["principle"]).revise for one in rounds)
            found = await better_of(ask, item.teacher, task, (revised, first), criteria=criteria)
            if found.better != 0:
                raise Rejected("not_better", "the judge prefers the first answer in both orders", revised)
            body = {"rejected": first}
            made.append(self._made(item, "preference", revised, body, {**notes, "margin": found.margin}))
        if form in ("sft", "both"):
            made.append(self._made(item, "sft", revised, None, notes))
        return made

    async def _revised(self, item: Item, ask: Ask, task: str, first: str) -> tuple[str, list[dict[str, str]]]:
        answer, rounds = first, []
        for number, name in enumerate(item.params["principles"]):
            principle = self._principle(name)
            values = {"task": task, "answer": answer, "principle": principle.critique}
            found = await ask.object("critique", "constitution.critique", values, _CRITIQUE, sample=number)
            critique = found["critique"].strip()
            if not found["fault"] or not critique:
                continue
            values = {"task": task, "answer": answer, "critique": critique, "principle": principle.revise}
            answer = await ask.text("revise", "constitution.revise", values, sample=number)
            rounds.append({"principle": name, "critique": critique})
        if not rounds:
            raise Rejected("nothing_to_mend", "no principle has anything against the first answer", first)
        if " ".join(answer.split()) == " ".join(first.split()):
            raise Rejected("unchanged", "the revision is the first answer again", answer)
        if mentioned := [word for word in _MENTIONS if word in answer.lower() and word not in first.lower()]:
            raise Rejected("speaks_of_critique", f"it speaks of {mentioned[0]!r}", answer)
        return answer, rounds

    def _principle(self, id: str) -> Principle:
        return next(one for one in self._constitution.principles if one.id == id)

    def _made(self, item: Item, kind: str, output: str, body: dict[str, Any] | None, notes: dict[str, Any]) -> Made:
        seed = item.seed
        draft = Draft(
            kind=kind, instruction=seed.instruction, input=seed.input, output=output, body=body, category=seed.category
        )
        return Made(draft=draft, parents=(Parent(seed, "answered"),), notes=notes)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        task = str(values["task"])
        if step == "draft":
            return offline_answer(task, self.draw("offline", item.index))
        if step == "critique":
            return {"fault": True, "critique": "It does not say what is uncertain."}
        if step == "revise":
            about = subject(task, self.draw("offline revise", item.index))
            return (
                f"{values['answer']}\nNothing here was checked: ask somebody who knows {about} before you rely on it."
            )
        return offline_better(values, "")
