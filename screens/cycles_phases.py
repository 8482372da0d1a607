"""One cycle, phase by phase: what shows that a phase is over, what it made, how long it takes, what failed in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from textual.binding import BindingType
from textual.content import Content

from flywheel_tui.cycle import desk
from flywheel_tui.cycle.desk import Details, Entry
from flywheel_tui.cycle.views import PhaseLine
from flywheel_tui.errors import NotFoundError
from flywheel_tui.text import human_duration
from screens import cycles_text as words
from screens.bindings import bindings_of
from screens.ledger import Ledger
from screens.safe import safe_text
from screens.widgets.record_table import Cell, Column

ABOUT_FAILURES = ("signals", "grouping", "priorities", "judging", "gate")
ARTEFACT_CHARACTERS = 6_000


class Shown(NamedTuple):
    """What is shown of a phase."""

    details: Details
    artefact: str


class PhasesScreen(Ledger[PhaseLine, Shown]):
    """The phases of a cycle over Cycles; escape goes back."""

    PLACE = "cycles"
    CSS_PATH: ClassVar[Any] = [Path(__file__).with_name("ledger.tcss"), Path(__file__).with_name("cycles.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("phases")
    LOOK_SECONDS = 1.0
    COLUMNS = (
        Column("state", 13), Column("phase", 0, grows=True), Column("items", 7, right=True),
        Column("work", 11, right=True), Column("waited", 11, right=True, rank=1),
        Column("cost", 12, right=True, rank=2), Column("tries", 5, right=True, rank=3),
    )  # fmt: skip

    def __init__(self, number: int, phase: str = "") -> None:
        super().__init__()
        self._number, self._phase = number, phase
        self._entry: Entry | None = None
        self._whole: Details | None = None

    def on_mount(self) -> None:
        """It is not gone to as a place is."""
        self.arrive(self._phase or None)

    def read(self) -> Sequence[tuple[str, PhaseLine]]:
        """Every phase, also those to come."""
        workspace = self.shell.workspace
        self._whole = desk.details(workspace, self._number)
        self._entry = next((one for one in desk.entries(workspace) if one.line.number == self._number), None)
        return [(phase.phase, phase) for phase in self._whole.view.phases]

    def read_details(self, record: PhaseLine) -> Shown:
        """The artefact as well."""
        whole = self._whole or desk.details(self.shell.workspace, self._number)
        text = ""
        if record.artefact:
            try:
                text = desk.artefact_text(self.shell.workspace, record.artefact)
            except NotFoundError as error:
                text = str(error)
        return Shown(whole, text)

    def head(self) -> Content:
        """Which cycle, and how it stands."""
        if self._entry is None:
            return Content(f"cycle {self._number}")
        mark = words.state_mark(self._entry.state, self.shell.glyphs)
        return Content.assemble(
            (f"cycle {self._number}", "bold"), "  ", (f"{mark.glyph} {mark.word}", f"${mark.token}"),
            safe_text(f"   into {self._entry.line.dataset}   esc goes back", limit=120, style="$muted"),
        )  # fmt: skip

    def cells(self, record: PhaseLine) -> Sequence[Cell]:
        """One row."""
        mark = words.phase_mark(record, self._entry, self.shell.glyphs)
        begun = record.state != "open"
        return (
            Cell(f"{mark.glyph} {mark.word}", mark.token), Cell(record.title, "" if begun else "muted"),
            Cell("" if record.items is None else f"{record.items:,}"),
            Cell(human_duration(record.seconds) if begun else ""),
            Cell(human_duration(record.waited) if record.waited >= 0.05 else "", "muted"),
            Cell(f"${record.cost_usd:,.4f}" if record.cost_usd else "", "muted"),
            Cell(str(record.attempts) if record.attempts > 1 else "", "muted"),
        )  # fmt: skip

    def picture(self, record: PhaseLine, details: Shown, width: int) -> Content:
        """Whom it waits for, evidence, speed, failures or seeds where it is about those, the artefact."""
        mark = words.phase_mark(record, self._entry, self.shell.glyphs)
        parts = [Content.assemble((record.title, "bold"), "  ", (f"{mark.glyph} {mark.word}", f"${mark.token}"))]
        if record.state == "open":
            parts.append(Content.styled("it has not begun", "$muted"))
        if record.awaits:
            said = record.awaits
            waits = f"waits for {said.get('who', 'a person')}: {said.get('what', 'a decision')}"
            parts.append(safe_text(waits, multiline=False, limit=300, style="bold $edit"))
            if said.get("command"):
                parts.append(words.labelled("command", str(said["command"])))
        parts += self._evidence(record)
        parts += self._speed(record, details.details)
        view = details.details.view
        if record.phase in ABOUT_FAILURES:
            parts += words.failures(view.failures, self.shell.glyphs)
        if record.phase == "training" and details.details.checklist is not None:
            parts += words.triggers(details.details.checklist, self.shell.glyphs)
        if record.phase == "planning" and view.seeds:
            parts += words.heading("the seeds that failures became", f"{len(view.seeds):,}")
            for seed in view.seeds[:400]:
                parts.append(Content.assemble(
                    (f"{seed.count:>4} × ", "$muted"), safe_text(seed.text, multiline=False, limit=160),
                    safe_text(f"  {seed.kind}, {seed.origin}", multiline=False, limit=60, style="$muted"),
                ))  # fmt: skip
        if record.artefact:
            parts += words.heading("artefact", record.artefact)
            parts.append(safe_text(details.artefact, limit=ARTEFACT_CHARACTERS, style="$muted"))
        return Content("\n").join(parts)

    def _evidence(self, record: PhaseLine) -> list[Content]:
        if not record.evidence:
            return []
        wide = min(max(len(str(name)) for name in record.evidence), 28)
        return [
            *words.heading("evidence"),
            *(words.labelled(str(name)[:60], words.words_of(value), wide=wide)
              for name, value in record.evidence.items()),
        ]  # fmt: skip

    def _speed(self, record: PhaseLine, details: Details) -> list[Content]:
        found = details.velocity
        mine = next((one for one in found.phases if one.phase == record.phase), None)
        if mine is None or not found.cycles:
            return []
        # what takes no time has no speed that means anything
        each = f", {mine.per_hour:,.0f} items an hour of work" if mine.per_hour and mine.seconds >= 1 else ""
        said = f"{human_duration(mine.seconds)} of work and {human_duration(mine.waited)} waiting on average{each}"
        parts = [*words.heading("speed", f"over {found.cycles:,} finished cycles"), Content(said)]
        slow = record.phase == found.bottleneck
        more = f"this is the bottleneck: {found.advice}" if slow else f"{mine.share:.0%} of a cycle's time"
        return [*parts, safe_text(more, multiline=False, limit=300, style="$edit" if slow else "$muted")]

    def action_back(self) -> None:
        """Back to the history."""
        self.dismiss(None)
