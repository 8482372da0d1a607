"""The dialog to take pairs in: find a file, see how it is understood, name the data set."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.ingest import IngestOptions, Preview, preview
from flywheel_tui.text import first_line
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SHOWN_ENTRIES = 200
_NOT_IN_NAMES = re.compile(r"[^a-z0-9._-]+")


def entries(typed: str) -> list[Path]:
    """What lies in the folder of a half-typed path and begins with its last part; folders first, hidden ones last."""
    path = Path(typed).expanduser()
    folder, start = (path, "") if typed.endswith("/") or not typed else (path.parent, path.name)
    try:
        found = [each for each in folder.iterdir() if each.name.lower().startswith(start.lower())]
    except OSError:
        return []
    found.sort(key=lambda each: (each.name.startswith("."), not each.is_dir(), each.name.lower()))
    return found[:SHOWN_ENTRIES]


def name_for(path: Path) -> str:
    """A name for the data set, from that of its file."""
    stem = path.name.partition(".")[0] or path.parent.name
    return _NOT_IN_NAMES.sub("-", stem.lower()).strip("-._")[:64] or "data"


class IngestDialog(ModalScreen[IngestOptions | None]):
    """Answers with what to take in, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back"),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(self, workspace: Workspace, start: str) -> None:
        super().__init__()
        self._workspace, self._start = workspace, start
        self._entries: list[Path] = []
        self._source = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="ingest") as box:
            box.border_title = "take in pairs"
            with Horizontal(classes="field"):
                yield Static("file  ", classes="label")
                yield Input(
                    self._start,
                    id="path",
                    compact=True,
                    placeholder="a path, or hf://owner/name",
                    select_on_focus=False,
                )
            yield OptionList(id="entries", compact=True, markup=False)
            yield Static("", id="preview", markup=False)
            with Horizontal(classes="field", id="name-field"):
                yield Static("name  ", classes="label")
                yield Input("", id="name", compact=True)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Begin with the path."""
        self.query_one("#entries").can_focus = False
        path = self.query_one("#path", Input)
        path.cursor_position = len(path.value)
        path.focus()
        self._say_what_to_do()

    def _say_what_to_do(self, problem: str = "") -> None:
        chosen = self.has_class("-chosen")
        box = self.query_one("#ingest")
        box.border_subtitle = (
            "enter takes it in · esc another file" if chosen else "tab completes · enter looks into it · esc"
        )
        style = "$text-error" if problem else ""
        self.query_one(".dialog-hint", Static).update(safe_text(problem, style=style))

    # -- the path ------------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#path")
    def _path_changed(self, event: Input.Changed) -> None:
        self._list(event.value)
        self._say_what_to_do()

    @work(group="entries", exclusive=True, exit_on_error=False, description="list a folder")
    async def _list(self, typed: str) -> None:
        found = [] if typed.startswith("hf://") else await asyncio.to_thread(entries, typed)
        options = self.query_one("#entries", OptionList)
        self._entries = found
        options.clear_options()
        for each in found:
            slash = "/" if each.is_dir() else ""
            style = "bold" if slash else ""
            options.add_option(Option(safe_text(f" {each.name}{slash}", multiline=False, limit=120, style=style)))

    def action_move(self, by: int) -> None:
        """Another entry of the folder."""
        options = self.query_one("#entries", OptionList)
        if self._entries and not self.has_class("-chosen"):
            at = options.highlighted
            options.highlighted = (
                (0 if by > 0 else -1) % len(self._entries) if at is None else (at + by) % len(self._entries)
            )

    def action_complete(self) -> None:
        """Put the entry that is lit (else the first) in the field."""
        options = self.query_one("#entries", OptionList)
        if self._entries and not self.has_class("-chosen"):
            self._take(self._entries[options.highlighted or 0])

    @on(OptionList.OptionSelected, "#entries")
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(self._entries[event.option_index])

    def _take(self, entry: Path) -> None:
        field = self.query_one("#path", Input)
        field.value = f"{entry}/" if entry.is_dir() else str(entry)
        field.cursor_position = len(field.value)
        field.focus()

    @on(Input.Submitted, "#path")
    def _path_submitted(self, event: Input.Submitted) -> None:
        options = self.query_one("#entries", OptionList)
        lit = self._entries[options.highlighted] if options.highlighted is not None else None
        typed = event.value.strip()
        if lit is not None and str(lit) != typed.rstrip("/"):
            self._take(lit)
            if lit.is_dir():
                return
            typed = str(lit)
        if not typed:
            self._say_what_to_do("name a file")
        elif not typed.startswith("hf://") and Path(typed).expanduser().is_dir():
            self._say_what_to_do("that is a folder; choose a file in it")
        else:
            self._look(typed)

    # -- how it is understood ------------------------------------------------------------------------------------------

    @work(group="preview", exclusive=True, exit_on_error=False, description="look into a file")
    async def _look(self, typed: str) -> None:
        source = typed if typed.startswith("hf://") else str(Path(typed).expanduser())
        name = name_for(Path(source))
        self._say_what_to_do()
        self.query_one(".dialog-hint", Static).update("looking …")
        try:
            found = await asyncio.to_thread(preview, IngestOptions(source=source, name=name))
        except FlywheelError as error:
            self._say_what_to_do(str(error))
            return
        self._source = source
        self.add_class("-chosen")
        self.query_one("#preview", Static).update(self._describe(found))
        field = self.query_one("#name", Input)
        field.value = name
        field.focus()
        self._say_what_to_do()
        self._remark_on(name)

    def _describe(self, found: Preview) -> Content:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.items()) or "no pair"
        lines = [
            Content.assemble(
                (f"{found.format}, layout {found.layout}", "bold"), f"   {kinds} in the first {found.looked_at:,} rows"
            )
        ]
        lines += [
            Content.assemble((f"  {field:<12}", "$muted"), "<- ", safe_text(column, multiline=False, limit=60))
            for field, column in found.mapping.items()
        ]
        for draft in found.drafts[:2]:
            lines.append(safe_text(f"  {draft.line}: {first_line(draft.instruction, 90)}", multiline=False, limit=120))
            lines.append(
                safe_text(f"     {first_line(draft.output or '', 90)}", multiline=False, limit=120, style="$muted")
            )
        lines += [safe_text(note, multiline=False, limit=160, style="$edit") for note in found.notes[:3]]
        lines += [
            safe_text(
                f"line {each.line} is refused: {each.reason}; {each.remedy}",
                multiline=False,
                limit=160,
                style="$reject",
            )
            for each in found.rejects[:2]
        ]
        return Content("\n").join(lines)

    @on(Input.Changed, "#name")
    def _name_changed(self, event: Input.Changed) -> None:
        if self.has_class("-chosen"):
            self._remark_on(event.value)

    def _remark_on(self, name: str) -> None:
        """Say whether the pairs would be added to a data set that is there."""
        there = next((row for row in views.list_datasets(self._workspace) if row.name == name), None)
        hint = f"adds to the data set {name}, which has {there.pairs:,} pairs" if there else "makes a new data set"
        self.query_one(".dialog-hint", Static).update(safe_text(hint, multiline=False, style="$muted"))

    @on(Input.Submitted, "#name")
    def _name_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        try:
            views.check_name(name)
        except FlywheelError as error:
            self._say_what_to_do(str(error))
            return
        there = any(row.name == name for row in views.list_datasets(self._workspace))
        self.dismiss(IngestOptions(source=self._source, name=name, append=there))

    def action_back(self) -> None:
        """Another file, or no file at all."""
        if self.has_class("-chosen"):
            self.remove_class("-chosen")
            self.query_one("#path").focus()
            self._say_what_to_do()
        else:
            self.dismiss(None)
