"""From the answers of the generate dialog to a job: the price and a preview in words, the queue."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.text import human_number
from screens.jobs import queue_and_watch, submit
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job
    from flywheel_tui.stages.generate.options import GenerateOptions, GenerateReport, Price
    from flywheel_tui.workspace import Workspace
    from screens.work_screen import WorkScreen


def placed(value: str) -> str:
    """A path to what is there, made whole: workers have another working directory. Anything else stays as it is."""
    named = "/" in value or value.endswith((".jsonl", ".json", ".yaml", ".yml", ".csv", ".txt"))
    path = Path(value).expanduser()
    return str(path.absolute()) if named and path.exists() else value


def price_words(price: Price, *, by_templates: bool, rows: int | None = None) -> Content:
    """What `rows` rows take (all that are wanted, unless said), in a line."""
    count = price.rows if rows is None else rows
    if by_templates:
        return Content.styled(f"{count:,} rows cost nothing: templates, no model", "$muted")
    share = count / max(price.rows, 1)
    tokens = (
        f"{human_number(round(price.tokens_in * share))} tokens in, {human_number(round(price.tokens_out * share))} out"
    )
    if price.cost_usd is None or price.most_usd is None:
        cost = ("unknown price (prices.toml)", "$edit")
    elif not price.most_usd:
        cost = ("free", "bold")
    else:
        cost = (f"about ${price.cost_usd * share:,.4f}, at most ${price.most_usd * share:,.4f}", "bold")
    return Content.assemble(f"{count:,} rows, {tokens}: ", cost)


def put_in_queue(workspace: Workspace, options: GenerateOptions, *, worker: bool) -> Job:
    """Place the seeds and make the job. Call it in a thread; raises FlywheelError."""
    from flywheel_tui.stages.generate.run import announce

    asked = announce(workspace, options)
    return submit(
        workspace, "generate", msgspec.to_builtins(asked.options), title=f"generate {options.recipe} {options.into}",
        worker=worker, dataset_id=asked.dataset_id, unit="rows", slot="network" if asked.network else "cpu",
    )  # fmt: skip


async def ask_and_generate(screen: WorkScreen, into: str, **prefilled: str) -> None:
    """The dialog, then the job, then Live. Call it in a worker."""
    from screens.generate_dialog import GenerateDialog

    shell = screen.shell
    options = await shell.push_screen_wait(GenerateDialog(shell.workspace, into, **prefilled))
    if options is not None:
        await queue_and_watch(shell, partial(put_in_queue, shell.workspace, options, worker=shell.worker))


class PreviewScreen(ModalScreen[None]):
    """A few rows as they would be written; none of them is."""

    CSS_PATH = Path(__file__).with_name("generate_dialog.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "back"),
        Binding("j", "scroll(2)", show=False),
        Binding("k", "scroll(-2)", show=False),
    ]

    def __init__(self, report: GenerateReport) -> None:
        super().__init__()
        self._report = report

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog", id="generate-preview") as box:
            box.border_title = safe_text(f"preview: {self._report.recipe}, nothing is written", multiline=False)
            box.border_subtitle = "up down scroll · esc back"
            yield Static(preview_words(self._report), markup=False)  # safe: made of safe_text

    def on_mount(self) -> None:
        """Keys scroll."""
        self.query_one("#generate-preview").focus()

    def action_scroll(self, by: int) -> None:
        """Some lines."""
        self.query_one("#generate-preview").scroll_relative(y=by, animate=False)


def preview_words(report: GenerateReport) -> Content:
    """The rows with their teachers, then what was rejected and what failed."""
    parts: list[Content] = []
    for number, row in enumerate(report.preview, 1):
        parts.append(
            safe_text(f"{number}  {row.kind}, {row.teacher}", multiline=False, limit=200, style="bold $accent")
        )
        parts.append(safe_text(row.instruction, limit=4_000))
        for name, value in (("input", row.input), ("output", row.output), *row.body.items()):
            if value:
                parts.append(safe_text(f"[{name}]", multiline=False, limit=80, style="$muted"))
                parts.append(safe_text(_shown(value), limit=4_000))
        parts.append(Content(""))
    if not report.preview:
        parts.append(Content.styled("no row came of it", "$edit"))
    for words, counts in (("rejected", report.rejected), ("failed", report.failed)):
        if counts:
            said = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
            parts.append(safe_text(f"{words}: {said}", multiline=False, limit=300, style="$edit"))
    if report.price is not None:
        parts.append(price_words(report.price, by_templates=report.offline))
    return Content("\n").join(parts)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
