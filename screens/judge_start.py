"""From the answers of the judge dialog to a job: budgets as people type them, the forecast in words, the queue."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.content import Content

from flywheel_tui.errors import UsageError
from flywheel_tui.stages import views
from flywheel_tui.text import human_number
from screens.jobs import queue_and_watch, submit
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job
    from flywheel_tui.stages.judge.forecast import Forecast
    from flywheel_tui.stages.judge.options import JudgeOptions
    from flywheel_tui.workspace import Workspace
    from screens.work_screen import WorkScreen

_BUDGET = re.compile(r"\s*(\$)?\s*(\d+(?:\.\d+)?|\.\d+)\s*([kKmM])?\s*(\$|usd|dollars?|tok|tokens?)?\s*")
_SCALES = {"k": 1_000, "m": 1_000_000}


def parse_budget(text: str) -> tuple[float | None, int | None]:
    """`(dollars, tokens)` of what a person typed: 0.50, $2, 200k tokens, 1.5M; '' is no cap. Raises UsageError."""
    if not text.strip():
        return None, None
    found = _BUDGET.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no budget: write dollars such as 0.50, or tokens such as 200k")
    dollar, number, scale, unit = found.groups()
    value = float(number) * _SCALES.get((scale or "").lower(), 1)
    tokens = bool(scale or (unit or "").startswith("tok")) and not dollar
    if tokens and not (unit or "tok").startswith("tok"):
        raise UsageError(f"{text!r} is both dollars and tokens: write one of them")
    return (None, round(value)) if tokens else (value, None)


def forecast_words(found: Forecast) -> Content:
    """Two lines: how many pairs, and what they take."""
    there = f", {found.judged:,} have been asked about" if found.judged else ""
    first = f"{found.pairs:,} of {found.matched:,} pairs{there}; rubric {found.rubric}; run {found.tag}"
    if found.problem:
        second = Content.styled(found.problem, "$text-error")
    elif found.by_rules:
        second = Content.styled("costs nothing: rules, no model", "$muted")
    elif not found.pairs:
        second = Content.styled("nothing is left to be asked", "$muted")
    else:
        known = f"{found.known:,} answers known, " if found.known else ""
        tokens = f"{human_number(found.tokens_in)} tokens in, {human_number(found.tokens_out)} out"
        second = Content.assemble(f"{known}about {found.calls:,} calls, {tokens}: ", _price(found))
    return Content("\n").join([safe_text(first, multiline=False, limit=200), second])


def _price(found: Forecast) -> tuple[str, str]:
    if found.cost_usd is None or found.cost_most is None:
        return "unknown price (prices.toml)", "$edit"
    if not found.cost_most:
        return "free", "bold"
    return f"about ${found.cost_usd:,.2f}, at most ${found.cost_most:,.2f}", "bold"


def put_in_queue(workspace: Workspace, options: JudgeOptions, *, worker: bool) -> Job:
    """Make the run and its job. Call it in a thread; raises FlywheelError."""
    from flywheel_tui.stages.judge.run import announce

    dataset = views.get_dataset(workspace, options.dataset)
    asked = announce(workspace, options)
    return submit(
        workspace, "judge", msgspec.to_builtins(asked.options), title=f"judge {dataset.name} {asked.tag}",
        worker=worker, dataset_id=dataset.id, slot="network" if asked.network else "cpu",
    )  # fmt: skip


async def ask_and_judge(screen: WorkScreen, dataset: str, *, pairs: int = 0, where: str = "") -> None:
    """The dialog, then the job, then Live. Call it in a worker."""
    from screens.judge_dialog import JudgeDialog

    shell = screen.shell
    options = await shell.push_screen_wait(JudgeDialog(shell.workspace, dataset, pairs=pairs, where=where))
    if options is not None:
        await queue_and_watch(shell, partial(put_in_queue, shell.workspace, options, worker=shell.worker))
