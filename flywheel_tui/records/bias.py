"""What moves a judge besides quality: chance, the order, the length, its own family. A figure stands with its n."""

from __future__ import annotations

import msgspec

from flywheel_tui.records.figures import Number


class Stability(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge says when it is asked the same again: `pairs` were answered about at least twice.

    `same` is the mean share of a pair's commonest verdict (1: always the same), `moved` the pairs whose verdicts
    differ, `spread` the mean standard deviation of their scores (None: no scores).
    """

    pairs: int
    answers: int
    same: Number
    moved: int
    spread: float | None = None


class PositionBias(msgspec.Struct, frozen=True, kw_only=True):
    """A judge of preferences in both orders: how often both name the same answer, and which place wins otherwise."""

    consistency: Number
    prefers_first: int
    prefers_second: int
    p: float | None


class LengthBias(msgspec.Struct, frozen=True, kw_only=True):
    """Preferences: what length adds at equal human preference, in log-odds (`coefficient`, its `p`).

    Verdicts: TPR and TNR of short, middle and long answers, and how score and length go together (rank correlation)
    among the pairs that people pass and among those that they fail.
    """

    n: int
    coefficient: Number | None = None
    p: float | None = None
    thirds: tuple[tuple[Number, Number], ...] = ()
    ranked: tuple[float | None, float | None] = (None, None)


class FamilyBias(msgspec.Struct, frozen=True, kw_only=True):
    """How much more often answers of the judge's own family pass: among people's passes, and among their fails."""

    name: str
    own: int
    at_pass: Number
    at_fail: Number


class FormBias(msgspec.Struct, frozen=True, kw_only=True):
    """Verdicts on the same answers in another form: the share that flipped, and how many to pass and to fail."""

    form: str
    about: str
    flips: Number
    to_pass: int
    to_fail: int


class BiasAudit(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; None, with a reason among `notes`, where the run or the labels do not tell."""

    position: PositionBias | None = None
    length: LengthBias | None = None
    family: FamilyBias | None = None
    forms: tuple[FormBias, ...] = ()
    notes: tuple[str, ...] = ()
