"""Single answers with a judgment (KTO): as many desirable as undesirable ones, each marked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.comparing import COMPARE, SCORE, mark_of
from flywheel_tui.stages.generate.flaws import FLAWS
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.recipes.preference import flawed, offline_pair

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask


@recipe
class Kto(Recipe):
    """One answer and whether it is a good one. Undesirable answers are sound ones with a typed fault, or a weak
    teacher's (the second teacher, where there is one).

    Rules: `not_good_enough`, `not_bad_enough` (the mark does not fit the judgment), and those of faults.
    """

    name = "kto"
    about = "Single answers with a judgment, good and bad in balance, each marked by a teacher."
    kind = "kto"
    seed_kinds = ("sft", "prompt", "preference", "kto", "reasoning")
    templates = ("answer", "preference.plain", "preference.flaw", COMPARE, SCORE)
    options = {"desirable_share": 0.5, "good_from": 7, "bad_to": 5}  # noqa: RUF012
    likely_tokens = 700
    teachers_wanted = 2

    def prepare(self) -> None:
        if not 0 < self.option("desirable_share") < 1:
            raise UsageError("--option desirable_share of kto is a share between 0 and 1")
        if not 1 <= self.option("bad_to") < self.option("good_from") <= 10:
            raise UsageError("--option bad_to of kto lies below good_from, both between 1 and 10")

    def teacher(self, number: int) -> Any:
        """The first one: the second has a part of its own."""
        return self.setup.teachers[0]

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        share = self.option("desirable_share")
        desirable = int((index + 1) * share) > int(index * share)
        if desirable:
            return {"variant": "desirable"}
        weak = len(self.setup.teachers) > 1 and self.draw("weak", index).random() < 0.5
        flaw = None if weak else self.draw("flaw", index).choice(sorted(FLAWS))
        return {"variant": "weak" if weak else "flawed", **({"flaw": flaw} if flaw else {})}

    async def make(self, item: Item, ask: Ask) -> Made:
        seed, task, variant = item.seed, item.seed.prompt, item.params["variant"]
        notes: dict[str, Any] = {"variant": variant}
        if variant == "weak":
            answer = await ask.text("bad", "preference.plain", {"task": task}, teacher=self.setup.teachers[1])
        else:
            answer = await ask.text("good", "answer", {"task": task})
        if variant == "flawed":
            answer, notes["changed"] = await flawed(ask, item, task, answer, item.params["flaw"])
            notes["flaw"] = item.params["flaw"]
        mark = await mark_of(ask, self.setup.teachers[0], task, answer)
        if variant == "desirable" and mark < self.option("good_from"):
            raise Rejected("not_good_enough", f"a mark of {mark} where {self.option('good_from')} is needed", answer)
        # a subtle fault is one that a mark may miss: only a weak answer must show that it is weak
        if variant == "weak" and mark > self.option("bad_to"):
            raise Rejected("not_bad_enough", f"a mark of {mark} where at most {self.option('bad_to')} will do", answer)
        body = {"desirable": variant == "desirable"}
        draft = Draft(
            kind="kto", instruction=seed.instruction, input=seed.input, output=answer, body=body, category=seed.category
        )
        return Made(draft=draft, parents=(Parent(seed, "answered"),), notes={**notes, "mark": mark})

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        if step == "mark":
            return {"mark": 8 if item.params["variant"] == "desirable" else 3}
        return offline_pair(self, item, step, values)
