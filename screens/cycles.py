"""Cycles: the history and its curve, the running cycle as a ribbon of phases, failures, triggers, what holds it up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from flywheel_tui.cycle import desk
from flywheel_tui.cycle.desk import Details, Entry
from flywheel_tui.cycle.engine import abandon
from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.errors import FlywheelError
from flywheel_tui.jobs import overview
from flywheel_tui.records.job import Job
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.text import human_duration
from screens import cycles_text as words
from screens.bindings import bindings_of
from screens.cycles_phases import PhasesScreen
from screens.cycles_start import MORE_HINT, StartDialog, parse_limits
from screens.ledger import Ledger
from screens.safe import safe_text
from screens.widgets.dialogs import ConfirmDialog, TextDialog
from screens.widgets.line_chart import LineChart
from screens.widgets.record_table import Cell, Column, RecordTable

_EMPTY = """No cycle has been turned yet.

n begins one: seeds, a recipe, and what it may cost.
In a script: flywheel run -s "seed one,seed two"

A cycle makes pairs, checks and judges them, asks people, exports, trains, and ends at the gate."""
PAID = ("openai", "openrouter", "anthropic")
GOES_ON = ("waiting", "failed", "interrupted")


class CyclesScreen(Ledger[Entry, Details]):
    """A row a cycle; the ribbon of its phases and its figures beside it."""

    PLACE = "cycles"
    CSS_PATH: ClassVar[Any] = [Path(__file__).with_name("ledger.tcss"), Path(__file__).with_name("cycles.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("cycles")
    LOOK_SECONDS = 1.0
    EMPTY = _EMPTY
    COLUMNS = (
        Column("no.", 4, right=True), Column("state", 13), Column("pairs", 5, right=True),
        Column("passed", 6, right=True), Column("rate", 6, right=True), Column("cost", 7, right=True, rank=3),
        Column("time", 12, right=True, rank=2), Column("adapter", 10, rank=1),
        Column("why it stopped", 0, grows=True),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._phase: int | None = None
        """The phase that was chosen in the ribbon; None follows the present one."""
        self._queued: list[Job] = []
        self._newest: str | None = None

    def compose_body(self) -> ComposeResult:
        tokens = {"pass rate": "approve", "yield": "judge"}
        yield Static("", id="ledger-head", markup=False)
        with Container(id="ledger"):
            yield RecordTable(self.COLUMNS)
            yield Static("", id="cycles-ribbon", markup=False)
            with Horizontal(id="cycles-one"):
                with VerticalScroll(id="ledger-details", can_focus=False):
                    yield Static("", id="ledger-text", markup=False)
                    with Vertical(id="cycles-chart-below"):
                        yield LineChart(tokens, across="cycle", up="%", whole=True, between=(0.0, 100.0))
                with Vertical(id="cycles-chart"):
                    yield LineChart(tokens, across="cycle", up="%", whole=True, between=(0.0, 100.0))
        yield Static(safe_text(self.EMPTY), id="ledger-state", classes="state", markup=False)

    # -- reading and drawing ------------------------------------------------------------------------------------------

    def read(self) -> Sequence[tuple[str, Entry]]:
        """The newest cycle first."""
        self._queued = desk.waiting_to_begin(self.shell.workspace)
        return [(str(entry.line.number), entry) for entry in desk.entries(self.shell.workspace)]

    def read_details(self, record: Entry) -> Details:
        """Its phases, failures, triggers and speed."""
        return desk.details(self.shell.workspace, record.line.number)

    def head(self) -> Content:
        """What turns, and for whom it waits."""
        open_now = [entry for entry in self.records.values() if entry.is_open]
        running = sum(entry.state == "running" for entry in open_now)
        waiting = [entry for entry in open_now if entry.awaits]
        parts = [(f"{running} running" if running else "nothing turns", "bold")]
        if self._queued:
            parts.append((f"   {len(self._queued)} queued", "$muted"))
        for entry in waiting[:1]:
            who = (entry.awaits or {}).get("who", "a person")
            parts.append((f"   cycle {entry.line.number} waits for {who}"[:60], "bold $edit"))
        done = sum(entry.state == "done" for entry in self.records.values())
        parts.append((f"   {done:,} finished", "$muted"))
        return Content.assemble(*(Content.assemble(safe_text(text, multiline=False, style=style))
                                  for text, style in parts))  # fmt: skip

    def cells(self, record: Entry) -> Sequence[Cell]:
        """One row."""
        line, mark = record.line, words.state_mark(record.state, self.shell.glyphs)
        adapter, colour = words.outcome(line, self.shell.glyphs)
        made = bool(line.generated)
        return (
            Cell(str(line.number), "muted"), Cell(f"{mark.glyph} {mark.word}", mark.token),
            Cell(f"{line.generated:,}" if made else ""), Cell(f"{line.passed:,}" if line.judged else ""),
            Cell(words.share(line.pass_rate) if line.judged else ""), Cell(f"${line.cost_usd:,.2f}", "muted"),
            Cell(human_duration(line.seconds), "muted"), Cell(adapter, colour),
            Cell(_why(record), "muted"),
        )  # fmt: skip

    def picture(self, record: Entry, details: Details, width: int) -> Content:
        """Figures, failures by kind, seeds, triggers, speed."""
        return words.picture(record, details, self.shell.glyphs, width)

    def show(self) -> None:
        """Whoever watches the newest cycle watches the next one once it begins."""
        newest = next(iter(self.records), None)
        if newest != self._newest:
            if self._newest is not None and self._wanted is None and self.table.current == self._newest:
                self._wanted = newest
            self._newest = newest
        super().show()

    def show_details(self) -> None:
        """The ribbon and the curve as well."""
        super().show_details()
        self._show_ribbon()
        lines, said = curve(list(self.records.values()))
        for chart in self.query(LineChart):
            chart.show(lines, said)

    def _show_ribbon(self) -> None:
        box, entry = self.query_one("#cycles-ribbon", Static), self.current
        content = Content("")
        if entry is not None and self.details is not None and self.details[0] == self.table.current:
            phases, glyphs = self.details[1].view.phases, self.shell.glyphs
            width = max(box.content_size.width, 30)
            chosen = self._phase if self._phase is not None else _present(entry, self.details[1])
            standing = words.standing(entry, phases, glyphs, self.shell.clock())
            content = Content("\n").join([words.ribbon(phases, entry, chosen, glyphs, width), standing])
        box.update(content)  # safe: our own words and safe_text

    @on(DataTable.RowHighlighted)
    def _other_cycle(self) -> None:
        if self.details is not None and self.details[0] != self.table.current:
            self._phase = None

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        entry = self.current
        if action in ("phases", "phase"):
            return entry is not None
        if action == "go_on":
            return entry is not None and entry.state in GOES_ON
        if action == "give_up":
            return entry is not None and entry.is_open and entry.job is None
        if action in ("pause", "cancel"):
            return entry is not None and entry.job is not None
        if action == "open":
            return entry is not None and bool(entry.awaits)
        return True

    def action_phase(self, by: int) -> None:
        """Choose a phase of the ribbon."""
        if (entry := self.current) is None or self.details is None:
            return
        count = len(self.details[1].view.phases)
        at = self._phase if self._phase is not None else _present(entry, self.details[1])
        self._phase = (at + by) % count
        self._show_ribbon()

    def action_phases(self) -> None:
        """Look into the phase that is chosen."""
        if (entry := self.current) is None:
            return
        name = ""
        if self.details is not None and self.details[0] == self.table.current:
            at = self._phase if self._phase is not None else _present(entry, self.details[1])
            name = self.details[1].view.phases[at].phase
        self.app.push_screen(PhasesScreen(entry.line.number, name))

    async def action_open(self) -> None:
        """Go where a person is awaited: the evidence in Gate, or exactly those pairs in Label."""
        if (entry := self.current) is None or not entry.awaits:
            return
        if bundle := entry.awaits.get("bundle"):
            await self.shell.go("gate", bundle)
        elif pairs := entry.awaits.get("pairs"):
            self.shell.dataset = entry.line.dataset
            query = ViewQuery(dataset=entry.line.dataset, reviewer=self.shell.reviewer)
            await self.shell.open_label(query, marked=[int(pair) for pair in pairs])
        else:
            self.hint(f"it waits for {entry.awaits.get('who', 'a person')}; r goes on once that is done")

    @work(group="dialog", exclusive=True, exit_on_error=False, description="begin a run of cycles")
    async def action_start(self) -> None:
        """Ask what to turn, and have it turned behind the screen."""
        options = await self.app.push_screen_wait(StartDialog(self.shell.workspace))
        if options is None or not await self._may_cost(options):
            return
        self._submit(msgspec.to_builtins(options), options.into)

    async def _may_cost(self, options: CycleOptions) -> bool:
        paid = sorted({options.backend, options.judge_backend} & set(PAID))
        if not paid or options.budget.usd is not None or options.budget.tokens is not None:
            return True
        text = f"{', '.join(paid)} may cost money, and no budget is set."
        dialog = ConfirmDialog("begin without a budget?", text, "Begin", "Let it be")
        answer: bool | None = await self.app.push_screen_wait(dialog)
        return answer is True

    def _submit(self, args: dict[str, Any], into: str) -> None:
        self.shell.start_job("cycle", args, f"cycles into {into}")
        self.store_changed()

    @work(group="dialog", exclusive=True, exit_on_error=False, description="go on with a run of cycles")
    async def action_go_on(self) -> None:
        """Have a job take up the run from where it is."""
        if (entry := self.current) is None:
            return
        try:
            args = dict(await asyncio.to_thread(desk.arguments, self.shell.workspace, entry.line.number))
        except FlywheelError as error:
            self.hint(str(error))
            return
        if entry.awaits and entry.awaits.get("who") == "a larger budget":
            dialog = TextDialog("budget of the whole run from now on", hint=MORE_HINT, check=_wrong_limits)
            if (said := await self.app.push_screen_wait(dialog)) is None:
                return
            args |= {"budget": msgspec.to_builtins(parse_limits(said)), "budgets": {}}
        self._submit(args, entry.line.dataset)

    @work(group="steer", exit_on_error=False, description="pause or resume the job of a cycle")
    async def action_pause(self) -> None:
        """Lay it aside at its next safe point, or have it go on."""
        if (entry := self.current) is not None and entry.job is not None:
            number, shell = entry.job.id, self.shell
            await self.do(
                lambda: overview.pause_or_resume(shell.workspace, number, start=shell.worker),
                lambda job: f"job {job.id}: {job.state}{', pauses at its next safe point' if job.wanted else ''}",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="cancel the job of a cycle")
    async def action_cancel(self) -> None:
        """Ask, then stop it at its next safe point; the run can go on later."""
        if (entry := self.current) is None or entry.job is None:
            return
        number, shell = entry.job.id, self.shell
        text = f"Cycle {entry.line.number} stops at its next safe point. What it finished is kept; r goes on with it."
        if await self.app.push_screen_wait(ConfirmDialog(f"cancel job {number}?", text, "Cancel it", "Let it be")):
            await self.do(
                lambda: overview.cancel(shell.workspace, number),
                lambda job: f"job {job.id}: {job.state}{', stops at its next safe point' if job.wanted else ''}",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="give up a run of cycles")
    async def action_give_up(self) -> None:
        """Its run goes on no more; what it made is kept."""
        entry = self.current
        if entry is None or entry.line.run is None:
            return
        run, shell = entry.line.run, self.shell
        if reason := await self.ask_reason(f"give up run {run}: why", "what it made is kept; it cannot go on then"):
            await self.do(lambda: abandon(shell.workspace, run, reason), lambda row: f"run {row.id} is given up")


def _wrong_limits(text: str) -> str:
    try:
        parse_limits(text)
    except FlywheelError as error:
        return str(error)
    return "" if text.strip() else "say how much may be spent"


def _why(entry: Entry) -> str:
    if entry.awaits:
        return f"waits for {entry.awaits.get('who', 'a person')}"
    if entry.state == "running":
        return f"in {entry.line.phase}" if entry.line.phase else "begins"
    return entry.why


def _present(entry: Entry, details: Details) -> int:
    """The phase that is under way; of a cycle that is over, the last."""
    for number, phase in enumerate(details.view.phases):
        if phase.state != "done":
            return number
    return len(details.view.phases) - 1


def curve(entries: Sequence[Entry]) -> tuple[dict[str, list[tuple[float, float]]], str]:
    """Pass rate and yield over cycles, in per cent, and the newest and oldest figures in a sentence."""
    told = [entry for entry in entries if entry.line.pass_rate is not None and not entry.is_open]
    told.sort(key=lambda entry: entry.line.number)
    if len(told) < 2:
        return {}, ""
    rates = [(float(entry.line.number), 100 * (entry.line.pass_rate or 0.0)) for entry in told]
    yields = [(float(entry.line.number), 100 * (entry.made_use_of or 0.0)) for entry in told]
    said = (
        f"pass rate {rates[0][1]:.0f} % in cycle {rates[0][0]:.0f}, {rates[-1][1]:.0f} % in cycle {rates[-1][0]:.0f};"
        f" yield {yields[0][1]:.0f} % and {yields[-1][1]:.0f} %"
    )
    return {"pass rate": rates, "yield": yields}, said
