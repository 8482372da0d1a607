"""Questions over a folder of documents: a gold passage with one to three distractors, and some that nothing answers.

A question is written for one passage; its nearest neighbours (BM25) that do not hold the answer stand beside it. A
share of the questions has no answer in any of the passages: the right answer is to say so (as in RAFT, Zhang et al.
2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.answers.finals import mentions
from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.aids.grounding import Sources, abstains, ungrounded
from flywheel_tui.stages.generate.comparing import found_by_checks
from flywheel_tui.stages.generate.passages import Neighbours, Passage, passages_of
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, recipe
from flywheel_tui.stages.generate.writing import MAYBE, PEOPLE, PLACES, TEXT, closed, one_of, subject

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

_ROUNDS = 10
"""Questions for one passage at most."""
_ASKED = closed(question=TEXT, answer=TEXT)
_CHECKED = closed(
    answerable={"type": "boolean"}, claims={"type": "integer", "minimum": 0},
    supported={"type": "integer", "minimum": 0}, unsupported=MAYBE,
)  # fmt: skip
_POINTS = ("the passage", "this passage", "the text above", "according to the text", "the document above", "the author")
_UNTOLD = ("Who was the first to write about", "Which museum shows", "What is the slang word for", "Who paid for",
           "How many people have complained about", "Which law was made because of")  # fmt: skip
_OPENINGS = (
    "What does {title} say about {about}?", "What should {person} know about {about}, going by {title}?",
    "How is {about} dealt with in {title}, as far as {person} is concerned?",
    "Which rule of {title} has to do with {about}?", "What would you tell {person} about {about} ({title})?",
)  # fmt: skip
NO_ANSWER = (
    "The passages do not say.",
    "That is not mentioned in the passages given.",
    "The passages given do not contain the answer to that.",
)


@recipe
class Rag(Recipe):
    """One question over passages.

    Rules: `points_at_passage` (the question does not stand alone), `unfaithful` (a figure, name or sentence of the
    answer is in no passage), `not_supported` (the teacher finds a claim that no passage supports), `not_answerable`,
    `answerable` (a question that should have no answer has one), `abstains`, `no_distractor`, `failed_check`.
    """

    name = "rag"
    about = "Questions over passages of your documents, with distractors and some that cannot be answered."
    kind = "rag"
    needs = "documents"
    seed_kinds = ("document",)
    templates = ("rag.question", "rag.unanswerable", "rag.faithful")
    options = {  # noqa: RUF012
        "passage_words": 160, "distractors": 3, "unanswerable": 0.15, "least_faithful": 1.0, "faithfulness_check": True,
    }  # fmt: skip
    likely_tokens = 350
    novelty = 0.9

    def prepare(self) -> None:
        if not 1 <= self.option("distractors") <= 8:
            raise UsageError("--option distractors of rag lies between 1 and 8")
        if not 0 <= self.option("unanswerable") < 1:
            raise UsageError("--option unanswerable of rag is a share below 1 (0.1 to 0.2 is usual)")
        if self.option("passage_words") < 20:
            raise UsageError("--option passage_words of rag is 20 at least")
        words = self.option("passage_words")
        self._passages = passages_of(self.setup.seeds, words, max(8, words // 6))
        self._neighbours = Neighbours(self._passages)

    def item(self, index: int) -> Item | None:
        count = len(self._passages)
        if not count or index >= count * _ROUNDS:
            return None
        order = list(range(count))
        self.draw("order", index // count).shuffle(order)
        passage = self._passages[order[index % count]]
        chance = self.draw("item", index)
        unanswerable = chance.random() < self.option("unanswerable")
        params = {"passage": passage.number, "variant": "unanswerable" if unanswerable else "answerable",
                  "distractors": chance.randint(1, self.option("distractors"))}  # fmt: skip
        document = self.setup.seeds[passage.document]
        return Item(index=index, teacher=self.teacher_in_turn(index, count), seeds=(document,), params=params)

    def _passage(self, item: Item) -> Passage:
        return next(
            one for one in self._passages
            if one.number == item.params["passage"] and self.setup.seeds[one.document].id == item.seed.id
        )  # fmt: skip

    async def make(self, item: Item, ask: Ask) -> Made:
        passage = self._passage(item)
        values = {"title": passage.title, "passage": passage.text}
        answerable = item.params["variant"] == "answerable"
        if answerable:
            found = await ask.object("question", "rag.question", values, _ASKED)
            question, answer = found["question"].strip(), found["answer"].strip()
        else:
            found = await ask.object("question", "rag.unanswerable", values, closed(question=TEXT))
            question, answer = found["question"].strip(), self.draw("no answer", item.index).choice(NO_ANSWER)
        self._stands_alone(question, passage)
        others = self._distractors(item, passage, question, answer if answerable else None)
        shown = [passage, *others]
        self.draw("places", item.index).shuffle(shown)
        if answerable:
            self._faithful(question, answer, passage)
        await self._checked(ask, question, answer, shown, answerable)
        return self._made(item, question, answer, passage, shown, answerable)

    def _stands_alone(self, question: str, passage: Passage) -> None:
        for words in _POINTS:
            if words in question.lower() and words not in passage.text.lower():
                raise Rejected("points_at_passage", f"it speaks of {words!r}", question)

    def _distractors(self, item: Item, passage: Passage, question: str, answer: str | None) -> list[Passage]:
        """Neighbours of the question; those that hold the answer as well are no distractors."""
        found = []
        for other in self._neighbours.nearest(f"{question}\n{passage.text}", but=passage.place):
            if answer is not None and mentions(other.text, answer):
                continue
            found.append(other)
            if len(found) == item.params["distractors"]:
                break
        if not found:
            raise Rejected("no_distractor", "no other passage has anything to do with the question", question)
        return found

    def _faithful(self, question: str, answer: str, passage: Passage) -> None:
        if abstains(answer):
            raise Rejected("abstains", "the answer says that the passage does not tell", answer)
        for claim in ungrounded(answer, Sources([passage.title, passage.text], question)):
            raise Rejected("unfaithful", f"{claim.text[:80]!r} ({claim.kind}) is not in the passage", answer)

    async def _checked(self, ask: Ask, question: str, answer: str, shown: list[Passage], answerable: bool) -> None:
        """The teacher's own look: claims that the passages support ÷ all claims; and whether there is an answer."""
        if not self.option("faithfulness_check"):
            return
        listed = "\n\n".join(f"[{number}] {one.title}\n{one.text}" for number, one in enumerate(shown, 1))
        values = {"passages": listed, "question": question, "answer": answer}
        found = await ask.object("faithful", "rag.faithful", values, _CHECKED, temperature=0.0)
        if found["answerable"] and not answerable:
            raise Rejected("answerable", "the passages answer a question that should have no answer", question)
        if not answerable:
            return
        if not found["answerable"]:
            raise Rejected("not_answerable", "the teacher finds no answer in the passages", question)
        share = min(found["supported"], found["claims"]) / found["claims"] if found["claims"] else 0.0
        if share < self.option("least_faithful"):
            raise Rejected("not_supported", f"{share:.0%} of the claims are supported: {found['unsupported']}", answer)

    def _made(
        self, item: Item, question: str, answer: str, passage: Passage, shown: list[Passage], answerable: bool
    ) -> Made:
        chunks = [{"id": str(number), "title": one.title, "text": one.text, "gold": answerable and one is passage}
                  for number, one in enumerate(shown, 1)]  # fmt: skip
        label = str(shown.index(passage) + 1)
        body: dict[str, Any] = {"chunks": chunks, "citations": [label] if answerable else [], "answerable": answerable}
        output = f"{answer} [{label}]" if answerable else answer
        draft = Draft(kind="rag", instruction=question, output=output, body=body, category=item.seed.category)
        faults = [one for one in found_by_checks(draft, "rag", "schema") if one.severity == "error"]
        if faults:
            raise Rejected("failed_check", f"{faults[0].field}: {faults[0].message}", question)
        documents = sorted({self.setup.seeds[one.document].instruction for one in shown if one is not passage})
        notes = {"variant": item.params["variant"], "passage": passage.number, "distractors_from": documents}
        return Made(draft=draft, parents=(Parent(item.seed),), notes=notes)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        if step == "faithful":
            return {
                "answerable": item.params["variant"] == "answerable",
                "claims": 1,
                "supported": 1,
                "unsupported": "",
            }
        chance = self.draw("offline", item.index)
        text, title = str(values["passage"]), str(values["title"])
        about = subject(text, chance)
        if item.params["variant"] == "unanswerable":
            who, where = one_of(chance, _UNTOLD, PLACES)
            return {"question": f"{who} {about} {where}, as {title} has it?"}
        sentences = [part.strip() for part in text.replace("\n", " ").split(". ") if 6 <= len(part.split()) <= 60]
        sentence = chance.choice(sentences or [text.replace("\n", " ").strip()]).rstrip(".") + "."
        opening, person = one_of(chance, _OPENINGS, PEOPLE)
        question = opening.format(person=person, title=title, about=subject(sentence, chance))
        return {"question": question, "answer": sentence}
