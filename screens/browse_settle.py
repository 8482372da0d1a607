"""Settling in Browse: a decision that holds over every reviewer's own label, and undo."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.stages import adjudicate, label, views
from flywheel_tui.text import visible
from screens.browse_findings import BrowseFindings
from screens.widgets.dialogs import Choice, ChoiceDialog

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable

_STATUSES = [
    Choice("approved", "approve", "good as it is", "a"),
    Choice("rejected", "reject", "not good enough", "r"),
    Choice("skipped", "skip", "nobody can tell: in no figure", "s"),
]
_PREFERENCES = [
    Choice("a", "the first answer", "chosen is better", "h"),
    Choice("b", "the second answer", "rejected is better", "l"),
    Choice("tie", "a tie", "both are equally good", "equals_sign"),
    Choice("neither", "both bad", "neither is any good", "x"),
]
SHOWN = 3


def what_people_said(labels: list[CurrentLabel]) -> str:
    """Their words without their names: who settles a pair must not weigh the person."""
    if not labels:
        return "nobody has labelled it yet"
    said = []
    for one in sorted(labels, key=lambda each: (each.status or "", each.answered))[:SHOWN]:
        reasons = f" ({', '.join(one.reasons)})" if one.reasons else ""
        word = f"prefers {one.preference}" if one.preference else one.status or "no status"
        said.append(visible(f"{word}{reasons}{f': {one.note}' if one.note else ''}", multiline=False, limit=60))
    more = f"; {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"people said: {'; '.join(said)}{more}"


class BrowseSettle(BrowseFindings):
    """The actions behind `browse.settle` and `browse.undo`."""

    @work(group="dialog", exclusive=True, exit_on_error=False, description="settle a pair")
    async def action_settle(self) -> None:
        """Ask what holds, write it, go on."""
        state, workspace = self._state, self.shell.workspace
        row = state.row(self.table.cursor) if state is not None else None
        if state is None or row is None:
            return
        people = adjudicate.said_by_people(workspace, row.id)
        of_two = row.kind == "preference"
        seen = state.seen or row.score is not None
        hint = what_people_said(people) + ("; recorded as made with the judge's verdict in sight" if seen else "")
        choices = _PREFERENCES if of_two else _STATUSES
        answer = await self.app.push_screen_wait(ChoiceDialog(f"settle pair {row.id}", choices, hint=hint))
        if answer is None:
            return
        said = adjudicate.Settlement(
            status=None if of_two else answer, preference=answer if of_two else None, seen=seen
        )
        try:
            done = await asyncio.to_thread(adjudicate.settle, workspace, row.id, said, self.shell.reviewer)
        except FlywheelError as error:
            self.shell.notify(str(error), severity="error", timeout=30)
            return
        self.store_changed()
        self.table.cursor += 1
        self.hint(f"pair {row.id} settled: {done.status}; u takes it back")

    @work(group="undo", exclusive=True, exit_on_error=False, description="undo")
    async def action_undo(self) -> None:
        """Take back what this person did last, here or anywhere."""
        try:
            found = await asyncio.to_thread(label.undo_last, self.shell.workspace, self.shell.reviewer)
        except FlywheelError as error:
            self.shell.notify(str(error), severity="error", timeout=30)
            return
        if found is None:
            self.hint("nothing of yours is left to take back")
            return
        self.store_changed()
        if found.pair is not None and self._state is not None:
            at = views.index_of(self.shell.workspace, self._state.view, found.pair)
            if at is not None:
                self.table.cursor = at
        self.hint(f"taken back: {_what(found)}")


def _what(found: Undoable) -> str:
    said = found.status or "a remark"
    if found.what == "batch":
        return f"{said} on {found.changed:,} pairs at once"
    return f"{'the settled decision' if found.what == 'adjudicate' else 'the label'} on pair {found.pair} ({said})"
