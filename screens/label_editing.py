"""Typing on the label screen: notes, tags, numbers, and edits of the texts in place or in an editor."""

from __future__ import annotations

from textual.content import Content

from flywheel_tui.errors import UsageError
from screens.label_base import LabelBase
from screens.label_editor import edit_outside
from screens.label_entry import EntryLine, EntryText
from screens.label_fields import LARGEST
from screens.label_state import Mode, NotNow
from screens.label_widgets.status import Say
from screens.safe import safe_text


class LabelEditing(LabelBase):
    """The fields, when they open and what becomes of what was typed."""

    _fields: tuple[str, ...] = ()
    _texts: dict[str, str]
    _loaded: dict[str, str]
    _field = 0

    # -- one line -----------------------------------------------------------------------------------------------------

    def open_line(self, mode: Mode, value: str) -> None:
        """Type one line."""
        self.states.mode = mode
        self.line.value = value
        self.line.cursor_position = len(value)
        self._open_field(self.line)

    def _open_field(self, field: EntryLine | EntryText) -> None:
        # At once, not when Textual finds the time: the next key in line may be for this field.
        field.display = True
        self.set_focus(field, scroll_visible=False)

    def close_fields(self) -> None:
        """Back to reading."""
        self.line.display = self.text.display = False
        self.set_focus(None)

    async def _open(self, mode: Mode) -> None:
        async def job() -> None:
            self._refuse_while_stuck()
            card = self.states.card
            mine = card.mine if card is not None else None
            if mode is not Mode.GOTO and card is None:
                raise NotNow("there is no pair here")
            value = ""
            if mine is not None and mode is Mode.NOTE:
                value = mine.note or ""
            elif mine is not None and mode is Mode.TAGS:
                value = ", ".join(mine.tags)
            self.open_line(mode, value)

        await self.act(job)

    async def action_note(self) -> None:
        """Type a note."""
        await self._open(Mode.NOTE)

    async def action_tags(self) -> None:
        """Type tags."""
        await self._open(Mode.TAGS)

    async def action_number(self) -> None:
        """Type the number of a pair."""
        await self._open(Mode.GOTO)

    async def field_key(self, key: str) -> None:
        """A key that ends what is typed, or goes to the next text."""

        async def job() -> None:
            if key == "escape":
                self._leave_field()
            elif isinstance(self.focused, EntryLine):
                if key in ("enter", "ctrl+s"):
                    await self._take_line(self.line.value)
            elif key == "ctrl+s":
                await self._save_edit()
            else:
                self._other_text(-1 if key == "shift+tab" else 1)

        await self.act(job)

    def _leave_field(self) -> None:
        state = self.states
        if state.mode is Mode.EDIT and state.edit_changed(self.texts()):
            state.mode = Mode.KEEP
            self.set_focus(None)
            return
        state.escape()
        self.close_fields()

    async def _take_line(self, value: str) -> None:
        state = self.states
        if state.mode is Mode.GOTO:
            await self._go_to(value)
            return
        said = state.set_note(value) if state.mode is Mode.NOTE else state.set_tags(value)
        self.close_fields()
        if said is not None:
            await self.write(said)

    async def _go_to(self, value: str) -> None:
        now = self.session
        text = value.replace(",", "").strip()
        if now is None or not text.isdecimal() or len(text) > 12:
            raise NotNow("type the number of a pair in this queue")
        if not 1 <= int(text) <= len(now):
            raise NotNow(f"there are pairs 1 to {len(now):,} in this queue")
        self.states.escape()
        self.close_fields()
        if await self.leave_pair():
            now.go_to(int(text) - 1)
            await self.show_current()

    # -- edits --------------------------------------------------------------------------------------------------------

    async def action_edit(self) -> None:
        """Edit the texts in place."""

        async def job() -> None:
            self._refuse_while_stuck()
            self.open_edit({})

        await self.act(job)

    def open_edit(self, texts: dict[str, str]) -> None:
        """Edit in place; `texts` are those typed before."""
        fields = self.states.begin_edit()
        if any(len(field.text) > LARGEST for field in fields):
            self.states.escape()
            raise NotNow(f"a text here has more than {LARGEST:,} characters: E opens it in your editor")
        self._fields = tuple(field.name for field in fields)
        self._texts = {field.name: texts.get(field.name, field.text) for field in fields}
        self._loaded = {}
        self._field = -1
        self._other_text(1)
        self._open_field(self.text)
        self.place_text()

    def texts(self) -> dict[str, str]:
        """The texts as they are typed now; one that was only looked at is exactly what it was."""
        name = self._fields[self._field]
        if self.text.text != self._loaded.get(name):
            self._texts[name] = self._loaded[name] = self.text.text
        return dict(self._texts)

    def _other_text(self, by: int) -> None:
        if self._field >= 0:
            self.texts()
        self._field = (self._field + by) % len(self._fields)
        name = self._fields[self._field]
        self.text.load_text(self._texts[name])
        self._loaded[name] = self.text.text
        self.text.border_title = safe_text(self.states.edit_of[self._field].title.capitalize(), multiline=False)
        self.text.border_subtitle = Content(f"{self._field + 1} of {len(self._fields)} · tab goes on")
        self.place_text()

    def place_text(self) -> None:
        """The field lies over the box of its text."""
        box = self.board.box_of(self._fields[self._field]) if self._fields else None
        area = self.board.main_area
        place = box.area if box is not None and box.area.height >= 5 else area
        top = self.board.region.y
        self.text.styles.offset = (place.x, place.y + top)
        self.text.styles.width, self.text.styles.height = place.width, place.height

    async def _save_edit(self) -> None:
        said = self.states.finish_edit(self.texts())
        self.close_fields()
        if said is None:
            self._say = Say("nothing was changed", "$muted")
        else:
            await self.write(said)

    async def action_save(self) -> None:
        """Save the edit."""
        await self.act(self._save_edit)

    async def keep_key(self, key: str) -> bool:
        """An answer to "the text was changed": whether the key was one."""
        if key not in ("y", "n", "escape", "ctrl+s", "enter"):
            return False

        async def job() -> None:
            state = self.states
            if key in ("y", "ctrl+s", "enter"):
                await self._save_edit()
            elif key == "n":
                state.mode = Mode.READ
                self.close_fields()
                self._say = Say("the edit was dropped", "$muted")
            else:
                state.mode = Mode.EDIT
                self._open_field(self.text)

        await self.act(job)
        return True

    async def action_editor(self) -> None:
        """Edit the response in the person's own editor."""

        async def job() -> None:
            self._refuse_while_stuck()
            state = self.states
            field = state.begin_edit()[0]
            state.escape()
            folder = self.shell.workspace.root / "drafts"
            made = edit_outside(self.app, field.text, folder, f"pair-{state.card.pair.id if state.card else 0}")
            if "\x00" in made:
                raise UsageError("the text has a NUL character in it, which no pair may have")
            said = state.finish_edit({field.name: made})
            if said is None:
                self._say = Say("nothing was changed", "$muted")
            else:
                await self.write(said)

        await self.act(job)
