"""The line above the table: what is shown, or the field in which a search or a filter is typed.

A filter has completion and shows its error under the character at fault, both in a popup that lies over the table, so
that nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import Suggestion, complete, parse
from screens.safe import safe_text

SUGGESTED = 8


class _Field(Input):
    """An input whose arrows and tab go to the suggestions, where there are some."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "suggest(1)", show=False, id="filter.down"),
        Binding("up", "suggest(-1)", show=False, id="filter.up"),
        Binding("tab", "take", "complete", id="filter.take"),
        Binding("enter", "submit", "take it", id="filter.submit"),
        Binding("escape", "leave", "as it was", id="filter.leave"),
    ]

    class Left(Message):
        """escape: as it was before."""

    class Suggest(Message):
        """Another suggestion (by), or take the one that is lit (None)."""

        def __init__(self, by: int | None) -> None:
            super().__init__()
            self.by = by

    def action_suggest(self, by: int) -> None:
        """Light another suggestion."""
        self.post_message(self.Suggest(by))

    def action_take(self) -> None:
        """Take the suggestion."""
        self.post_message(self.Suggest(None))

    def action_leave(self) -> None:
        """Leave the field."""
        self.post_message(self.Left())


class FilterBar(Widget):
    """Shows a summary; becomes a field for `search` or `filter`, one row high in both."""

    class Searching(Message):
        """The words as typed so far."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            """Only the newest words matter."""
            return isinstance(message, FilterBar.Searching)

    class Taken(Message):
        """enter in the field: `what` is search or filter."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what, self.text = what, text

    class Left(Message):
        """escape in the field: as before."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, values: Callable[[str], Sequence[str]] | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._values = values
        self._what = ""
        self._suggestions: list[Suggestion] = []
        self._closing = False

    def compose(self) -> ComposeResult:
        yield Static("", id="bar-summary", markup=False)
        with Horizontal(id="bar-edit"):
            yield Static("", id="bar-label", markup=False)
            yield _Field(compact=True, id="bar-field")
        with Vertical(id="bar-popup"):
            yield Static("", id="bar-error", markup=False)
            yield OptionList(id="bar-suggestions", compact=True, markup=False)

    def on_mount(self) -> None:
        """The suggestions are never focused: one keeps typing."""
        self.query_one("#bar-suggestions").can_focus = False

    @property
    def editing(self) -> str:
        """search, filter, or '' where nothing is being typed."""
        return self._what

    def show_summary(self, summary: Content) -> None:
        """What is shown, in one line."""
        self.query_one("#bar-summary", Static).update(summary)

    def edit(self, what: str, text: str, hint: str) -> None:
        """Open the field."""
        self._what = ""
        field = self.query_one(_Field)
        field.value, field.placeholder = text, hint
        field.cursor_position = len(text)
        self.query_one("#bar-label", Static).update(Content.styled(f" {what} ", "bold $accent"))
        self._what = what
        self.add_class("-editing")
        field.focus()
        self._update_popup()

    def close(self) -> None:
        """Back to the summary."""
        self._what = ""
        self.remove_class("-editing", "-popup")

    # -- while typing -------------------------------------------------------------------------------------------------

    @on(Input.Changed, "#bar-field")
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._what == "search":
            self.post_message(self.Searching(event.value))
        self._update_popup()

    @on(Input.Submitted, "#bar-field")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._what == "filter" and event.value.strip() and self._error(event.value) is not None:
            self._show_error(self._error(event.value))
            return
        what = self._what
        self.close()
        self.post_message(self.Taken(what, event.value.strip()))

    @on(_Field.Left)
    def _left(self, event: _Field.Left) -> None:
        event.stop()
        what = self._what
        self.close()
        self.post_message(self.Left(what))

    @on(_Field.Suggest)
    def _suggest(self, event: _Field.Suggest) -> None:
        event.stop()
        options = self.query_one(OptionList)
        if not self._suggestions:
            return
        if event.by is None:
            self._put_in(self._suggestions[options.highlighted or 0])
        elif options.highlighted is None:
            options.highlighted = 0 if event.by > 0 else len(self._suggestions) - 1
        else:
            options.highlighted = (options.highlighted + event.by) % len(self._suggestions)

    @on(OptionList.OptionSelected, "#bar-suggestions")
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._put_in(self._suggestions[event.option_index])

    def _put_in(self, suggestion: Suggestion) -> None:
        field = self.query_one(_Field)
        space = "" if suggestion.kind == "operator" and suggestion.text == "[" else " "
        head = field.value[: suggestion.start] + suggestion.text + space
        field.value = head + field.value[suggestion.end :].lstrip()
        field.cursor_position = len(head)
        field.focus()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Clicking elsewhere leaves the field as escape does."""
        if self._what and isinstance(event.widget, _Field) and self.screen.is_active:
            self.call_after_refresh(self._leave_unless_back)

    def _leave_unless_back(self) -> None:
        if self._what and not self.query_one(_Field).has_focus and self.screen.is_active:
            what = self._what
            self.close()
            self.post_message(self.Left(what))

    # -- popup --------------------------------------------------------------------------------------------------------

    def _error(self, text: str) -> ExpressionError | None:
        try:
            parse(text)
        except ExpressionError as error:
            return error
        return None

    def _show_error(self, error: ExpressionError | None) -> None:
        label = self.query_one("#bar-error", Static)
        if error is None:
            label.update("")
            return
        field = self.query_one(_Field)
        indent = field.region.x - self.region.x + max(error.column - 1 - round(field.scroll_x), 0)
        message = safe_text(error.message, multiline=False, limit=200)
        room = self.size.width - indent - 3
        if len(message.plain) <= room or indent < 20:
            line = Content.assemble(" " * indent, ("^ ", "bold $text-error"), message)
        else:
            start = max(indent - len(message.plain) - 1, 0)
            line = Content.assemble(" " * start, message, (" ^", "bold $text-error"))
        label.update(line)

    def _update_popup(self) -> None:
        if self._what != "filter":
            self.remove_class("-popup")
            return
        field = self.query_one(_Field)
        text = field.value
        self._suggestions = list(complete(text, field.cursor_position, self._values))[:SUGGESTED]
        options = self.query_one(OptionList)
        options.clear_options()
        widest = max((len(each.text) for each in self._suggestions), default=0)
        for each in self._suggestions:
            words = safe_text(each.text, multiline=False, limit=60)
            gap = " " * (min(widest, 60) - len(words.plain) + 2)
            about = safe_text(each.about or each.kind, multiline=False, limit=60, style="$muted")
            options.add_option(Option(Content.assemble(" ", words, gap, about)))
        error = self._error(text) if text.strip() else None
        self._show_error(error)
        self.set_class(bool(self._suggestions) or error is not None, "-popup")
