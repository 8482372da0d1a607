"""The judge without a workspace: a list of pairs in, a list of outcomes out.

    judge = AsyncQualityJudge(get_backend("ollama", model="llama3.2"))
    outcomes = await judge.judge_batch([{"instruction": "Name a colour.", "output": "Blue."}], concurrency=4)

Each outcome is a `Verdict`, or a `NoVerdict` that says why there is none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.llm.budget import MemoryLedger
from flywheel_tui.llm.client import Client, Policy
from flywheel_tui.llm.prices import PriceTable, load_prices
from flywheel_tui.llm.protocol import Backend, Request
from flywheel_tui.records.judgment import Judge, Judged, Missing, NoVerdict, Outcome, Use
from flywheel_tui.records.rubric import Rubric
from flywheel_tui.resources import shipped
from flywheel_tui.stages.budget import ask_within
from flywheel_tui.stages.judge.ask import Answered, Asker, Complete, judged
from flywheel_tui.stages.judge.identity import Sampling, identity
from flywheel_tui.stages.judge.prompt import Prompt, Text, can_judge
from flywheel_tui.stages.judge.rules import BACKEND as RULES
from flywheel_tui.stages.judge.rules import RuleJudge
from flywheel_tui.stages.rubric import load_rubric
from flywheel_tui.store.response_cache import Cached


def default_rubric() -> Rubric:
    """The rubric that is used where none is named: five weighted criteria, scores from 1 to 10, pass from 7."""
    return load_rubric(shipped("rubrics") / "default.yaml")


class _HasTexts(Protocol):
    instruction: str
    input: str | None
    output: str | None


class _Line(msgspec.Struct, frozen=True):
    key: str
    text: str
    model: str
    tokens_in: int
    tokens_out: int
    cost_micro: int


class JudgmentCache:
    """Valid answers by the hash of exactly what was sent; in memory, and in a file of JSON lines where one is named.

    `hits`, `misses` and `writes` count since it was made. A failed call is never in it. The nonces of the prompts
    follow from `secret`, which lies in the file too: another cache makes other requests of the same pairs.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        """Raises InputError where the file holds something else."""
        self.path = Path(path) if path is not None else None
        self.secret = os.urandom(32)
        self.hits = self.misses = self.writes = 0
        self._known: dict[bytes, Cached] = {}
        if self.path is not None:
            self._load(self.path)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: bytes) -> bool:
        return key in self._known

    def _load(self, path: Path) -> None:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._append({"secret": self.secret.hex()})
            return
        lines = path.read_bytes().split(b"\n")
        try:
            self.secret = bytes.fromhex(msgspec.json.decode(lines[0], type=dict[str, str])["secret"])
        except (msgspec.DecodeError, KeyError, ValueError):
            raise InputError("is no cache of judgments", file=str(path), line=1, remedy="name a new file") from None
        for line in lines[1:]:
            try:
                row = msgspec.json.decode(line, type=_Line)
                self._known[bytes.fromhex(row.key)] = Cached(bytes.fromhex(row.key), *msgspec.structs.astuple(row)[1:])
            except (msgspec.DecodeError, ValueError):
                continue  # a line that a killed process left half-written is an answer that is not known

    def get(self, key: bytes) -> Cached | None:
        """The answer for a key, counted as a hit or a miss."""
        found = self._known.get(key)
        if found is None:
            self.misses += 1
        else:
            self.hits += 1
        return found

    def put(self, answer: Cached) -> None:
        """Remember a valid answer."""
        if answer.key not in self._known:
            self._known[answer.key] = answer
            self.writes += 1
            if self.path is not None:
                self._append(_Line(answer.key.hex(), *answer[1:]))

    def _append(self, line: Any) -> None:
        assert self.path is not None
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(descriptor)


class AsyncQualityJudge:
    """Judges pairs under a rubric with any back end.

    `ledger` says what may be spent: pairs that it does not hold end as `cost_cap`. `prices` are the shipped ones by
    default. `client` is the one that the newest batch was asked through, with its figures.
    """

    def __init__(
        self,
        backend: Backend,
        rubric: Rubric | None = None,
        *,
        cache: JudgmentCache | None = None,
        policy: Policy | None = None,
        temperature: float = 0.0,
        max_tokens: int = 0,
        pass_at: float | None = None,
        ledger: MemoryLedger | None = None,
        prices: PriceTable | None = None,
    ) -> None:
        """Raises UsageError for a rubric that a judge cannot be asked with."""
        self.backend, self.rubric = backend, rubric or default_rubric()
        self.cache = cache if cache is not None else JudgmentCache()
        self._policy, self._pass_at = policy or Policy(), pass_at
        self.ledger, self._prices = ledger, prices
        self.client: Client | None = None
        self._prompt = Prompt(self.rubric, self.cache.secret)
        sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
        self.judge: Judge = identity(backend.name, backend.model, self._prompt, sampling, pass_at)
        self._asker = Asker(
            self._prompt, backend=backend.name, model=backend.model, sampling=sampling, pass_at=pass_at
        )  # fmt: skip

    async def judge_batch(
        self, pairs: Iterable[Mapping[str, Any] | _HasTexts], *, concurrency: int | None = None
    ) -> list[Outcome]:
        """The outcome of each pair, in their order; `concurrency` calls at once (default: the policy's).

        A pair is a mapping or an object with `instruction`, `output` and optionally `input`, `kind` and `body` (for a
        preference pair `{"rejected": the other answer}`). Raises UsageError for one that has no instruction.
        """
        texts = [_text(number, pair) for number, pair in enumerate(pairs)]
        if self.backend.name == RULES:
            return [one.outcome for one in RuleJudge(self._prompt, self._pass_at).judge(texts)]
        if concurrency is not None and concurrency < 1:
            raise UsageError("concurrency is a number from 1 up")
        policy = msgspec.structs.replace(self._policy, concurrency=concurrency or self._policy.concurrency)
        prices = self._prices or load_prices()
        client = self.client = Client(self.backend, policy=policy, ledger=self.ledger, prices=prices)
        complete: Complete = client.complete
        if self.ledger is not None:
            complete = partial(ask_within, self.ledger, client.complete)
        gate = asyncio.Semaphore(policy.concurrency)

        async def one(text: Text) -> Judged:
            async with gate:
                return await self._one(text, complete)

        return [found.outcome for found in await asyncio.gather(*map(one, texts))]

    def requests(self, pair: Mapping[str, Any] | _HasTexts) -> list[tuple[Request, bool]]:
        """What would be sent about a pair, each with whether its answer is known; empty where it would not be asked
        about."""
        text = _text(0, pair)
        if not can_judge(self.rubric, text.kind, text.output, text.body) or self._prompt.too_large(text):
            return []
        asked = self._asker.questions(text)
        return [(self._asker.request(question.sent), question.key in self.cache) for question in asked]

    async def _one(self, text: Text, complete: Complete) -> Judged:
        if not can_judge(self.rubric, text.kind, text.output, text.body):
            detail = f"the rubric {self.rubric.name} does not fit a pair of the kind {text.kind}"
            return Judged(outcome=NoVerdict(kind=Missing.NOT_APPLICABLE.value, detail=detail))
        if self._prompt.too_large(text):
            detail = "the pair is longer than what is sent to a judge"
            return Judged(outcome=NoVerdict(kind=Missing.TOO_LARGE.value, detail=detail))
        questions = self._asker.questions(text)
        answered: dict[bytes, Answered] = {}
        for question in questions:
            if (known := self.cache.get(question.key)) is not None:
                answered[question.key] = Answered(self._asker.cached(question, known), Use(cached=1))
                continue
            found = answered[question.key] = await self._asker.ask(question, complete)
            if found.keep is not None:
                self.cache.put(found.keep)
            if isinstance(found.outcome, NoVerdict):
                break
        return judged([question for question in questions if question.key in answered], answered)


def _text(number: int, pair: Mapping[str, Any] | _HasTexts) -> Text:
    def value(name: str) -> Any:
        return pair.get(name) if isinstance(pair, Mapping) else getattr(pair, name, None)

    instruction, body = value("instruction"), value("body")
    if not isinstance(instruction, str):
        raise UsageError(f"pair {number} has no instruction: a pair is {{'instruction': …, 'output': …}}")
    encoded = body if isinstance(body, str) or body is None else msgspec.json.encode(body).decode()
    rejected = isinstance(body, Mapping) and "rejected" in body
    kind = value("kind") or ("preference" if rejected else "sft")
    return Text(number, str(kind), instruction, _or_none(value("input")), _or_none(value("output")), encoded or None)


def _or_none(value: Any) -> str | None:
    return None if value is None else str(value)
