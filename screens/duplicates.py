"""Duplicates: cluster after cluster, two pairs beside each other, one key a decision."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import duplicates
from flywheel_tui.stages.views import ViewQuery
from screens.bindings import bindings_of
from screens.duplicates_state import DuplicatesState
from screens.glyphs import FaithfulText
from screens.places import PANELS, load
from screens.safe import safe_text
from screens.widgets.side_by_side import compared
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView
    from flywheel_tui.stages.duplicates import Member
    from screens.app import FlywheelApp

R = TypeVar("R")
_WORDS = {"dedup": "exact duplicates", "neardup": "near-duplicates"}
_SHOWN = 8
_PAIR_ID = re.compile(r"(?:pair )?id (\d+)")


class DuplicatesScreen(WorkScreen):
    """The pair that is kept on the left, another of its cluster on the right."""

    PLACE = "validation"
    CSS_PATH = Path(__file__).with_name("duplicates.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("duplicates")

    def __init__(self, dataset: str, check: str = "") -> None:
        super().__init__()
        self._dataset, self._check = dataset, check
        self._state: DuplicatesState | None = None
        self._whole = self._cut = self._away = False

    def compose_body(self) -> ComposeResult:
        yield Static("", id="duplicates-summary", markup=False)
        with Horizontal(id="duplicates-body"):
            for side in ("left", "right"):
                with VerticalScroll(id=f"duplicates-{side}", can_focus=False):
                    yield FaithfulText("", markup=False)
        yield Static("", id="duplicates-members", markup=False)
        yield Static("", id="duplicates-state", classes="state", markup=False)

    async def on_mount(self) -> None:
        """Read the clusters."""
        self._state = DuplicatesState(self.shell.workspace, self._dataset, self._check, self.shell.reviewer)
        await self._do(self._state.open)

    @property
    def state(self) -> DuplicatesState | None:
        """What is known."""
        return self._state

    async def _do(self, job: Callable[[], R]) -> R | None:
        """Read or write in a thread, then show; None where it could not be done, which is said."""
        try:
            done = await asyncio.to_thread(job)
        except FlywheelError as error:
            self.hint(str(error))
            return None
        if self.is_attached:
            self._show()
        return done

    # -- showing ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        state = self._state
        if state is None:
            return
        self.query_one("#duplicates-summary", Static).update(self._summary(state))
        self.set_class(state.pairs is None, "-stateful")
        if state.pairs is None:
            self.query_one("#duplicates-state", Static).update(Content(self._why_empty(state)))
        else:
            texts = compared(*state.pairs, whole=self._whole)
            self._cut = texts.cut
            for side, pair in zip(("left", "right"), state.pairs, strict=True):
                box = self.query_one(f"#duplicates-{side}")
                box.border_title = self._heading(pair, side, state)
                box.query_one(Static).update(texts.left_text if side == "left" else texts.right_text)
                box.scroll_to(y=0, animate=False)
            self.query_one("#duplicates-members", Static).update(self._members(state, texts.differ))
        self.refresh_bindings()

    def _summary(self, state: DuplicatesState) -> Content:
        parts = [
            safe_text(f" {state.dataset}", multiline=False, limit=40, style="bold"),
            Content(_WORDS[state.check]),
        ]
        if state.clusters:
            parts.append(Content(f"cluster {state.at + 1:,} of {len(state.clusters):,}"))
            done = self.shell.glyphs.mark("approved")
            left = Content(f"{state.left:,} undecided") if state.left else Content.styled(
                f"{done.glyph} all decided", f"${done.token}"
            )  # fmt: skip
            parts.append(left)
        return Content("  ").join(parts)

    def _why_empty(self, state: DuplicatesState) -> str:
        other = "near-duplicates" if state.check == "dedup" else "exact duplicates"
        if not state.clusters:
            return f"No {_WORDS[state.check]} in {state.dataset}.\n\nc looks at {other}, escape goes back."
        return "This cluster is no more: its pairs have changed.\n\nenter goes on; v in the report compares again."

    def _heading(self, pair: PairView, side: str, state: DuplicatesState) -> Content:
        mark = self.shell.glyphs.mark(pair.status)
        alike = f" · {int(state.alike * 100)}% alike" if side == "right" else ""
        remark = " · the one kept" if side == "left" else f" · {state.member} of {len(state.members) - 1}"
        return Content.assemble(
            (f"#{pair.position:,} ", "bold"),
            (f"{mark.glyph} {mark.word}", f"${mark.token}"),
            (f"{remark}{alike}", "$muted"),
        )

    def _members(self, state: DuplicatesState, differ: tuple[str, ...]) -> Content:
        first = max(min(state.member - _SHOWN // 2, len(state.members) - _SHOWN), 0)
        shown = [self._member(each, at, state) for at, each in enumerate(state.members)][first : first + _SHOWN]
        more = len(state.members) - len(shown)
        strip = Content("   ").join([*shown, *([Content.styled(f"and {more:,} more", "$muted")] if more else [])])
        right = state.right_member
        told = safe_text(f" {_by_position(right.message, state)}" if right else "", multiline=False, limit=200)
        where = f"differ in: {', '.join(differ)}" if differ else "every text is the same, character by character"
        return Content("\n").join(
            [
                Content.assemble(" ", strip),
                told.stylize("$muted"),
                safe_text(f" {where}", multiline=False, limit=200, style="$muted"),
            ]
        )

    def _member(self, member: Member, at: int, state: DuplicatesState) -> Content:
        glyphs = self.shell.glyphs
        mark = glyphs.mark(member.status)
        word = "distinct" if member.distinct and member.status == "open" else mark.word
        here = f"{glyphs.mark('cursor').glyph}" if at == state.member else " "
        style = "bold" if at in (0, state.member) else ""
        return Content.assemble(
            (here, "bold $accent"), (f"#{member.position:,} ", style), (f"{mark.glyph} {word}", f"${mark.token}")
        )

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        state = self._state
        has_pairs = state is not None and state.pairs is not None
        if action in ("keep", "keep_left", "drop", "all", "page"):
            return has_pairs
        if action == "member":
            return state is not None and len(state.members) > 2
        if action == "more":
            return has_pairs and (self._cut or self._whole)
        if action in ("cluster", "undecided"):
            return state is not None and bool(state.clusters)
        if action == "copies":
            return state is not None and state.check == "dedup" and bool(state.clusters)
        return True

    async def action_keep(self) -> None:
        """Keep the right pair, reject the others."""
        if self._state is not None and self._state.pairs is not None:
            await self._decide(lambda state: state.keep(state.member), "kept", self._state.pairs[1].position)

    async def action_keep_left(self) -> None:
        """Keep the left pair, reject the others."""
        if self._state is not None and self._state.pairs is not None:
            await self._decide(lambda state: state.keep(0), "kept", self._state.pairs[0].position)

    async def action_drop(self) -> None:
        """Reject the right pair."""
        if self._state is not None and self._state.pairs is not None:
            await self._decide(lambda state: state.drop(), "rejected", self._state.pairs[1].position)

    async def action_all(self) -> None:
        """Keep all of them."""
        await self._decide(lambda state: state.keep_all(), "all kept", 0)

    async def _decide(self, decision: Callable[[DuplicatesState], int], done: str, position: int) -> None:
        """Write a decision; when it is on disk, go on to what is not decided yet."""
        state = self._state
        if state is None or state.pairs is None:
            return
        changed = await self._do(lambda: decision(state))
        if changed is None:
            return
        which = f"#{position:,} {done}" if position else done
        labels = "label" if changed == 1 else "labels"
        words = f"{which}: {changed:,} {labels} written, u takes it back" if changed else f"{which}: it is so already"
        if state.clusters[state.at].left <= 1:
            on = await self._do(state.go_undecided)
            words += "" if on else "; all clusters are decided"
        elif done == "rejected":
            await self._do(state.read)
        self.hint(words)

    async def action_cluster(self, by: int) -> None:
        """Another cluster."""
        state = self._state
        if state is not None and await self._do(lambda: state.go(state.at + by)) is False:
            self.hint("that was the last cluster" if by > 0 else "this is the first cluster")

    async def action_undecided(self) -> None:
        """The next cluster that is not decided."""
        if self._state is not None and await self._do(self._state.go_undecided) is False:
            self.hint("all clusters are decided")

    async def action_member(self, by: int) -> None:
        """Another pair of this cluster."""
        state = self._state
        if state is not None:
            await self._do(lambda: state.step_member(by))

    async def action_undo(self) -> None:
        """Take back what was done last."""
        state = self._state
        if state is None:
            return
        found = await self._do(state.undo)
        if found is None:
            self.hint("nothing is left to undo")
        else:
            many = f" on {found.changed:,} pairs" if found.changed != 1 else ""
            self.hint(f"undone: {found.status or 'a remark'}{many}")

    async def action_check(self) -> None:
        """Exact duplicates, or near-duplicates."""
        if self._state is not None:
            await self._do(self._state.other_check)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="find the copies")
    async def action_copies(self) -> None:
        """Reject all exact duplicates at once."""
        await reject_copies(self.shell, self._dataset)

    def on_screen_suspend(self) -> None:
        """Something lies over it, or another place is shown."""
        self._away = True

    def on_screen_resume(self) -> None:
        """Back from the bulk panel or another place: other labels hold."""
        state = self._state
        if state is not None and self._away:
            self._away = False
            self.run_worker(
                self._do(state.open), group="reopen", exclusive=True, exit_on_error=False, description="read clusters"
            )

    def action_page(self, by: int) -> None:
        """Scroll both texts."""
        for side in ("left", "right"):
            box = self.query_one(f"#duplicates-{side}")
            box.scroll_relative(y=by * max(box.size.height - 1, 1), animate=False)

    def action_more(self) -> None:
        """Long sections that say the same: whole, or cut."""
        self._whole = not self._whole
        self._show()

    def action_close(self) -> None:
        """Back to the report."""
        self.dismiss(None)


def _by_position(message: str, state: DuplicatesState) -> str:
    """The message with the pairs of this cluster named as people see them."""
    numbers = {str(member.version): f"#{member.position:,}" for member in state.members}
    return _PAIR_ID.sub(lambda found: numbers.get(found[1], found[0]), message)


async def reject_copies(shell: FlywheelApp, dataset: str) -> None:
    """Show what rejecting all exact duplicates would change, in the bulk panel: one batch, one undo."""
    try:
        found = await asyncio.to_thread(duplicates.copies, shell.workspace, dataset)
    except FlywheelError as error:
        shell.hint(str(error))
        return
    if not found:
        shell.hint("no exact duplicates are left to reject")
        return
    about = f"{len(found):,} exact duplicates of {dataset}; one of each stays"
    query = ViewQuery(dataset=dataset, reviewer=shell.reviewer)
    await shell.push_screen(load(PANELS["bulk"])(query, found, about=about, reasons=(duplicates.REASON,)))
