"""Half-typed work on the label screen: what there is to keep when the program ends, and going on with it."""

from __future__ import annotations

from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.stages import drafts
from flywheel_tui.stages.drafts import Draft
from flywheel_tui.stages.label import decide
from screens.label_editing import LabelEditing
from screens.label_state import Mode, NotNow
from screens.label_widgets.status import Say
from screens.widgets.dialogs import ConfirmDialog


class LabelDrafts(LabelEditing):
    """Keeping and taking up."""

    def half_typed(self) -> Draft | None:
        """What is being typed now, to be kept; None where nothing is."""
        state = self.state
        if state is None or state.card is None:
            return None
        card = state.card
        if state.mode in (Mode.EDIT, Mode.KEEP):
            texts = self.texts()
            kind = "edit" if state.edit_changed(texts) else ""
        elif state.mode in (Mode.NOTE, Mode.TAGS):
            texts, kind = {"line": self.line.value}, state.mode.value if self.line.value.strip() else ""
        else:
            return None
        if not kind:
            return None
        return Draft(
            pair=card.pair.id, dataset=card.pair.dataset, version=card.pair.pair_id, kind=kind, texts=texts, at=now_us()
        )

    async def _offer_draft(self) -> None:
        """Offer what was half typed when the program last ended."""
        workspace, reviewer = self.shell.workspace, self.shell.reviewer
        draft = await self._desk.run(drafts.load_draft, workspace, reviewer)
        if draft is None or self.session is None or draft.dataset != self.session.query.dataset:
            return
        words = {"edit": "A half-typed edit", "note": "A half-typed note", "tags": "Half-typed tags"}
        text = f"{words.get(draft.kind, 'A decision that was not saved')} of one pair was kept when the program ended."
        taken = await self.ask(ConfirmDialog("go on with it?", text, "Go on", "Drop it"))
        await self._desk.run(drafts.drop_draft, workspace, reviewer)
        if not taken:
            return
        try:
            await self._take_up(draft)
        except (FlywheelError, NotNow) as error:
            self._say = Say(f"it could not be taken up: {error}", "$text-error")
        self.show_words()

    async def _take_up(self, draft: Draft) -> None:
        now = self.session
        assert now is not None
        at = await self._desk.run(now.find, draft.pair)
        if at is None:
            now.visit(draft.pair)
        else:
            now.go_to(at)
        await self.show_current()
        card = self.states.card
        if draft.decision is not None:
            await self._desk.run(self._write_kept, draft)
            await self.show_current()
            self._say = Say("it is saved now", "$approve")
        elif card is not None and card.pair.pair_id != draft.version:
            raise UsageError("the pair has been edited since")
        elif draft.kind == "edit":
            self.open_edit(draft.texts)
        else:
            self.open_line(Mode(draft.kind), draft.texts.get("line", ""))

    def _write_kept(self, draft: Draft) -> None:
        assert draft.decision is not None
        decide(self.shell.workspace, draft.decision, action=draft.action)
