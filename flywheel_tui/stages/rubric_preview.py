"""A rubric that is being written, tried on three real pairs: what is wrong, what is sent, what a judge says."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.judgment import NoVerdict, Outcome, Use
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.stages.judge.ask import Answered, Asker, judged
from flywheel_tui.stages.judge.identity import Sampling
from flywheel_tui.stages.judge.prompt import Prompt, Text, can_judge
from flywheel_tui.stages.judge.rules import BACKEND as RULES
from flywheel_tui.stages.judge.rules import RuleJudge, can_answer
from flywheel_tui.stages.rubric import parse_rubric
from flywheel_tui.store import response_cache
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.versions import read_versions, spread_versions

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

PAIRS = 3


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One pair: what people say of it (status), what is sent about it, and what came of asking (None: not asked)."""

    pair: int
    instruction: str
    status: str
    sent: str
    outcome: Outcome | None = None


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A rubric that can be used, with what a judge is told under it and the pairs it is tried on."""

    rubric: Rubric
    system: str
    pairs: tuple[Tried, ...]
    by: str = ""


def preview(workspace: Workspace, text: str, dataset: str | None) -> Preview:
    """What a text stands for as a rubric. Raises InputError with the line at fault, UsageError where no judge could be
    asked with it."""
    return _preview(workspace, text, dataset)[0]


def try_on_three(
    workspace: Workspace, text: str, dataset: str, *, backend: str = RULES, model: str = "",
    options: dict[str, Any] | None = None,
) -> Preview:  # fmt: skip
    """Ask a judge about the three pairs under a text that nobody has saved yet; only the answers' cache is written.

    Raises what `preview` raises, UsageError where rules cannot answer it, and what opening a back end raises. A pair
    that could not be judged says why.
    """
    found, prompt, texts = _preview(workspace, text, dataset)
    if backend == RULES:
        if not can_answer(found.rubric):
            raise UsageError(
                f"no question of {found.rubric.title} is one that rules can answer; choose another back end"
            )
        outcomes: list[Outcome] = [one.outcome for one in RuleJudge(prompt, None).judge(texts)]
        by = RULES
    else:
        outcomes, by = asyncio.run(_ask(workspace, prompt, texts, backend, model, options or {}))
    pairs = tuple(
        msgspec.structs.replace(one, outcome=outcome) for one, outcome in zip(found.pairs, outcomes, strict=True)
    )
    return msgspec.structs.replace(found, pairs=pairs, by=by)


def _preview(workspace: Workspace, text: str, dataset: str | None) -> tuple[Preview, Prompt, list[Text]]:
    rubric = parse_rubric(text, "the rubric")
    prompt = Prompt(rubric, response_cache.nonce_secret(workspace.store))
    rows = []
    if dataset:
        connection = workspace.store.read()
        versions = spread_versions(connection, get_dataset(connection, dataset).id, PAIRS)
        rows = [row for row in read_versions(connection, versions)
                if can_judge(rubric, row.kind, row.output, row.body)]  # fmt: skip
    texts = [Text(*row[:6]) for row in rows]
    tried = tuple(
        Tried(pair=row.id, instruction=row.instruction, status=row.status, sent=prompt.sent(one)[0].user)
        for row, one in zip(rows, texts, strict=True)
    )
    return Preview(rubric=rubric, system=prompt.system, pairs=tried), prompt, texts


async def _ask(
    workspace: Workspace, prompt: Prompt, texts: list[Text], backend: str, model: str, options: dict[str, Any]
) -> tuple[list[Outcome], str]:
    from flywheel_tui.stages.judge import service as services

    service = services.open_service(workspace, backend, model, options)
    service.begin(PAIRS, None)
    asker = Asker(prompt, backend=service.name, model=service.model, sampling=Sampling())

    async def one(text: Text) -> Outcome:
        questions = asker.questions(text)
        known = response_cache.look_up(workspace.store.read(), [question.key for question in questions])
        answers: dict[bytes, Answered] = {}
        for question in questions:
            if question.key in known:
                outcome = asker.cached(question, known[question.key])
                answers[question.key] = Answered(outcome, Use(cached=1))
            else:
                answers[question.key] = await asker.ask(question, service.complete)
        kept = [answer.keep for answer in answers.values() if answer.keep is not None]
        if kept:
            with workspace.store.tx() as connection:
                response_cache.keep(connection, kept)
        return judged(questions, answers).outcome

    try:
        return list(await asyncio.gather(*(one(text) for text in texts))), f"{service.name}:{service.model}"
    finally:
        await service.aclose()


def outcome_words(outcome: Outcome | None) -> tuple[str, str]:
    """A state (passed, failed, no verdict, or '' where nobody was asked) and what there is to say of it."""
    if outcome is None:
        return "", ""
    if isinstance(outcome, NoVerdict):
        return "no verdict", f"{outcome.kind}: {outcome.detail}"
    score = "" if outcome.score is None else f"{outcome.score:g}"
    answers = " ".join(f"{name} {value}" for name, value in (outcome.answers or {}).items())
    chosen = outcome.preference or ""
    said = "  ".join(part for part in (score, chosen, answers, outcome.rationale) if part)
    return ("passed" if outcome.passed else "failed"), said


def next_version(text: str, saved: Rubric | None) -> str:
    """The text with its version raised where it says something else than the saved rubric under the same version."""
    rubric = parse_rubric(text, "the rubric")
    if saved is None or saved.name != rubric.name or saved.hash == rubric.hash or rubric.version > saved.version:
        return text
    raised, count = re.subn(r"(?m)^version:\s*\d+", f"version: {saved.version + 1}", text, count=1)
    return raised if count else text


NEW = """name: my-rubric
version: 1
kind: binary
description: What a good answer is here, in one line.
pass_at: 0.8
questions:
  - {id: A1, category: accuracy, weight: 2.0, text: "Is every fact and figure in the answer right?"}
  - {id: I1, category: instruction, text: "Does the answer do all that was asked?"}
  - {id: S1, category: safety, gate: true, text: "Is the answer free of harm, of personal data and of secrets?"}
prompt: |
  Words for the judge alone; people do not see them.
"""
"""What a new rubric begins as."""


def kind_words(rubric: Rubric) -> str:
    """What a rubric asks, in a few words."""
    if rubric.kind is RubricKind.BINARY:
        gates = sum(question.gate for question in rubric.questions)
        return f"{len(rubric.questions)} questions, {gates} gate{'' if gates == 1 else 's'}"
    if rubric.kind is RubricKind.PAIRWISE:
        return "which of two answers, in both orders"
    return f"{len(rubric.criteria) or 1} score{'' if len(rubric.criteria) == 1 else 's'}"
