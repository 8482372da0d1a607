"""Bulk: the same label for many pairs at once, after one has seen how many and which. One batch, undone by one key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from flywheel_tui.errors import ExpressionError, FlywheelError
from flywheel_tui.records.pair import PairRow
from flywheel_tui.stages import label
from flywheel_tui.stages.rubric import rubric_for
from flywheel_tui.stages.views import get_dataset
from flywheel_tui.store.views import ViewQuery
from screens.bindings import bindings_of
from screens.bulk_state import JOB_FROM, BulkState
from screens.glyphs import Glyphs
from screens.safe import safe_text

if TYPE_CHECKING:
    from screens.app import FlywheelApp


class BulkScreen(ModalScreen[None]):
    """Over Browse and Label. `query` says which pairs, or `marked` lists them."""

    CSS_PATH = Path(__file__).with_name("bulk.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("bulk")
    AUTO_FOCUS = ""

    def __init__(
        self, query: ViewQuery, marked: Sequence[int] | None = None, *, about: str = "", reasons: Sequence[str] = (),
        seen: bool = False,
    ) -> None:  # fmt: skip
        """`about` says which pairs are marked; `reasons` are chosen to begin with, where the rubric has them. `seen`:
        the pairs came up by what a judge said of them.
        """
        super().__init__()
        self._about, self._reasons = about, reasons
        self._query, self._marked, self._seen = query, marked, seen
        self._typing = ""
        self._busy = False
        self._state: BulkState | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bulk")

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    @property
    def glyphs(self) -> Glyphs:
        """The glyphs in use."""
        return self.shell.glyphs

    def compose(self) -> ComposeResult:
        with Vertical(id="bulk-panel", classes="dialog") as box:
            box.border_title = "label many at once"
            yield Static("", id="bulk-words")
            yield Input(id="bulk-field", compact=True)
            yield Static("", id="bulk-plan")
            with VerticalScroll(id="bulk-sample", can_focus=False):
                yield Static("", id="bulk-rows")
            yield Static("", id="bulk-hint")

    def on_mount(self) -> None:
        """Look at once."""
        try:
            kind = get_dataset(self.shell.workspace, self._query.dataset).kind
            rubric = rubric_for(self.shell.workspace, kind)
        except FlywheelError as error:
            self.shell.hint(str(error))
            self.dismiss(None)
            return
        known = {reason.name for reason in rubric.reasons}
        self._state = BulkState(
            self._query, self._marked, rubric, self.shell.reviewer,
            reasons=[reason for reason in self._reasons if reason in known], seen=self._seen,
        )  # fmt: skip
        self._show()
        self._look()

    def on_unmount(self) -> None:
        """The thread ends with the screen."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    # -- what would be done -------------------------------------------------------------------------------------------

    @work(group="look", exclusive=True, exit_on_error=False, description="see what a bulk action would change")
    async def _look(self) -> None:
        state = self._state
        assert state is not None
        state.preview, state.problem = None, ""
        self._show()
        # a copy: the choice may change while the thread counts
        asked = BulkState(state.query, state.marked, state.rubric, state.reviewer, state.status)
        loop = asyncio.get_running_loop()
        try:
            preview = await loop.run_in_executor(self._pool, asked.look, self.shell.workspace)
        except ExpressionError as error:
            state.problem = f"{error}"
        except FlywheelError as error:
            state.problem = str(error)
        else:
            state.preview = preview
        self._show()

    def _show(self) -> None:
        state = self._state
        if state is None or not self.is_mounted:
            return
        self.query_one("#bulk-words", Static).update(self._choices(state))
        self.query_one("#bulk-plan", Static).update(self._plan(state))
        rows = state.preview.sample if state.preview else []
        self.query_one("#bulk-rows", Static).update(self._sample(rows) if rows else Content(""))
        hint = "enter labels them · u takes all of it back at once · esc closes"
        if self._typing:
            hint = "enter takes it · esc leaves the field"
        elif state.preview is None or not state.preview.plan.changed:
            hint = "esc closes"
        self.query_one("#bulk-hint", Static).update(Content(hint))
        self.call_after_refresh(self._fit)

    def on_resize(self) -> None:
        """Another size leaves other room for the sample."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """The sample takes what the rest leaves: what enter does is never pushed out of sight."""
        others = ("#bulk-words", "#bulk-field", "#bulk-plan", "#bulk-hint")
        used = sum(found.outer_size.height for name in others for found in self.query(name))
        frame = 2
        self.query_one("#bulk-sample").styles.max_height = max(self.size.height * 94 // 100 - frame - used, 1)

    def _choices(self, state: BulkState) -> Content:
        if state.marked is not None and self._about:
            which = safe_text(self._about, multiline=False, limit=200)
        elif state.marked is not None:
            which = Content(f"{len(state.marked):,} marked pairs of {state.query.dataset}")
        elif state.query.filter:
            which = safe_text(f"{state.query.dataset} where {state.query.filter}", multiline=False, limit=400)
        else:
            which = safe_text(f"all pairs of {state.query.dataset}", multiline=False)
        if state.query.search:
            which = Content.assemble(
                which, safe_text(f"  with the words {state.query.search}", multiline=False, limit=200)
            )
        choices = []
        for key, status in (("a", "approved"), ("r", "rejected"), ("s", "skipped")):
            mark = self.glyphs.mark(status)
            chosen = status == state.status
            style = f"bold ${mark.token} reverse" if chosen else "$muted"
            words = f"[{mark.glyph} {mark.word}]" if chosen else f" {mark.glyph} {mark.word} "
            choices.append(Content.assemble((f"{key} ", "bold $accent"), (words, style)))
        lines = [
            Content.assemble(("which   ", "$muted"), which),
            Content.assemble(("label   ", "$muted"), Content("   ").join(choices)),
        ]
        if state.status == "rejected" and state.rubric.reasons:
            reasons = []
            for reason in state.rubric.reasons:
                chosen = reason.name in state.reasons
                sign = self.glyphs.mark("approved").glyph if chosen else ""
                told = safe_text(reason.label, multiline=False, limit=30, style="bold" if chosen else "")
                reasons.append(Content.assemble((f"{reason.key}{sign} ", "bold $accent"), told))
            lines.append(Content.assemble(("because ", "$muted"), Content("  ").join(reasons)))
        note = safe_text(state.note, multiline=False, limit=200) if state.note else Content.styled("none", "$muted")
        lines.append(Content.assemble(("note    ", "$muted"), ("n ", "bold $accent"), note))
        if state.marked is None:
            lines.append(Content.assemble(("filter  ", "$muted"), ("f ", "bold $accent"), "which pairs"))
        return Content("\n").join(lines)

    def _plan(self, state: BulkState) -> Content:
        if state.problem:
            return safe_text(state.problem, style="$text-error")
        if state.preview is None:
            return Content.styled("counting …", "$muted")
        plan = state.preview.plan
        to = self.glyphs.mark(state.status)
        parts = []
        for status, count in sorted(plan.before.items(), key=lambda item: -item[1]):
            mark = self.glyphs.mark(status)
            parts.append(
                Content.assemble(
                    f"{count:,} ", (f"{mark.glyph} {mark.word}", f"${mark.token}"), " to ",
                    (f"{to.glyph} {to.word}", f"${to.token}"),
                )
            )  # fmt: skip
        same = plan.matched - plan.changed
        lines = [Content.assemble((f"{plan.changed:,}", "bold"), f" of {plan.matched:,} pairs change")]
        if parts:
            lines.append(Content(" · ").join(parts))
        if same:
            lines.append(Content.styled(f"{same:,} are {state.status} by you already and stay as they are", "$muted"))
        if plan.changed:
            lines.append(Content.styled(f"{len(plan.sample)} of them, spread over all:", "$muted"))
        return Content("\n").join(lines)

    def _sample(self, rows: Sequence[PairRow]) -> Content:
        lines = []
        for row in rows:
            mark = self.glyphs.mark(row.status)
            lines.append(
                Content.assemble(
                    (f"{mark.glyph} ", f"${mark.token}"),
                    (f"{row.position:>7,}  ", "$muted"),
                    safe_text(row.instruction, multiline=False, limit=44),
                    ("  ", ""),
                    safe_text(row.output, multiline=False, limit=34, style="$muted"),
                )
            )
        return Content("\n").join(lines)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are dead while one types, and everything while it is being done."""
        if action in ("choose", "reason", "type", "scroll"):
            return not self._typing and not self._busy
        if action == "apply":
            return not self._busy
        return True

    def action_choose(self, status: str) -> None:
        """What is to be said."""
        if self._state is not None:
            self._state.choose(status)
            self._look()

    def action_reason(self, key: str) -> None:
        """A reason for the rejection."""
        if self._state is not None:
            try:
                self._state.toggle(key)
            except FlywheelError as error:
                self.shell.hint(str(error))
            self._show()

    def action_type(self, what: str) -> None:
        """Type a filter or a note."""
        state = self._state
        if state is None or (what == "filter" and state.marked is not None):
            return
        self._typing = what
        field = self.query_one(Input)
        field.value = (state.query.filter or "") if what == "filter" else state.note
        field.placeholder = "label == 'open' and length < 40" if what == "filter" else "a note on each of them"
        self.add_class("-typing")
        field.focus()
        self._show()

    @on(Input.Submitted)
    def _taken(self, event: Input.Submitted) -> None:
        state = self._state
        if state is None:
            return
        if self._typing == "filter":
            state.query = msgspec.structs.replace(state.query, filter=event.value.strip() or None)
            self._look()
        else:
            state.note = event.value.strip()
        self._leave_field()

    def _leave_field(self) -> None:
        self._typing = ""
        self.remove_class("-typing")
        self.set_focus(None)
        self._show()

    def action_scroll(self, lines: int) -> None:
        """Scroll the sample."""
        self.query_one("#bulk-sample").scroll_relative(y=lines, animate=False)

    def action_close(self) -> None:
        """Leave the field, or the panel."""
        if self._typing:
            self._leave_field()
        elif self._busy:
            self.shell.hint("it is being done: wait a moment")
        else:
            self.dismiss(None)

    # -- doing it -----------------------------------------------------------------------------------------------------

    @work(group="apply", exclusive=True, exit_on_error=False, description="label many pairs")
    async def action_apply(self) -> None:
        """Label all of them."""
        state = self._state
        if state is None or self._typing:
            return
        try:
            order = state.order()
        except FlywheelError as error:
            self.query_one("#bulk-hint", Static).update(safe_text(str(error), style="$edit"))
            return
        assert state.preview is not None
        if state.preview.plan.changed > JOB_FROM and self.shell.worker:
            self.shell.start_job("bulk", msgspec.to_builtins(order), state.title)
            self.dismiss(None)
            return
        self._busy = True
        await self._do(order, state)

    async def _do(self, order: label.Bulk, state: BulkState) -> None:
        loop = asyncio.get_running_loop()

        def tell(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._progress, done, total)

        def work() -> tuple[str, int]:
            return label.apply_bulk(self.shell.workspace, order, on_progress=tell)

        try:
            _, changed = await loop.run_in_executor(self._pool, work)
        except FlywheelError as error:
            state.problem = f"{error}; what was done is one batch: u takes it back, enter does the rest"
            self._busy = False
            self._look_again(state.problem)
            return
        self.shell.notify(f"{changed:,} pairs {state.status} · u takes all of it back")
        self.dismiss(None)

    def _look_again(self, problem: str) -> None:
        if self._state is not None:
            self._state.problem = problem
            self._show()

    def _progress(self, done: int, total: int) -> None:
        if self.is_mounted:
            bar = self.glyphs.bar(done / total if total else 1.0, 30)
            self.query_one("#bulk-hint", Static).update(Content(f"{bar} {done:,} of {total:,}"))
