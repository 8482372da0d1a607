"""Labelling line by line: for a pipe, a screen reader, a terminal that cannot show the workstation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flywheel_tui.cli.console import note, say
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.text import counted

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView
    from flywheel_tui.records.rubric import Rubric
    from flywheel_tui.workspace import Workspace

HELP = (
    "a approve · r [digits] reject with reasons · s skip · e TEXT the response as it should be · n TEXT note"
    " · m flag · u undo · q quit; for preferences h (first), l (second), = (tie), x (both bad)"
)
_PREFERENCES = {"h": "a", "l": "b", "=": "tie", "x": "neither"}


def label_plain(workspace: Workspace, dataset: str, where: str | None) -> None:
    """Ask about each pair that matches and that this reviewer has not decided on, in order; every answer is on disk
    before the next question.
    """
    from flywheel_tui.stages.label_queue import undecided
    from flywheel_tui.stages.rubric import rubric_for
    from flywheel_tui.stages.views import ViewQuery, detail

    queue = undecided(workspace, ViewQuery(dataset=dataset, filter=where), workspace.reviewer)
    say(f"{counted(len(queue), 'pair')} to decide on; {HELP}")
    at, shown = 0, -1
    began = now_us()
    while at < len(queue):
        view = detail(workspace, queue[at])
        rubric = rubric_for(workspace, view.kind)
        if shown != at:
            _show(view, rubric, f"{at + 1}/{len(queue)}")
            shown, began = at, now_us()
        sys.stdout.write("> ")
        sys.stdout.flush()
        answer = sys.stdin.readline()
        if not answer.isascii() and any("\ud800" <= character <= "\udfff" for character in answer):
            note("that line is not UTF-8; write it again")
            continue
        if not answer or answer.strip() == "q":
            say(f"{at:,} decided, {len(queue) - at:,} left")
            return
        if answer.strip() == "u":
            undone = _undo(workspace)
            if undone in queue:
                at, shown = queue.index(undone), -1
        elif _answer(workspace, view, rubric, answer.strip(), began):
            at += 1
    say(f"{len(queue):,} decided; nothing is left")


def _undo(workspace: Workspace) -> int | None:
    """Take back the last action; the pair to go back to."""
    from flywheel_tui.stages.label import undo_last

    found = undo_last(workspace, workspace.reviewer)
    say(f"taken back: {found.status or found.what} on pair {found.pair}" if found else "nothing to take back")
    return found.pair if found else None


def _show(view: PairView, rubric: Rubric, place: str) -> None:
    from flywheel_tui.text import visible

    say(f"\n── {view.dataset} {place}, pair {view.id} ──")
    for title, text in (("Instruction", view.instruction), ("Input", view.input), ("Response", view.output)):
        if text:
            say(f"[{title}]")
            sys.stdout.write(visible(text) + "\n")
    if view.kind == "preference":
        say("[Second response]")
        sys.stdout.write(visible(str(view.body.get("rejected", ""))) + "\n")
    say("reasons: " + "  ".join(f"{reason.key} {reason.label}" for reason in rubric.reasons))


def _answer(workspace: Workspace, view: PairView, rubric: Rubric, answer: str, shown: int) -> bool:
    """Write what was said; True when the next pair may come."""
    from flywheel_tui.stages.label import current_label, decide

    word, _, rest = answer.partition(" ")
    now = now_us()
    said: dict[str, object] | None = None
    if word == "a":
        said = {"status": "approved"}
    elif word == "s":
        said = {"status": "skipped"}
    elif word == "r":
        names = {str(reason.key): reason.name for reason in rubric.reasons}
        unknown = [digit for digit in rest.replace(" ", "") if digit not in names]
        if unknown:
            note(f"there is no reason {unknown[0]!r}")
            return False
        said = {"status": "rejected", "reasons": tuple(names[digit] for digit in rest.replace(" ", ""))}
    elif word == "e" and rest:
        said = {"status": "edited", "edit": {"output": rest}}
    elif word in _PREFERENCES and view.kind == "preference":
        said = {"status": "rejected" if word == "x" else "approved", "preference": _PREFERENCES[word]}
    elif word == "n" and rest:
        said = {"status": None, "note": rest}
    elif word == "m":
        said = {"status": None, "flagged": True}
    if said is None:
        say(HELP)
        return False
    mine = current_label(workspace, view.id, workspace.reviewer)
    if mine:
        # an event is the whole label: what was said before and not said anew stays
        said = {"note": mine.note, "tags": mine.tags, "flagged": mine.flagged} | said
    decision = Decision(
        uid=new_uid(), pair=view.id, version=view.pair_id, reviewer=workspace.reviewer, presented=shown, answered=now,
        active_ms=min(now - shown, int(workspace.settings.pause_after * 1_000_000)) // 1000, **said,  # type: ignore[arg-type]
    )  # fmt: skip
    outcome = decide(workspace, decision)
    say(f"  {decision.status or 'noted'}: pair {view.id} is {outcome.status}")
    return decision.status is not None
