"""Evol-Instruct (WizardLM, Xu et al. 2023): a task made harder in one of five ways, or a rarer one beside it; answered,
and eliminated where nothing was gained.

Which operator an item gets is drawn by a Beta bandit over what people said of earlier rows of each (Thompson sampling;
even while nobody has said anything). The weights are fixed when the job is made, so that it draws the same again.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import PEOPLE, TEXT, closed, offline_answer, offline_task, one_of
from flywheel_tui.store import generation

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask
    from flywheel_tui.workspace import Workspace

IN_DEPTH = {
    "constrain": "add one more limit or demand",
    "deepen": "ask for more depth and breadth of the matter",
    "concretise": "replace general ideas by more specific ones",
    "reason": "demand several steps of reasoning explicitly where few would do",
    "complicate_input": "add material to work on, such as a table, a code snippet or a JSON object, and ask about it",
}
BROADEN = "broaden"
OPERATORS = (*IN_DEPTH, BROADEN)
_LEAK = re.compile(
    r"(?i)(given prompt|rewritten prompt|new prompt|created prompt|given task|rewritten task|#\w[\w ]*#)"
)
_SORRY_WORDS = 80
_STOPS = """
a an and are as at be but by for from has have he her his i if in into is it its me my no not of on or our she so than
that the their them then there they this to us was we were what when which who will with yes you your
"""
_STOP_WORDS = frozenset(_STOPS.split())
_LIMITS = ("using no word twice in a row", "and name one limit of the answer", "with an example from before 1900",
           "so that it can be checked by somebody else", "and say what would change the result",
           "without technical terms", "in exactly four sentences", "and add a counter-example")  # fmt: skip


@recipe
class EvolInstruct(Recipe):
    """One evolution and its response per item. Run it again on its own rows for the next generation."""

    name = "evol-instruct"
    about = "Tasks made harder (five ways) or rarer, with responses; evolutions that gain nothing are eliminated."
    seed_kinds = ("sft", "prompt")
    templates = ("evol.deepen", "evol.broaden", "evol.equal", "answer")
    options: ClassVar[dict[str, Any]] = {"operators": ",".join(OPERATORS), "equality_check": True}
    hints: ClassVar[dict[str, str]] = {"operators": "some of these, between commas"}
    likely_tokens = 550

    @classmethod
    def plan_ahead(
        cls, workspace: Workspace, dataset: str, options: Mapping[str, Any], run_seed: int
    ) -> dict[str, Any]:
        """For each operator what people approved and refused so far (in all data sets), and what rules eliminated."""
        known = {one.variant: one for one in generation.survival(workspace.store.read(), cls.name)}
        return {
            name: [known[name].approved, known[name].refused] if name in known else [0, 0] for name in OPERATORS
        }  # fmt: skip

    def prepare(self) -> None:
        named = [name.strip() for name in str(self.option("operators")).split(",") if name.strip()]
        if unknown := set(named) - set(OPERATORS):
            from flywheel_tui.errors import UsageError

            raise UsageError(f"there is no operator {sorted(unknown)[0]!r}; there are: {', '.join(OPERATORS)}")
        self._operators = named or list(OPERATORS)

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        return {"operator": self._drawn(index)}

    def _drawn(self, index: int) -> str:
        """Thompson sampling: one draw from every operator's Beta(1 + approved, 1 + refused), the highest wins.

        Nine of ten draws only: the tenth is even, so that an operator with a bad start is heard again.
        """
        chance = self.draw("operator", index)
        if chance.random() < 0.1:
            return chance.choice(self._operators)
        weights = self.setup.carried
        scores = {
            name: chance.betavariate(1 + weights.get(name, [0, 0])[0], 1 + weights.get(name, [0, 0])[1])
            for name in self._operators
        }
        return max(scores, key=lambda name: scores[name])

    async def make(self, item: Item, ask: Ask) -> Made:
        seed, operator = item.seed, item.params["operator"]
        if operator == BROADEN:
            found = await ask.object("evolve", "evol.broaden", {"task": seed.prompt}, closed(task=TEXT))
        else:
            material = " besides the new material" if operator == "complicate_input" else ""
            values = {"task": seed.prompt, "operator": IN_DEPTH[operator], "material": material}
            found = await ask.object("evolve", "evol.deepen", values, closed(task=TEXT))
        task = found["task"].strip()
        if hit := _LEAK.search(task):
            raise Rejected("prompt_leak", f"it speaks of {hit[0]!r}", task)
        await self._gained(item, ask, task)
        answer = await ask.text("answer", "answer", {"task": task})
        self._answered(answer)
        draft = Draft(instruction=task, output=answer, category=seed.category)
        return Made(draft=draft, parents=(Parent(seed, "evolved"),), notes={"operator": operator})

    async def _gained(self, item: Item, ask: Ask, task: str) -> None:
        """Eliminate a task that is the old one: the same words, or equal in the eyes of the teacher."""
        if _bare(task) == _bare(item.seed.prompt):
            raise Rejected("no_gain", "it is the task that it was made from", task)
        if self.option("equality_check"):
            values = {"first": item.seed.prompt, "second": task}
            found = await ask.object("equal", "evol.equal", values, closed(equal={"type": "boolean"}), temperature=0.0)
            if found["equal"]:
                raise Rejected("no_gain", "the teacher finds both tasks equal", task)

    def _answered(self, answer: str) -> None:
        """Eliminate by the answer: a short apology, or nothing but marks and stop words."""
        words = re.findall(r"[\w']+", answer.lower())
        if "sorry" in words and len(words) < _SORRY_WORDS:
            raise Rejected("sorry", f"{len(words)} words with an apology: the task is too hard to answer", answer)
        if all(word in _STOP_WORDS for word in words):
            raise Rejected("only_stop_words", "the answer says nothing", answer)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "equal":
            return {"equal": False}
        if step == "answer":
            return offline_answer(str(values["task"]), chance)
        if item.params["operator"] == BROADEN:
            return {"task": offline_task(item.seed.prompt, chance)}
        limit, person = one_of(chance, _LIMITS, PEOPLE)
        text = item.seed.instruction.rstrip(".?! ")
        extra = f"\n\n{item.seed.input}" if item.seed.input else ""
        if item.params["operator"] == "complicate_input":
            extra += f'\n\n{{"reader": "{person}", "minutes": {chance.randrange(2, 30)}}}'
        return {"task": f"{text}, {limit}, for {person}.{extra}"}


def _bare(text: str) -> str:
    return re.sub(rf"[\s{re.escape(string.punctuation)}]+", " ", text.casefold()).strip()
