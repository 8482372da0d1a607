"""Train: runs and the adapters they made – loss, held-out loss, learning rate and speed as they come, and the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import train as stage
from flywheel_tui.stages import views
from flywheel_tui.stages.train.watch import RunFigures, RunLine, run_figures, run_lines
from flywheel_tui.text import human_duration
from screens.bindings import bindings_of
from screens.jobs import submit
from screens.ledger import Ledger
from screens.reader import Reader
from screens.safe import safe_text
from screens.widgets.dialogs import Choice, ChoiceDialog, ConfirmDialog, TextDialog
from screens.widgets.job_text import short_age
from screens.widgets.line_chart import LineChart
from screens.widgets.record_table import Cell, Column

if TYPE_CHECKING:
    from flywheel_tui.stages.train.options import Plan

MARKS = {"queued": "queued", "running": "running", "stopped": "paused", "interrupted": "lost", "failed": "failed",
         "done": "done"}  # fmt: skip
DECIDED = ("refused", "rolled_back", "retired")
"""How an adapter stands that is out of use for good; a run shows it in place of its own state."""
METHODS = {"sft": "learn the answers", "dpo": "prefer one over the other", "kto": "good ones and bad ones"}
_EMPTY = """No adapter has been trained yet.

n trains one here: it shows the plan first.
In a script: flywheel train -d NAME --base FOLDER --dry-run"""


class LogOfRun(Reader):
    """What the trainer of a run printed."""

    AT_END = True

    def __init__(self, run: int) -> None:
        super().__init__(f"log of run {run}")
        self._run = run

    def read(self) -> Content:
        """Its end."""
        lines = stage.log_tail(self.shell.workspace, self._run, 2_000)
        return safe_text("\n".join(lines) or "nothing was printed yet", limit=400_000)


class TrainScreen(Ledger[RunLine, RunFigures]):
    """A row a run; its curve, figures and log beside it."""

    PLACE = "train"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("train")
    LOOK_SECONDS = 1.0
    EMPTY = _EMPTY
    COLUMNS = (
        Column("run", 4, right=True), Column("state", 13), Column("adapter", 0, grows=True),
        Column("step", 11, right=True), Column("loss", 7, right=True, rank=1),
        Column("data set", 16, rank=3), Column("since", 6, right=True, rank=2),
    )  # fmt: skip

    def compose_details(self) -> ComposeResult:
        """The curve."""
        tokens = {"loss": "accent", "held-out": "judge"}
        yield LineChart(tokens, across="step", up="loss", whole=True)

    # -- reading and drawing ------------------------------------------------------------------------------------------

    def read(self) -> Sequence[tuple[str, RunLine]]:
        """The newest runs."""
        return [(str(line.run.id), line) for line in run_lines(self.shell.workspace)]

    def read_details(self, record: RunLine) -> RunFigures:
        """Its figures."""
        return run_figures(self.shell.workspace, record.run)

    def head(self) -> Content:
        """What runs, and which adapter is in use."""
        running = sum(line.run.state == "running" for line in self.records.values())
        used = [line.adapter.name for line in self.records.values() if line.adapter and line.in_use]
        words = f"{running} running" if running else "nothing trains"
        promoted = safe_text(f"   in use: {', '.join(used)}" if used else "   no adapter is promoted", limit=120,
                             multiline=False, style="$muted")  # fmt: skip
        return Content.assemble((words, "bold"), promoted)

    def cells(self, record: RunLine) -> Sequence[Cell]:
        """One row."""
        run, adapter = record.run, record.adapter
        mark = self.shell.glyphs.mark(MARKS[run.state])
        word = run.phase if run.state == "running" and run.phase and run.phase != "training" else run.state
        if adapter is not None and (record.in_use or adapter.state in DECIDED):
            word = "in use" if record.in_use else adapter.state.replace("_", " ")
        loss = run.totals.get("loss")
        shown = self.details[1].newest.get("loss") if self.details and self.details[0] == str(run.id) else None
        value = shown if shown is not None else loss[-1] if isinstance(loss, (list, tuple)) and loss else loss
        return (
            Cell(str(run.id), "muted"), Cell(f"{mark.glyph} {word}", mark.token),
            Cell(run.name),
            Cell(f"{run.step:,}/{run.steps:,}" if run.steps else f"{run.step:,}"),
            Cell(f"{value:.3f}" if isinstance(value, (int, float)) else ""),
            Cell(run.dataset, "muted"), Cell(short_age(run.created, self.shell.clock()), "muted"),
        )  # fmt: skip

    def show_details(self) -> None:
        """The curve as well."""
        super().show_details()
        key, chart = self.table.current, self.query_one(LineChart)
        if key is not None and self.details is not None and self.details[0] == key:
            lines = self.details[1].lines
            chart.show({"loss": lines.get("loss", ()), "held-out": lines.get("eval_loss", ())})
        else:
            chart.show({})

    def picture(self, record: RunLine, details: RunFigures, width: int) -> Content:
        """Figures, then how it ended, then the end of the log."""
        run, newest = record.run, details.newest
        figures = []
        for name, key, form in (
            ("loss", "loss", "{:.4f}"), ("held-out loss", "eval_loss", "{:.4f}"),
            ("learning rate", "learning_rate", "{:.2e}"), ("tokens/s", "tokens_per_s", "{:,.0f}"),
            ("tokens", "num_tokens", "{:,.0f}"),
        ):  # fmt: skip
            if key in newest:
                figures.append((name, form.format(newest[key])))
        first = details.lines.get("loss", ())
        if len(first) > 1:
            figures[0] = ("loss", f"{first[0][1]:.4f} → {first[-1][1]:.4f}")
        if seconds := run.totals.get("seconds"):
            figures.append(("time", human_duration(float(seconds))))
        if peak := run.totals.get("peak_bytes"):
            figures.append(("memory at most", f"{peak / 2**30:.2f} GB"))
        if device := run.totals.get("device"):
            figures.append(("on", str(device)))
        for number, gpu in enumerate(details.gpus):
            figures.append((f"GPU {number}", f"{gpu['use']:.0f} % · {gpu['used'] / 2**30:.1f} of "
                                             f"{gpu['total'] / 2**30:.0f} GB"))  # fmt: skip
        on = Path(run.base).name or run.base
        lines = [safe_text(f"{run.name}  {run.method} on {on}", multiline=False, limit=300, style="bold")]
        lines += [Content.assemble((f"{name:<15}", "$muted"), safe_text(value, multiline=False, limit=120))
                  for name, value in figures]  # fmt: skip
        if run.reason:
            style = "$text-error" if run.state == "failed" else "$edit"
            lines.append(safe_text(run.reason, limit=1_000, style=style))
        if record.adapter is not None:
            words = f"adapter {record.adapter.name}: {record.adapter.state}, {record.adapter.path}"
            lines.append(safe_text(words, multiline=False, limit=300))
        lines += [safe_text(note, multiline=False, limit=300, style="$muted") for note in run.totals.get("notes", ())]
        if details.log:
            lines += [Content(""), Content.styled("log (L shows all of it)", "$muted")]
            lines += [safe_text(line, multiline=False, limit=300, style="$muted") for line in details.log]
        return Content("\n").join(lines)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        line = self.current
        if action == "stop":
            return line is not None and line.run.state in ("queued", "running")
        if action == "resume":
            return line is not None and line.run.state in ("stopped", "interrupted", "failed")
        if action == "evaluate":
            return line is not None and line.adapter is not None
        if action == "log":
            return line is not None
        return True

    @work(group="steer", exit_on_error=False, description="stop a training run")
    async def action_stop(self) -> None:
        """Save, then stop."""
        if (line := self.current) is not None:
            await self.do(
                lambda: stage.stop(self.shell.workspace, line.run.id),
                lambda run: f"run {run.id} saves and stops; r goes on from there",
            )

    @work(group="steer", exit_on_error=False, description="go on with a training run")
    async def action_resume(self) -> None:
        """From the last checkpoint."""
        if (line := self.current) is None:
            return
        shell, run = self.shell, line.run
        args = {"dataset": run.dataset, "resume": run.id}
        await self.do(
            lambda: submit(shell.workspace, "train", args, title=f"train {run.name}", worker=shell.worker,
                           dataset_id=run.dataset_id),
            lambda job: f"run {run.id} goes on as job {job.id}",
        )  # fmt: skip

    def action_log(self) -> None:
        """All that was printed."""
        if (line := self.current) is not None:
            self.app.push_screen(LogOfRun(line.run.id))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="evaluate an adapter")
    async def action_evaluate(self) -> None:
        """Against the base, on a data set that is chosen."""
        if (line := self.current) is None or line.adapter is None:
            return
        name = await self._dataset("held-out data set")
        if name:
            shell, adapter = self.shell, line.adapter
            args = {"adapter": adapter.name, "base": adapter.base, "dataset": name}
            await self.do(
                lambda: submit(
                    shell.workspace, "evaluate", args, title=f"evaluate {adapter.name}", worker=shell.worker
                ),
                lambda job: f"job {job.id} evaluates {adapter.name}; g i watches it",
            )

    async def _dataset(self, title: str) -> str | None:
        rows = await asyncio.to_thread(views.list_datasets, self.shell.workspace)
        choices = [Choice(row.name, row.name, f"{row.kind}, {row.pairs:,} pairs") for row in rows]
        return await self.app.push_screen_wait(ChoiceDialog(title, choices, self.shell.dataset))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="begin a training run")
    async def action_start(self) -> None:
        """Data set, base, method; then the plan; then the run."""
        name = await self._dataset("train on")
        if not name:
            return
        base = await self.app.push_screen_wait(TextDialog("base model", _last_base(self), hint="a folder with it"))
        if not base:
            return
        methods = [Choice(name, name, about, name[0]) for name, about in METHODS.items()]
        method = await self.app.push_screen_wait(ChoiceDialog("method", methods, "sft"))
        if not method:
            return
        options = stage.TrainOptions(dataset=name, base=base, method=method)
        self.hint("making the plan …")
        try:
            plan = await asyncio.to_thread(stage.plan, self.shell.workspace, options)
        except FlywheelError as error:
            self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)
            return
        if await self.app.push_screen_wait(ConfirmDialog("train?", plan_words(plan), "Train it", "Let it be")):
            shell = self.shell
            args = {"dataset": name, "base": base, "method": method}
            await self.do(
                lambda: submit(shell.workspace, "train", args, title=f"train {method} on {name}", worker=shell.worker),
                lambda job: f"job {job.id} trains; it goes on when this window closes",
            )


def _last_base(screen: TrainScreen) -> str:
    """The base of the newest run: the likeliest one now."""
    return next((line.run.base for line in screen.records.values()), "")


def plan_words(plan: Plan) -> Content:
    """What a run would take."""
    data = plan.data
    lines = [
        f"{data.train:,} examples to learn from, {data.held_out:,} held out",
        f"{plan.steps:,} steps, about {human_duration(plan.seconds)}",
        f"{plan.memory_total / 2**30:.2f} GB of memory, in {plan.precision}" if plan.memory_total else "",
        *plan.notes,
    ]
    return Content("\n").join([safe_text(line, multiline=False, limit=300) for line in lines if line])
