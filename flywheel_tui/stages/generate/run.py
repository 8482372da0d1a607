"""Generating as a job, or called from Python: seeds are placed, teachers chosen, then the engine runs the recipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.generate.alone import alone_at, identity_of
from flywheel_tui.stages.generate.desk import Desk
from flywheel_tui.stages.generate.engine import Engine, GeneratePaused
from flywheel_tui.stages.generate.known import Known
from flywheel_tui.stages.generate.options import GenerateOptions, GenerateReport, Row
from flywheel_tui.stages.generate.price import estimate, service_of
from flywheel_tui.stages.generate.recipe import Recipe, Seed, Setup, Teacher, recipe_named
from flywheel_tui.stages.generate.record import Recorder
from flywheel_tui.stages.generate.seeds import (
    Looked,
    SeedPlace,
    look_at_seeds,
    pinned_seeds,
    place_seeds,
    read_seeds,
    runs_of,
    seed_of,
    write_real,
)
from flywheel_tui.stages.generate.template import load_template
from flywheel_tui.stages.judge import service as services
from flywheel_tui.stages.judge.service import Service
from flywheel_tui.store import datasets, generation, judge_jobs
from flywheel_tui.store.generation import NewRow
from flywheel_tui.text import counted

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.run import JobTask
    from flywheel_tui.workspace import Workspace


class Announced(NamedTuple):
    """What a job is going to do: its options with everything chosen, in a sentence for a person."""

    options: GenerateOptions
    dataset_id: int | None
    network: bool
    sentence: str


def announce(workspace: Workspace, options: GenerateOptions) -> Announced:
    """Choose teachers, place the seeds, make the data set. Nothing is asked; raises what `generate` would at once.

    For an estimate or a preview seeds are only looked at, and no data set is made.
    """
    options = options.checked()
    cls = recipe_named(options.recipe)
    options, why = _with_teachers(workspace, options)
    carried = cls.plan_ahead(workspace, options.into, options.options, options.seed)
    options = msgspec.structs.replace(options, carried=carried)
    if options.preview or options.estimate:
        seeds, meant = _looked(workspace, options, cls)
        options = _as_before(workspace, options)
    else:
        place = _place(workspace, cls, options)
        seeds, meant = (read_seeds(workspace, place, cls), place.meant) if place else ([], "")
        options = msgspec.structs.replace(
            options, seeds_dataset=place.dataset if place else "", seeds_upto=place.upto if place else None,
            seeds_versions=runs_of(seeds),
        )  # fmt: skip
        options = _as_before(workspace, options)
    if cls.needs != "nothing" and not seeds:
        if cls.needs == "documents" and not options.seeds:
            raise UsageError(f"{cls.name} works on documents; name a folder or a data set of them: --seeds FOLDER")
        kinds = ", ".join(cls.seed_kinds) or "any"
        raise UsageError(f"{meant} holds no seed for {cls.name} (kinds it takes: {kinds}; rejected rows and those three generations from real data are no seeds)")  # fmt: skip  # noqa: E501
    recipe = _recipe(workspace, cls, options, seeds)
    if recipe.item(0) is None:
        raise UsageError(f"{cls.name} finds nothing to work on in {meant or 'its options'}")
    dataset_id = None
    if not options.preview and not options.estimate:
        dataset_id = _dataset(workspace, options.into, cls.kind, create=True)
    teachers = ", ".join(teacher.name for teacher in options.teachers())
    rows = options.preview or options.count
    of = f" from {seeds_words(len(seeds), meant)}" if seeds else ""
    goal = f" into {options.into}" if not options.preview else " as a preview"
    sentence = f"Making {counted(rows, 'row')} with {cls.name}{of}{goal}, asking {teachers}{why}"
    network = any(teacher.backend not in ("offline", "local") for teacher in options.teachers())
    return Announced(options, dataset_id, network, sentence)


def check(workspace: Workspace, options: GenerateOptions) -> None:
    """Raise what `announce` would for a job with these options (a key that is missing, seeds that are not there), with
    nothing written."""
    with workspace.for_reading() as still:
        announce(still, msgspec.structs.replace(options.checked(), preview=1))


def generate(workspace: Workspace, options: GenerateOptions, task: JobTask | None = None) -> GenerateReport:
    """Make rows until `count` are there. As a job (`task`) rows are written; without one only `estimate` and `preview`
    can be asked for.

    Raises UsageError, InputError or NotFoundError before anything is asked; Cancelled or Paused with everything kept.
    """
    if options.estimate:
        return estimated(workspace, options)
    if options.carried is None:
        options = announce(workspace, options).options
    if task is None and not options.preview:
        raise UsageError("rows are written by a job; submit the kind generate, or run it with run_foreground")
    return _Run(workspace, options.checked(), task).go()


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "generate": the arguments are the fields of GenerateOptions. The result is the report."""
    try:
        report = generate(workspace, msgspec.convert(dict(args), GenerateOptions), task)
    except GeneratePaused:
        # the job waits for a person, it is not given to another worker
        task.stop("pause")
        raise
    result: dict[str, Any] = msgspec.to_builtins(report)
    return result


def _with_teachers(workspace: Workspace, options: GenerateOptions) -> tuple[GenerateOptions, str]:
    """Name a back end for every teacher; where none was named, choose and say why."""
    teachers = options.teachers()
    backend, why = options.backend, ""
    if not backend and any(not teacher.backend for teacher in teachers):
        from flywheel_tui.llm.choice import choose_backend

        choice = choose_backend(workspace.settings)
        backend, why = choice.name, f" ({choice.reason})"
        if choice.model and not options.models:
            options = msgspec.structs.replace(options, models=(choice.model,))
    named = [msgspec.structs.replace(one, backend=one.backend or backend) for one in options.teachers()]
    full = []
    for teacher in named:
        if teacher.backend == "offline" and teacher.model not in ("", "rules"):
            raise UsageError(
                f"the back end offline works by templates and has no model {teacher.model!r}; leave --model out, or"
                " name the back end that has it: --model BACKEND:MODEL"
            )
        service = service_of(workspace, teacher, options)
        full.append(Teacher(teacher.backend, service.model if teacher.backend != "offline" else "rules"))
        service.close()
    models = tuple(f"{one.backend}:{one.model}" for one in full)
    return msgspec.structs.replace(options, models=models, backend=""), why


def _place(workspace: Workspace, cls: type[Recipe], options: GenerateOptions) -> SeedPlace | None:
    if options.seeds_dataset:
        return SeedPlace(options.seeds_dataset, options.seeds_upto or 0, options.where)
    if cls.needs == "nothing" and not options.seeds:
        return None
    return place_seeds(workspace, options.seeds, cls, options.where)


def seeds_words(count: int, meant: str) -> str:
    """How many seeds there are and what they were taken from, for a person."""
    return f"{counted(count, 'seed')} ({meant})" if meant else counted(count, "seed")


def seeds_of_job(workspace: Workspace, options: GenerateOptions, cls: type[Recipe]) -> list[Seed]:
    """The seeds that were fixed as the job was made; for a preview or an estimate those that it would have."""
    if options.seeds_versions is not None:
        return pinned_seeds(workspace, options.seeds_versions)
    return _looked(workspace, options, cls).seeds


def _looked(workspace: Workspace, options: GenerateOptions, cls: type[Recipe]) -> Looked:
    """The seeds that a job with these options would have, with nothing stored."""
    if options.seeds_versions is not None:
        return Looked(pinned_seeds(workspace, options.seeds_versions), "")
    if cls.needs == "nothing" and not options.seeds:
        return Looked([], "")
    return look_at_seeds(workspace, options.seeds, cls, options.where)


def _as_before(workspace: Workspace, options: GenerateOptions) -> GenerateOptions:
    """With the plan of the same command, where that was interrupted and its seeds are the same still: then its work
    items are the same, whatever was labelled since."""
    dataset = _dataset(workspace, options.into, "") if options.into and not options.preview else 0
    if not dataset:
        return options
    ours = identity_of(options)
    for args in generation.unfinished_args(workspace.store.read(), dataset):
        try:
            before = msgspec.convert(args, GenerateOptions)
        except msgspec.ValidationError:  # made by a newer version of this package
            continue
        if before.carried is not None and identity_of(before) == ours:
            return msgspec.structs.replace(options, carried=before.carried)
    return options


def _dataset(workspace: Workspace, name: str, kind: str, *, create: bool = False) -> int:
    """The id of the data set that rows go into; 0 where there is none and none shall be made."""
    try:
        return datasets.get_dataset(workspace.store.read(), name).id
    except NotFoundError:
        if not create:
            return 0
    with workspace.store.tx() as connection:
        return datasets.create_dataset(connection, name, kind, ("generated",)).id


def _recipe(workspace: Workspace, cls: type[Recipe], options: GenerateOptions, seeds: list[Seed]) -> Recipe:
    return cls(Setup(
        workspace=workspace, seeds=seeds, teachers=options.teachers(), options=dict(options.options),
        run_seed=options.seed, dataset=options.into, carried=dict(options.carried or {}),
    ))  # fmt: skip


class _Run:
    def __init__(self, workspace: Workspace, options: GenerateOptions, task: JobTask | None) -> None:
        self.started = time.monotonic()
        self.workspace, self.options, self.task = workspace, options, task
        self.job_id = task.job.id if task is not None else None
        self.cls = recipe_named(options.recipe)
        self.seeds = seeds_of_job(workspace, options, self.cls)
        self.recipe = _recipe(workspace, self.cls, options, self.seeds)
        self.dataset_id = _dataset(workspace, options.into, self.cls.kind, create=not options.preview) if options.into else 0  # fmt: skip  # noqa: E501
        self.services = self._open_services()
        self.wanted = options.preview or options.count
        self.golden = 0

    def _open_services(self) -> dict[str, Service]:
        found = {}
        for teacher in self.options.teachers():
            model = "" if teacher.backend == "offline" else teacher.model
            found[teacher.name] = services.open_service(
                self.workspace, teacher.backend, model, self.options.backend_options
            )
        return found

    def go(self) -> GenerateReport:
        connection = self.workspace.store.read()
        done = generation.items_done(connection, self.dataset_id, self.cls.name) if not self.options.preview else {}
        budget = self._budget()
        if not self.options.preview and (golden := self.recipe.real_rows()):
            write_real(self.workspace, self.dataset_id, golden)
            self.golden = len(golden)
        self.recorder = Recorder(
            self.workspace, job_id=self.job_id, claim=self.task.claim if self.task else None,
            dataset_id=self.dataset_id, recipe=self.cls.name, budget=budget, cycle=self.options.cycle,
            writes_rows=not self.options.preview, on_written=lambda finished, ids: self.engine.written(finished, ids),
        )  # fmt: skip
        desk = Desk(
            self.workspace, self.services, self.recorder, budget,
            templates=[load_template(name, self.workspace.root) for name in self.cls.templates],
            run_seed=self.options.seed, temperature=self.options.temperature, max_tokens=self.options.max_tokens,
            stop=_nothing,
        )  # fmt: skip
        self.recipe.setup.grown.extend(seed_of(row) for row in generation.made_rows(connection, self.dataset_id, self.cls.name) if (row.depth or 0) < 3)  # fmt: skip  # noqa: E501
        self.engine = Engine(
            self.workspace, self.recipe, self.options, self.recorder, self._known(), desk=desk, services=self.services,
            budget=budget, concurrency=self.options.concurrency or self.workspace.settings.judge_concurrency,
            task=self.task, job_id=self.job_id, done=done, wanted=self.wanted,
        )  # fmt: skip
        try:
            with alone_at(self.workspace, self.options):
                self.engine.run()
        except GeneratePaused as stopped:
            stopped.report = self.report(str(stopped))
            raise
        return self.report()

    def _known(self) -> Known:
        connection = self.workspace.store.read()
        there = generation.instructions(connection, self.dataset_id)
        seeds = [(seed.uid, seed.instruction) for seed in self.seeds if seed.kind != "document"]
        compare = self.cls.novelty is not None
        return Known(generation.hashes(connection, self.dataset_id), [*seeds, *there], compare=compare)

    def _budget(self) -> Budget | None:
        if self.job_id is None:
            return None
        options = self.options
        steering = judge_jobs.steering(self.workspace.store.read(), self.job_id)
        micro = round(options.budget_usd * 1e6) if options.budget_usd is not None else None
        micro, tokens = steering.get("budget_micro", micro), steering.get("budget_tokens", options.budget_tokens)
        if micro is None and tokens is None:
            return None
        for name, service in self.services.items():
            if micro is not None and not service.priced:
                raise UsageError(
                    f"no price is known for {name}, so --budget-usd cannot be kept; add it to prices.toml in the"
                    " workspace, or use --budget-tokens"
                )
        return Budget(self.workspace.store, self.job_id, micro, tokens)

    def report(self, stopped: str = "") -> GenerateReport:
        """What came of it so far."""
        counts, engine = self.recorder.counts, self.engine
        names = [teacher.backend for teacher in self.options.teachers()]
        report = GenerateReport(
            recipe=self.cls.name, dataset=self.options.into, wanted=self.wanted,
            made=min(engine.accepted, self.wanted) if self.options.preview else engine.accepted, new=counts.new,
            items=counts.items, rejected=dict(counts.rejected), failed=dict(counts.failed),
            teachers=dict(counts.teachers), calls=counts.calls, hits=counts.hits, tokens_in=counts.tokens_in,
            tokens_out=counts.tokens_out, cost_usd=counts.cost_micro / 1e6, unpriced=counts.unpriced,
            seconds=round(time.monotonic() - self.started, 3), offline="offline" in names, exhausted=engine.exhausted,
            variety=tuple(engine.variety.history), variants=dict(counts.variants), stopped=stopped,
            golden=self.golden,
            preview=tuple(map(_row, engine.previewed)),
        )  # fmt: skip
        if self.options.preview:
            return msgspec.structs.replace(
                report, price=estimate(self.workspace, self.recipe, self.options, counts, len(engine.previewed))
            )
        return report


def _nothing(why: Exception) -> None:
    return


def _row(row: NewRow) -> Row:
    draft = row.draft
    return Row(
        kind=draft.kind, instruction=draft.instruction, input=draft.input, output=draft.output, body=draft.body or {},
        teacher=row.teacher, notes=(draft.meta or {}).get("generated", {}),
    )  # fmt: skip


def estimated(workspace: Workspace, options: GenerateOptions) -> GenerateReport:
    """A price and nothing else: nobody is asked, nothing is written (the store is opened for reading only)."""
    with workspace.for_reading() as still:
        options = announce(still, msgspec.structs.replace(options, estimate=True)).options
        cls = recipe_named(options.recipe)
        seeds, meant = _looked(still, options, cls)
        recipe = _recipe(still, cls, options, seeds)
        return GenerateReport(
            recipe=cls.name, dataset=options.into, wanted=options.count, made=0, new=0, items=0, rejected={}, failed={},
            teachers={}, calls=0, hits=0, tokens_in=0, tokens_out=0, cost_usd=0.0, unpriced=False, seconds=0.0,
            offline=all(teacher.backend == "offline" for teacher in options.teachers()),
            seeds=seeds_words(len(seeds), meant) if seeds else "", price=estimate(still, recipe, options, None, 0),
        )  # fmt: skip
