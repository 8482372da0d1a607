"""A judge compares the outputs of both sides, in both orders. Equal outputs are a tie and are not asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import ServiceError, UsageError
from flywheel_tui.records.evaluation import EvaluateOptions, Item
from flywheel_tui.records.judgment import INFRASTRUCTURE, WHOLE_SERVICE, NoVerdict, Outcome
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.resources import shipped
from flywheel_tui.stages.judge.alone import AsyncQualityJudge, JudgmentCache
from flywheel_tui.stages.rubric import load_rubric

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

TIE = {"preference": 0.5, "consistent": True}


class Comparer:
    """The judge of an evaluation. Answers are cached in the workspace, so that nothing is paid for twice."""

    def __init__(self, workspace: Workspace, options: EvaluateOptions) -> None:
        """Raises UsageError for a rubric that does not compare, NotFoundError for an unknown back end."""
        from flywheel_tui.llm.registry import get_backend

        name, _, model = options.judge.partition(":")
        self.rubric = rubric_of(workspace, options)
        self._tag = options.judge_tag
        backend = get_backend(name, model=model, settings=workspace.settings)
        cache = JudgmentCache(workspace.folder("evaluations") / "judgments.jsonl")
        self._judge = AsyncQualityJudge(backend, self.rubric, cache=cache)
        self._concurrency = workspace.settings.judge_concurrency
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

    def compare(self, items: Sequence[Item]) -> list[tuple[str, dict[str, Any]]]:
        """What is to be filled in for the items that got a verdict. Raises ServiceError where the judge is gone."""
        found: list[tuple[str, dict[str, Any]]] = []
        asked: list[Item] = []
        for item in items:
            if item.base_output == item.candidate_output:
                found.append((item.key, dict(TIE)))
            else:
                asked.append(item)
        if not asked:
            return found
        outcomes = asyncio.run(self._judge.judge_batch([_pair(item) for item in asked], concurrency=self._concurrency))
        _raise_if_gone(outcomes)
        for item, outcome in zip(asked, outcomes, strict=True):
            if isinstance(outcome, NoVerdict) or outcome.score is None:
                kind = outcome.kind if isinstance(outcome, NoVerdict) else "no preference"
                self.left_out[kind] = self.left_out.get(kind, 0) + 1
                continue
            share = 0.5 if outcome.preference == "neither" else outcome.score
            found.append((item.key, {"preference": share, "consistent": outcome.consistent}))
        return found


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
        path = workspace.folder("rubrics") / f"{name}.yaml"
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
