"""The confusion matrix as blocks, the rates beside it, the line of the threshold: drawn as text, never colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from flywheel_tui.text import visible
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import Calibration, Number
    from screens.glyphs import Glyphs

PREFERENCES = ("", "a", "b", "tie", "neither")
WORDS = {
    (1, 1): ("✓", "right pass", "approve"),
    (1, 0): ("✗", "lost pass", "reject"),
    (0, 1): ("✗", "false pass", "reject"),
    (0, 0): ("✓", "right fail", "approve"),
}
_NAMES = {
    "precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy", "specificity": "specificity",
    "balanced_accuracy": "balanced", "mcc": "MCC", "kappa": "kappa", "kappa_either_side": "either side", "ac1": "AC1",
}  # fmt: skip
_LIGHT, _HEAVY = "┌─┐│└┘", "┏━┓┃┗┛"
_LIGHT_ASCII, _HEAVY_ASCII = "+-+|++", "#=#|##"


class Cell(NamedTuple):
    """One block: what people say (row), what the judge says (column), how many pairs."""

    truth: int
    said: int
    pairs: int


class Grid(NamedTuple):
    """The matrix: names of rows and columns, and its blocks by row."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def total(self) -> int:
        """All pairs in it."""
        return sum(cell.pairs for row in self.cells for cell in row)

    def at(self, place: tuple[int, int]) -> Cell:
        """The block at a row and column; the nearest one where there is none."""
        row = min(max(place[0], 0), len(self.cells) - 1)
        return self.cells[row][min(max(place[1], 0), len(self.columns) - 1)]


def grid_of(found: Calibration) -> Grid:
    """Two by two for pass and fail (passes first), else the answers of preferences that occur."""
    if found.counts is not None:
        c = found.counts
        return Grid(("pass", "fail"), ("passes", "fails"),
                    ((Cell(1, 1, c.tp), Cell(1, 0, c.fn)), (Cell(0, 1, c.fp), Cell(0, 0, c.tn))))  # fmt: skip
    rows = [name for name in PREFERENCES[1:] if name in found.table] or ["a", "b"]
    said = {name for line in found.table.values() for name in line}
    columns = [name for name in (*PREFERENCES[1:], "no answer") if name in said or name in rows]
    cells = tuple(
        tuple(
            Cell(PREFERENCES.index(row), 0 if column == "no answer" else PREFERENCES.index(column),
                 found.table.get(row, {}).get(column, 0)) for column in columns
        ) for row in rows
    )  # fmt: skip
    return Grid(tuple(rows), tuple(columns), cells)


def cell_words(cell: Cell, preference: bool) -> tuple[str, str, str]:
    """Glyph, word and token of a block."""
    if not preference:
        return WORDS[cell.truth, cell.said]
    return ("✓", "same", "approve") if cell.truth == cell.said else ("✗", "other", "reject")


def draw_grid(grid: Grid, chosen: tuple[int, int], glyphs: Glyphs, *, preference: bool, width: int = 43) -> Content:
    """The blocks, the chosen one with a heavy frame. `width` is that of the whole."""
    names = max(len(name) for name in (*grid.rows, "people")) + 1
    room = max((width - names) // len(grid.columns) - 2, 5)
    tall = len(grid.rows) <= 2
    lines = [Content.styled(f"{'people':<{names}}" + "".join(
        f"{('judge ' if not preference and room > 10 else '') + name:^{room + 2}}"[: room + 2] for name in grid.columns
    ), "$muted")]  # fmt: skip
    for at, row in enumerate(grid.cells):
        blocks = [
            _block(cell, grid.total, (at, column) == chosen, glyphs, room, preference=preference, tall=tall)
            for column, cell in enumerate(row)
        ]
        for number in range(len(blocks[0])):
            name = grid.rows[at] if number == 1 else ""
            lines.append(Content.assemble((f"{name:<{names}}", "bold"), *(block[number] for block in blocks)))
    return Content("\n").join(lines)


def _block(
    cell: Cell, total: int, chosen: bool, glyphs: Glyphs, room: int, *, preference: bool, tall: bool
) -> list[Content]:
    light, heavy = (_LIGHT_ASCII, _HEAVY_ASCII) if glyphs.ascii else (_LIGHT, _HEAVY)
    frame = heavy if chosen else light
    left_top, line, right_top, side, left_low, right_low = tuple(frame)
    edge = "bold $accent" if chosen else "$border"
    glyph, word, token = cell_words(cell, preference)
    glyph = ("+" if glyph == "✓" else "x") if glyphs.ascii else glyph
    share = cell.pairs / total if total else 0.0
    figure = f"{cell.pairs:,}"
    percent = f"{share:.1%}" if len(figure) + 7 <= room else f"{share:.0%}"
    between = room - len(figure) - len(percent)
    counted = f"{figure}{' ' * max(between, 1)}{percent}" if between > 0 else figure
    inner = [Content.styled(f"{counted:<{room}}"[:room], "bold" if chosen else "")]
    if tall:
        inner.append(Content.styled(glyphs.bar(share, room), f"${token}"))
    inner.append(Content.styled(f"{glyph} {word}"[:room].ljust(room), f"${token}"))
    drawn = [Content.styled(f"{left_top}{line * room}{right_top}", edge)]
    drawn += [Content.assemble((side, edge), one, (side, edge)) for one in inner]
    if tall:
        drawn.append(Content.styled(f"{left_low}{line * room}{right_low}", edge))
    return drawn


def figure(value: float | None) -> str:
    """.912, 1.00, -.05 or n/a: four places."""
    if value is None:
        return " n/a"
    if abs(value) >= 0.9995:
        return f"{value:.2f}"[:4]
    said = f"{value:.3f}".replace("0.", ".", 1)
    return said if len(said) == 4 else f"{value:.2f}".replace("0.", ".", 1)


def short(count: float) -> str:
    """412, 41k, 1.2M."""
    if count < 10_000:
        return f"{count:,.0f}"
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"


def rate_line(name: str, found: Number, *, settling: bool = False) -> Content:
    """One rate with its interval and n, in 36 cells."""
    parts: list[tuple[str, str] | Content] = [(f"{name:<11} ", "$muted"), (figure(found.value), "bold")]
    if found.value is None:
        parts.append(safe_text(f" {found.why}", multiline=False, limit=30, style="$muted"))
    elif settling:
        parts.append((" [ …    … ]", "$muted"))
    elif found.low is None or found.high is None:
        parts.append((f" {found.why or found.method}"[:14], "$muted"))
    else:
        parts.append((f" [{figure(found.low)} {figure(found.high)}]", ""))
    if found.value is not None and found.n:
        parts.append((f" n {short(found.n)}", "$muted"))
    return Content.assemble(*parts)


def rates_content(found: Calibration, *, settling: bool = False) -> Content:
    """Every rate; for the whole population where pairs were drawn with known probabilities."""
    lines = [rate_line(_NAMES[name], found.rates[name], settling=settling) for name in _NAMES if name in found.rates]
    if found.no_skill is not None:
        lines.append(
            Content.assemble(("no skill    ", "$muted"), figure(found.no_skill), (" always one answer", "$muted"))
        )
    if found.pass_rate is not None:
        lines.append(rate_line("true passes", found.pass_rate, settling=settling))
    if found.weighted:
        lines.append(Content.styled(f"whole population, {found.weighted_labels:,} drawn labels", "$muted"))
        lines += [rate_line(_NAMES[name], found.weighted[name]) for name in ("precision", "recall", "accuracy", "kappa")
                  if name in found.weighted]  # fmt: skip
    return Content("\n").join(lines)


def threshold_line(found: Calibration, lines: list[float], width: int, glyphs: Glyphs, kept: str) -> Content:
    """Where the threshold stands among the scores, and what share of all pairs passes there."""
    if found.kind == "preference":
        return Content.styled(" preferences: one of two answers, no threshold", "$muted")
    if not lines:
        return Content.styled(" no scores here: the judge's own pass or fail counts", "$muted")
    first, last = f"{lines[0]:g}", f"{lines[-1]:g}"
    beside = f"  {kept}" if kept else ""
    answer = found.threshold
    if answer is None or answer.value is None:
        shown = f" the judge's own word   ←/→ moves a threshold over the scores {first} … {last}{beside}"
        return Content.styled(shown.replace("←/→", "left/right") if glyphs.ascii else shown, "$muted")
    share = "" if answer.coverage is None else f" {answer.coverage:.1%} of all pass"
    room = max(width - len(first) - len(last) - len(share) - len(beside) - 26, 8)
    at = min(range(len(lines)), key=lambda place: abs(lines[place] - (answer.value or 0)))
    spot = round(at / max(len(lines) - 1, 1) * (room - 1))
    bar, dot = ("-", "O") if glyphs.ascii else ("─", "●")
    return Content.assemble(
        (" threshold ", "$muted"), (f"{answer.value:<7g}", "bold $accent"), (f" {first} ", "$muted"),
        (bar * spot, "$muted"), (dot, "bold $accent"), (bar * (room - 1 - spot), "$muted"), (f" {last}", "$muted"),
        share, (beside, "$muted"),
    )  # fmt: skip


def facts_line(found: Calibration, changed: bool) -> Content:
    """Whose figures, and what was counted: every switch in a word."""
    options = found.options
    policy = {"leave-out": "left out", "wrong": "wrong", "fail": "a fail", "tie": "a tie"}
    switches = [
        "all labels" if options.split == "all" else f"split {options.split}",
        "+ not blind" if options.include_unblinded else "+ picked" if options.include_picked else "blind only",
        f"unreadable: {policy.get(options.unreadable or 'leave-out', '')}",
    ]
    if found.kind == "verdict" and "edited" in options.approved_is:
        switches.append("edited passes")
    if options.split == "report":
        switches.append(f"looked at {found.report_looks} ×")
    # a run that was given no name has that of its judge: once is enough, and leaves room for the switches
    judge = visible(found.judge, multiline=False, limit=22) if found.judge != found.tag else ""
    parts: list[Content | tuple[str, str] | str] = [
        " ", ("! changed since: f5   " if changed else "", "bold $edit"),
        (visible(found.tag, multiline=False, limit=20), "bold"), "  " if judge else "", (judge, "$judge"), "   ",
        (" · ".join(switches), "$muted"),
    ]  # fmt: skip
    return Content.assemble(*parts)
