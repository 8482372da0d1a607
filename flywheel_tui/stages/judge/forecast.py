"""What a judge run would take, before anything is asked or written: pairs, answers that are known, tokens, money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.llm.prices import load_prices
from flywheel_tui.llm.protocol import Request
from flywheel_tui.llm.tokens import reserve_for
from flywheel_tui.stages.judge import service as services
from flywheel_tui.stages.judge.ask import Asker
from flywheel_tui.stages.judge.options import JudgeOptions, default_tag
from flywheel_tui.stages.judge.plan import Asked, make_judge, pairs_to_ask
from flywheel_tui.stages.judge.prompt import Text, can_judge
from flywheel_tui.stages.judge.rules import BACKEND as RULES
from flywheel_tui.stages.judge.rules import VERSION as RULES_VERSION
from flywheel_tui.stages.judge.rules import can_answer
from flywheel_tui.store import judging, response_cache
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judging import RunRow
from flywheel_tui.store.versions import VersionRow, read_versions

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SAMPLE = 40
"""Pairs that are looked at, spread over all that are to be asked about."""
LIKELY_ANSWER = 150
"""Tokens of an answer where nobody knows better: a rationale of some sentences and the scores."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What the run would take, from a sample of the pairs.

    `matched` pairs fit the filter, `pairs` are still to be asked about (`known` of the answers are likely in the
    cache). Tokens are likely figures; `cost_usd` follows from them and `cost_most` from the longest answers there can
    be; both are None where no price is known. `problem` says why the run would be refused.
    """

    judge: str
    rubric: str
    tag: str
    by_rules: bool
    matched: int
    pairs: int
    judged: int
    known: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0
    cost_most: float | None = 0.0
    problem: str = ""


class Price(NamedTuple):
    """What calls would take: `cost_usd` follows from the likely tokens, `cost_most` from the longest answers there can
    be; both are None where no price is known."""

    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    cost_most: float | None


def price_of(
    workspace: Workspace, place: str, model: str, *, calls: int, tokens_in: int, answer: float, longest: int
) -> Price:  # fmt: skip
    """The price of so many calls with `tokens_in` in all: `answer` tokens are likely for each, `longest` the most."""
    prices, tokens_out = load_prices(workspace.root), round(calls * answer)
    likely = prices.cost_micro(place, model, tokens_in, tokens_out)
    most = prices.cost_micro(place, model, tokens_in * 4 // 3, calls * longest)
    return Price(
        tokens_in, tokens_out, None if likely is None else likely / 1e6, None if most is None else most / 1e6
    )  # fmt: skip


def likely_prompt(request: Request) -> int:
    """The likely tokens of a request: what is reserved for it is a third above them."""
    return reserve_for(request)[0] * 3 // 4


def forecast(workspace: Workspace, options: JudgeOptions) -> Forecast:
    """Look before a run: reads the store only; no run is made and nobody is asked.

    The back end has to be named. Raises what the run would raise at once: UsageError, InputError, NotFoundError.
    """
    options = options.checked()
    connection = workspace.store.read()
    dataset = get_dataset(connection, options.dataset)
    by_rules = options.backend == RULES
    backend, model, place = RULES, RULES_VERSION, ""
    if not by_rules:
        service = services.open_service(workspace, options.backend, options.model, options.backend_options)
        backend, model, place = service.name, service.model, service.place
        service.close()
    asked = make_judge(workspace, dataset, options, backend, model)
    tag = options.tag or default_tag(asked.judge.name)
    run = judging.find_run(connection, dataset.id, tag)
    problem = _problem(asked, run, tag, by_rules)
    pairs = pairs_to_ask(workspace, dataset, options, None if problem else run, None)
    found = Forecast(
        judge=asked.judge.name, rubric=asked.prompt.rubric.title, tag=tag, by_rules=by_rules, matched=pairs.matched,
        pairs=len(pairs.versions), judged=pairs.chosen - len(pairs.versions), problem=problem,
    )  # fmt: skip
    if by_rules or problem or not pairs.versions:
        return found
    step = max(len(pairs.versions) // SAMPLE, 1)
    rows = read_versions(connection, sorted(pairs.versions[::step][:SAMPLE]))
    return _priced(workspace, found, asked, options, rows, run, place)


def _problem(asked: Asked, run: RunRow | None, tag: str, by_rules: bool) -> str:
    if by_rules and not can_answer(asked.prompt.rubric):
        return f"no question of the rubric {asked.prompt.rubric.name!r} is one that rules can answer"
    if run is not None and (run.judge is None or run.judge.hash != asked.judge.hash):
        return f"the tag {tag!r} holds verdicts of another judge; choose another tag"
    return ""


def _priced(
    workspace: Workspace, found: Forecast, asked: Asked, options: JudgeOptions, rows: Sequence[VersionRow],
    run: RunRow | None, place: str,
) -> Forecast:  # fmt: skip
    judge = asked.judge
    asker = Asker(asked.prompt, backend=judge.backend, model=judge.model, sampling=asked.sampling)
    texts = [Text(*row[:6]) for row in rows if can_judge(asked.prompt.rubric, row.kind, row.output, row.body)]
    questions = [question for text in texts for question in asker.questions(text)]
    if not questions:
        return found
    keys = [question.key for question in questions]
    known = len(response_cache.look_up(workspace.store.read(), keys)) / len(keys)
    prompts = [likely_prompt(asker.request(question.sent)) for question in questions]
    orders = len(questions) / len(rows)
    again = options.repeat - 1
    calls = round((found.pairs * (1 - known) + found.pairs * again) * orders)
    longest = asked.sampling.tokens_for(asked.prompt)
    answer = run.tokens_out / run.calls if run is not None and run.calls else min(LIKELY_ANSWER, longest)
    tokens_in = round(calls * sum(prompts) / len(prompts))
    price = price_of(
        workspace, place, judge.model, calls=calls, tokens_in=tokens_in, answer=answer, longest=longest
    )  # fmt: skip
    return msgspec.structs.replace(
        found, known=round(found.pairs * orders * known), calls=calls, **price._asdict()
    )  # fmt: skip
