"""Gate: the evidence on an adapter, view by view; a person promotes, refuses or rolls back, with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.gate import GateClosed, approve, blind, desk, reject, renewed, rollback
from flywheel_tui.stages.gate.desk import Board, Evidence, GateView
from flywheel_tui.stages.gate.verify import Verification
from flywheel_tui.store.gate import BundleRow, DecisionRow
from screens import gate_text as words
from screens.bindings import bindings_of
from screens.blind_dialog import BlindDialog
from screens.gate_scores import scores
from screens.ledger import Ledger
from screens.safe import safe_text
from screens.widgets.dialogs import Choice, ChoiceDialog, ConfirmDialog, TextDialog
from screens.widgets.job_text import short_age
from screens.widgets.record_table import Cell, Column, RecordTable

VIEWS = ("gates", "scores", "data", "people", "in use")
BLIND_ITEMS = 30
_EMPTY = """No evidence has been gathered yet.

An evaluation of an adapter ends with an evidence bundle:
e on the screen Train makes one; in a script:
flywheel evaluate --adapter NAME --base MODEL

A cycle that trains brings its own."""


class GateScreen(Ledger[BundleRow, GateView]):
    """A row a bundle; its evidence beside it."""

    PLACE = "gate"
    CSS_PATH: ClassVar[Any] = [Path(__file__).with_name("ledger.tcss"), Path(__file__).with_name("gate.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("gate")
    EMPTY = _EMPTY
    COLUMNS = (
        Column("no.", 4, right=True), Column("verdict", 14), Column("adapter", 0, grows=True), Column("decision", 13),
        Column("by", 12, rank=2), Column("cycle", 5, right=True, rank=1), Column("made", 6, right=True, rank=3),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._board = Board(bundles=(), used=())
        self._view = 0
        self._read_before: dict[str, Evidence] = {}
        self._checked: dict[str, Verification] = {}
        self._checking = ""

    def compose_body(self) -> ComposeResult:
        yield Static("", id="ledger-head", markup=False)
        with Container(id="ledger"):
            yield RecordTable(self.COLUMNS)
            with Vertical(id="gate-one"):
                yield Static("", id="gate-views", markup=False)
                with VerticalScroll(id="ledger-details", can_focus=False):
                    yield Static("", id="ledger-text", markup=False)
        yield Static(safe_text(self.EMPTY), id="ledger-state", classes="state", markup=False)

    # -- reading and drawing ------------------------------------------------------------------------------------------

    def read(self) -> Sequence[tuple[str, BundleRow]]:
        """The newest bundles."""
        self._board = desk.board(self.shell.workspace)
        return [(row.hash, row) for row in self._board.bundles]

    def read_details(self, record: BundleRow) -> GateView:
        """Its files, read once, and what people did since."""
        tests = VIEWS[self._view] == "in use"
        view = desk.gate_view(self.shell.workspace, record, self._read_before.get(record.hash), tests=tests)
        if view.evidence is not None:
            self._read_before = {record.hash: view.evidence}
        return view

    def head(self) -> Content:
        """How many wait, and which adapter is in use."""
        waiting = sum(row.decision is None for row in self._board.bundles)
        said = f"{waiting:,} to decide" if waiting else "nothing to decide"
        used = [f"{words.name_of(one.now.adapter)} for {words.name_of(one.now.base)}" for one in self._board.used]
        text = f"   in use: {', '.join(used)}" if used else "   nothing was ever promoted"
        return Content.assemble((said, "bold"), safe_text(text, multiline=False, limit=160, style="$muted"))

    def cells(self, record: BundleRow) -> Sequence[Cell]:
        """One row."""
        glyphs = self.shell.glyphs
        mark = words.verdict_mark(record.verdict, glyphs)
        decided, colour = words.decision_mark(record, glyphs)
        if any(one.now.adapter_hash == record.adapter_hash for one in self._board.used if one.now.adapter):
            decided = f"{glyphs.mark('approved').glyph} in use"
        return (
            Cell(str(record.id), "muted"), Cell(f"{mark.glyph} {record.verdict}", mark.token),
            Cell(words.name_of(record.adapter)), Cell(decided, colour),
            Cell(record.reviewer or "", "muted"), Cell("" if record.cycle is None else str(record.cycle), "muted"),
            Cell(short_age(record.created, self.shell.clock()), "muted"),
        )  # fmt: skip

    def picture(self, record: BundleRow, details: GateView, width: int) -> Content:
        """The view that is chosen."""
        glyphs, now, found = self.shell.glyphs, self.shell.clock(), details.evidence
        name = VIEWS[self._view]
        if name == "people":
            return words.people(details, glyphs)
        if name == "in use":
            return words.in_use(details, self._board.used, glyphs, now)
        if name == "gates" or found is None:
            return words.gates(details, self._checked.get(record.hash), glyphs, now, width)
        return scores(found, glyphs) if name == "scores" else words.data(found)

    def show_details(self) -> None:
        """The line of views as well."""
        super().show_details()
        parts: list[tuple[str, str]] = []
        for number, name in enumerate(VIEWS):
            chosen = number == self._view
            parts += [(f" {number + 1}", "bold $accent" if chosen else "$muted"),
                      (f" {name} ", "bold $accent reverse" if chosen else ""), (" ", "")]  # fmt: skip
        if self._checking and self._checking == self.table.current:
            parts.append((" checking every byte …", "$edit"))
        elif self.current is not None and (self.details is None or self.details[0] != self.table.current):
            parts.append((" reading …", "$muted"))
        self.query_one("#gate-views", Static).update(Content.assemble(*parts))  # safe: our own words

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        row = self.current
        if action in ("verify", "view", "show_view", "blind"):
            return row is not None
        if action in ("promote", "refuse"):
            in_use = {one.now.adapter_hash for one in self._board.used}
            return row is not None and bool(row.adapter) and row.adapter_hash not in in_use
        if action == "rollback":
            return any(one.now.adapter for one in self._board.used)
        return True

    def action_view(self, by: int) -> None:
        """The next view of the evidence."""
        self.action_show_view((self._view + by) % len(VIEWS))

    def action_show_view(self, number: int) -> None:
        """A view of the evidence."""
        self._view = number
        self.query_one("#ledger-details", VerticalScroll).scroll_home(animate=False)
        self.show_details()
        if VIEWS[number] == "in use":
            self.store_changed()

    @work(group="verify", exclusive=True, exit_on_error=False, description="verify a bundle")
    async def action_verify(self) -> None:
        """Compute everything again in a thread; what does not hold is named."""
        if (row := self.current) is None:
            return
        self._checking = row.hash
        self.show_details()
        try:
            found = await asyncio.to_thread(desk.verify, self.shell.workspace, row)
        except FlywheelError as error:
            self._complain(error)
            return
        finally:
            self._checking = ""
            self.show_details()
        self._checked[row.hash] = found
        self._read_before.pop(row.hash, None)
        self.action_show_view(0)
        self.store_changed()
        first = f": {found.problems[0].file}" if found.problems else ""
        self.hint(f"bundle {row.id} {'holds' if found.ok else 'DOES NOT HOLD' + first}")

    @work(group="dialog", exclusive=True, exit_on_error=False, description="promote an adapter")
    async def action_promote(self) -> None:
        """Put it in use, with a reason; against the verdict only after a plain warning."""
        if (row := self.current) is None:
            return
        name, override = words.name_of(row.adapter), row.verdict != "PASS"
        if override and not await self._insist(row, f"The verdict is {row.verdict}, not PASS.", open_gates(row)):
            return
        title = f"promote {name} against {row.verdict}: why" if override else f"promote {name}: why"
        if not (reason := await self.ask_reason(title)):
            return
        try:
            made = await self._approve(row, reason, override)
        except GateClosed as error:
            if not await self._insist(row, "The gate is shut.", str(error)):
                return
            try:
                made = await self._approve(row, reason, True)
            except FlywheelError as problem:
                self._complain(problem)
                return
        except FlywheelError as error:
            self._complain(error)
            return
        self.hint(f"{words.name_of(made.adapter)} is in use now (before: {words.name_of(made.previous)})")
        self.store_changed()

    async def _approve(self, row: BundleRow, reason: str, override: bool) -> DecisionRow:
        shell = self.shell
        self.hint("checking the evidence …")
        return await asyncio.to_thread(
            approve, shell.workspace, row.hash, reviewer=shell.reviewer, reason=reason, override=override
        )

    async def _insist(self, row: BundleRow, first: str, why: str) -> bool:
        """Whether the person wants it against the evidence."""
        text = Content("\n\n").join([
            Content.styled(first, "bold $edit"), safe_text(why, limit=1_200),
            safe_text(f"Promoting {words.name_of(row.adapter)} anyway overrides the gate: that is kept for good, with"
                      f" your name ({self.shell.reviewer}) and your reason.", limit=400),
        ])  # fmt: skip
        answer: bool | None = await self.app.push_screen_wait(
            ConfirmDialog("override the gate?", text, "Override it", "Let it be")
        )
        return answer is True

    def _complain(self, error: FlywheelError) -> None:
        self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)
        self.store_changed()

    @work(group="dialog", exclusive=True, exit_on_error=False, description="refuse an adapter")
    async def action_refuse(self) -> None:
        """What is in use stays in use."""
        if (row := self.current) is None:
            return
        if reason := await self.ask_reason(f"refuse {words.name_of(row.adapter)}: why"):
            shell = self.shell
            await self.do(
                lambda: reject(shell.workspace, row.hash, reviewer=shell.reviewer, reason=reason),
                lambda made: f"refused; in use stays {words.name_of(made.adapter)}",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="roll back an adapter")
    async def action_rollback(self) -> None:
        """Put back what was in use before."""
        used = [one for one in self._board.used if one.now.adapter]
        if not used:
            return
        chosen = used[0]
        if len(used) > 1:
            choices = [Choice(one.now.base_hash, words.name_of(one.now.adapter), words.name_of(one.now.base))
                       for one in used]  # fmt: skip
            answer = await self.app.push_screen_wait(ChoiceDialog("take back which adapter", choices))
            found = next((one for one in used if one.now.base_hash == answer), None)
            if found is None:
                return
            chosen = found
        title = f"take back {words.name_of(chosen.now.adapter)}: why"
        hint = f"{words.name_of(chosen.before)} is in use again then; your name is kept with it"
        if reason := await self.ask_reason(title, hint):
            shell, base = self.shell, chosen.now.base_hash
            await self.do(
                lambda: rollback(shell.workspace, reviewer=shell.reviewer, reason=reason, base=base),
                lambda made: f"{words.name_of(made.adapter)} is in use again",
            )

    # -- blind --------------------------------------------------------------------------------------------------------

    @work(group="dialog", exclusive=True, exit_on_error=False, description="choose blind")
    async def action_blind(self) -> None:
        """Go on with one's own sitting, or begin another."""
        if (row := self.current) is None:
            return
        shell = self.shell
        try:
            sittings = await asyncio.to_thread(desk.sittings, shell.workspace, row.evaluation_id)
            own = next((one for one in sittings if one.reviewer == shell.reviewer and not one.over), None)
            test = own.test if own is not None else await self._begin_blind(row, len(sittings))
        except FlywheelError as error:
            self._complain(error)
            return
        if test is not None:
            await self.app.push_screen_wait(BlindDialog(shell.workspace, test))
            made = await self._renew(row, test)
            self.action_show_view(VIEWS.index("people"))
            if made is not None and made.hash != row.hash:
                self._wanted = made.hash
            self.store_changed()
            if made is not None and made.hash != row.hash:
                self.hint(f"bundle {made.id} holds these choices, in place of {row.id}")

    async def _renew(self, row: BundleRow, test: int) -> BundleRow | None:
        """Evidence with the choices of a sitting that is over; None where there is none to be made."""
        workspace = self.shell.workspace
        try:
            found = await asyncio.to_thread(blind.result, workspace, test)
            return await asyncio.to_thread(renewed, workspace, row.evaluation_id) if found.over else None
        except FlywheelError as error:
            self._complain(error)
            return None

    async def _begin_blind(self, row: BundleRow, before: int) -> int | None:
        hint = "items on which the two answers differ; the result is shown when all are chosen"
        answer = await self.app.push_screen_wait(
            TextDialog("compare how many answers blind", str(BLIND_ITEMS), hint=hint, check=_wrong_count)
        )
        if not answer:
            return None
        shell = self.shell
        # another seed for each sitting, so that the next draws other items and other sides
        made = await asyncio.to_thread(
            blind.begin, shell.workspace, row.evaluation_id, reviewer=shell.reviewer, count=int(answer), seed=before
        )
        return made.id


def _wrong_count(text: str) -> str:
    return "" if text.isdecimal() and 0 < int(text) <= 10_000 else "a number from 1 up"


def open_gates(row: BundleRow) -> str:
    """Which gates do not pass, and what is missing."""
    told = [
        f"{gate.gate} {gate.title}: {gate.verdict}. {gate.why}{'; missing: ' + gate.missing if gate.missing else ''}"
        for gate in row.gates
        if gate.gate != "G7" and gate.verdict in ("FAIL", "INCONCLUSIVE")
    ]
    return "\n".join(told) or "The criteria were registered after an outcome could be seen."
