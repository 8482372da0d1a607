"""Distillation: several ways of a teacher to one answer; a way is kept where a checker finds the answer right.

Where the seed has a reference the final answer is held against it (rejection sampling). Where it has none, the answer
that most samples give has to have 60 % of them (self-consistency, Wang et al. 2022).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.answers.finals import announced_final, same_answer
from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.aids.steps import calculations
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import TEXT, closed, offline_answer

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

TRACE = closed(reasoning=TEXT, final=TEXT)
_EASY, _HARD = 0.9, 0.1


class Way(NamedTuple):
    """One sample."""

    reasoning: str
    final: str


@recipe
class Distill(Recipe):
    """One reasoning trace for the request of a seed, chosen from k samples.

    Rules: `wrong` (no sample has the reference's answer), `inconsistent` (no answer has the share that is needed),
    `wrong_steps` (every right sample has a calculation that is wrong), `trace_too_short`. `notes.pass_rate` is the
    share of right samples: between 0.1 and 0.9 there is most to learn.
    """

    name = "distill"
    about = "Reasoning traces of a teacher: k samples, kept by a checker against the reference or by self-consistency."
    kind = "reasoning"
    seed_kinds = ("reasoning", "prompt", "sft")
    templates = ("distill.trace",)
    options = {"k": 5, "least_share": 0.6, "pick": ("shortest", "longest", "first"), "least_words": 5}  # noqa: RUF012
    likely_tokens = 2500

    def prepare(self) -> None:
        if not 1 <= self.option("k") <= 64:
            raise UsageError("--option k of distill lies between 1 and 64")
        if not 0 < self.option("least_share") <= 1:
            raise UsageError("--option least_share of distill is a share such as 0.6")

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        reference = reference_of(seed)
        return {"k": self.option("k"), "variant": "reference" if reference else "self-consistency"}

    async def make(self, item: Item, ask: Ask) -> Made:
        seed, count = item.seed, item.params["k"]
        found = await asyncio.gather(*(
            ask.object(f"trace-{number}", "distill.trace", {"task": seed.prompt}, TRACE, sample=number)
            for number in range(count)
        ))  # fmt: skip
        ways = [Way(one["reasoning"].strip(), one["final"].strip()) for one in found]
        reference = reference_of(seed)
        right = self._checked(ways, reference) if reference else self._agreed(ways)
        sound = [way for way in right if all(step.right for step in calculations(way.reasoning))]
        if not sound:
            raise Rejected("wrong_steps", "every way to the right answer has a calculation that is wrong", right[0][0])
        long_enough = [way for way in sound if len(way.reasoning.split()) >= self.option("least_words")]
        if not long_enough:
            raise Rejected("trace_too_short", f"no trace has {self.option('least_words')} words", sound[0].reasoning)
        chosen = self._picked(long_enough)
        rate = len(right) / count
        zone = "too easy" if rate > _EASY else "too hard" if rate < _HARD else "learnable"
        notes = {"variant": item.params["variant"], "k": count, "right": len(right), "pass_rate": round(rate, 3),
                 "zone": zone, "weight": 0.5 if zone == "too easy" and count > 1 else 1.0}  # fmt: skip
        draft = Draft(
            kind="reasoning", instruction=seed.instruction, input=seed.input, output=chosen.final,
            body={"reasoning": chosen.reasoning, "final": chosen.final}, category=seed.category,
        )  # fmt: skip
        return Made(draft=draft, parents=(Parent(seed, "answered"),), notes=notes)

    def _checked(self, ways: list[Way], reference: str) -> list[Way]:
        right = [way for way in ways if same_answer(way.final, reference)]
        if not right:
            given = ", ".join(dict.fromkeys(way.final[:40] for way in ways))
            raise Rejected("wrong", f"the answer is {reference[:60]}, not {given[:200]}", ways[0].reasoning)
        return right

    def _agreed(self, ways: list[Way]) -> list[Way]:
        """The samples with the commonest answer. Raises Rejected where it is not common enough."""
        groups: list[list[Way]] = []
        for way in ways:
            same = next((group for group in groups if same_answer(group[0].final, way.final)), None)
            if same is None:
                groups.append([way])
            else:
                same.append(way)
        best = max(groups, key=len)
        share = len(best) / len(ways)
        if share < self.option("least_share"):
            raise Rejected("inconsistent", f"{share:.0%} of {len(ways)} samples agree on {best[0].final[:60]}",
                           best[0].reasoning)  # fmt: skip
        return best

    def _picked(self, ways: list[Way]) -> Way:
        if self.option("pick") == "first":
            return ways[0]
        chosen = min if self.option("pick") == "shortest" else max
        return chosen(ways, key=lambda way: len(way.reasoning))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        reference = reference_of(item.seed)
        chance = self.draw("offline", item.index, step)
        outline = offline_answer(str(values["task"]), chance)
        return {"reasoning": outline, "final": reference or "It depends on what is given."}


def reference_of(seed: Seed) -> str:
    """The answer that is known to be right: `body.final`, `body.reference`, or one that an answer announces."""
    for name in ("final", "reference"):
        value = seed.body.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    if seed.output and seed.kind in ("reasoning", "sft"):
        found = announced_final(seed.output)
        if found is not None:
            return found.text
    return ""
