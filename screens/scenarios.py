"""Scenarios: failures that came in, in groups, each with a drafted rubric; a person says which of them seed a cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.content import Content

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import scenarios as stage
from flywheel_tui.stages.scenarios import ScenarioView
from flywheel_tui.store.scenarios import ScenarioRow
from screens.bindings import bindings_of
from screens.ledger import Ledger
from screens.safe import safe_text
from screens.widgets.dialogs import Choice, ChoiceDialog
from screens.widgets.job_text import short_age
from screens.widgets.record_table import Cell, Column

MARKS = {"proposed": "open", "approved": "approved", "rejected": "rejected", "merged": "skipped"}
TRACES = 12
_EMPTY = """No failure has come in yet.

flywheel scenario add FILE takes failure traces from a file,
flywheel scenario add --from-judge TAG -d NAME what a judge failed.

They are grouped here; approved groups seed the next cycle."""


class ScenariosScreen(Ledger[ScenarioRow, ScenarioView]):
    """A row a scenario; its failures, its rubric and what was decided beside it."""

    PLACE = "scenarios"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("scenarios")
    EMPTY = _EMPTY
    COLUMNS = (
        Column("no.", 4, right=True), Column("state", 11), Column("what fails", 0, grows=True),
        Column("seen", 5, right=True), Column("failures", 8, right=True, rank=1), Column("kind", 16, rank=3),
        Column("since", 6, right=True, rank=2),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._all = False

    # -- reading and drawing ------------------------------------------------------------------------------------------

    def read(self) -> Sequence[tuple[str, ScenarioRow]]:
        """What waits for a decision first; with `h` also what was rejected or merged."""
        rows = stage.scenarios(self.shell.workspace)
        shown = [row for row in rows if self._all or row.state in ("proposed", "approved")]
        shown.sort(key=lambda row: (row.state != "proposed", -row.seen, row.id))
        return [(str(row.id), row) for row in shown]

    def read_details(self, record: ScenarioRow) -> ScenarioView:
        """Its failures, rubric and history."""
        return stage.scenario_view(self.shell.workspace, record.id)

    def head(self) -> Content:
        """How many wait."""
        waiting = sum(row.state == "proposed" for row in self.records.values())
        approved = sum(row.state == "approved" for row in self.records.values())
        words = f"{waiting:,} to decide" if waiting else "nothing to decide"
        return Content.assemble((words, "bold"), (f"   {approved:,} approved seed the next cycle", "$muted"))

    def cells(self, record: ScenarioRow) -> Sequence[Cell]:
        """One row."""
        mark = self.shell.glyphs.mark(MARKS[record.state])
        state = f"{mark.glyph} {'to decide' if record.state == 'proposed' else record.state}"
        return (
            Cell(str(record.id), "muted"), Cell(state, mark.token), Cell(record.title), Cell(f"{record.seen:,}"),
            Cell(f"{record.traces:,}"), Cell(record.error_kind, "muted"),
            Cell(short_age(record.created, self.shell.clock()), "muted"),
        )  # fmt: skip

    def picture(self, record: ScenarioRow, details: ScenarioView, width: int) -> Content:
        """Failures, then the rubric, then who decided what."""
        parts = [safe_text(record.title, multiline=False, limit=200, style="bold"), self._decided(record)]
        for trace in details.traces[:TRACES]:
            parts += [Content(""), _labelled("asked", trace.request)]
            parts.append(_labelled("answered", trace.answer or "(nothing)", "$reject"))
            if trace.expected:
                parts.append(_labelled("expected", trace.expected, "$approve"))
            if trace.detail:
                parts.append(_labelled("why", trace.detail))
        if len(details.traces) > TRACES:
            parts.append(Content.styled(f"… and {len(details.traces) - TRACES:,} more", "$muted"))
        parts += [Content(""), Content.styled("drafted rubric (E edits it)", "bold")]
        for question in record.rubric.get("questions", ()):
            gate = " gate" if question.get("gate") else ""
            parts.append(Content.assemble(
                (f"- {question.get('id', '')}{gate}: ", "$muted"),
                safe_text(question.get("text", ""), multiline=False, limit=300),
            ))  # fmt: skip
        for event in details.events:
            said = f"{event.action} by {event.reviewer}" + (f" ({event.source})" if event.source != "human" else "")
            parts.append(safe_text(f"{said}: {event.reason}", multiline=False, limit=300, style="$muted"))
        return Content("\n").join(parts)

    def _decided(self, record: ScenarioRow) -> Content:
        if record.state == "proposed":
            return Content.styled("a approves, r rejects, m merges it into another one", "$muted")
        into = f" into {record.into_id}" if record.into_id else ""
        who = f"{record.reviewer}{' (a script)' if record.source == 'script' else ''}"
        asked = "; every evaluation asks its failures again" if record.state == "approved" else ""
        said = f"{record.state}{into} by {who}: {record.reason}{asked}"
        return safe_text(said, multiline=False, limit=400, style="$muted")

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        if action in ("approve", "reject", "merge", "rubric_of"):
            return self.current is not None
        return True

    @work(group="dialog", exclusive=True, exit_on_error=False, description="approve a scenario")
    async def action_approve(self) -> None:
        """It may seed a cycle."""
        if (row := self.current) is not None and (reason := await self.ask_reason(f"approve scenario {row.id}: why")):
            shell = self.shell
            await self.do(
                lambda: stage.approve(shell.workspace, row.id, reviewer=shell.reviewer, reason=reason),
                lambda now: f"scenario {now.id} is approved: it seeds the next cycle",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="reject a scenario")
    async def action_reject(self) -> None:
        """It seeds nothing."""
        if (row := self.current) is not None and (reason := await self.ask_reason(f"reject scenario {row.id}: why")):
            shell = self.shell
            await self.do(
                lambda: stage.reject(shell.workspace, row.id, reviewer=shell.reviewer, reason=reason),
                lambda now: f"scenario {now.id} is rejected",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="merge a scenario")
    async def action_merge(self) -> None:
        """It is part of another one."""
        row = self.current
        others = [other for other in self.records.values() if row and other.id != row.id and other.state != "merged"]
        if row is None or not others:
            self.hint("there is no other scenario to merge it into")
            return
        choices = [Choice(str(other.id), f"{other.id}  {other.title}"[:70], other.error_kind) for other in others]
        into = await self.app.push_screen_wait(ChoiceDialog(f"merge scenario {row.id} into", choices))
        if into and (reason := await self.ask_reason(f"merge {row.id} into {into}: why")):
            shell = self.shell
            await self.do(
                lambda: stage.merge(shell.workspace, row.id, int(into), reviewer=shell.reviewer, reason=reason),
                lambda now: f"scenario {now.id} is part of {into} now",
            )

    @work(group="dialog", exclusive=True, exit_on_error=False, description="edit a drafted rubric")
    async def action_rubric_of(self) -> None:
        """Its rubric in the person's own editor."""
        from screens.label_editor import edit_outside

        if (row := self.current) is None:
            return
        shell = self.shell
        before = await asyncio.to_thread(stage.rubric_text, row)
        try:
            after = edit_outside(self.app, before, shell.workspace.root / "drafts", f"scenario-{row.id}")
        except FlywheelError as error:
            self.hint(str(error))
            return
        if after != before:
            await self.do(
                lambda: stage.edit_rubric(shell.workspace, row.id, after, reviewer=shell.reviewer),
                lambda now: f"the rubric of scenario {now.id} is changed",
            )

    def action_all(self) -> None:
        """Show or hide what was rejected or merged."""
        self._all = not self._all
        self.store_changed()
        self.hint(f"what was rejected or merged is {'shown too' if self._all else 'hidden'}")


def _labelled(name: str, text: str, style: str = "") -> Content:
    return Content.assemble((f"{name:<9} ", "$muted"), safe_text(text, multiline=False, limit=400, style=style))
