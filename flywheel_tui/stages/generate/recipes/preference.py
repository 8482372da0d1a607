"""Preference pairs in five ways; each is judged in both orders and held to guards on length.

What a pair teaches is the gap between its answers: a strong and a weak teacher, a cool and a hot one, with a reference
at hand and without, sound and subtly wrong, the best and the worst of several.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.comparing import (
    COMPARE,
    LARGEST_RATIO,
    SCORE,
    better_of,
    check_lean,
    check_lengths,
    mark_of,
    offline_better,
    words,
)
from flywheel_tui.stages.generate.flaws import FLAWS, by_rule, is_there
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import MAYBE, closed, offline_answer

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

VARIANTS = ("strong-weak", "temperature", "reference", "flawed", "best-of-n")
FLAWED = closed(possible={"type": "boolean"}, text=MAYBE, changed=MAYBE)
_COOL, _HOT = 0.2, 1.3


async def flawed(ask: Ask, item: Item, task: str, good: str, flaw: str) -> tuple[str, str]:
    """A good answer with one typed fault in it, and the words that changed.

    Raises Rejected: `flaw_not_possible`, `flaw_not_there` (nothing changed, or not what the sort of fault is about),
    `flaw_rewrites` (more than the fault has changed).
    """
    values = {"task": task, "answer": good, "flaw": flaw, "flaw_description": FLAWS[flaw].description}
    found = await ask.object("flaw", "preference.flaw", values, FLAWED)
    text = found["text"].strip()
    if not found["possible"] or not text:
        raise Rejected("flaw_not_possible", f"the answer has nothing that a fault of the sort {flaw} could touch", good)
    if not is_there(flaw, good, text):
        raise Rejected("flaw_not_there", f"no fault of the sort {flaw} can be seen in it", text)
    # where a step was left out, much may be gone, but nothing may be new
    kept = _share_kept(text, good) if flaw == "step" else _share_kept(good, text)
    if kept < 0.6:
        raise Rejected("flaw_rewrites", "more than the fault has changed", text)
    return text, found["changed"].strip()


def _share_kept(text: str, other: str) -> float:
    """How many of the words of a text are in the other one."""
    one, two = text.lower().split(), set(other.lower().split())
    return sum(word in two for word in one) / max(len(one), 1)


@recipe
class Preference(Recipe):
    """A chosen and a rejected answer to the request of a seed.

    Rules: `tie`, `orders_disagree`, `small_margin`, `not_better` (the judge prefers the answer that should be the
    worse one), `same_answer`, `length_ratio`, `length_lean`, `flaw_not_possible`, `flaw_not_there`, `flaw_rewrites`,
    `no_gap`.
    The first teacher answers and judges; a second one is the weak side; a third one judges.
    """

    name = "preference"
    about = (
        "Preference pairs: strong and weak, cool and hot, with and without a reference, flawed, best and worst of n."
    )
    kind = "preference"
    seed_kinds = ("sft", "prompt", "preference", "rag", "reasoning")
    templates = ("answer", "preference.plain", "preference.reference", "preference.flaw", COMPARE, SCORE)
    options = {"variants": ",".join(VARIANTS), "n": 4, "least_margin": 1, "length_ratio": LARGEST_RATIO}  # noqa: RUF012
    hints = {"variants": "some of these, between commas"}  # noqa: RUF012
    likely_tokens = 1500
    teachers_wanted = 2

    def prepare(self) -> None:
        named = [name.strip() for name in str(self.option("variants")).split(",") if name.strip()]
        if unknown := set(named) - set(VARIANTS):
            raise UsageError(f"there is no variant {sorted(unknown)[0]!r}; there are: {', '.join(VARIANTS)}")
        if not 2 <= self.option("n") <= 16:
            raise UsageError("--option n of preference lies between 2 and 16")
        if len(self.setup.teachers) < 2 and named == ["strong-weak"]:
            raise UsageError("strong-weak needs two teachers, the strong one first: --model STRONG --model WEAK")
        self._variants = [name for name in named if name != "strong-weak" or len(self.setup.teachers) > 1]
        self._judge = self.setup.teachers[2 if len(self.setup.teachers) > 2 else 0]

    def teacher(self, number: int) -> Any:
        """The first one: the others have parts of their own."""
        return self.setup.teachers[0]

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        fitting = [name for name in self._variants if name != "reference" or reference_of(seed)] or self._variants
        variant = fitting[self.draw("variant", index).randrange(len(fitting))]
        flaw = self.draw("flaw", index).choice(sorted(FLAWS)) if variant == "flawed" else None
        return {"variant": variant, **({"flaw": flaw} if flaw else {})}

    async def make(self, item: Item, ask: Ask) -> Made:
        variant, task = item.params["variant"], item.seed.prompt
        notes: dict[str, Any] = {"variant": variant}
        if variant == "best-of-n":
            good, bad = await self._best_and_worst(ask, task, notes)
        elif variant == "flawed":
            good = await self._sound(item, ask)
            bad, notes["changed"] = await flawed(ask, item, task, good, item.params["flaw"])
            notes["flaw"] = item.params["flaw"]
        else:
            good, bad = await self._two(item, ask, variant)
        if " ".join(good.split()) == " ".join(bad.split()):
            raise Rejected("same_answer", "both answers are the same", good)
        notes["length_ratio"] = round(check_lengths(good, bad, self.option("length_ratio")), 3)
        found = await better_of(ask, self._judge, task, (good, bad), least_margin=self.option("least_margin"))
        if found.better != 0:
            raise Rejected("not_better", f"the judge prefers the answer that {variant} makes the worse one", bad)
        check_lean(good, bad, [(one.output or "", str(one.body.get("rejected", ""))) for one in self.setup.grown])
        notes |= {"margin": found.margin, "judge": self._judge.name}
        seed = item.seed
        draft = Draft(
            kind="preference", instruction=seed.instruction, input=seed.input, output=good, body={"rejected": bad},
            category=seed.category,
        )  # fmt: skip
        return Made(draft=draft, parents=(Parent(seed, "paired"),), notes=notes)

    async def _two(self, item: Item, ask: Ask, variant: str) -> tuple[str, str]:
        task = {"task": item.seed.prompt}
        if variant == "strong-weak":
            weak = self.setup.teachers[1]
            return (
                await ask.text("good", "preference.plain", task),
                await ask.text("bad", "preference.plain", task, teacher=weak),
            )
        if variant == "temperature":
            return (
                await ask.text("good", "preference.plain", task, temperature=_COOL),
                await ask.text("bad", "preference.plain", task, temperature=_HOT),
            )
        reference = reference_of(item.seed)
        return (
            await ask.text("good", "preference.reference", {**task, "reference": reference}),
            await ask.text("bad", "preference.plain", task),
        )

    async def _sound(self, item: Item, ask: Ask) -> str:
        """The answer that gets the fault: a person's own where one was accepted, else the teacher's."""
        if item.seed.status in ("approved", "edited") and item.seed.output:
            return item.seed.output
        return await ask.text("good", "answer", {"task": item.seed.prompt})

    async def _best_and_worst(self, ask: Ask, task: str, notes: dict[str, Any]) -> tuple[str, str]:
        count = self.option("n")
        answers = await asyncio.gather(*(
            ask.text(f"sample-{number}", "preference.plain", {"task": task}, temperature=1.0, sample=number)
            for number in range(count)
        ))  # fmt: skip
        marks = await asyncio.gather(*(mark_of(ask, self._judge, task, answer) for answer in answers))
        best, worst = marks.index(max(marks)), marks.index(min(marks))
        if marks[best] - marks[worst] < 2:
            raise Rejected("no_gap", f"the best of {count} has {marks[best]}, the worst {marks[worst]}", answers[best])
        notes |= {"n": count, "marks": sorted(marks, reverse=True)}
        return answers[best], answers[worst]

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        return offline_pair(self, item, step, values)


def reference_of(seed: Seed) -> str:
    """What is known to be right: the answer that people accepted or the data came with, or the gold passages."""
    chunks = [chunk for chunk in seed.body.get("chunks") or () if isinstance(chunk, dict)]
    if chunks:
        gold = [chunk for chunk in chunks if chunk.get("gold") is True] or chunks
        return "\n\n".join(str(chunk.get("text") or "") for chunk in gold)
    return seed.output or ""


def offline_pair(recipe: Recipe, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
    """The offline writer of recipes that need a good and a worse answer."""
    task = str(values["task"])
    good = offline_answer(task, recipe.draw("offline", item.index))
    if step == "good":
        return good
    if step == "bad":
        lines = good.split("\n")
        return "\n".join([*lines[:-2], "There is nothing else to say about it, whatever the case may be."])
    if step == "flaw":
        text = by_rule(str(values["flaw"]), str(values["answer"]), recipe.draw("offline flaw", item.index))
        return {"possible": text is not None, "text": text or "", "changed": "by a fixed rule" if text else ""}
    if step.startswith("sample-"):
        lines = good.split("\n")
        return "\n".join(lines[: len(lines) - int(step.partition("-")[2]) % 3])
    if step == "mark":
        return {"mark": min(10, 3 + words(str(values["answer"])) // 8)}
    if item.seed.status in ("approved", "edited") and item.seed.output:
        good = item.seed.output
    return offline_better(values, good)
