"""Searching for better words for a judge by reflection on its mistakes (GEPA: Agrawal et al. 2025).

It looks at the prompt-dev split alone. A third of its families is held back to choose between candidates; the others
are what a model reflects on.
Every answer is kept in the response cache: a search that was stopped goes through what it knows at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import Cancelled, ServiceError, UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Message, Request
from flywheel_tui.records.judgment import NoVerdict
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.improve.mismatches import SPLIT
from flywheel_tui.stages.judge import service as services
from flywheel_tui.stages.judge.ask import Answered, Asker
from flywheel_tui.stages.judge.few_shot import Decided, decided_pairs
from flywheel_tui.stages.judge.identity import Sampling
from flywheel_tui.stages.judge.prompt import Prompt
from flywheel_tui.stages.rubric import parse_rubric, rubric_text, save_rubric
from flywheel_tui.store import judging, response_cache
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.run import JobTask
    from flywheel_tui.workspace import Workspace

LEAST = 6
"""Pairs of each kind (approved, rejected) without which there is nothing to learn from."""
SEED_PROMPT = (
    "Read the request and the answer closely before you decide. Look for what would make a person reject the answer,"
    " and name it; where you find nothing, pass it."
)
_TEXT = 1_500


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the job kind "improve". `tag` is the run whose judge is made better.

    `reflect_backend` and `reflect_model` write the candidates ('' for the judge's own). `calls` bounds the judgments.
    """

    dataset: str
    tag: str
    reflect_backend: str = ""
    reflect_model: str = ""
    calls: int = 300
    seed: int = 0
    budget_usd: float | None = None
    budget_tokens: int | None = None
    backend_options: dict[str, Any] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to: of `held` pairs, how many were judged as people did by the words before and after.

    `rubric` names the new version that was written; None where nothing better was found.
    """

    rubric: str | None
    prompt: str
    held: int
    before: int
    after: int
    candidates: int
    judgments: int
    sentence: str


class _Seen(msgspec.Struct, frozen=True):
    """One pair judged under a candidate, for the reflection."""

    pair: Decided
    passed: bool | None
    rationale: str

    @property
    def right(self) -> bool:
        return self.passed == self.pair.passed

    @property
    def feedback(self) -> str:
        people = "approved" if self.pair.passed else "rejected"
        why = "; ".join((*self.pair.reasons, *self.pair.notes))
        told = f"People {people} this{f' ({why})' if why else ''}."
        if self.right:
            return f"{told} The judge agreed."
        if self.passed is None:
            return f"{told} The judge gave no readable verdict."
        return f"{told} The judge {'passed' if self.passed else 'failed'} it: that is wrong."


def search(workspace: Workspace, options: SearchOptions, task: JobTask | None = None) -> Found:
    """Look for a better prompt and write it as the next version of the rubric where there is one.

    Raises UsageError without enough labels or without the extra `gepa`, and what judging raises.
    """
    try:
        import gepa
    except ImportError:
        raise UsageError("searching for a prompt needs the extra gepa: pip install 'flywheel-tui[gepa]'") from None
    judge = _Judge(workspace, options, task)
    train, held = judge.parts()
    seed = judge.rubric.prompt.strip() or SEED_PROMPT
    result = gepa.optimize(
        seed_candidate={"prompt": seed}, trainset=train, valset=held, adapter=judge, reflection_lm=judge.reflect,
        max_metric_calls=options.calls, seed=options.seed, logger=_Quiet(task), skip_perfect_score=True,
        reflection_minibatch_size=min(4, len(train)), raise_on_exception=True,
    )  # fmt: skip
    best = str(result.best_candidate["prompt"]).strip()
    plain = sum(seen.right for seen in judge.judged(judge.rubric.prompt, held))
    after = sum(seen.right for seen in judge.judged(best, held))
    judge.close()
    name = judge.write(best) if after > plain else None
    words = f"{plain} → {after} of {len(held)} pairs held back are judged as people did"
    if name is None:
        words += ": nothing better was found, and nothing was written"
    else:
        words += f": written as {name}; try it on other labels (flywheel judge --rubric {judge.rubric.name}, calibrate)"
    return Found(
        rubric=name, prompt=best, held=len(held), before=plain, after=after, candidates=len(result.candidates),
        judgments=judge.judgments, sentence=words,
    )  # fmt: skip


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "improve": the arguments are the fields of SearchOptions."""
    found: dict[str, Any] = msgspec.to_builtins(search(workspace, msgspec.convert(dict(args), SearchOptions), task))
    return found


class _Judge:
    """What GEPA calls (its adapter): judge a batch under a candidate, and say what went wrong."""

    propose_new_texts = None

    def __init__(self, workspace: Workspace, options: SearchOptions, task: JobTask | None) -> None:
        self.workspace, self.options, self.task = workspace, options, task
        connection = workspace.store.read()
        self.dataset = get_dataset(connection, options.dataset)
        run = judging.get_run(connection, self.dataset.id, options.tag)
        if run.judge is None or not run.judge.rubric or run.judge.backend == "offline":
            raise UsageError(f"the run {options.tag} has no model and rubric behind it whose words could be changed")
        self.judge = run.judge
        self.rubric: Rubric = judging.kept_rubric(connection, run.judge.rubric)
        if self.rubric.kind is RubricKind.PAIRWISE:
            raise UsageError("a pairwise rubric is compared with preferences; its prompt is edited by hand")
        self.decided = decided_pairs(workspace, self.dataset.id, SPLIT)
        self.judgments = 0
        self._secret = response_cache.nonce_secret(workspace.store)
        self._budget = self._open_budget()

    def _open_budget(self) -> Budget | None:
        options = self.options
        if self.task is None or (options.budget_usd is None and options.budget_tokens is None):
            return None
        micro = round(options.budget_usd * 1e6) if options.budget_usd is not None else None
        return Budget(self.workspace.store, self.task.job.id, micro, options.budget_tokens)

    def parts(self) -> tuple[list[Decided], list[Decided]]:
        """What is reflected on, and what is held back to choose by: families stay together."""
        passed = sum(pair.passed for pair in self.decided)
        if min(passed, len(self.decided) - passed) < LEAST:
            raise UsageError(
                f"{SPLIT} holds {passed} approved and {len(self.decided) - passed} rejected pairs with blind labels,"
                f" and {LEAST} of each are needed; label more (about 15 % of the families are in this split)"
            )
        held = [pair for pair in self.decided if blake2b(pair.family, digest_size=2).digest()[0] % 3 == 0]
        if not held or len(held) == len(self.decided):
            held = self.decided[::3]
        kept = {pair.text.version for pair in held}
        return [pair for pair in self.decided if pair.text.version not in kept], held

    # -- what GEPA calls

    def evaluate(self, batch: list[Decided], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """Judge pairs under a candidate; the score of a pair is 1 where the judge says what people said."""
        from gepa.core.adapter import EvaluationBatch

        seen = self.judged(candidate["prompt"], batch)
        scores = [float(one.right) for one in seen]
        return EvaluationBatch(outputs=seen, scores=scores, trajectories=seen if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """The pairs of a batch, the wrong ones first, with what people and the judge said."""
        seen: list[_Seen] = sorted(eval_batch.trajectories, key=lambda one: one.right)
        shown = [
            {"Inputs": {"request": one.pair.text.instruction[:_TEXT], "answer": (one.pair.text.output or "")[:_TEXT]},
             "Generated Outputs": one.rationale[:_TEXT] or "(no verdict)", "Feedback": one.feedback}
            for one in seen
        ]  # fmt: skip
        return dict.fromkeys(components_to_update, shown)

    def reflect(self, prompt: str | list[dict[str, Any]]) -> str:
        """Write a candidate: the prompt is GEPA's own. Raises ServiceError where the model does not answer."""
        said = prompt if isinstance(prompt, str) else "\n\n".join(str(part.get("content", "")) for part in prompt)
        backend = self.options.reflect_backend or self.judge.backend
        model = self.options.reflect_model or ("" if self.options.reflect_backend else self.judge.model)
        request = Request(messages=(Message("user", said),), model=model, temperature=1.0, max_tokens=2_000,
                          seed=self.options.seed)  # fmt: skip
        key = blake2b(msgspec.json.encode(["reflect", backend, model, said]), digest_size=16).digest()
        if (known := response_cache.look_up(self.workspace.store.read(), [key])).get(key):
            return known[key].text

        async def ask() -> str:
            service = services.open_service(self.workspace, backend, model, self.options.backend_options)
            service.begin(1, self._budget)
            try:
                reply = await service.complete(request)
            except BackendFault as fault:
                raise ServiceError(f"the model that reflects does not answer: {fault}") from None
            finally:
                await service.aclose()
            answer = response_cache.Cached(
                key, reply.text, reply.model, reply.tokens_in, reply.tokens_out, reply.cost_micro or 0
            )
            with self.workspace.store.tx() as connection:
                response_cache.keep(connection, [answer])
            return reply.text

        return asyncio.run(ask())

    # -- judging

    def judged(self, prompt: str, pairs: Sequence[Decided]) -> list[_Seen]:
        """Judge pairs by the rubric with these words; a missing verdict is no verdict, never a number."""
        if self.task is not None:
            self.task.check()
        params = self.judge.params
        sampling = Sampling(temperature=float(params.get("temperature", 0.0)), seed=params.get("seed"),
                            max_tokens=int(params.get("max_tokens", 0)), top_p=params.get("top_p"))  # fmt: skip
        worded = msgspec.structs.replace(self.rubric, prompt=prompt)
        asker = Asker(
            Prompt(worded, self._secret), backend=self.judge.backend, model=self.judge.model, sampling=sampling,
            pass_at=params.get("pass_at"),
        )  # fmt: skip
        found = asyncio.run(self._ask(asker, pairs))
        self.judgments += len(pairs)
        if self.task is not None:
            self.task.progress(min(self.judgments, self.options.calls), self.options.calls, "searching")
        return [_Seen(pair, *said) for pair, said in zip(pairs, found, strict=True)]

    async def _ask(self, asker: Asker, pairs: Sequence[Decided]) -> list[tuple[bool | None, str]]:
        questions = [asker.questions(pair.text)[0] for pair in pairs]
        known = response_cache.look_up(self.workspace.store.read(), [question.key for question in questions])
        answers: dict[bytes, Answered] = {}
        missing = [question for question in questions if question.key not in known]
        if missing:
            service = services.open_service(
                self.workspace, self.judge.backend, self.judge.model, self.options.backend_options
            )
            service.begin(self.workspace.settings.judge_concurrency, self._budget)
            try:
                asked = await asyncio.gather(*(asker.ask(question, service.complete) for question in missing))
            finally:
                await service.aclose()
            answers = {question.key: answer for question, answer in zip(missing, asked, strict=True)}
            self._keep(list(answers.values()))
        said: list[tuple[bool | None, str]] = []
        for question in questions:
            outcome = (
                asker.cached(question, known[question.key]) if question.key in known else answers[question.key].outcome
            )
            if isinstance(outcome, NoVerdict):
                said.append((None, outcome.detail))
            else:
                said.append((outcome.passed, outcome.rationale))
        return said

    def _keep(self, answers: list[Answered]) -> None:
        with self.workspace.store.tx() as connection:
            response_cache.keep(connection, [answer.keep for answer in answers if answer.keep is not None])
            if self._budget is not None:
                self._budget.write(connection)
        for answer in answers:
            if isinstance(answer.outcome, NoVerdict) and answer.outcome.kind == "cost_cap":
                raise Cancelled("the budget of the search is spent; what it knows is kept, start it again with more")

    def write(self, prompt: str) -> str:
        """The next version of the rubric, in the workspace; its title."""
        worded = msgspec.structs.replace(self.rubric, prompt=prompt, version=self.rubric.version + 1, hash="")
        text = rubric_text(worded)
        parse_rubric(text, "the new version")
        return save_rubric(self.workspace, text, replace=True).title

    def close(self) -> None:
        """Settle the account."""
        if self._budget is not None:
            self._budget.close()


class _Quiet:
    """GEPA's logger: its lines become events of the job, and nothing is printed."""

    def __init__(self, task: JobTask | None) -> None:
        self._task = task

    def log(self, message: str) -> None:
        """One line of the search."""
        if self._task is not None and "score" in message.casefold():
            self._task.event("info", " ".join(message.split())[:300])
