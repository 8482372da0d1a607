"""What the judge of an evaluation would take, before anything is asked or written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.evaluation import EvaluateOptions, Item
from flywheel_tui.stages.evaluate.gathered import confirmed_anywhere
from flywheel_tui.stages.evaluate.items import is_compared, items_for
from flywheel_tui.stages.evaluate.plan import Plan
from flywheel_tui.stages.judge.forecast import LIKELY_ANSWER, likely_prompt, price_of
from flywheel_tui.store import evaluations as store

if TYPE_CHECKING:
    from flywheel_tui.stages.evaluate.preferences import Comparer
    from flywheel_tui.store.evaluations import EvaluationRow
    from flywheel_tui.workspace import Workspace


class CompareForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What comparing would take at the most: outputs that turn out equal are a tie, and not asked about.

    Of `comparisons`, each in both orders, the outputs of `unseen` are not known yet: each counts as `max_new_tokens`.
    `known` answers are in the cache and `calls` are left. Tokens are likely figures; `cost_usd` follows from them,
    `cost_most` from the longest answers there can be; both are None where no price is known. `evaluation` is the one
    that this goes on with, if it was begun; `finished` says that it needs nothing more.
    """

    judge: str
    rubric: str
    by_rules: bool
    comparisons: int
    unseen: int
    max_new_tokens: int
    evaluation: int | None = None
    finished: bool = False
    known: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0
    cost_most: float | None = 0.0


def forecast(workspace: Workspace, options: EvaluateOptions) -> CompareForecast:
    """Look before an evaluation: reads the store and the files of both sides; no model is loaded, nothing is kept.

    Raises UsageError without a judge, and what the evaluation would raise at once: UsageError, InputError,
    NotFoundError.
    """
    if not (options.judge or options.judge_tag):
        raise UsageError("--estimate is for the judge of an evaluation; name one with --judge or --judge-tag")
    plan = Plan(workspace, options, looking=True)
    comparer = plan.comparer
    assert comparer is not None
    comparer.check_price(options)
    items = items_for(workspace, plan.options, confirmed_anywhere(workspace))
    connection = workspace.store.read()
    row = store.evaluation_with(connection, plan.evaluation(items).hash)
    finished = row is not None and row.state == "done"
    left = [] if finished else _left(store.items_of(connection, row.id) if row is not None else items)
    unseen = [item for item in left if item.base_output is None or item.candidate_output is None]
    found = CompareForecast(
        judge=str(comparer.facts["name"]), rubric=comparer.rubric.title, by_rules=comparer.by_rules,
        comparisons=len(left), unseen=len(unseen), max_new_tokens=options.max_new_tokens,
        evaluation=row.id if row is not None else None, finished=finished,
    )  # fmt: skip
    return found if comparer.by_rules or not left else _priced(workspace, found, comparer, left, row)


def _left(items: Sequence[Item]) -> list[Item]:
    """What is still to be compared, as far as is known."""
    return [
        item
        for item in items
        if is_compared(item)
        and item.preference is None
        and (item.base_output is None or item.base_output != item.candidate_output)
    ]


def _priced(
    workspace: Workspace, found: CompareForecast, comparer: Comparer, left: Sequence[Item], row: EvaluationRow | None
) -> CompareForecast:  # fmt: skip
    known = calls = tokens_in = longest = 0
    for item in left:
        more = found.max_new_tokens * ((item.base_output is None) + (item.candidate_output is None))
        for request, is_known in comparer.requests(item):
            if is_known and not more:
                known += 1
                continue
            calls += 1
            tokens_in += likely_prompt(request) + more
            longest = max(longest, request.max_tokens)
    used = row.used if row is not None else None
    answer = used.tokens_out / used.calls if used is not None and used.calls else min(LIKELY_ANSWER, longest)
    backend = comparer.backend
    price = price_of(
        workspace, backend.place, backend.model, calls=calls, tokens_in=tokens_in, answer=answer, longest=longest
    )  # fmt: skip
    return msgspec.structs.replace(found, known=known, calls=calls, **price._asdict())
