"""One recorded judgment of another tool: read from its cells, never guessed; two orders become one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.judgment import Judged, Missing, NoVerdict, Verdict
from flywheel_tui.stages import said
from flywheel_tui.stages.judge.read import both_orders, preferred

FIELDS = ("pair", "passed", "score", "preference", "rationale", "first", "second")
"""What `--map` names: `first` and `second` are the answers in the order in which the preference names them."""
ORDERS = ("agree", "lean")
"""How two orders become one verdict: only the same answer twice wins, or a tie in one order goes with the other."""
_OTHER = {"a": "b", "b": "a"}
_DETAIL = "the other tool's judgment is nothing that can be read"


class Told(NamedTuple):
    """One recorded judgment: the pair it is about (None: not in this data set) and what it says."""

    pair: tuple[int, int] | None
    judged: Judged
    strange: bool = False
    """The answers that it is about are not those of the pair."""
    shared: str = ""
    """Why it cannot be placed although there are pairs with its key."""


class Half(NamedTuple):
    """What was said in one order: the answer by its place in the pair (None: nobody could read it), and the words."""

    choice: str | None
    rationale: str = ""
    raw: Any = None


def turn(choice: str | None, turned: bool | None) -> str | None:
    """The same choice where the pair holds the answers the other way round."""
    return _OTHER.get(choice, choice) if turned and choice is not None else choice


def unread(raw: Any, rationale: str = "") -> Judged:
    """A judgment that nobody could read, with its text."""
    text = raw if isinstance(raw, str) else msgspec.json.encode(raw).decode()
    return Judged(outcome=NoVerdict(kind=Missing.UNPARSED.value, detail=_DETAIL, raw=f"{text}\n{rationale}".strip()))


def failed(detail: str) -> Judged:
    """The other tool got no answer at all: that says nothing about the pair under any policy."""
    return Judged(outcome=NoVerdict(kind=Missing.OTHER.value, detail=detail[:500]))


def one_choice(half: Half) -> Judged:
    """A preference that was asked for in one order."""
    if half.choice is None:
        return unread(half.raw, half.rationale)
    return Judged(outcome=preferred(half.choice, rationale=half.rationale))


def leaning(value: float, rationale: str, turned: bool) -> Judged:
    """A preference as a number from 1 (the first answer) to 2 (the second), half-way for a tie."""
    share = value - 1 if turned else 2 - value
    choice = "tie" if share == 0.5 else "a" if share > 0.5 else "b"
    return Judged(outcome=msgspec.structs.replace(preferred(choice, rationale=rationale), score=share))


def two_orders(halves: Sequence[tuple[int, Half]], how: str = "agree") -> Judged:
    """One verdict of what was said in two orders, by their `order`. With `lean` a tie, or a reply that could not be
    read, goes with the other order; with `agree` a reply that could not be read leaves the pair without a verdict.
    """
    if how not in ORDERS:
        raise UsageError(f"--orders is one of: {', '.join(ORDERS)}")
    known: list[tuple[int, Verdict]] = []
    for order, half in sorted(halves, key=lambda one: one[0]):
        if half.choice is not None:
            known.append((order, preferred(half.choice, rationale=half.rationale)))
    if not known or (how == "agree" and len(known) < len(halves)):
        return unread([half.raw for _, half in halves])
    if len(known) == 1:
        return Judged(outcome=known[0][1])
    verdict = both_orders(known[0][1], known[1][1])
    if how == "lean":
        won = {one.preference for _, one in known} & {"a", "b"}
        if len(won) == 1:
            leans = preferred(str(won.pop()), rationale=verdict.rationale, consistent=verdict.consistent)
            return Judged(outcome=leans, halves=tuple(known))
    return Judged(outcome=verdict, halves=tuple(known))


def mapped(
    row: Mapping[str, Any], mapping: Mapping[str, str], pass_at: float, words: Mapping[str, str] | None,
    turned: bool | None,
) -> Judged:  # fmt: skip
    """The judgment in the columns that a person named."""
    values = {field: said.value_of(row, column) for field, column in mapping.items()}
    rationale = _words_of(values.get("rationale"))
    raw = {field: value for field, value in values.items() if field not in ("pair", "first", "second")}
    if "preference" in values:
        number = said.score(values["preference"])
        if number is not None and 1 <= number <= 2 and not (words and said.plain(values["preference"]) in words):
            return leaning(number, rationale, bool(turned))
        choice = turn(said.choice(values["preference"], words), turned)
        return unread(raw) if choice is None else one_choice(Half(choice, rationale))
    score = said.score(values.get("score")) if "score" in values else None
    if "score" in values and score is None:
        return unread(raw)
    passed = said.passed(values["passed"], words) if "passed" in values else None
    if "passed" in values and passed is None:
        return unread(raw)
    if passed is None:
        assert score is not None
        passed = score >= pass_at
    return Judged(outcome=Verdict(passed=passed, score=score, rationale=rationale))


def _words_of(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)
