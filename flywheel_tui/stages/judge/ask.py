"""Asking a model about one pair: the requests, a second chance for a wrong form, the key that an answer is kept by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Message, Reply, Request
from flywheel_tui.records.judgment import (
    ASK_AGAIN,
    MISSING,
    Judged,
    Missing,
    NoVerdict,
    Outcome,
    Use,
    Verdict,
)
from flywheel_tui.stages.judge.identity import Sampling
from flywheel_tui.stages.judge.prompt import Prompt, Sent, Text
from flywheel_tui.stages.judge.read import both_orders, read_cached, read_reply
from flywheel_tui.store.response_cache import Cached

Complete = Callable[[Request], Awaitable[Reply]]
_RAW_SENT_BACK = 4_000
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Question(NamedTuple):
    """One request about a pair, with the key of its answer."""

    sent: Sent
    key: bytes


class Answered(NamedTuple):
    """What came of one request; `keep` is set for a complete valid answer that was paid for."""

    outcome: Outcome
    use: Use
    keep: Cached | None = None


class Asker:
    """Asks one judge. Holds no state but what is the same for every pair, so it serves any number of tasks."""

    def __init__(
        self, prompt: Prompt, *, backend: str, model: str, sampling: Sampling, pass_at: float | None = None,
        repeat: int = 0,
    ) -> None:  # fmt: skip
        self.prompt, self.model, self.pass_at = prompt, model, pass_at
        self._sampling, self._tokens = sampling, sampling.tokens_for(prompt)
        self._system = Message("system", prompt.system)
        same = [backend, model, prompt.system, prompt.schema, sampling.temperature, self._tokens, sampling.seed,
                sampling.top_p]  # fmt: skip
        if repeat:
            same.append(repeat)  # the same request, and yet a new question: what is known must not answer it
        self._begun = blake2b(_encode_sorted(same), digest_size=16)

    def questions(self, text: Text) -> list[Question]:
        """What has to be answered about a pair: one request, or one for each order."""
        return [Question(sent, self.key(sent)) for sent in self.prompt.sent(text)]

    def key(self, sent: Sent) -> bytes:
        """The hash of exactly what is sent."""
        digest = self._begun.copy()
        digest.update(sent.user.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def request(self, sent: Sent, *more: Message) -> Request:
        """The request itself."""
        return Request(
            messages=(self._system, Message("user", sent.user), *more), model=self.model,
            temperature=self._sampling.temperature, max_tokens=self._tokens, schema=self.prompt.schema,
            schema_name="verdict", seed=self._sampling.seed, top_p=self._sampling.top_p,
        )  # fmt: skip

    def cached(self, question: Question, answer: Cached) -> Outcome:
        """The outcome of an answer that is known."""
        return read_cached(self.prompt, answer.text, question.sent.order, self.pass_at)

    async def ask(self, question: Question, complete: Complete) -> Answered:
        """Ask once; where the form of the answer is wrong, once more. What fails is a `NoVerdict`, never a number."""
        asking = Asking(self, question)
        while True:
            came: Reply | BackendFault
            try:
                came = await complete(asking.request())
            except BackendFault as fault:
                came = fault
            if (answered := asking.take(came)) is not None:
                return answered


class Asking:
    """One question on its way to an answer: asked once, and once more where the form of the answer was wrong."""

    __slots__ = ("_again", "_asker", "_use", "question")

    def __init__(self, asker: Asker, question: Question) -> None:
        self._asker, self.question = asker, question
        self._use = Use()
        self._again: tuple[Message, ...] = ()

    def request(self) -> Request:
        """What is to be sent now."""
        return self._asker.request(self.question.sent, *self._again)

    def take(self, came: Reply | BackendFault) -> Answered | None:
        """What follows from what came; None where it has to be asked once more."""
        if isinstance(came, BackendFault):
            use = self._use + Use(tokens_in=came.tokens_in or 0, tokens_out=came.tokens_out or 0)
            return Answered(no_verdict(came), use)
        use = self._use = self._use + _use(came) if self._again else _use(came)
        question, asker = self.question, self._asker
        outcome = read_reply(asker.prompt, came.text, came.finish_reason, question.sent.order, asker.pass_at)
        if isinstance(outcome, Verdict):
            # the answer to the second request is what came of sending the first one
            kept = Cached(question.key, came.text, came.model, use.tokens_in, use.tokens_out, use.cost_micro)
            return Answered(outcome, use, kept)
        if self._again or outcome.kind not in ASK_AGAIN:
            return Answered(outcome, use)
        wish = f"That was no valid answer: {outcome.detail}. Write only the one JSON object that was described."
        self._again = (Message("assistant", came.text[:_RAW_SENT_BACK]), Message("user", wish))
        return None


def _use(reply: Reply) -> Use:
    return Use(
        asked=1, tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, cost_micro=reply.cost_micro or 0,
        latency_ms=round(reply.latency_ms),
    )  # fmt: skip


def no_verdict(fault: BackendFault) -> NoVerdict:
    """What a fault of the service means for the pair."""
    kind = fault.kind if fault.kind in MISSING else Missing.OTHER.value
    return NoVerdict(kind=kind, detail=fault.message, retryable=fault.retryable, raw=fault.answer or None)


def judged(questions: list[Question], answered: Mapping[bytes, Answered]) -> Judged:
    """One pair's answers as what came of it: a verdict only where every request was answered with one."""
    if len(questions) == 1:
        only = answered[questions[0].key]
        return Judged(outcome=only.outcome, use=only.use)
    given = [answered[question.key] for question in questions]
    use = sum((one.use for one in given), Use())
    outcomes = [one.outcome for one in given]
    for outcome in outcomes:
        if isinstance(outcome, NoVerdict):
            return Judged(outcome=outcome, use=use)
    verdicts = [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
    halves = tuple((question.sent.order, verdict) for question, verdict in zip(questions, verdicts, strict=True))
    return Judged(outcome=both_orders(*verdicts), use=use, halves=halves)
