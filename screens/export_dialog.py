"""The dialog to write pairs out: format, filter, split, place. One line says what will be written where."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flywheel_tui.errors import FlywheelError
from flywheel_tui.expressions import parse
from flywheel_tui.stages.export import ExportRequest, load_exporters, parse_split
from screens.safe import safe_text


class ExportDialog(ModalScreen[ExportRequest | None]):
    """Answers with what to write, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, dataset: str, folder: Path, filter: str = "label in ['approved', 'edited']") -> None:
        super().__init__()
        self._dataset, self._folder, self._filter = dataset, folder, filter
        self._formats = load_exporters()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="export") as box:
            box.border_title = safe_text(f"write out {self._dataset}", multiline=False)
            box.border_subtitle = "enter writes · tab next field · esc cancels"
            widest = max(len(name) for name in self._formats)
            yield OptionList(
                *(
                    Option(Content.assemble(f" {name:<{widest}}  ", (kind.about, "$muted")), id=name)
                    for name, kind in self._formats.items()
                ),
                compact=True,
                markup=False,
            )
            for field, label, value, hint in (
                ("filter", "only  ", self._filter, "everything; or an expression"),
                ("split", "split ", "", "one file; or train=0.8,val=0.2"),
                ("to", "to    ", "", "a file or a folder"),
            ):
                with Horizontal(classes="field"):
                    yield Static(label, classes="label")
                    yield Input(value, id=field, compact=True, placeholder=hint)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Our own layout first."""
        formats = self.query_one(OptionList)
        formats.highlighted = list(self._formats).index("jsonl")
        formats.focus()

    @on(OptionList.OptionHighlighted)
    def _format_changed(self, event: OptionList.OptionHighlighted) -> None:
        suffix = self._formats[event.option_id or "jsonl"].suffix
        place = self.query_one("#to", Input)
        place.value = str(self._free(suffix))

    def _free(self, suffix: str) -> Path:
        """A path that is not in use yet."""
        path = self._folder / f"{self._dataset}{suffix}"
        number = 2
        while path.exists():
            path, number = self._folder / f"{self._dataset}-{number}{suffix}", number + 1
        return path

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one(".dialog-hint", Static).update("")

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _submitted(self) -> None:
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in ("filter", "split", "to")}
        try:
            if values["filter"]:
                parse(values["filter"])
            split = parse_split(values["split"]) if values["split"] else None
        except FlywheelError as error:
            self.query_one(".dialog-hint", Static).update(safe_text(str(error), style="$text-error"))
            return
        chosen = self.query_one(OptionList).highlighted or 0
        self.dismiss(
            ExportRequest(
                dataset=self._dataset,
                to=str(Path(values["to"]).expanduser().absolute()) if values["to"] else "",
                format=list(self._formats)[chosen],
                filter=values["filter"] or None,
                split=split,
            )
        )

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)
