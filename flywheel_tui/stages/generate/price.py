"""What rows would take: measured on a preview, else from prompts that are really built and answers of usual length."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.prices import load_prices
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.llm.tokens import estimate_prompt, estimate_text
from flywheel_tui.stages.generate.asking import Ask
from flywheel_tui.stages.generate.options import GenerateOptions, Price
from flywheel_tui.stages.generate.recipe import Recipe, Rejected, Teacher
from flywheel_tui.stages.generate.template import load_template
from flywheel_tui.text import counted

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.record import Counts
    from flywheel_tui.stages.judge.service import Service
    from flywheel_tui.store.response_cache import Cached
    from flywheel_tui.workspace import Workspace

SAMPLE = 8


class _Rehearsal:
    """A door behind which nobody sits: the recipe's own templates answer, and what would be sent is counted."""

    def __init__(self, workspace: Workspace, recipe: Recipe, options: GenerateOptions) -> None:
        self.templates = {name: load_template(name, workspace.root) for name in recipe.templates}
        self.secret = bytes(32)
        """Any will do: its length is that of the workspace's own, and nothing is sent or kept."""
        self.temperature, self.max_tokens, self.run_seed = options.temperature, options.max_tokens, options.seed
        self.sent: list[tuple[str, int, int]] = []

    def known(self, key: bytes) -> Cached | None:
        return None

    def keep(self, answer: Cached) -> None:
        return

    async def complete(self, teacher: Teacher, request: Request) -> Reply:
        from flywheel_tui.llm.backends.offline import OfflineBackend

        schema = estimate_text(str(request.schema)) if request.schema else 0
        self.sent.append((teacher.name, estimate_prompt(request.messages) + schema, request.max_tokens))
        return await OfflineBackend().complete(request)


def estimate(workspace: Workspace, recipe: Recipe, options: GenerateOptions, counts: Counts | None, rows: int) -> Price:
    """The price of `options.count` rows, from answers that were paid for (`counts`, for `rows` rows) or rehearsed."""
    sent, tried = asyncio.run(_rehearse(workspace, recipe, options))
    per_row = len(sent) / max(tried * recipe.rows_per_item, 1)
    if counts is not None and counts.calls and rows:
        tokens_in, tokens_out = counts.tokens_in / rows, counts.tokens_out / rows
        basis = f"{counted(rows, 'row')} of this preview, {counted(counts.items, 'item')}"
    else:
        tokens_in = sum(one[1] for one in sent) / max(tried * recipe.rows_per_item, 1)
        tokens_out = float(recipe.likely_tokens)
        basis = f"{counted(tried, 'item')} with prompts as they would be sent, answers of usual length"
    most_out = sum(one[2] for one in sent) / max(len(sent), 1) * per_row
    likely = _cost(workspace, options, tokens_in * options.count, tokens_out * options.count)
    most = _cost(workspace, options, 4 / 3 * tokens_in * options.count, max(most_out, tokens_out) * options.count)
    return Price(
        rows=options.count, tokens_in=round(tokens_in * options.count), tokens_out=round(tokens_out * options.count),
        cost_usd=likely, most_usd=most, basis=basis,
    )  # fmt: skip


def _cost(workspace: Workspace, options: GenerateOptions, tokens_in: float, tokens_out: float) -> float | None:
    """Dollars, the teachers sharing alike; None where one of them has no price."""
    prices = load_prices(workspace.root)
    total, teachers = 0.0, options.teachers()
    for teacher in teachers:
        service = service_of(workspace, teacher, options)
        place, asked = service.place, service.model
        service.close()
        micro = prices.cost_micro(place, asked, round(tokens_in / len(teachers)), round(tokens_out / len(teachers)))
        if micro is None:
            return None
        total += micro / 1e6
    return total


def service_of(workspace: Workspace, teacher: Teacher, options: GenerateOptions) -> Service:
    """The service of a teacher. An estimate asks nobody, so that it needs no key."""
    from flywheel_tui.stages.judge import service as services

    model = "" if teacher.backend == "offline" else teacher.model
    try:
        return services.open_service(workspace, teacher.backend, model, options.backend_options)
    except UsageError:
        if not options.estimate:
            raise
        return services.keyless_service(workspace, teacher.backend, model, options.backend_options)


async def _rehearse(
    workspace: Workspace, recipe: Recipe, options: GenerateOptions
) -> tuple[list[tuple[str, int, int]], int]:
    door: Any = _Rehearsal(workspace, recipe, options)
    tried = 0
    for index in range(SAMPLE):
        item = recipe.item(index)
        if item is None:
            break
        tried += 1
        try:
            await recipe.make(item, Ask(door, recipe, item))
        except Rejected:
            continue
    return door.sent, tried
