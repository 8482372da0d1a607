"""Texts: recipes make pairs from seeds and failures, a judge decides, people label a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.driver import Driver, Keys, Signal, Signals, Tried, Verdicts, driver
from flywheel_tui.cycle.drivers.adapters import gate_adapter, train_adapter
from flywheel_tui.cycle.phase import Awaiting, BudgetSpent, Context, Done, Halt
from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.scenarios import approved_traces
from flywheel_tui.stages.scenarios_kinds import kind_of_answer, kind_of_scores
from flywheel_tui.store import cycle_pairs, judge_jobs, judging
from flywheel_tui.store import scenarios as scenario_store
from flywheel_tui.store.cycle_pairs import CyclePair, MadePair, Parentage
from flywheel_tui.store.datasets import create_dataset, get_dataset, list_datasets

if TYPE_CHECKING:
    from flywheel_tui.cycle.options import CycleOptions
    from flywheel_tui.stages.generate.options import GenerateOptions
    from flywheel_tui.stages.judge.run import JobTask

SEED = "seed"
FAILURES = "from-failures"
"""The recipe for what failed: it changes the request, and never repeats the answer."""
ALIKE = 0.85
"""Instructions that share so much of their runs of three characters are the same one."""


@driver
class TextDriver(Driver):
    """The cycle of `flywheel run -s "seed one,seed two"`."""

    name = "text"
    about = "recipes, a judge and people"

    def check(self, context: Context) -> None:
        from flywheel_tui.stages.generate.recipe import recipe_named

        recipe_named(context.options.recipe)
        if context.options.train != "never" and not context.options.base:
            raise UsageError("training needs a base model; name one with --base, or use --train never")
        for name in context.options.heldout:
            get_dataset(context.workspace.store.read(), name)
        if context.options.train != "never":
            self.check_evaluation(context.options)
        if context.task.inner is None:
            raise UsageError("a run of this sort writes as a job; submit the kind cycle, or use flywheel run")

    def check_evaluation(self, options: CycleOptions) -> None:
        """Raise UsageError where there is nothing that an adapter could be measured on: no gate could be passed."""
        if not _evaluation(options):
            raise UsageError(
                "what is trained is evaluated before the gate; name a data set that it is measured on, and that nothing"
                " may repeat: --heldout NAME"
            )

    def signals(self, context: Context) -> Signals:
        signals = [
            Signal(kind=SEED, text=text, origin="given", group=f"{SEED} {at}")
            for at, text in enumerate(dict.fromkeys(context.options.seeds))
        ]
        scenarios = []
        for row, traces in approved_traces(context.workspace):
            scenarios.append(row.uid.hex())
            signals += [
                Signal(
                    kind=row.error_kind, text=trace.request, origin="scenario", group=row.title, pair=trace.uid.hex()
                )
                for trace in traces
            ]
        rates: dict[str, Tried] = {}
        if context.previous is not None:
            signals += self._failed(context)
            said = (context.previous.summary or {}).get("failures", {})
            rates = {kind: Tried(failed=one["failed"], tried=one["tried"]) for kind, one in said.items()}
        counted = Counter(signal.origin for signal in signals)
        return Signals(signals=tuple(signals), rates=rates, scenarios=tuple(scenarios), evidence=dict(counted))

    def _failed(self, context: Context) -> list[Signal]:
        """What the cycle before made and the judge failed: its instructions are tried again, not its answers."""
        from flywheel_tui.store.cycles import get_artefact, phases_of

        assert context.previous is not None
        connection = context.workspace.store.read()
        rows = {row.phase: row.artefact for row in phases_of(connection, context.previous.id)}
        artefact = rows.get("judging")
        if artefact is None:
            return []
        kinds: dict[str, str] = get_artefact(connection, artefact).body["kinds"]
        dataset = get_dataset(connection, context.options.into)
        return [
            Signal(kind=kinds[pair.uid.hex()], text=pair.instruction, origin="failed", pair=pair.uid.hex())
            for pair in cycle_pairs.pairs_by_uid(connection, dataset.id, sorted(kinds))
        ]

    # -- generation --------------------------------------------------------------------------------------------------

    def generate(self, context: Context, planned: Sequence[dict[str, Any]]) -> Done:
        from flywheel_tui.stages.generate.engine import GeneratePaused, TeacherFailed
        from flywheel_tui.stages.generate.run import generate

        options, task = context.options, _task(context)
        store_seeds(context, planned)
        cost = tokens = 0
        exhausted = ""
        by_teacher: Counter[str] = Counter()
        rejected: Counter[str] = Counter()
        for asked in _orders(context, planned):
            usd, limit = _money(context, task)
            try:
                report = generate(
                    context.workspace, msgspec.structs.replace(asked, budget_usd=usd, budget_tokens=limit), task
                )
            except TeacherFailed:
                raise
            except GeneratePaused as stopped:
                if "budget" in str(stopped):
                    raise BudgetSpent(str(stopped)) from stopped
                # nothing new comes any more: what did come is worth a cycle
                context.task.event("warning", str(stopped))
                exhausted = str(stopped)
                if stopped.report is None:
                    continue
                report = stopped.report
            # the job's counts go on from one order to the next
            cost, tokens = round(report.cost_usd * 1e6), report.tokens_in + report.tokens_out
            by_teacher.update(report.teachers)
            rejected.update(report.rejected)
            context.task.check()
        connection = context.workspace.store.read()
        dataset = get_dataset(connection, options.into)
        pairs = [pair.uid.hex() for pair in cycle_pairs.pairs_of_cycle(connection, dataset.id, context.number)]
        if not pairs:
            why = exhausted or ", ".join(f"{count} {rule}" for rule, count in rejected.most_common())
            raise Halt(f"the recipe {options.recipe} made no new pair ({why or 'nothing came back'})")
        if not options.backend and by_teacher:
            context.say(f"Back end chosen: {', '.join(sorted(by_teacher))}")
        evidence = {"pairs": len(pairs), "asked": dict(sorted(by_teacher.items())),
                    "rejected": dict(sorted(rejected.items()))}  # fmt: skip
        return Done({"pairs": pairs}, evidence, len(pairs), cost, tokens)

    # -- screening and judging ---------------------------------------------------------------------------------------

    def keys(self, context: Context, pairs: Sequence[CyclePair]) -> Keys:
        import numpy as np

        from flywheel_tui.stats.clusters import Forest
        from flywheel_tui.stats.setjoin import similar_pairs
        from flywheel_tui.stats.shingles import character_shingles

        connection = context.workspace.store.read()
        held = [
            text
            for name in context.options.heldout
            for _, text in cycle_pairs.other_instructions(connection, get_dataset(connection, name).id, None)
        ]
        dataset = get_dataset(connection, context.options.into)
        known = [text for _, text in cycle_pairs.other_instructions(connection, dataset.id, context.number)]
        texts = [*held, *known, *(f"{pair.instruction}\n{pair.input or ''}" for pair in pairs)]
        forest = Forest(len(texts))
        links = similar_pairs(character_shingles(texts), ALIKE)
        forest.join(links.left, links.right)
        roots = [str(root) for root in forest.roots(np.arange(len(texts))).tolist()]
        first, second = len(held), len(held) + len(known)
        return Keys(roots[second:], set(roots[first:second]), set(roots[:first]))

    def judge(self, context: Context, pairs: Sequence[CyclePair]) -> Verdicts:
        from flywheel_tui.stages.judge.engine import BudgetSpent as JudgeBudgetSpent
        from flywheel_tui.stages.judge.options import JudgeOptions
        from flywheel_tui.stages.judge.run import judge

        options, task = context.options, _task(context)
        usd, limit = _money(context, task)
        tag = f"cycle-{context.number}"
        asked = JudgeOptions(
            dataset=options.into, tag=tag, backend=options.judge_backend, model=options.judge_model,
            rubric=options.rubric, where=f"cycle == {context.number} and label != 'rejected'", budget_usd=usd,
            budget_tokens=limit,
        )  # fmt: skip
        try:
            report = judge(context.workspace, asked, task)
        except JudgeBudgetSpent as stopped:
            raise BudgetSpent(str(stopped)) from stopped
        if not options.judge_backend:
            context.say(f"Judge chosen: {report.backend}:{report.model}")
        connection = context.workspace.store.read()
        dataset = get_dataset(connection, options.into)
        run = judging.get_run(connection, dataset.id, tag)
        uids = {pair.id: pair for pair in pairs}
        said = [one for one in judging.said_by(connection, run.id, dataset.id) if one.root in uids]
        scores = scenario_store.verdict_scores(connection, run.id, [one.version for one in said])
        passed = {uids[one.root].uid.hex(): bool(one.passed) for one in said if one.passed is not None}
        kinds = {
            uids[one.root].uid.hex(): kind_of_scores(scores.get(one.version, {}))
            or kind_of_answer(uids[one.root].output)
            for one in said
            if one.passed == 0
        }
        counted = Counter(kinds.values())
        return Verdicts(
            passed=passed, kinds=kinds, judge=run.judge.name if run.judge else "", tag=tag,
            scores={uids[one.root].uid.hex(): one.score for one in said if one.score is not None},
            unjudged={uids[one.root].uid.hex(): one.kind or "missing" for one in said if one.passed is None},
            rates={kind: Tried(failed=count, tried=len(passed)) for kind, count in sorted(counted.items())},
            cost_micro=round(report.cost_usd * 1e6), tokens=report.tokens_in + report.tokens_out,
        )  # fmt: skip

    def failures_now(self, bodies: dict[str, dict[str, Any]]) -> dict[str, Tried]:
        found = super().failures_now(bodies)
        judged = int(bodies.get("judging", {}).get("judged", 0))
        before = bodies.get("signals", {}).get("rates", {})
        # a kind that was there before and has gone counts as none of what was judged
        return found | {kind: Tried(failed=0, tried=judged) for kind in before if kind not in found and judged}

    # -- training ----------------------------------------------------------------------------------------------------

    def train(self, context: Context) -> Done:
        return train_adapter(context, dict(context.options.extra.get("train", {})))

    def gate(self, context: Context) -> Done | Awaiting:
        asked = _evaluation(context.options)
        if "criteria" not in asked and "dataset" in asked and not _can_check(context, asked["dataset"]):
            # fixed before anything is measured: where no answer can be checked, the held-out loss tells
            asked["criteria"] = {"metric": "nll"}
        return gate_adapter(context, asked)


def _evaluation(options: CycleOptions) -> dict[str, Any]:
    """What a candidate is measured on: as the options say, else the first held-out data set; empty where there is
    none."""
    asked = dict(options.extra.get("evaluate", {}))
    if not asked.get("dataset") and not asked.get("tasks") and options.heldout:
        asked["dataset"] = options.heldout[0]
    return asked if asked.get("dataset") or asked.get("tasks") else {}


def _can_check(context: Context, dataset: str) -> bool:
    """Whether any answer of a data set can be checked."""
    from flywheel_tui.stages.evaluate.items import checker_of, meta_of
    from flywheel_tui.store.evaluations import pairs_of

    connection = context.workspace.store.read()
    pairs = pairs_of(connection, get_dataset(connection, dataset).id)
    return any(checker_of(meta_of(pair.meta), pair.output or "")[0] for pair in pairs)


def _orders(context: Context, planned: Sequence[dict[str, Any]]) -> list[GenerateOptions]:
    """What generation is asked for: the recipe of the run for its seeds, and new requests beside those that failed."""
    from flywheel_tui.stages.generate.options import GenerateOptions

    options = context.options
    common = GenerateOptions(
        recipe=options.recipe, into=options.into, backend=options.backend, cycle=context.number, watch=False,
        models=(options.model,) if options.model else (), seed=context.seed % 2**31,
    )  # fmt: skip
    counted: Counter[str] = Counter()
    for seed in planned:
        counted[seed["origin"]] += seed["count"]
    orders = []
    if counted["given"]:
        orders.append(
            msgspec.structs.replace(
                common, seeds=seeds_dataset(options.into), count=counted["given"],
                where=f"cycle == {context.number} and category == '{SEED}'", options=dict(options.recipe_options),
            )
        )  # fmt: skip
    for origin, source in (("failed", options.into), ("scenario", "")):
        if counted[origin]:
            orders.append(
                msgspec.structs.replace(
                    common, recipe=FAILURES, count=counted[origin], options={"failures": source} if source else {}
                )
            )  # fmt: skip
    return orders


def seeds_dataset(into: str) -> str:
    """The data set that holds what the cycles of a run began from."""
    return f"{into}-seeds"[:64]


def store_seeds(context: Context, planned: Sequence[dict[str, Any]]) -> None:
    """Keep the seeds of a cycle as pairs, so that the lineage of every row leads to what it was made for."""
    name, workspace = seeds_dataset(context.options.into), context.workspace
    made = []
    connection = workspace.store.read()
    for seed in planned:
        parent = _parent(connection, context.options.into, seed)
        draft = Draft(
            kind="prompt", instruction=seed["text"], category=seed["kind"], body={"cycle": context.number},
            meta={"signal": {"kind": seed["kind"], "origin": seed["origin"], "group": seed.get("group", "")}},
            author=seed["origin"],
        )  # fmt: skip
        edges = () if parent is None else (Parentage(parent.pair_id, "mutated", "cycle", {"cycle": context.number}),)
        made.append(MadePair(draft, parent.family if parent else None, edges))
    with workspace.store.tx() as writing:
        known = {row.name: row.id for row in list_datasets(writing)}
        dataset = known.get(name) or create_dataset(writing, name, "prompt", ("seed",)).id
        cycle_pairs.add_pairs(writing, dataset, None, made, context.number)


def _parent(connection: Any, into: str, seed: dict[str, Any]) -> CyclePair | None:
    if seed["origin"] != "failed":
        return None
    try:
        return cycle_pairs.pairs_by_uid(connection, get_dataset(connection, into).id, [seed["pair"]])[0]
    except NotFoundError:
        return None


def _task(context: Context) -> JobTask:
    if context.task.inner is None:
        raise UsageError("this driver runs as a job; use flywheel run, or submit the kind cycle")
    return context.task.inner


def _money(context: Context, task: JobTask) -> tuple[float | None, int | None]:
    """Budgets as jobs count them: what the job has spent so far, and what is left on top."""
    spent = judge_jobs.spent(context.workspace.store.read(), task.job.id)
    left = context.left
    usd = None if left.usd is None else spent.micro / 1e6 + left.usd
    return usd, None if left.tokens is None else spent.tokens + left.tokens
