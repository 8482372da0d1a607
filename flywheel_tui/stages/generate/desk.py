"""What stands between recipes and models: the teachers' services, the cache, the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.records.judgment import WHOLE_SERVICE
from flywheel_tui.stages.generate.recipe import Teacher
from flywheel_tui.stages.generate.template import Template
from flywheel_tui.store import response_cache
from flywheel_tui.store.response_cache import Cached

if TYPE_CHECKING:
    from flywheel_tui.stages.budget import Budget
    from flywheel_tui.stages.generate.record import Recorder
    from flywheel_tui.stages.judge.service import Service
    from flywheel_tui.workspace import Workspace

TICK_S = 0.02
GONE_AFTER_S, NEVER_THERE_AFTER_S = 90.0, 20.0
"""Silence (while the breaker of a service is open) after which a job stops: it did answer before, it never did."""


class Halted(Exception):
    """The job is stopping: the item is as if nobody had begun it."""


class Desk:
    """One for a job. It is what `asking.Door` asks for."""

    def __init__(
        self, workspace: Workspace, services: Mapping[str, Service], recorder: Recorder, budget: Budget | None, *,
        templates: Sequence[Template], run_seed: int, temperature: float | None, max_tokens: int,
        stop: Callable[[Exception], None],
    ) -> None:  # fmt: skip
        self._workspace, self._services, self._recorder, self._budget = workspace, services, recorder, budget
        self._stop = stop
        self.stopping = False
        self.templates: Mapping[str, Template] = {template.name: template for template in templates}
        self.secret = response_cache.nonce_secret(workspace.store)
        self.temperature, self.max_tokens, self.run_seed = temperature, max_tokens, run_seed

    def known(self, key: bytes) -> Cached | None:
        """A kept answer, counted as a hit."""
        found = response_cache.look_up(self._workspace.store.read(), [key]).get(key)
        if found is not None:
            self._recorder.counts.hits += 1
        return found

    def keep(self, answer: Cached) -> None:
        """Keep a complete and valid answer."""
        self._recorder.keep(answer)

    async def complete(self, teacher: Teacher, request: Request) -> Reply:
        """Ask within the budget. Raises BackendFault, or Halted where the job stops."""
        service = self._service(teacher)
        while True:
            if self.stopping:
                raise Halted
            try:
                reply = await service.complete(request)
            except BackendFault as fault:
                self._mind(fault, service)
                # calls under way may turn out cheaper than what is set aside for them
                await asyncio.sleep(TICK_S)
                continue
            self._recorder.counts.reply(reply)
            return reply

    def _mind(self, fault: BackendFault, service: Service) -> None:
        """Hand a fault on, unless waiting for the budget can help; stop the job where it hits every item."""
        if fault.kind == "cost_cap" and self._budget is not None:
            if self._budget.idle:
                self._stop(BudgetSpent(str(fault.message)))
                raise Halted
            return
        if fault.kind in WHOLE_SERVICE:
            self._stop(ServiceRefuses(f"{service.name}: {fault.message}"))
            raise Halted
        raise fault

    def _service(self, teacher: Teacher) -> Service:
        found = self._services.get(teacher.name)
        if found is None:
            raise UsageError(f"{teacher.name} is none of the teachers of this job")
        return found

    def gone(self) -> str:
        """Which service has not answered for so long that the job should stop; empty where all is well."""
        for service in self._services.values():
            silent, ever = service.silent_s()
            if silent > (GONE_AFTER_S if ever else NEVER_THERE_AFTER_S):
                return f"{service.name} has not answered for {silent:.0f} s"
        return ""


class BudgetSpent(Exception):
    """What may be spent is spent."""


class ServiceRefuses(Exception):
    """A refused key or an empty account: every item would get the same answer."""
