"""The run of a recipe: work items side by side, only as many begun as are needed for the rows that are wanted.

A new item is begun only where those in flight could not fill the count even if all of them succeed. So the items that
are begun are the first so many of the recipe's list, whatever the number of calls at once and however often the job was
killed: the same seed makes the same set of items.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import Paused
from flywheel_tui.identity import content_hash, now_us, show_uid
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.stages.generate.asking import Ask
from flywheel_tui.stages.generate.desk import TICK_S, BudgetSpent, Desk, Halted, ServiceRefuses
from flywheel_tui.stages.generate.recipe import MAX_DEPTH, Item, Made, Recipe, Rejected, Seed, key_of
from flywheel_tui.stages.generate.record import Finished, Recorder
from flywheel_tui.stages.generate.watch import Variety
from flywheel_tui.store import judge_jobs
from flywheel_tui.store.generation import NewRow, NoRow

if TYPE_CHECKING:
    from flywheel_tui.records.pair import Draft
    from flywheel_tui.records.task import Task
    from flywheel_tui.stages.budget import Budget
    from flywheel_tui.stages.generate.known import Known
    from flywheel_tui.stages.generate.options import GenerateOptions, GenerateReport
    from flywheel_tui.stages.judge.service import Service
    from flywheel_tui.workspace import Workspace

LOOK_EVERY_S, SHOW_EVERY_S = 0.3, 0.5
LAST_ITEMS = 40
"""Items over which the share of failures is counted."""
PREVIEW_TRIES = 4
"""Items that a preview begins for each row at most: it was said to cost a few rows, and shall not cost many."""
KEPT_WINDOWS = 3
"""Windows of variety that a job remembers when it is taken up again: what a trend is told by."""
_NEWEST = 12


class GeneratePaused(Paused):
    """The job cannot go on until a person acts; what was finished is kept. `report` says how far it came."""

    report: GenerateReport | None = None


class TeacherFailed(GeneratePaused):
    """The service refuses or does not answer."""

    exit_code = 3


class Engine:
    """One attempt at a job. `done` maps the keys of finished items to the rows that they made."""

    def __init__(
        self, workspace: Workspace, recipe: Recipe, options: GenerateOptions, recorder: Recorder, known: Known, *,
        desk: Desk, services: Mapping[str, Service], budget: Budget | None, concurrency: int, task: Task | None,
        job_id: int | None, done: Mapping[str, int], wanted: int,
    ) -> None:  # fmt: skip
        self._workspace, self._recipe, self._options, self._recorder = workspace, recipe, options, recorder
        self._known, self._desk, self._services, self._budget = known, desk, services, budget
        self._limit = self._base_limit = concurrency
        self._task, self._job_id, self._done, self._wanted = task, job_id, done, wanted
        self._sampling = {"temperature": options.temperature, "max_tokens": options.max_tokens}
        self._templates = list(desk.templates.values())
        self._running: set[asyncio.Task[None]] = set()
        self._stop: Exception | None = None
        self._looked = self._showed = 0.0
        self._last: deque[str] = deque(maxlen=LAST_ITEMS)
        self._newest: deque[dict[str, Any]] = deque(maxlen=_NEWEST)
        self.variety = Variety(window=options.window, history=recorder.windows())
        self.watches = options.watch and any(name != "offline" for name in _backends(services))
        self.accepted = 0
        self.exhausted = False
        self.previewed: list[NewRow] = []
        desk_stop = self._stop_for
        desk._stop = desk_stop

    def run(self) -> None:
        """Make rows. Raises Cancelled or Paused where somebody asked for it, the budget is spent, a service is gone,
        most items fail, or variety falls."""
        asyncio.run(self._go())

    # -- items -------------------------------------------------------------------------------------------------------

    async def _go(self) -> None:
        for service in self._services.values():
            service.begin(self._limit, self._budget)
        self._show()
        tender = asyncio.create_task(self._tend_always())
        try:
            await self._check()
            await self._begin_items()
            while self._running and self._stop is None:
                await asyncio.sleep(TICK_S)
        finally:
            await self._end(tender)
            self._recorder.flush()  # first the rows: what is shown counts them
            self._show()
            self._recorder.flush()
            if self._task is not None:
                self._task.progress(min(self.accepted, self._wanted), self._wanted, "making")
        if self._stop is not None:
            raise self._stop

    async def _check(self) -> None:
        """Knock once before anything is sent. Raises TeacherFailed where nobody is there."""
        for service in self._services.values():
            health = await service.check()
            if not health.reachable or health.key == "refused":
                said = health.text or f"{service.name} cannot be reached"
                raise TeacherFailed(f"{said}; {health.remedy or self._go_on()}")

    async def _begin_items(self) -> None:
        index, each = 0, max(self._recipe.rows_per_item, 1)
        most = self._wanted * PREVIEW_TRIES if self._options.preview else None
        while self._stop is None:
            if self.accepted >= self._wanted:
                return
            if most is not None and index >= most and not self._running:
                return
            enough = self.accepted + each * len(self._running) >= self._wanted or (most is not None and index >= most)
            if len(self._running) >= self._limit or enough:
                await asyncio.sleep(0 if self._running else TICK_S)
                if self._running:
                    await asyncio.wait(self._running, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                continue
            item = self._recipe.item(index)
            index += 1
            if item is None:
                self.exhausted = True
                return
            key = key_of(type(self._recipe), item, self._templates, self._options.seed, self._sampling)
            if (made := self._done.get(key)) is not None:
                self.accepted += made
                if index % 500 == 0:
                    await asyncio.sleep(0)
                continue
            started = asyncio.create_task(self._one(item, key))
            self._running.add(started)
            started.add_done_callback(self._running.discard)
            await asyncio.sleep(0)

    async def _one(self, item: Item, key: str) -> None:
        ask = Ask(self._desk, self._recipe, item)
        variant = item.params.get("operator") or item.params.get("variant")
        try:
            found = await self._recipe.make(item, ask)
            made = found if isinstance(found, list) else [found]
            rows = self._admit(item, key, made, ask)
        except Rejected as no:
            self._recorder.add(Finished(key, [], NoRow(no.rule, no.detail, no.text, variant, no.notes)))
            self._ended(no.rule, no)
        except BackendFault as fault:
            if self._stop is None:
                self._recorder.fail(fault.kind)
                self._ended(fault.kind)
        except Halted:
            return
        except Exception as error:
            self._stop = self._stop or error
        else:
            self._recorder.add(Finished(key, rows))
            self._ended("")

    def _admit(self, item: Item, key: str, made: list[Made], ask: Ask) -> list[NewRow]:
        """The rows of an item, where the data set can take them. Raises Rejected; nothing is half taken."""
        if not made:
            raise Rejected("empty", "the recipe made no row")
        rows, hashes, nearest = [], [], []
        for one in made:
            draft = one.draft
            if not draft.instruction.strip():
                raise Rejected("empty", "the row has no instruction")
            depth = 1 + max((parent.seed.depth for parent in one.parents), default=0)
            if depth > MAX_DEPTH:
                raise Rejected("too_deep", f"{depth} generations from real data", draft.instruction)
            hash = content_hash(draft.kind, draft.instruction, draft.input, draft.output, draft.body)
            if self._known.has(hash) or hash in hashes:
                raise Rejected("duplicate", "the data set has this very row", draft.instruction)
            near = self._known.nearest(draft.instruction)
            if (limit := self._recipe.novelty) is not None and near and near[0].score >= limit:
                detail = f"ROUGE-L {near[0].score:.2f} (the limit is {limit:g}) to: {near[0].text[:160]}"
                raise Rejected("not_novel", detail, draft.instruction)
            hashes.append(hash)
            nearest.append(near)
            rows.append(self._row(item, key, one, depth, ask, near))
        self._admitted([one.draft for one in made], hashes, nearest, rows)
        return rows

    def _row(self, item: Item, key: str, one: Made, depth: int, ask: Ask, near: list[Any]) -> NewRow:
        root = one.parents[0].seed if one.parents else None
        template, teacher = " ".join(ask.templates) or "none", item.teacher.name
        offline = item.teacher.backend == "offline"
        params: dict[str, Any] = {**item.params, "seed": self._options.seed, "index": item.index}
        if self._options.temperature is not None:
            params["temperature"] = self._options.temperature
        generated: dict[str, Any] = {
            "recipe": self._recipe.name, "template": template, "teacher": teacher, "params": params, "depth": depth,
            "root": show_uid(root.family) if root is not None else None, "item": key, **one.notes,
        }  # fmt: skip
        if near:
            generated["nearest"] = [{"uid": show_uid(other.uid), "rouge_l": round(other.score, 4)} for other in near]
            generated["mean_similarity"] = round(sum(other.score for other in near) / len(near), 4)
        if offline:
            generated["offline"] = "made by fixed rules, no model was asked"
        draft = one.draft
        tags = [*(draft.tags or ()), *self._options.tags, "generated", *(["offline"] if offline else [])]
        draft = msgspec.structs.replace(
            draft, meta={**(draft.meta or {}), "generated": generated}, tags=list(dict.fromkeys(tags)), author=teacher
        )
        family = root.family if root is not None else None
        parents = tuple((parent.seed.id, parent.relation) for parent in one.parents)
        variant = one.notes.get("variant") or item.params.get("operator") or item.params.get("variant")
        return NewRow(draft, family, self._recipe.name, template, teacher, depth, variant, params, parents)

    def _admitted(self, drafts: list[Draft], hashes: list[bytes], nearest: list[Any], rows: list[NewRow]) -> None:
        for draft, hash, near, row in zip(drafts, hashes, nearest, rows, strict=True):
            self._known.add(hash, draft.instruction)
            self.accepted += 1
            self._newest.append({"text": draft.instruction[:160], "at": now_us(), "passed": True, "note": row.teacher})
            if self._options.preview:
                self.previewed.append(row)
            why = self.variety.add(self._recipe.watched(draft), near[0].score if near else None)
            if why and self.watches and self._stop is None:
                self._stop = GeneratePaused(f"variety falls: {why}. Look at the newest rows, then {self._go_on()}")

    def _ended(self, rule: str, no: Rejected | None = None) -> None:
        """Count how an item ended; stop where nearly all fail."""
        self._last.append(rule)
        if rule:
            line: dict[str, Any] = {"text": rule, "at": now_us(), "kind": rule}
            if no is not None:
                line |= {"text": no.text[:160], "passed": False, "note": no.detail[:200]}
            self._newest.append(line)
        failed = [one for one in self._last if one]
        if len(self._last) == LAST_ITEMS and len(failed) >= self._options.stop_failing_at * LAST_ITEMS:
            named, count = Counter(failed).most_common(1)[0]
            self._stop = self._stop or GeneratePaused(
                f"{len(failed)} of the last {LAST_ITEMS} items made nothing, mostly {named} ({count}); mend the seeds,"
                f" the template or the teacher, then {self._go_on()}"
            )
            self._desk.stopping = True

    def _go_on(self) -> str:
        return f"go on with: flywheel jobs resume {self._job_id} (or the same command)"

    def written(self, finished: Finished, ids: list[int]) -> None:
        """Rows have their numbers now: they may serve as examples."""
        for row, id in zip(finished.rows, ids, strict=False):
            if row.depth < MAX_DEPTH:
                draft = row.draft
                hash = content_hash(draft.kind, draft.instruction, draft.input, draft.output, draft.body)
                self._recipe.setup.grown.append(Seed(
                    id=id, uid=hash, kind=draft.kind, instruction=draft.instruction, family=row.family or hash,
                    depth=row.depth, input=draft.input, output=draft.output, body=draft.body or {},
                    meta=draft.meta or {}, category=draft.category,
                ))  # fmt: skip

    # -- tending -----------------------------------------------------------------------------------------------------

    def _stop_for(self, why: Exception) -> None:
        """Stop the job: for a spent budget, a refused key."""
        self._desk.stopping = True
        if isinstance(why, BudgetSpent) and self._budget is not None:
            spent, job = self._budget.spent(), self._job_id
            why = GeneratePaused(
                f"the budget is spent: ${spent.cost_micro / 1e6:.4f} and {spent.tokens:,} tokens; raise it with:"
                f" flywheel generate --job {job} --budget-usd X (or --budget-tokens N), then go on with: flywheel jobs"
                f" resume {job}"
            )
        elif isinstance(why, ServiceRefuses):
            why = TeacherFailed(f"{why}; {self._go_on()}")
        self._stop = self._stop or why

    async def _end(self, tender: asyncio.Task[None]) -> None:
        running = list(self._running)
        for one in (tender, *running):
            one.cancel()
        await asyncio.gather(tender, *running, return_exceptions=True)
        if self._budget is not None:
            self._budget.close()
        for service in self._services.values():
            await service.aclose()

    async def _tend_always(self) -> None:
        while self._stop is None:
            try:
                self._tend()
            except Exception as error:
                self._stop = self._stop or error
            await asyncio.sleep(TICK_S)
        self._desk.stopping = True

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY_S:
            self._looked = now
            self._hear()
            if said := self._desk.gone():
                raise TeacherFailed(f"{said}; {self._go_on()}")
        if now - self._showed >= SHOW_EVERY_S:
            self._showed = now
            self._show()
            self._recorder.flush()
        elif self._recorder.due():
            self._recorder.flush()
        if self._task is not None:
            self._task.progress(min(self.accepted, self._wanted), self._wanted, "making")
            self._task.check()

    def _hear(self) -> None:
        if self._job_id is None:
            return
        set_now = judge_jobs.steering(self._workspace.store.read(), self._job_id)
        self._limit = int(set_now.get("concurrency", self._base_limit))
        for service in self._services.values():
            service.set_concurrency(self._limit)
        if self._budget is not None:
            self._budget.cap_micro = set_now.get("budget_micro", self._budget.cap_micro)
            self._budget.cap_tokens = set_now.get("budget_tokens", self._budget.cap_tokens)

    def _show(self) -> None:
        counts = self._recorder.counts
        figures: dict[str, Any] = {"rows": self.accepted, "wanted": self._wanted}
        figures |= {f"rejected: {rule}": count for rule, count in sorted(counts.rejected.items())}
        figures |= {f"failed: {kind}": count for kind, count in sorted(counts.failed.items())}
        if self.variety.history:
            last = self.variety.history[-1]
            figures |= {"Vendi per row": last.vendi, "distinct-2": last.distinct2, "nearest ROUGE-L": last.nearest}
        if len(self._services) > 1:
            figures |= {f"rows of {name}": count for name, count in sorted(counts.teachers.items())}
        first = next(iter(self._services.values()), None)
        self._recorder.live = {
            "at": now_us(), "in_flight": len(self._running), "concurrency": self._limit,
            "waiting": max(self._wanted - self.accepted - len(self._running), 0),
            "service": first.figures() if first is not None else {}, "figures": figures, "newest": list(self._newest),
            "variety": msgspec.to_builtins(self.variety.history[-KEPT_WINDOWS:]),
        }  # fmt: skip


def _backends(services: Mapping[str, Service]) -> list[str]:
    return [service.name for service in services.values()]
