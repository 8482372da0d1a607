"""How often a judge says the same when it is asked the same again."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

from flywheel_tui.records.bias import Stability
from flywheel_tui.records.figures import Number
from flywheel_tui.store import judging

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.store.judging import RunRow


def stability(connection: Connection, run: RunRow) -> Stability | None:
    """The stability of a run; None where nothing was asked twice (its settings know: no million rows are looked at)."""
    rows = judging.repeated(connection, run.id) if run.settings.get("repeat", 1) > 1 else []
    if not rows:
        return None
    from flywheel_tui.stats.bias import repetition_stability

    said: list[list[object]] = []
    spreads: list[float] = []
    for _, group in groupby(rows, key=lambda row: row.version):
        answers = list(group)
        said.append([answer.preference or answer.passed for answer in answers])
        scores = [answer.score for answer in answers if answer.score is not None]
        if len(scores) > 1:
            mean = math.fsum(scores) / len(scores)
            spreads.append(math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)))
    found = repetition_stability(said)
    high = None if found.high is None else min(found.high, 1.0)
    return Stability(
        pairs=len(said), answers=len(rows), moved=sum(len(set(answers)) > 1 for answers in said),
        same=Number(value=found.value, low=found.low, high=high, n=found.n, method=found.method, why=found.why),
        spread=math.fsum(spreads) / len(spreads) if spreads else None,
    )  # fmt: skip


def stability_sentence(found: Stability) -> str:
    """The same in words."""
    ends = f" ({found.same.low:.1%} to {found.same.high:.1%})" if found.same.low is not None else ""
    spread = f", scores differ by {found.spread:.2f} (standard deviation)" if found.spread else ""
    return (
        f"asked {found.answers:,} times about {found.pairs:,} pairs, it gave the commonest verdict of a pair in"
        f" {found.same.value or 0:.1%}{ends} of its answers; {found.moved:,} pairs saw more than one verdict{spread}"
    )
