"""Judges for tests: a back end that answers by what it is asked about, faults by schedule, time that passes at once."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from flywheel_tui.jobs import run_foreground
from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.stages.judge import service
from flywheel_tui.stages.judge.options import JudgeOptions, JudgeReport
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

CRITERIA = ("accuracy", "helpfulness", "clarity", "completeness", "safety")
Answer = Callable[[Request], str | Reply | BackendFault]


class InstantClock:
    """A clock whose sleeps take no time."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def wall(self) -> float:
        return time.time() + self._ahead

    async def sleep(self, seconds: float) -> None:
        self._ahead += max(seconds, 0.0)
        await asyncio.sleep(0)


def number_in(request: Request) -> int:
    """The number of the pair (made by `factories.sft`) that a request is about."""
    match = re.search(r"pair (\d+)", request.messages[1].content)
    assert match is not None
    return int(match[1])


def verdict_text(score: float, rationale: str = "seen") -> str:
    return json.dumps({"rationale": rationale, "scores": dict.fromkeys(CRITERIA, score)})


def score_of(number: int) -> int:
    """The score that the judge of these tests gives: fixed by the pair alone."""
    return 1 + (number * 7919) % 10


def honest(request: Request) -> str:
    return verdict_text(score_of(number_in(request)))


FAULTS = ("connect", "timeout", "reset", "overloaded", "rate_limited", "content_filter", "truncated")
BAD_TEXTS: Sequence[Callable[[str], str]] = (
    lambda text: text[: len(text) // 2],
    lambda text: f"Here you are:\n```json\n{text}\n```",
    lambda text: text.replace('"accuracy": ', '"accuracy": NaN, "x": '),
    lambda text: text.replace('"accuracy"', '"precision"'),
    lambda text: text + text,
    lambda text: "I'm sorry, but I can't help with that.",
    lambda text: "",
    lambda text: (
        '{"rationale": "x", "scores": {"accuracy": 11, "helpfulness": 1, "clarity": 1, "completeness": 1, "safety": 1}}'
    ),
)


def faulty(share: float, seed: int) -> Answer:
    """The honest judge behind a line on which a share of the calls goes wrong in one of fifteen ways."""
    chance = random.Random(seed)

    def answer(request: Request) -> str | BackendFault:
        text = honest(request)
        if chance.random() >= share:
            return text
        if chance.random() < 0.5:
            kind: Any = chance.choice(FAULTS)
            return BackendFault(kind, "made for the test", retry_after=1.0 if kind == "rate_limited" else None)
        return chance.choice(BAD_TEXTS)(text)

    return answer


def use_backend(monkeypatch: pytest.MonkeyPatch, answer: Answer, seconds: float = 0.0) -> ScriptedBackend:
    """Let every judge job of this test ask a scripted back end; it keeps the requests."""
    backend = ScriptedBackend([answer], seconds=seconds)

    def opened(workspace: Workspace, name: str, model: str, options: dict[str, Any]) -> service.Service:
        backend.model = model or "m"
        return service.Service(workspace, backend, clock=InstantClock())

    monkeypatch.setattr(service, "open_service", opened)
    return backend


def run_judge(workspace: Workspace, **options: Any) -> JudgeReport:
    """Judge as a job in this process."""
    given: dict[str, Any] = {"dataset": "demo", "backend": "scripted", "tag": "t", "rubric": "default"}
    request = JudgeOptions(**given | options)
    dataset = get_dataset(workspace.store.read(), request.dataset)
    result = run_foreground(
        workspace, "judge", msgspec.to_builtins(request), title="judge", dataset_id=dataset.id, slot="network"
    )
    return msgspec.convert(result, JudgeReport)


def verdicts(workspace: Workspace, tag: str = "t") -> dict[int, tuple[float | None, int]]:
    """Score and pass by pair version, of the verdicts that count."""
    query = (
        "SELECT v.pair_id, v.score, v.passed FROM verdict v JOIN judge_run r ON r.id = v.judge_run_id"
        ' WHERE r.tag = ? AND v."order" = 0'
    )
    return {row[0]: (row[1], row[2]) for row in workspace.store.read().execute(query, (tag,))}


def missing(workspace: Workspace, tag: str = "t") -> dict[int, str]:
    """The kind of missing verdict by pair version."""
    query = "SELECT e.pair_id, e.kind FROM judge_error e JOIN judge_run r ON r.id = e.judge_run_id WHERE r.tag = ?"
    return dict(workspace.store.read().execute(query, (tag,)))


def counter(workspace: Workspace, name: str) -> int:
    row = workspace.store.read().execute("SELECT sum(value) FROM counter WHERE name = ?", (name,)).fetchone()
    return int(row[0] or 0)
