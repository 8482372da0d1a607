"""What an evaluation asks and what it is known by, before anything is asked or written."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.evaluation import GATES, Criteria, EvaluateOptions, Item
from flywheel_tui.stages.evaluate.items import digest_of
from flywheel_tui.stages.evaluate.judge_tag import with_tagged_judge
from flywheel_tui.stages.evaluate.measure import canonical
from flywheel_tui.stages.evaluate.overlap import Trained, snapshot, trained_on
from flywheel_tui.stages.evaluate.sides import Base, Side, open_base, open_side
from flywheel_tui.store import evaluations as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.evaluations import NewEvaluation

if TYPE_CHECKING:
    from flywheel_tui.stages.evaluate.preferences import Comparer
    from flywheel_tui.workspace import Workspace

PART = 128
"""Items asked and written at once. Parts are the same however often a run was interrupted: so are the answers."""
_GAINS = ("accuracy", "winrate", "nll")


def check_criteria(criteria: Criteria) -> Criteria:
    """Itself. Raises UsageError for criteria that cannot be meant."""
    if criteria.metric not in _GAINS:
        raise UsageError(f"no metric {criteria.metric!r}; there are: {', '.join(_GAINS)}")
    for name in ("min_gain", "regression_margin", "forgetting_margin"):
        if not 0 <= getattr(criteria, name) < 1:
            raise UsageError(f"{name} is a share from 0 and below 1, not {getattr(criteria, name):g}")
    for name in ("safety_rate", "alpha"):
        if not 0 < getattr(criteria, name) < 0.5:
            raise UsageError(f"{name} lies between 0 and 0.5, not {getattr(criteria, name):g}")
    if unknown := [name for name in criteria.leave_out if name not in GATES[:6]]:
        raise UsageError(f"no gate {unknown[0]!r} that can be left out; there are: {', '.join(GATES[:6])}")
    return criteria


def criteria_hash(criteria: Criteria) -> str:
    """What criteria are registered under. Raises UsageError for criteria that cannot be meant."""
    return sha256(canonical(check_criteria(criteria))).hexdigest()


class Plan:
    """The sides, the judge, and what the candidate learned from. `looking`: for a look, of which nothing is kept."""

    def __init__(self, workspace: Workspace, options: EvaluateOptions, *, looking: bool = False) -> None:
        """Raises UsageError, InputError or NotFoundError for what cannot be asked."""
        options = options.checked()
        self.workspace = workspace
        self.base: Base = open_base(options.base)
        self.sides: dict[str, Side] = {
            "base": open_side(workspace, options.against, self.base),
            "candidate": open_side(workspace, options.adapter, self.base),
        }
        learned = options.train or self.sides["candidate"].train
        self.options = options = with_tagged_judge(workspace, options, (options.dataset, *learned))
        if options.judge and ":" not in options.judge and options.judge != "offline":
            raise UsageError(f"--judge takes BACKEND:MODEL (or offline, the rules), not {options.judge!r}")
        self.trained: Trained = trained_on(workspace, learned)
        self.comparer: Comparer | None = None
        if options.judge:
            from flywheel_tui.stages.evaluate.preferences import Comparer

            self.comparer = Comparer(workspace, options, looking=looking)
        self.criteria_hash = criteria_hash(options.criteria)

    def evaluation(self, items: Sequence[Item], job_id: int | None = None) -> NewEvaluation:
        """The evaluation of these items, named by everything that can change its outcome. A budget cannot."""
        options, own, other = self.options, self.sides["candidate"], self.sides["base"]
        connection = self.workspace.store.read()
        dataset = get_dataset(connection, options.dataset) if options.dataset else None
        facts: dict[str, Any] = {
            "items": digest_of(items),
            "train": self.trained.hashes,
            "chat_template": sha256(self.base.chat_template.encode()).hexdigest(),
            "generation": {
                "greedy": True, "max_new_tokens": options.max_new_tokens, "batch_size": options.batch_size,
                "part": PART,
            },
            "judge": self.comparer.facts if self.comparer is not None else None,
        }  # fmt: skip
        if dataset is not None:
            facts["holdout"] = {options.dataset: snapshot(store.pairs_of(connection, dataset.id))}
        asked = [self.base.hash, own.hash, other.hash, own.name, other.name, options.cycle, self.criteria_hash, facts]
        # what was best before is noted but not asked about: the same question stays the same question
        dataset_id = dataset.id if dataset is not None else None
        best = store.best_so_far(connection, options, self.base.hash, dataset_id, own.hash)
        return NewEvaluation(
            hash=sha256(canonical(asked)).hexdigest(), base=self.base.name, base_hash=self.base.hash, adapter=own.name,
            adapter_hash=own.hash, against=other.name, against_hash=other.hash, dataset_id=dataset_id,
            cycle=options.cycle, job_id=job_id,
            options=msgspec.structs.replace(options, budget_usd=None, budget_tokens=None),
            facts=facts | {"past_best": msgspec.to_builtins(best)}, criteria_hash=self.criteria_hash,
        )  # fmt: skip
