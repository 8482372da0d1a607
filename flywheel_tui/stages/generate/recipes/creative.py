"""Creative writing: a brief on the subject of each seed in a form and a voice, then the piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.writing import PEOPLE, PLACES, TEXT, closed, one_of, subject

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

FORMS = (
    "a short story of one scene", "a dialogue without a narrator", "a poem without rhyme", "a poem with rhyme",
    "a letter", "an obituary for a thing", "an instruction that tells a story", "a monologue", "a fairy tale of today",
    "a review of something invented", "a diary entry", "an opening paragraph",
)  # fmt: skip
VOICES = ("dry", "tender", "comic", "matter-of-fact", "breathless", "childlike", "solemn", "suspicious")
_PREFACES = ("here is", "sure,", "certainly", "of course", "below is")


@recipe
class Creative(Recipe):
    """A brief and a piece; pieces that begin with a remark about themselves are rejected."""

    name = "creative"
    about = "Briefs for creative writing with the piece."
    templates = ("creative.brief", "creative.piece")
    options: ClassVar[dict[str, Any]] = {"least_words": 20}
    temperature = 1.0
    likely_tokens = 700
    novelty = 0.7

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        form, voice = one_of(self.draw("form", index), FORMS, VOICES)
        return {"form": form, "voice": voice}

    async def make(self, item: Item, ask: Ask) -> Made:
        values = {"subject": item.seed.prompt, **item.params}
        brief = (await ask.object("brief", "creative.brief", values, closed(brief=TEXT)))["brief"].strip()
        piece = await ask.text("piece", "creative.piece", {"brief": brief})
        if piece.lower().startswith(_PREFACES):
            raise Rejected("preface", "the piece begins with a remark about itself", piece)
        if len(piece.split()) < self.option("least_words"):
            raise Rejected("too_short", f"{len(piece.split())} words", piece)
        draft = Draft(instruction=brief, output=piece, category=item.seed.category or "writing")
        return Made(draft=draft, parents=(Parent(item.seed),))

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", item.index)
        about, place = subject(item.seed.prompt, chance), chance.choice(PLACES)
        if step == "brief":
            limit = chance.choice(("Nobody may be named.", "At most eighty words.", "No adjectives.",
                                   "It ends in the middle of a movement.", "Everything happens within a minute."))  # fmt: skip  # noqa: E501
            form, voice = item.params["form"], item.params["voice"]
            brief = chance.choice((
                f"{form[0].upper()}{form[1:]} about {about}, set {place}, in a {voice} voice.",
                f"Somebody {place} finds {about} where it does not belong. Make of it {form}; keep it {voice}.",
                f"The last day of {about}: {form}, {voice} from the first word on.",
                f"Two people {place} disagree about {about} and never say so. The form is {form}, the voice {voice}.",
                f"{about[0].upper()}{about[1:]} speaks for itself {place}. Write {form} that stays {voice}.",
                f"What {chance.choice(PEOPLE)} would tell nobody about {about}, as {form} ({voice}).",
            ))  # fmt: skip
            return {"brief": f"{brief} {limit}"}
        door, light = one_of(chance, ("The door stands open.", "Somebody has swept.", "The radio is on."),
                             ("It is half past six.", "The lamp hums.", "Rain begins."))  # fmt: skip
        return (
            f"{door} {light} On the table lies what is left of {about}, and nobody has moved it since the morning."
            f" Two people look at it. One counts to ten. The other, who works {place}, is at seven already and stops.\n"
            "(Made by fixed rules.)"
        )
