"""The door for untrusted text, the filter behind it, and the reader that looks for ways around both."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.content import Span
from torture import PAYLOADS, ROOT, forbidden_sequences
from unsafe_sinks import find_unsafe_sinks, known_names

from screens.safe import SafeFilter, safe_rich, safe_text

BLACK = Color(0, 0, 0)


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_are_shown_and_do_nothing(name: str) -> None:
    for shown in (safe_text(PAYLOADS[name]).plain, safe_rich(PAYLOADS[name], limit=5_000).plain):
        assert forbidden_sequences(shown.encode()) == []
        assert "\x1b" not in shown
    if PAYLOADS[name].isascii() and PAYLOADS[name].isprintable():
        assert safe_text(PAYLOADS[name]).plain == PAYLOADS[name]


def test_markup_is_text() -> None:
    content = safe_text("[b]x[/nope] [@click=app.quit]y[/] [INST] \\[z]", style="bold")
    assert content.plain == "[b]x[/nope] [@click=app.quit]y[/] [INST] \\[z]"
    assert [span.style for span in content.spans] == ["bold"]


def test_highlights_stay_on_their_words() -> None:
    text = "to \u202e\x1b bob@example.org, now"
    start = text.index("bob")
    content = safe_text(text, highlights=[Span(start, start + 15, "reverse")], style="dim")
    marked = [content.plain[span.start : span.end] for span in content.spans if span.style == "reverse"]
    assert marked == ["bob@example.org"]
    assert safe_text("x" * 300, limit=120, highlights=[Span(200, 210, "reverse")]).spans == []


def test_other_values_are_shown_by_their_text() -> None:
    assert safe_text(3.5).plain == safe_rich(3.5).plain == "3.5"
    assert safe_rich("a\nb").plain == "a␊b"
    assert safe_rich("x" * 500).cell_len <= 200


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_the_filter_keeps_the_layout_and_nothing_that_acts(texts: list[str]) -> None:
    segments = [Segment(text, Style(bold=True)) for text in texts]
    filtered = SafeFilter().apply(segments, BLACK)
    assert [segment.style for segment in filtered] == [segment.style for segment in segments]
    assert [cell_len(segment.text) for segment in filtered] == [cell_len(segment.text) for segment in segments]
    assert forbidden_sequences("".join(s.text for s in filtered).encode("utf-8", "surrogatepass")) == []


def test_the_filter_leaves_good_text_alone() -> None:
    segments = [Segment("plain é 🙂 👩\u200d👧 ─│", None), Segment("\x1b[1m", None, [(1,)])]  # type: ignore[list-item]
    assert SafeFilter().apply(segments, BLACK) == segments


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://example.org/a?b=c", True),
        ("http://localhost:1/x", True),
        ("file:///etc/passwd", False),
        ("javascript:alert(1)", False),
        ("https://example.org/\x1b]2;x", False),
        ("https://example.org/" + "a" * 600, False),
    ],
)
def test_links_lead_only_to_plain_web_addresses(link: str, kept: bool) -> None:
    [segment] = SafeFilter().apply([Segment("x", Style(bold=True, link=link))], BLACK)
    assert segment.style is not None
    assert (segment.style.link == link) == kept
    assert segment.style.bold


HEAD = """
from textual.app import App
from textual.content import Content
from textual.widgets import Static, Label, Button, DataTable, Select, OptionList, Markdown, Tree, Collapsible
from textual.widgets.option_list import Option
from rich.text import Text
from screens.safe import safe_text, safe_rich
from flywheel_tui.text import human_number
"""

UNSAFE = {
    "a variable": "def f(row):\n    return Static(row.title)",
    "an f-string": "def f(name):\n    return Label(f'hello {name}')",
    "a keyword": "def f(row):\n    return Button(label=row.name)",
    "a method": "def f(table, row):\n    table.add_row('x', row.name)",
    "starred cells": "def f(table, cells):\n    table.add_row(*cells)",
    "a list that grew": "def f(table, row):\n    cells = ['a']\n    cells.append(row.name)\n    table.add_row(*cells)",
    "a border title": "def f(self, row):\n    self.border_title = row.name",
    "a tooltip": "def f(self, row):\n    self.tooltip = 'about ' + row.name",
    "a query's update": "def f(self, row):\n    self.query_one('#a', Static).update(row)",
    "an update with text": "def f(panel, row):\n    panel.update(f'{row.name}!')",
    "select options": "def f(rows):\n    return Select([(r.name, r.uid) for r in rows])",
    "options": "def f(rows):\n    return OptionList(*[Option(r.name) for r in rows])",
    "one branch": "def f(x, row):\n    return Static('none' if x else row.name)",
    "another's checked type": "def f(x, y):\n    return Static(y if isinstance(x, Content) else safe_text(x))",
    "one assignment of two": "def f(row):\n    t = 'a'\n    if row:\n        t = row.name\n    return Static(t)",
    "a tree node": "def f(self, row):\n    self.root.add(row.name)",
    "parsed markup": "def f(row):\n    return Content.from_markup(f'[b]{row.name}')",
    "rich markup": "def f(row):\n    return Text.from_markup(row.name)",
    "raw rich text in a cell": "def f(table, row):\n    table.add_row(Text(row.name))",
    "a number's name": "def f(name):\n    return Static(f'{name:>10}')",
    "escape": "from rich.markup import escape",
    "textual's escape": "from textual.markup import escape as e",
    "a bare app": "class Mine(App[None]):\n    pass",
    "a str to render": "class W(Static):\n    def render(self) -> str:\n        return self.x",
    "links that open": "def f():\n    return Markdown('x')",
    "a viewer": "from textual.widgets import MarkdownViewer",
    "an empty excuse": "def f(row):\n    return Static(row.title)  # safe:",
    "a collapsible": "def f(row):\n    return Collapsible(Static('x'), title=row.name)",
}
SAFE = {
    "literals": "def f():\n    return Static('[b]hello[/b]'), Label(), Button('ok', tooltip='yes')",
    "the door": "def f(row):\n    return Static(safe_text(row.title)), Option(safe_text(row.a))",
    "numbers": "def f(n, total):\n    return Static(f'{n:,} of {total:,d}, {n / total:.1%}, {len(n)}')",
    "a constant": "TITLE = 'a'\ndef f():\n    return Static(TITLE)",
    "a content variable": "def f(row):\n    c = safe_text(row.a)\n    c = c + Content(' x')\n    return Static(c)",
    "cells": "def f(table, rows):\n    for row in rows:\n        cells = [safe_rich(row.a), Text(f'{row.n:,}')]\n"
    "        cells.append(Text('x'))\n        table.add_row(*cells, key=row.uid)",
    "annotated": "def f(c: Content, n: int, r: Text):\n    return Static(c), Label(f'{n} rows')",
    "own function": "def title(row) -> Content: ...\ndef f(row):\n    return Static(title(row))",
    "own method": "class A:\n    def t(self) -> Content: ...\n    def f(self):\n        return Static(self.t())",
    "own attribute": "class A:\n    count: int\n    def f(self):\n        self.border_title = f'{self.count} rows'",
    "dicts": "def f(state, other):\n    state.update(other)\n    {1}.update([2])",
    "sets": "def f(seen, row):\n    seen.add(row.name)",
    "a checked type": "def f(x):\n    return Static(x if isinstance(x, Content) else safe_text(x))",
    "a loop of literals": "def f():\n    for k, words in (('a', 'yes'), ('b', 'no')):\n        yield Static(words)",
    "a numbered loop": "def f(rows):\n    for i, row in enumerate(rows):\n        yield Static(f'{i}')",
    "select": "def f(rows):\n    return Select([(safe_text(r.name), r.uid) for r in rows], value=rows[0].uid)",
    "a table of words": "GLYPHS = {}\ndef f(s):\n    return Static(GLYPHS[s]), Static(GLYPHS.get(s, '?'))",
    "another Label": "from flywheel_tui.records import Label\ndef f(row):\n    return Label(row.uid)",
    "an excuse": "def f(row):\n    return Static(row.title)  # safe: made of digits by the store",
    "re.escape": "import re\nfrom re import escape",
    "substitution": "def f(row):\n    return Content.from_markup('[b]$name', name=row.name)",
    "notify": "def f(self, row):\n    self.notify(f'saved {row.name}')",
    "human": "def f(n):\n    return Static(f'{human_number(n)} pairs')",
    "quiet links": "def f():\n    return Markdown('x', open_links=False)",
    "nothing": "def f(self):\n    self.tooltip = None",
}


@pytest.mark.parametrize("case", UNSAFE)
def test_ways_around_the_door_are_found(case: str) -> None:
    assert len(find_unsafe_sinks(HEAD + UNSAFE[case])) == 1


@pytest.mark.parametrize("case", SAFE)
def test_sound_code_is_left_alone(case: str) -> None:
    head = HEAD.replace(", Label", "") if "records import Label" in SAFE[case] else HEAD
    assert find_unsafe_sinks(head + SAFE[case]) == []


def _sources() -> dict[Path, str]:
    folders = (ROOT / "screens", ROOT / "flywheel_tui")
    return {path: path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.rglob("*.py"))}


def test_no_screen_goes_around_the_door() -> None:
    sources = _sources()
    assert sources, "the screens are not where the test looks"
    names = known_names(sources.values())
    found = [
        f"{path.relative_to(ROOT)} {line}"
        for path, source in sources.items()
        if path.is_relative_to(ROOT / "screens")
        for line in find_unsafe_sinks(source, names)
    ]
    assert not found, "\n".join(found)
