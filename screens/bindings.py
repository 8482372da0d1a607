"""Every key of the workstation, in one table: bindings, footer, help, palette and keymap are made from it.

An `Act` is one thing that a person can do. Its `id` is what `flywheel.toml` uses in `[keymap]`
(`browse.filter = "f"`), its `action` the Textual action, its `words` what the footer shows, its `help` the sentence
behind `?` and in the palette. To add keys for a screen, add its group to GROUPS and use `bindings_of(group)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from flywheel_tui.errors import InputError


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do, and the keys that do it (comma-separated)."""

    id: str
    keys: str
    action: str
    words: str
    help: str
    footer: bool = False
    priority: bool = False

    def binding(self) -> Binding:
        """The Textual binding."""
        return Binding(
            self.keys, self.action, self.words, show=self.footer, priority=self.priority, tooltip=self.help, id=self.id
        )


APP = (
    Act("app.goto", "g", "goto", "go to", "go to another screen", footer=True),
    Act("app.previous", "left_square_bracket", "neighbour(-1)", "previous", "the screen on the left"),
    Act("app.next", "right_square_bracket", "neighbour(1)", "next", "the screen on the right"),
    Act("app.back", "escape", "back", "back", "step back: close what is open, or go to the screen before"),
    Act("app.palette", "ctrl+p", "command_palette", "palette", "find any command by its name", priority=True),
    Act("app.help", "question_mark,f1", "help", "keys", "all keys of this screen", footer=True),
    Act("app.theme", "f2", "next_theme", "theme", "next theme: dark, light, monochrome"),
    Act("app.quit", "q,ctrl+q", "leave", "quit", "leave the workstation; everything decided is on disk", footer=True),
)

DATASETS = (
    Act("datasets.browse", "enter", "browse", "browse", "look through the pairs of this data set", footer=True),
    Act("datasets.label", "l", "label", "label", "label this data set, unlabelled pairs first", footer=True),
    Act("datasets.ingest", "i", "ingest", "ingest", "take in pairs from a file", footer=True),
    Act("datasets.export", "x", "export", "export", "write this data set to files", footer=True),
    Act("datasets.absolute", "t", "absolute", "times", "times as dates, or how long ago"),
    Act("datasets.refresh", "f5", "refresh", "read again", "read the figures again"),
)

BROWSE = (
    Act(
        "browse.label",
        "enter",
        "label",
        "label",
        "label from here (the marked pairs, where some are marked)",
        footer=True,
    ),
    Act("browse.search", "slash", "search", "search", "search the words of all texts, as you type", footer=True),
    Act("browse.filter", "f", "filter", "filter", "show only pairs that an expression matches", footer=True),
    Act("browse.order", "o", "order", "order", "choose the order of the pairs", footer=True),
    Act("browse.views", "w", "views", "views", "saved views: open, save, delete", footer=True),
    Act("browse.mark", "space", "mark", "mark", "mark or unmark this pair and go on", footer=True),
    Act("browse.range", "V", "range", "range", "start a range here; again: mark all from there to here"),
    Act("browse.mark_all", "asterisk", "mark_all", "all", "mark everything that matches; again: clear the marks"),
    Act("browse.bulk", "b", "bulk", "bulk", "label all marked pairs, or all that match, at once", footer=True),
    Act("browse.number", "G", "number", "number", "go to a row by its number"),
    Act("browse.dataset", "D", "dataset", "data set", "show another data set"),
    Act("browse.preview", "p", "preview", "preview", "show or hide the preview"),
    Act("browse.pane", "tab", "pane", "read", "scroll the preview with the keys; again: back to the table"),
    Act("browse.more", "m", "more", "more", "show more of a long text in the preview"),
    Act("browse.refresh", "f5", "refresh", "read again", "look again: pairs may match now that did not"),
    Act("browse.clear", "c", "clear", "clear", "drop search, filter and order: show everything"),
)

TABLE = (
    Act("table.down", "down,j", "cursor(1)", "down", "one row down"),
    Act("table.up", "up,k", "cursor(-1)", "up", "one row up"),
    Act("table.page_down", "pagedown,ctrl+f", "page(1)", "page down", "one page down"),
    Act("table.page_up", "pageup,ctrl+b", "page(-1)", "page up", "one page up"),
    Act("table.first", "home,ctrl+home", "edge(-1)", "first", "the first row"),
    Act("table.last", "end,ctrl+end", "edge(1)", "last", "the last row"),
)

GROUPS: dict[str, tuple[str, tuple[Act, ...]]] = {
    # group: (its title in the help, its acts)
    "app": ("Everywhere", APP),
    "datasets": ("Datasets", DATASETS),
    "browse": ("Browse", BROWSE),
    "table": ("Tables", TABLE),
}


def bindings_of(group: str) -> list[BindingType]:
    """The bindings of a group, for `BINDINGS` of the screen or widget that has its actions."""
    return [act.binding() for act in GROUPS[group][1]]


def all_acts() -> Iterator[Act]:
    """Every act of every group."""
    for _, acts in GROUPS.values():
        yield from acts


def check_keymap(keymap: dict[str, str]) -> None:
    """Raises InputError for an id in `[keymap]` that no binding has: it would be ignored in silence."""
    known = {act.id for act in all_acts()}
    for name in keymap:
        if name not in known:
            group = name.partition(".")[0]
            near = sorted(found for found in known if found.startswith(f"{group}.")) or sorted(GROUPS)
            raise InputError(
                f"{name!r} is not a binding",
                file="flywheel.toml",
                field="keymap",
                remedy=f"there are: {', '.join(near)}",
            )


_SHOWN = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "slash": "/",
    "asterisk": "*",
    "full_stop": ".",
    "equals_sign": "=",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def show_key(key: str) -> str:
    """A key as people write it: `slash` is `/`, `ctrl+p` is `^p`."""
    *modifiers, name = key.split("+")
    if name == "" and key.endswith("+"):
        name = "plus"
    name = _SHOWN.get(name, name)
    if modifiers == ["ctrl"]:
        return f"^{name}"
    return "+".join([*modifiers, name])
