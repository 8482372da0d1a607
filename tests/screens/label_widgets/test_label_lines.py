"""Lines and boxes: nothing is lost, nothing is wider than its box."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.color import Color
from textual.content import Content, Span
from textual.style import Style

from screens.label_widgets.lines import Palette, painted
from screens.label_widgets.panes import Pane
from screens.label_widgets.paper import LEAST, Area, boxes_of, shares
from screens.safe import safe_text

PALETTE = Palette(
    Style(Color(0, 0, 0), Color(255, 255, 255)), {"accent": "#00ff00", "border": "#333333", "muted": "#888888"}
)


def text_of(lines: list[list[object]]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]  # type: ignore[attr-defined]


def test_words_are_kept_whole_where_they_fit() -> None:
    assert [line.rstrip() for line in text_of(painted(Content("one two three\n\nfour"), 8, PALETTE))] == [
        "one two",
        "three",
        "",
        "four",
    ]
    assert text_of(painted(Content("abcdefghij"), 4, PALETTE)) == ["abcd", "efgh", "ij  "]


def test_wide_characters_never_break_the_width() -> None:
    lines = text_of(painted(Content("日本語の文章 and 한국어 text"), 7, PALETTE))
    assert all(cell_len(line) == 7 for line in lines)
    assert "".join("".join(lines).split()) == "日本語の文章and한국어text"


def test_styles_follow_the_text_over_line_ends() -> None:
    content = Content("one two three", spans=[Span(4, 13, "bold"), Span(8, 13, "$accent")])
    lines = painted(content, 8, PALETTE)
    bold = [segment.text for line in lines for segment in line if segment.style and segment.style.bold]
    assert "".join(bold).replace(" ", "") == "twothree"
    last = next(segment for segment in lines[1] if segment.text.startswith("three"))
    assert last.style is not None and last.style.color is not None and last.style.color.name == "#00ff00"


@given(st.text(max_size=400), st.integers(2, 60))
@settings(deadline=None, max_examples=300)
def test_every_character_is_painted_and_every_line_fits(text: str, width: int) -> None:
    content = safe_text(text)
    lines = text_of(painted(content, width, PALETTE))
    assert all(cell_len(line) == width for line in lines)
    wanted = "".join(content.plain.expandtabs(4).split())
    assert "".join("".join(lines).split()) == wanted


@given(st.lists(st.tuples(st.integers(3, 200), st.integers(1, 9)), min_size=1, max_size=5), st.integers(15, 80))
@settings(deadline=None)
def test_room_is_used_up_and_nobody_is_squeezed_out(asked: list[tuple[int, int]], total: int) -> None:
    needs, weights = [need for need, _ in asked], [weight for _, weight in asked]
    given_rows = shares(needs, weights, total)
    assert all(rows >= LEAST for rows in given_rows)
    if total >= 3 * len(asked) * 3:
        assert sum(given_rows) == total
    if sum(needs) <= total:
        assert all(rows >= need for rows, need in zip(given_rows, needs, strict=True))


def test_a_box_scrolls_to_its_last_line_and_no_further() -> None:
    pane = Pane(Content("title"), Content("\n".join(f"line {n}" for n in range(30))))
    (box,) = boxes_of([(pane,)], Area(0, 0, 20, 10), PALETTE)
    assert box.room == 8 and box.most == 22
    assert box.scroll_by(1000) and box.scroll == 22 and not box.scroll_by(1)
    drawn = ["".join(segment.text for segment in box.line(y, False, PALETTE, True)) for y in range(10)]
    assert all(len(line) == 20 for line in drawn)
    assert "line 29" in drawn[8] and "22 above" in drawn[9]


def test_boxes_side_by_side_fill_the_width() -> None:
    pane = Pane(Content("t"), Content("x"))
    boxes = boxes_of([(pane,), (pane, pane)], Area(2, 1, 31, 20), PALETTE)
    assert [(box.area.x, box.area.width) for box in boxes] == [(2, 31), (2, 16), (18, 15)]
    assert boxes[0].area.height + boxes[1].area.height == 20
