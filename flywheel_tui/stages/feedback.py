"""Implicit feedback: what people did with an answer, as a score from -1 to 1. Weak labels, never gold.

Nobody was asked: an answer that was used may still be wrong. So a score makes a weak label of its own tier (at most
silver), is kept apart from what people decided, and its reliability is estimated as that of one more noisy rater.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from flywheel_tui.errors import InputError, NotFoundError


class Signals(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen. None: it was not watched, and says nothing. `edited` is the share of the answer that changed."""

    accepted: bool | None = None
    retries: int | None = None
    edited: float | None = None
    continued: bool | None = None
    reported: bool | None = None
    abandoned: bool | None = None
    thumbs: int | None = None

    @property
    def told(self) -> tuple[str, ...]:
        """The names of the signals that were watched."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is not None)


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """How much each signal moves the score from `base`. `retry_from` retries and more count as `retried`."""

    base: float
    accepted: float
    refused: float
    untried: float
    """Added where nobody had to ask again."""
    retried: float
    retry_from: int
    each_retry: float
    edit: float
    """Times the share that was edited."""
    continued: float
    reported: float
    abandoned: float
    thumbs: float
    good: float
    bad: float
    """The scores from which on it says approved, and up to which it says rejected; between them it says nothing."""
    about: str


PRESETS: dict[str, Weights] = {
    "session": Weights(
        base=0.5, accepted=0.3, refused=-0.3, untried=0.1, retried=-0.2, retry_from=3, each_retry=0.0, edit=-0.3,
        continued=0.1, reported=-0.4, abandoned=0.0, thumbs=0.0, good=0.7, bad=0.3,
        about="a whole session, from a neutral 0.5: accepted or not 0.3, no retry 0.1, three retries -0.2,"
        " edits -0.3 times their share, went on 0.1, reported -0.4",
    ),
    "events": Weights(
        base=0.0, accepted=1.0, refused=0.0, untried=0.0, retried=0.0, retry_from=1, each_retry=-0.5, edit=-1.0,
        continued=0.0, reported=-1.0, abandoned=-0.3, thumbs=1.0, good=0.5, bad=-0.3,
        about="single events, from 0: accepted or copied 1 (less the share edited), each retry -0.5, thumbs 1 up or"
        " down, abandoned -0.3, reported -1",
    ),
}  # fmt: skip
DEFAULT_PRESET = "session"
BEST_TIER = "silver"
"""What feedback can make of a row at most."""


class WeakLabel(msgspec.Struct, frozen=True, kw_only=True):
    """What feedback says: `status` approved, rejected or None (it does not tell), at most of tier silver."""

    score: float
    status: str | None
    tier: str
    preset: str
    told: tuple[str, ...]


def preset_named(name: str) -> Weights:
    """The weights of that name. Raises NotFoundError that lists the known ones."""
    if name not in PRESETS:
        raise NotFoundError("feedback preset", name, sorted(PRESETS))
    return PRESETS[name]


def read_signals(given: Any, *, answer: str | None = None) -> Signals:
    """The signals of a trace (`body.signals`), under the names that logs use. Raises InputError for a wrong value.

    `edited` may be a share, a yes or no, or the text that became of the answer: its share is the edit distance over
    the longer length.
    """
    if not isinstance(given, Mapping):
        return Signals()
    said = {str(name).casefold(): value for name, value in given.items()}
    return Signals(
        accepted=_flag(said, "accepted", "copied", "adopted", "task_accepted", "resolved"),
        retries=_count(said, "retries", "retried", "retry_count", "regenerated"),
        edited=_share(said, answer),
        continued=_flag(said, "continued", "session_continued"),
        reported=_flag(said, "reported", "error_reported"),
        abandoned=_flag(said, "abandoned"),
        thumbs=_thumbs(said),
    )


def score(signals: Signals, preset: str = DEFAULT_PRESET) -> float | None:
    """The score of -1 to 1; None where no signal was watched."""
    if not signals.told:
        return None
    w = preset_named(preset)
    total = w.base
    if signals.accepted is not None:
        total += w.accepted if signals.accepted else w.refused
    if signals.retries is not None:
        total += w.untried if signals.retries == 0 else signals.retries * w.each_retry
        total += w.retried if signals.retries >= w.retry_from else 0.0
    total += w.edit * (signals.edited or 0.0)
    total += w.continued * bool(signals.continued) + w.reported * bool(signals.reported)
    total += w.abandoned * bool(signals.abandoned) + w.thumbs * (signals.thumbs or 0)
    return max(-1.0, min(1.0, round(total, 6)))


def weak_label(signals: Signals, preset: str = DEFAULT_PRESET) -> WeakLabel | None:
    """The weak label that the signals make; None where nothing was watched."""
    value = score(signals, preset)
    if value is None:
        return None
    weights = preset_named(preset)
    status = "approved" if value >= weights.good else "rejected" if value <= weights.bad else None
    tier = {"approved": BEST_TIER, "rejected": "reject", None: "bronze"}[status]
    return WeakLabel(score=value, status=status, tier=tier, preset=preset, told=signals.told)


def edit_share(before: str, after: str) -> float:
    """Levenshtein's distance over the longer length: 0 for the same text, 1 for another one.

    Texts beyond 2,000 characters are compared by words.
    """
    one: list[str] = list(before) if max(len(before), len(after)) <= 2000 else before.split()
    two: list[str] = list(after) if max(len(before), len(after)) <= 2000 else after.split()
    longest = max(len(one), len(two))
    if not longest:
        return 0.0
    row = list(range(len(two) + 1))
    for at, left in enumerate(one, 1):
        diagonal, row[0] = row[0], at
        for place, right in enumerate(two, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (left != right))
    return row[-1] / longest


def _first(said: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    return next(((name, said[name]) for name in names if said.get(name) is not None), ("", None))


def _flag(said: Mapping[str, Any], *names: str) -> bool | None:
    name, value = _first(said, *names)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise InputError(f"{value!r} is no yes or no", field=f"signals.{name}", remedy="write true or false")


def _count(said: Mapping[str, Any], *names: str) -> int | None:
    name, value = _first(said, *names)
    if value is None:
        return None
    if isinstance(value, (bool, int)) and value >= 0:
        return int(value)
    raise InputError(f"{value!r} is no count", field=f"signals.{name}", remedy="write a whole number from 0 up")


def _share(said: Mapping[str, Any], answer: str | None) -> float | None:
    name, value = _first(said, "edited", "edit_ratio", "manual_edit_ratio")
    if value is None:
        return None
    if isinstance(value, str):
        return edit_share(answer or "", value)
    if isinstance(value, (bool, int, float)) and math.isfinite(value) and 0 <= value <= 1:
        return float(value)
    raise InputError(
        f"{value!r} is no share", field=f"signals.{name}", remedy="write a number from 0 to 1, or the edited text"
    )


def _thumbs(said: Mapping[str, Any]) -> int | None:
    name, value = _first(said, "thumbs", "vote")
    if value is None:
        return None
    if isinstance(value, bool):
        return 1 if value else -1
    known: dict[Any, int] = {"up": 1, "down": -1, 1: 1, -1: -1, 0: 0}
    if not isinstance(value, (str, int)) or value not in known:
        raise InputError(f"{value!r} is no thumbs", field=f"signals.{name}", remedy='write "up", "down", 1 or -1')
    return known[value]
