"""Two pairs beside each other, section by section, with the words in which they differ. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content, Span

from flywheel_tui.stages.aids.difference import Spans, differing_words
from screens.safe import safe_text
from screens.widgets.pair_text import LIMIT, Section, sections

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView

DIFFERENCE_STYLE = "bold underline $edit"


SAME_SHOWN = 160
"""Characters shown of a long section that says the same in both, while another one differs."""


class Compared(NamedTuple):
    """The texts of both pairs, the headings of the sections in which they differ, whether equal ones were cut."""

    left_text: Content
    right_text: Content
    differ: tuple[str, ...]
    cut: bool


def compared(one: PairView, other: PairView, *, limit: int = LIMIT, whole: bool = False) -> Compared:
    """Both pairs, section beside section. Long sections that are the same are cut, unless `whole`."""
    ours = {section.field: section for section in sections(one)}
    theirs = {section.field: section for section in sections(other)}
    fields = list(dict.fromkeys([*ours, *theirs]))
    texts = {field: (_text(ours.get(field)), _text(theirs.get(field))) for field in fields}
    differing = [field for field in fields if texts[field][0] != texts[field][1]]
    left: list[Content] = []
    right: list[Content] = []
    cut = False
    for field in fields:
        same = bool(differing) and not whole and field not in differing and len(texts[field][0]) > SAME_SHOWN
        cut = cut or same
        spans = None if field not in differing else differing_words(*texts[field])
        note = "  the same in both" if same else _note(spans) if field in differing else ""
        for blocks, section, marks in ((left, ours.get(field), 0), (right, theirs.get(field), 1)):
            title = (section or ours.get(field) or theirs[field]).title
            heading = Content.assemble(
                safe_text(title, multiline=False, limit=60, style="bold $accent"), (note, "$muted italic")
            )
            highlights = [Span(*span, DIFFERENCE_STYLE) for span in (spans[marks] if spans else [])]
            blocks.append(_block(heading, section, SAME_SHOWN if same else limit, highlights))
    titles = tuple((ours.get(field) or theirs[field]).title for field in differing)
    return Compared(Content("\n\n").join(left), Content("\n\n").join(right), titles, cut)


def _text(section: Section | None) -> str:
    return section.text if section is not None else ""


def _note(spans: tuple[Spans, Spans] | None) -> str:
    if spans is None:
        return "  too long to compare"
    return "  white space, or little in common" if spans == ([], []) else ""


def _block(heading: Content, section: Section | None, limit: int, highlights: list[Span]) -> Content:
    if section is None or not section.text.strip():
        return Content.assemble(heading, "\n", ("(empty)" if section else "(not there)", "$muted italic"))
    return Content.assemble(heading, "\n", safe_text(section.text, limit=limit, highlights=highlights))
