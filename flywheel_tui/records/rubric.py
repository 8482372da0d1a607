"""Rubrics: what is asked about a pair, by people and by judges, and the words for a rejection."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RubricKind(StrEnum):
    """How a rubric asks: criteria with scores, YES/NO/NA questions, or which of two answers is better."""

    SCORED = "scored"
    BINARY = "binary"
    PAIRWISE = "pairwise"


class Answer(StrEnum):
    """The answers to a question."""

    YES = "YES"
    NO = "NO"
    NA = "NA"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts: unknown fields are errors, so that a misspelt one is not lost in silence."""


class Reason(_Part, frozen=True):
    """Why a pair is rejected: the digit to press, the name that is stored, the words that are shown."""

    key: str
    name: str
    label: str


class Criterion(_Part, frozen=True):
    """One thing that is scored; weights count relative to each other."""

    name: str
    description: str
    weight: float = 1.0


class Question(_Part, frozen=True):
    """A question with the answers YES, NO and NA, worded so that YES is good. NO to a gate fails the pair."""

    id: str
    text: str
    category: str = ""
    weight: float = 1.0
    gate: bool = False


class Scale(_Part, frozen=True):
    """The scores that a judge may give."""

    min: float
    max: float


class Rating(_Part, frozen=True):
    """A rating that people are asked for: whole numbers, each with a word where `labels` are given."""

    min: int = 1
    max: int = 5
    labels: tuple[str, ...] = ()

    def word(self, value: int) -> str:
        """The word for a rating, or ''."""
        return self.labels[value - self.min] if self.labels else ""


class Rubric(_Part, frozen=True):
    """One version of a rubric. `hash` is over everything else: two files that ask the same have the same one."""

    name: str
    version: int
    kind: RubricKind
    description: str = ""
    guidelines: str = ""
    prompt: str = ""
    """What a judge (and no person) is told besides: the part that is rewritten to make a judge better."""
    reasons: tuple[Reason, ...] = ()
    rating: Rating | None = None
    criteria: tuple[Criterion, ...] = ()
    questions: tuple[Question, ...] = ()
    answers: tuple[Answer, ...] = (Answer.YES, Answer.NO, Answer.NA)
    choices: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    scale: Scale | None = None
    pass_at: float | None = None
    hash: str = ""

    @property
    def title(self) -> str:
        """`name@version`, as shown and as stored with what was made under it."""
        return f"{self.name}@{self.version}"

    def reason(self, key: str) -> Reason | None:
        """The reason behind a digit."""
        return next((reason for reason in self.reasons if reason.key == key), None)
