"""The pairs of the prompt-dev split on which a judge and people differ, with what either said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.stages.judge.few_shot import decided_pairs
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judge_examples import said_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SPLIT = "prompt-dev"


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """One pair: `people_passed` says what people decided, the judge said the other thing."""

    pair: int
    version: int
    instruction: str
    output: str
    people_passed: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    score: float | None
    rationale: str

    @property
    def kind(self) -> str:
        """What the judge did: passed too much, or failed too much."""
        return "failed what people approved" if self.people_passed else "passed what people rejected"


class Mismatches(msgspec.Struct, frozen=True, kw_only=True):
    """The list, and what it was taken from: `decided` pairs in the split, `judged` of them with a verdict."""

    dataset: str
    tag: str
    split: str
    decided: int
    judged: int
    pairs: tuple[Mismatch, ...]


def mismatches(workspace: Workspace, dataset: str, tag: str, *, split: str = SPLIT) -> Mismatches:
    """Where a run differs from people; what it passed and people rejected comes first, the surest scores first.

    Raises NotFoundError for an unknown data set or run, UsageError for an unknown split.
    """
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    run = judging.get_run(connection, row.id, tag)
    decided = decided_pairs(workspace, row.id, split)
    said = said_of(connection, run.id, [pair.text.version for pair in decided])
    found = []
    for pair in decided:
        verdict = said.get(pair.text.version)
        if verdict is None or verdict.passed == pair.passed:
            continue
        found.append(Mismatch(
            pair=pair.root, version=pair.text.version, instruction=pair.text.instruction,
            output=pair.text.output or "", people_passed=pair.passed, reasons=pair.reasons, notes=pair.notes,
            score=verdict.score, rationale=verdict.rationale,
        ))  # fmt: skip
    found.sort(key=lambda one: (one.people_passed, _doubt(one), one.version))
    return Mismatches(dataset=dataset, tag=tag, split=split, decided=len(decided), judged=len(said), pairs=tuple(found))


def _doubt(one: Mismatch) -> float:
    """Small where the judge was surely wrong: a high score of what was rejected, a low one of what was approved."""
    if one.score is None:
        return 0.0
    return one.score if one.people_passed else -one.score
