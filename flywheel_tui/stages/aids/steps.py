"""Reasoning as the label screen shows it: calculations done again, and a verdict on the final answer."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.answers.arithmetic import written
from flywheel_tui.answers.finals import mentions, same_answer
from flywheel_tui.stages.aids.equations import equations


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A calculation in the text: where it stands, and what it really gives where that is something else."""

    start: int
    end: int
    right: bool
    gives: str
    says: str = ""


class FinalVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told of a final answer: `why` is a sentence.

    `state`: `right` (the same as the reference), `holds` (no fault was found: the steps may still be the wrong ones),
    `wrong` or `unknown`.
    """

    state: str
    why: str


def calculations(text: str) -> list[Step]:
    """The calculations `a + b = c` in a text. Chains (`= … =`) are read link by link."""
    return [
        Step(
            start=one.start, end=one.end, right=one.verdict != "wrong", gives=written(one.value), says=written(one.said)
        )
        for one in equations(text)
    ]


def final_verdict(output: str, body: dict[str, Any]) -> FinalVerdict:
    """What the arithmetic and the texts say about the final answer of a reasoning pair."""
    final = body.get("final")
    reasoning = body.get("reasoning")
    steps = calculations(reasoning) if isinstance(reasoning, str) else []
    wrong = [step for step in steps if not step.right]
    reference = body.get("reference")
    if isinstance(reference, str) and reference.strip() and isinstance(final, str):
        if not same_answer(final, reference):
            return FinalVerdict(state="wrong", why=f"the reference answer is {reference.strip()[:60]}")
        return FinalVerdict(state="right", why="the same as the reference answer")
    if isinstance(final, str) and final.strip() and output.strip() and not mentions(output, final):
        return FinalVerdict(state="wrong", why=f"the answer does not say {final.strip()[:60]}")
    if wrong:
        many = f"{len(wrong)} of {len(steps)} calculations {'is' if len(wrong) == 1 else 'are'} wrong"
        return FinalVerdict(state="wrong", why=many)
    if steps and isinstance(final, str):
        holding = "1 calculation holds" if len(steps) == 1 else f"{len(steps)} calculations hold"
        if same_answer(steps[-1].says, final):
            return FinalVerdict(state="holds", why=f"{holding}, ending in {final.strip()[:60]}")
        return FinalVerdict(state="unknown", why=f"{holding}, but the last one is not the final answer")
    return FinalVerdict(state="unknown", why="nothing here can be computed")
