"""A judge compares the outputs of both sides, in both orders. Equal outputs are a tie and are not asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import ServiceError, UsageError
from flywheel_tui.llm.budget import MemoryLedger
from flywheel_tui.llm.prices import load_prices
from flywheel_tui.llm.protocol import ListsPrices
from flywheel_tui.records.evaluation import EvaluateOptions, Item, JudgeUse
from flywheel_tui.records.judgment import INFRASTRUCTURE, WHOLE_SERVICE, Missing, NoVerdict, Outcome
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.resources import shipped
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.judge.alone import AsyncQualityJudge, JudgmentCache
from flywheel_tui.stages.judge.engine import BudgetSpent
from flywheel_tui.stages.judge.rules import BACKEND as RULES
from flywheel_tui.stages.rubric import load_rubric

if TYPE_CHECKING:
    from flywheel_tui.llm.protocol import Request
    from flywheel_tui.workspace import Workspace

TIE = {"preference": 0.5, "consistent": True}


class Comparer:
    """The judge of an evaluation. Answers are cached in the workspace, so that nothing is paid for twice."""

    def __init__(self, workspace: Workspace, options: EvaluateOptions, *, looking: bool = False) -> None:
        """`looking`: nobody will be asked, and no file is made for answers. Raises UsageError for a rubric that does
        not compare, NotFoundError for an unknown back end."""
        from flywheel_tui.llm.registry import get_backend

        name, _, model = options.judge.partition(":")
        self.rubric = rubric_of(workspace, options)
        self._workspace, self._tag = workspace, options.judge_tag
        self.backend = get_backend(name, model=model, settings=workspace.settings)
        self.by_rules = self.backend.name == RULES
        path = workspace.root / "evaluations" / "judgments.jsonl"
        self._cache = JudgmentCache(None if looking and not path.is_file() else path)
        self._prices = load_prices(workspace.root)
        self._judge = AsyncQualityJudge(self.backend, self.rubric, cache=self._cache, prices=self._prices)
        self._concurrency = workspace.settings.judge_concurrency
        self._taken: JudgeUse | None = None
        self.left_out: dict[str, int] = {}

    @property
    def facts(self) -> dict[str, Any]:
        """Who judges: kept with the evaluation."""
        judge = self._judge.judge
        said = {
            "name": judge.name, "hash": judge.hash, "rubric": self.rubric.title, "rubric_hash": self.rubric.hash,
            "params": judge.params,
        }  # fmt: skip
        return said | {"of_run": self._tag} if self._tag else said

    # -- money

    def check_price(self, options: EvaluateOptions) -> None:
        """Raises UsageError where dollars are capped and no price is known."""
        backend = self.backend
        known = self._prices.price(backend.place, backend.model) is not None or isinstance(backend, ListsPrices)
        if options.budget_usd is not None and not self.by_rules and not known:
            raise UsageError(
                f"no price is known for {self._judge.judge.name}, so --budget-usd cannot be kept; add it to"
                " prices.toml in the workspace, or use --budget-tokens"
            )

    def open_account(
        self, options: EvaluateOptions, job_id: int | None, used: JudgeUse | None
    ) -> MemoryLedger | None:  # fmt: skip
        """The account that every call is on from now: that of the job, else of this evaluation, which has `used` some
        already; None without a budget."""
        micro = round(options.budget_usd * 1e6) if options.budget_usd is not None else None
        tokens = options.budget_tokens
        if self.by_rules or (micro is None and tokens is None):
            return None
        if job_id is not None:
            account: MemoryLedger = Budget(self._workspace.store, job_id, micro, tokens)
        else:
            before = used or JudgeUse()
            account = MemoryLedger(
                budget_micro=None if micro is None else max(micro - before.cost_micro, 0),
                budget_tokens=None if tokens is None else max(tokens - before.tokens_in - before.tokens_out, 0),
            )
        self._judge.ledger = account
        return account

    def taken(self) -> JudgeUse | None:
        """What was taken since this was asked last; None where nobody was asked."""
        found, self._taken = self._taken, None
        return found

    # -- asking

    def requests(self, item: Item) -> list[tuple[Request, bool]]:
        """What would be sent about an item, one request for each order, with whether its answer is known."""
        return self._judge.requests(_pair(item))

    def compare(self, items: Sequence[Item]) -> list[tuple[str, dict[str, Any]]]:
        """What is to be filled in for the items that got a verdict.

        Raises ServiceError where the judge is gone, BudgetSpent where the budget does not hold all of it: what was
        answered is in the cache then, and is not paid for again.
        """
        found: list[tuple[str, dict[str, Any]]] = []
        asked: list[Item] = []
        for item in items:
            if item.base_output == item.candidate_output:
                found.append((item.key, dict(TIE)))
            else:
                asked.append(item)
        if not asked:
            return found
        outcomes = self._ask([_pair(item) for item in asked])
        self._raise_if_spent(outcomes)
        _raise_if_gone(outcomes)
        for item, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, NoVerdict) or outcome.score is None:
                kind = outcome.kind if isinstance(outcome, NoVerdict) else "no preference"
                self.left_out[kind] = self.left_out.get(kind, 0) + 1
                continue
            share = 0.5 if outcome.preference == "neither" else outcome.score
            found.append((item.key, {"preference": share, "consistent": outcome.consistent}))
        return found

    def _ask(self, pairs: list[dict[str, Any]]) -> list[Outcome]:
        cache, judge = self._cache, self._judge
        hits, writes, before = cache.hits, cache.writes, judge.client
        try:
            return asyncio.run(judge.judge_batch(pairs, concurrency=self._concurrency))
        finally:
            if (client := judge.client) is not None and client is not before:
                now = client.snapshot()
                part = JudgeUse(
                    calls=now.attempts, cached=cache.hits - hits, open=cache.writes - writes, tokens_in=now.tokens_in,
                    tokens_out=now.tokens_out, cost_micro=now.cost_micro, unpriced=now.unpriced,
                )  # fmt: skip
                self._taken = (self._taken or JudgeUse()).and_part(part, written=True)
                self._taken = msgspec.structs.replace(self._taken, open=part.open)

    def _raise_if_spent(self, outcomes: Sequence[Outcome]) -> None:
        refused = next((one for one in outcomes if isinstance(one, NoVerdict) and one.kind == Missing.COST_CAP), None)
        if refused is None or (account := self._judge.ledger) is None:
            return
        spent = account.spent()
        why = "" if spent.tokens else f" ({refused.detail})"
        raise BudgetSpent(
            f"the budget of the judge is spent{why}: ${spent.cost_micro / 1e6:.4f} and {spent.tokens:,} tokens; what"
            " was finished is kept, go on with the same command and a higher --budget-usd (or --budget-tokens)"
        )


def rubric_of(workspace: Workspace, options: EvaluateOptions) -> Rubric:
    """The rubric that was named, else that of the tagged run where it compares two, else the shipped one that does."""
    if options.judge_tag and not options.rubric:
        from flywheel_tui.stages.evaluate.judge_tag import tagged

        if (own := tagged(workspace, options.judge_tag, (options.dataset, *options.train)).rubric) is not None:
            return own
    return pairwise_rubric(workspace, options.rubric)


def pairwise_rubric(workspace: Workspace, name: str) -> Rubric:
    """The rubric of this name or file; the shipped one that compares by default. Raises UsageError."""
    if not name:
        return load_rubric(shipped("rubrics") / "preference.yaml")
    path = Path(name)
    if not path.is_file():
        path = workspace.root / "rubrics" / f"{name}.yaml"
    rubric = load_rubric(path)
    if rubric.kind is not RubricKind.PAIRWISE:
        raise UsageError(f"the rubric {rubric.name} scores single answers; a win rate needs one that compares two")
    return rubric


def _pair(item: Item) -> dict[str, Any]:
    before = item.messages[:-1]
    body: dict[str, Any] = {"rejected": item.base_output or ""}
    if before:
        body["messages"] = item.messages
    return {
        "instruction": item.prompt, "output": item.candidate_output or "", "kind": "preference", "body": body,
    }  # fmt: skip


def _raise_if_gone(outcomes: Sequence[Outcome]) -> None:
    gone = INFRASTRUCTURE | WHOLE_SERVICE
    if outcomes and all(isinstance(outcome, NoVerdict) and outcome.kind in gone for outcome in outcomes):
        first = outcomes[0]
        detail = first.detail if isinstance(first, NoVerdict) else ""
        raise ServiceError(f"the judge gives no verdicts ({detail}); what was measured is kept, try again later")


def plain(rubric: Rubric) -> dict[str, Any]:
    """A rubric as it goes into the evidence."""
    found: dict[str, Any] = msgspec.to_builtins(rubric)
    return found
