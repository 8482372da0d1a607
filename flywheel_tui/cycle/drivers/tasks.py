"""Checkable tasks and a small model: the whole loop on one's own machine, with every answer checked.

The present model is asked tasks of the split `probe`; what it gets wrong becomes scenarios, and they become tasks of
the split `generate` like them. Some of the pairs made get a planted error, so that judge and reviewer have something to
find. Results are measured on the split `heldout`, which nothing else ever sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.driver import Driver, Keys, Signal, Signals, Tried, Verdicts, driver
from flywheel_tui.cycle.drivers.adapters import gate_adapter, train_adapter
from flywheel_tui.cycle.drivers.checkers import checkers_tag, judge_by_checkers, judge_by_rules, rules_tag
from flywheel_tui.cycle.labels import script_label
from flywheel_tui.cycle.phase import Awaiting, Context, Done
from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.store import cycle_pairs
from flywheel_tui.store.cycle_pairs import CyclePair, MadePair, Parentage
from flywheel_tui.store.datasets import create_dataset, get_dataset, list_datasets

if TYPE_CHECKING:
    from flywheel_tui.tasks import Task

RECIPE = "skill-tasks"
REVIEWER = "scripted reviewer"
"""Who labels: a script that knows which errors were planted. Its labels say so, and count for no person's."""
REHEARSAL, REHEARSED = "rehearsal", 0.3
"""Tasks that were right: so many for each that was asked of a skill are practised with those that were wrong."""
_TRIES = 200


class TaskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`CycleOptions.extra` of this driver. `probe` and `heldout` count tasks for each skill.

    `planted` is the share of pairs with an error on purpose. `poison` makes a bad cycle: most errors are passed as
    right. `train` are fields of TrainOptions, `criteria` of the gate's. `sign` is a name and a reason given in advance.
    With `most_steps` above 0 no adapter is trained for more: each cycle trains on everything accepted so far, and would
    take longer than the one before.
    """

    skills: tuple[str, ...] = ()
    probe: int = 40
    heldout: int = 200
    planted: float = 0.15
    poison: bool = False
    batch: int = 128
    new_tokens: int = 24
    train: dict[str, Any] = {}
    most_steps: int = 0
    criteria: dict[str, Any] = {}
    sign: dict[str, str] | None = None
    gate: bool = True
    """False: the wheel is turned without evaluation, for tests of everything before it."""


@driver
class TaskDriver(Driver):
    """The cycle of `flywheel demo --cycles N`."""

    name = "tasks"
    about = "checkable tasks and a small model"
    floor = 0.08

    def check(self, context: Context) -> None:
        from flywheel_tui.tasks import skill_named

        settings = settings_of(context)
        for name in settings.skills:
            skill_named(name)
        if not context.options.base:
            raise UsageError("the tasks are asked of a model; name one with --base")
        if not 0 <= settings.planted < 1:
            raise UsageError(f"the share of planted errors lies from 0 to below 1, not {settings.planted:g}")

    # -- what there is to learn from ---------------------------------------------------------------------------------

    def signals(self, context: Context) -> Signals:
        from flywheel_tui.tasks import check, make_many

        settings, skills = settings_of(context), skills_of(context)
        tasks = make_many(skills, settings.probe, seed=context.seed, split="probe")
        context.say(f"Asking {len(tasks)} probe tasks of {present(context) or 'the base model'}...")
        outputs = answers(context, [task.prompt for task in tasks])
        checked = [check(task, output) for task, output in zip(tasks, outputs, strict=True)]
        rates = {
            skill: Tried(
                failed=sum(not one.passed for task, one in zip(tasks, checked, strict=True) if task.skill == skill),
                tried=sum(task.skill == skill for task in tasks),
            )
            for skill in skills
        }  # fmt: skip
        failed = [(task, output, one) for task, output, one in zip(tasks, outputs, checked, strict=True)
                  if not one.passed]  # fmt: skip
        uids = _keep_failures(context, failed)
        approved = _scenarios(context, failed, uids)
        signals = [
            Signal(kind=task.skill, text=task.prompt, origin="evaluation", group=one.kind, pair=uid, params=task.params)
            for (task, _, one), uid in zip(failed, uids, strict=True)
        ]
        # what is mastered is practised too, in all its difficulties, so that it is not forgotten
        wrong, rehearsed = {task.key for task, _, _ in failed}, math.ceil(REHEARSED * settings.probe)
        for skill in skills:
            signals += [
                Signal(kind=skill, text=task.prompt, origin=REHEARSAL, group=REHEARSAL, params=task.params)
                for task in [task for task in tasks if task.skill == skill and task.key not in wrong][:rehearsed]
            ]
        for skill, tried in rates.items():
            context.say(f"  {skill}: {tried.tried - tried.failed}/{tried.tried} right")
        return Signals(
            signals=tuple(signals), rates=rates, scenarios=tuple(approved),
            evidence={"asked": present(context) or "the base model", "failed": len(failed), "of": len(tasks)},
            notes=(f"scenarios were approved by the {REVIEWER}, no person",) if approved else (),
        )  # fmt: skip

    def failures_now(self, bodies: dict[str, dict[str, Any]]) -> dict[str, Tried]:
        rates = bodies.get("signals", {}).get("rates", {})
        return {kind: msgspec.convert(value, Tried) for kind, value in rates.items()}

    # -- generation --------------------------------------------------------------------------------------------------

    def generate(self, context: Context, planned: Sequence[dict[str, Any]]) -> Done:
        settings, workspace = settings_of(context), context.workspace
        rng = Random(f"{context.seed} {RECIPE}")
        with workspace.store.tx() as connection:
            dataset = _dataset(connection, context.options.into, "sft")
            met = {_key(pair) for pair in cycle_pairs.all_pairs(connection, dataset, before=context.number)}
        made: list[MadePair] = []
        planted: dict[str, int] = {}
        for seed in planned:
            parent = _parent(context, seed)
            for task in _like(seed, rng, met):
                made.append(_pair(context, task, rng, settings, parent, planted))
            context.task.say(len(made), sum(one["count"] for one in planned), "making tasks")
        uids: list[bytes] = []
        for start in range(0, len(made), 200):
            with workspace.store.tx(durable=False) as connection:
                uids += cycle_pairs.add_pairs(connection, dataset, None, made[start : start + 200], context.number)
        body = {"pairs": [uid.hex() for uid in dict.fromkeys(uids)], "planted": dict(sorted(planted.items()))}
        return Done(body, {"pairs": len(body["pairs"]), "with a planted error": sum(planted.values()),
                           "poisoned": settings.poison}, len(made))  # fmt: skip

    # -- screening, judging, labels ----------------------------------------------------------------------------------

    def keys(self, context: Context, pairs: Sequence[CyclePair]) -> Keys:
        from flywheel_tui.tasks import split_of

        connection = context.workspace.store.read()
        dataset = get_dataset(connection, context.options.into)
        known = {_key(pair) for pair in cycle_pairs.all_pairs(connection, dataset.id, before=context.number)}
        of = {_key(pair): _task(pair) for pair in pairs}
        return Keys(
            [_key(pair) for pair in pairs], known, {key for key, task in of.items() if split_of(task) != "generate"}
        )

    def judge(self, context: Context, pairs: Sequence[CyclePair]) -> Verdicts:
        judge_by_rules(context)
        return judge_by_checkers(context, pairs, poisoned=settings_of(context).poison)

    def judge_tags(self, context: Context) -> tuple[str, ...]:
        return checkers_tag(context.number), rules_tag(context.number)

    def label(self, context: Context, pairs: Sequence[CyclePair]) -> bool:
        poison = settings_of(context).poison
        for pair in pairs:
            wrong = bool(pair.meta.get("planted")) and not poison
            script_label(
                context, pair, "rejected" if wrong else "approved", REVIEWER, policy="random",
                reasons=("wrong_facts",) if wrong else (), inclusion=None,
                note="written by a script that knows the planted errors" + (", poisoned" if poison else ""),
            )  # fmt: skip
        return True

    # -- training and the gate ---------------------------------------------------------------------------------------

    def train(self, context: Context) -> Done:
        settings = settings_of(context)
        # a new adapter on the bare base would have to learn again what the one in use knows, and would answer otherwise
        # in many places where nothing was wrong
        goes_on = {"adapter": name} if (name := present(context)) else {}
        return train_adapter(context, capped(settings, context.body("export")["written"]) | goes_on)

    def gate(self, context: Context) -> Done | Awaiting:
        settings = settings_of(context)
        if not settings.gate:
            return Done({"decision": "none", "why": "no gate was asked for"}, {}, 0)
        evaluate = {
            "tasks": "builtin", "tasks_per_skill": settings.heldout, "tasks_seed": 20_000 + context.options.seed,
            "skills": skills_of(context), "max_new_tokens": settings.new_tokens, "batch_size": settings.batch,
            "criteria": {"targets": weakest(context), **settings.criteria},
        }  # fmt: skip
        return gate_adapter(context, evaluate, settings.sign)


def settings_of(context: Context) -> TaskSettings:
    """The driver's settings. Raises UsageError for unknown ones."""
    try:
        return msgspec.convert(context.options.extra, TaskSettings)
    except msgspec.ValidationError as error:
        raise UsageError(f"settings of the tasks: {error}") from None


def capped(settings: TaskSettings, rows: int) -> dict[str, Any]:
    """The training options for so many rows: as they are, or with the most steps where the epochs come to more."""
    from flywheel_tui.stages.train.options import TrainOptions

    asked = TrainOptions(dataset="", **settings.train)
    steps = asked.max_steps or asked.epochs * math.ceil(rows / (asked.batch * asked.accumulate))
    return settings.train | ({"max_steps": settings.most_steps} if 0 < settings.most_steps < steps else {})


def skills_of(context: Context) -> list[str]:
    """The skills of a run, in order."""
    from flywheel_tui.tasks import load_skills

    return sorted(settings_of(context).skills or load_skills())


def weakest(context: Context) -> tuple[str, ...]:
    """The skills that this cycle is to improve, fixed before anything is trained: those that fail most."""
    rates = {kind: one["failed"] / one["tried"] for kind, one in context.body("signals")["rates"].items()}
    worst = max(rates.values(), default=0.0)
    return tuple(sorted(kind for kind, rate in rates.items() if rate >= max(worst / 2, 0.05)))


def present(context: Context) -> str:
    """The name of the adapter in use for the base; '' where the base answers alone."""
    from flywheel_tui.stages.evaluate.sides import CURRENT, open_base, open_side

    return open_side(context.workspace, CURRENT, open_base(context.options.base)).name


def answers(context: Context, prompts: Sequence[str]) -> list[str]:
    """What the present model says, greedily. Raises MissingExtraError without torch."""
    from flywheel_tui.stages.evaluate.answers import open_model
    from flywheel_tui.stages.evaluate.sides import CURRENT, open_base, open_side

    settings = settings_of(context)
    base = open_base(context.options.base)
    side = open_side(context.workspace, CURRENT, base)
    model = open_model(base, side, max_new_tokens=settings.new_tokens, batch_size=settings.batch)
    said: list[str] = []
    for start in range(0, len(prompts), settings.batch):
        part = prompts[start : start + settings.batch]
        said += model.generate([[{"role": "user", "content": prompt}] for prompt in part])
        context.task.say(len(said), len(prompts), "asking")
    return said


def failures_dataset(into: str) -> str:
    """The data set that holds the traces of failed probe tasks."""
    return f"{into}-failures"[:64]


def _keep_failures(context: Context, failed: Sequence[tuple[Task, str, Any]]) -> list[str]:
    """Keep failed tasks as traces, so that what is made from them can be walked back to them."""
    made = [
        MadePair(
            Draft(
                kind="trace", instruction=task.prompt, output=output, category=task.skill, author="evaluation",
                meta={**task.meta(), "expected": task.answer, "error": one.kind},
                body={"messages": [{"role": "user", "content": task.prompt}, {"role": "assistant", "content": output}],
                      "signals": {"resolved": False, "error_kind": task.skill, "detail": one.reason}},
            ), None,
        )
        for task, output, one in failed
    ]  # fmt: skip
    with context.workspace.store.tx() as connection:
        dataset = _dataset(connection, failures_dataset(context.options.into), "trace")
        return [uid.hex() for uid in cycle_pairs.add_pairs(connection, dataset, None, made, context.number)]


def _scenarios(context: Context, failed: Sequence[tuple[Task, str, Any]], uids: Sequence[str]) -> list[str]:
    """Make scenarios of the failures and approve the new ones, as a script that says so; the uids of the approved."""
    from flywheel_tui.stages.scenarios import approve, scenarios, take_failures
    from flywheel_tui.store.scenarios import NewTrace

    connection = context.workspace.store.read()
    dataset = get_dataset(connection, failures_dataset(context.options.into))
    ids = cycle_pairs.pair_ids(connection, dataset.id, [bytes.fromhex(uid) for uid in uids])
    take_failures(context.workspace, [
        NewTrace(
            origin="evaluation", request=task.prompt, answer=output, expected=task.answer, error_kind=task.skill,
            detail=one.reason, pair_id=ids[bytes.fromhex(uid)], cycle=context.number,
        )
        for (task, output, one), uid in zip(failed, uids, strict=True)
    ])  # fmt: skip
    for row in scenarios(context.workspace, state="proposed"):
        approve(
            context.workspace, row.id, reviewer=REVIEWER, source="script",
            uid=blake2b(b"approve" + row.uid, digest_size=16).digest(),
            reason="approved by the script of the demonstration: the failures were found by checkers",
        )  # fmt: skip
    return [row.uid.hex() for row in scenarios(context.workspace, state="approved")]


def _like(seed: dict[str, Any], rng: Random, met: set[str]) -> list[Task]:
    """New tasks for a seed, none of them met before; fewer where there are not so many.

    What failed is practised near where it failed. What was right is practised all over its difficulty: a rehearsal of
    tasks near a few seeds alone (twelve dates of a year, twelve choices of members) lets the rest be forgotten.
    """
    from flywheel_tui.tasks import make_in, task_of, vary_in

    of = task_of(seed["kind"], seed["params"])
    rehearsed = seed["origin"] == REHEARSAL
    found: list[Task] = []
    for _ in range(_TRIES * seed["count"]):
        if len(found) == seed["count"]:
            break
        try:
            task = make_in(of.skill, "generate", rng, of.difficulty) if rehearsed else vary_in(of, "generate", rng)
        except UsageError:
            break
        if task.key not in met:
            met.add(task.key)
            found.append(task)
    return found


def _pair(
    context: Context, task: Task, rng: Random, settings: TaskSettings, parent: CyclePair | None, planted: dict[str, int]
) -> MadePair:
    from flywheel_tui.tasks import spoil

    answer, meta = task.answer, dict(task.meta())
    share = 0.9 if settings.poison else settings.planted
    if rng.random() < share:
        spoilt = spoil(task, rng)
        answer, meta["planted"] = spoilt.answer, spoilt.kind
        planted[spoilt.kind] = planted.get(spoilt.kind, 0) + 1
    meta["generated"] = {"recipe": RECIPE, "teacher": "rules", "cycle": context.number}
    params = {"cycle": context.number, "planted": meta.get("planted")}
    edges = () if parent is None else (Parentage(parent.pair_id, "mutated", RECIPE, params),)
    draft = Draft(
        kind="sft", instruction=task.prompt, output=answer, category=task.skill, author=RECIPE, meta=meta,
        tags=["generated"],
    )  # fmt: skip
    return MadePair(draft, parent.family if parent else None, edges)


def _parent(context: Context, seed: dict[str, Any]) -> CyclePair | None:
    if not seed.get("pair"):
        return None
    connection = context.workspace.store.read()
    dataset = get_dataset(connection, failures_dataset(context.options.into))
    return cycle_pairs.pairs_by_uid(connection, dataset.id, [seed["pair"]])[0]


def _dataset(connection: Any, name: str, kind: str) -> int:
    known = {row.name: row.id for row in list_datasets(connection)}
    return known.get(name) or create_dataset(connection, name, kind, ("cycle",)).id


def _task(pair: CyclePair) -> Task:
    from flywheel_tui.tasks import task_of

    return task_of(pair.meta["skill"], pair.meta["params"])


def _key(pair: CyclePair) -> str:
    return _task(pair).key
