"""Two runs against the same decisions of people: which one is right more often, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.improve.mismatches import SPLIT
from flywheel_tui.stages.judge.few_shot import decided_pairs
from flywheel_tui.stages.judge.options import JudgeOptions, default_tag
from flywheel_tui.stages.rubric import load_rubric, named_rubric
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judge_examples import said_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One run: of `pairs`, how many it judged as people did. A pair without a verdict is not right."""

    tag: str
    right: int
    unjudged: int
    kappa: float | None
    rubric: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Before and after on the same `pairs`; `fixed` and `broken` are pair ids. p is McNemar's exact, two-sided.

    `low` and `high` bound the difference of the shares (95 %).
    """

    dataset: str
    split: str
    pairs: int
    before: Side
    after: Side
    fixed: tuple[int, ...]
    broken: tuple[int, ...]
    difference: float
    low: float | None
    high: float | None
    p: float

    @property
    def sentence(self) -> str:
        """What came of it, in words."""
        where = f"of {self.pairs:,} pairs of {self.split}"
        words = f"{self.before.right:,} → {self.after.right:,} {where} judged as people did"
        moved = f"{len(self.fixed):,} mended, {len(self.broken):,} broken, p = {self.p:.3f}"
        if self.p < 0.05:
            return f"{words} ({moved}): {'better' if self.difference > 0 else 'worse'}"
        return f"{words} ({moved}): no difference that chance could not make"


def trial_options(
    workspace: Workspace, dataset: str, tag: str, rubric: str, *, new_tag: str = "", concurrency: int | None = None
) -> JudgeOptions:
    """What judges the prompt-dev split as the run `tag` did, but by another rubric (a name or a path).

    Raises NotFoundError, UsageError where the run has no model behind it.
    """
    connection = workspace.store.read()
    run = judging.get_run(connection, get_dataset(connection, dataset).id, tag)
    if run.judge is None or not run.judge.rubric:
        raise UsageError(f"the run {tag} was taken in or combined: there is no judge to ask again")
    worded = load_rubric(Path(rubric)) if rubric.endswith((".yaml", ".yml")) else named_rubric(workspace, rubric)
    params = run.judge.params
    return JudgeOptions(
        dataset=dataset, tag=new_tag or default_tag(f"{tag}+{worded.name}.v{worded.version}.{worded.hash[:6]}"),
        backend=run.judge.backend, model=run.judge.model, rubric=rubric, split=SPLIT, concurrency=concurrency,
        temperature=float(params.get("temperature", 0.0)),
    )  # fmt: skip


def compare_runs(workspace: Workspace, dataset: str, before: str, after: str, *, split: str = SPLIT) -> Trial:
    """Compare two runs on the pairs of a split that either has judged. Raises NotFoundError, UsageError."""
    from flywheel_tui.stats.agreement import cohens_kappa
    from flywheel_tui.stats.paired import mcnemar_exact, paired_difference

    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    runs = [judging.get_run(connection, row.id, tag) for tag in (before, after)]
    decided = decided_pairs(workspace, row.id, split)
    versions = [pair.text.version for pair in decided]
    said = [said_of(connection, run.id, versions) for run in runs]
    shared = [pair for pair in decided if any(pair.text.version in one for one in said)]
    if not shared:
        raise UsageError(f"neither {before} nor {after} has judged a pair that people decided blind in {split}")
    right = [
        [(verdict := one.get(pair.text.version)) is not None and verdict.passed == pair.passed for pair in shared]
        for one in said
    ]
    fixed = tuple(pair.root for pair, a, b in zip(shared, *right, strict=True) if b and not a)
    broken = tuple(pair.root for pair, a, b in zip(shared, *right, strict=True) if a and not b)
    difference = paired_difference(right[1], right[0])
    test = mcnemar_exact(len(broken), len(fixed))
    sides = []
    for run, one, hits in zip(runs, said, right, strict=True):
        both = [pair for pair in shared if pair.text.version in one]
        kappa = cohens_kappa([pair.passed for pair in both], [one[pair.text.version].passed for pair in both])
        sides.append(Side(
            tag=run.tag, right=sum(hits), unjudged=len(shared) - len(both), kappa=kappa,
            rubric=str(run.judge.params.get("rubric", "")) if run.judge else "",
        ))  # fmt: skip
    return Trial(
        dataset=dataset, split=split, pairs=len(shared), before=sides[0], after=sides[1], fixed=fixed, broken=broken,
        difference=difference.value or 0.0, low=difference.low, high=difference.high, p=test.p or 1.0,
    )  # fmt: skip
