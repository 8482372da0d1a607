"""The keys of every screen, of tables and of what is read in a window of its own."""

from __future__ import annotations

from screens.acts.act import Act

APP = (
    Act("app.goto", "g", "goto", "go to", "go to another screen", footer=True),
    Act("app.previous", "left_square_bracket", "neighbour(-1)", "previous", "the screen on the left"),
    Act("app.next", "right_square_bracket", "neighbour(1)", "next", "the screen on the right"),
    Act("app.back", "escape", "back", "back", "step back: close what is open, or go to the screen before"),
    Act("app.palette", "ctrl+p", "command_palette", "palette", "find any command by its name", priority=True),
    Act("app.help", "question_mark,f1", "help", "keys", "all keys of this screen", footer=True),
    Act("app.rubric", "ctrl+r", "rubric", "rubric", "read, write and try a rubric: what people and judges are asked"),
    Act("app.theme", "f2", "next_theme", "theme", "next theme: dark, light, monochrome"),
    Act("app.quit", "q,ctrl+q", "leave", "quit", "leave the workstation; everything decided is on disk", footer=True),
)

TABLE = (
    Act("table.down", "down,j", "cursor(1)", "down", "one row down"),
    Act("table.up", "up,k", "cursor(-1)", "up", "one row up"),
    Act("table.page_down", "pagedown,ctrl+f", "page(1)", "page down", "one page down"),
    Act("table.page_up", "pageup,ctrl+b", "page(-1)", "page up", "one page up"),
    Act("table.first", "home,ctrl+home", "edge(-1)", "first", "the first row"),
    Act("table.last", "end,ctrl+end", "edge(1)", "last", "the last row"),
)

READER = (
    Act("reader.close", "escape,q,enter", "close", "close", "close"),
    Act("reader.down", "down,j", "scroll(1)", "down", "one line down"),
    Act("reader.up", "up,k", "scroll(-1)", "up", "one line up"),
    Act("reader.page_down", "pagedown,space", "scroll_page(1)", "page down", "one page down"),
    Act("reader.page_up", "pageup", "scroll_page(-1)", "page up", "one page up"),
    Act("reader.first", "home", "edge(-1)", "top", "to the beginning"),
    Act("reader.last", "end", "edge(1)", "end", "to the end"),
    Act("reader.next", "right,l,tab", "other(1)", "next log", "the next log"),
    Act("reader.previous", "left,h,shift+tab", "other(-1)", "log before", "the log before"),
)
