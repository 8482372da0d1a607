"""How far a data set fills the grid of a taxonomy: what the heat map shows and what the quota sampler goes by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.generate.objects import Taxonomy, load_taxonomy
from flywheel_tui.store import datasets, generation

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

EDGE = "edge case"
"""The difficulty of edge cases: they stand beside the grid's levels."""


class Cell(msgspec.Struct, frozen=True):
    """A place of the grid. For an edge case `difficulty` is "edge case" and `style` is its kind."""

    topic: str
    style: str
    difficulty: str


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows in every cell (`counts`, by `key_of_cell`), and how many each would have if as many rows were spread by the
    shares of the grid (`wanted`, by largest remainder).

    `outside` counts rows whose topic, style or difficulty the taxonomy does not know (or that have none).
    """

    taxonomy: str
    version: int
    topics: tuple[str, ...]
    styles: tuple[str, ...]
    levels: tuple[str, ...]
    edges: tuple[str, ...]
    counts: dict[str, int]
    wanted: dict[str, int]
    rows: int
    outside: int
    empty: int

    @property
    def cells(self) -> list[Cell]:
        """Every cell of the grid, edge cases after the others of their topic."""
        return [
            Cell(topic, *place)
            for topic in self.topics
            for place in (
                *((style, level) for style in self.styles for level in self.levels),
                *((kind, EDGE) for kind in self.edges),
            )
        ]

    def count(self, topic: str, style: str, difficulty: str) -> int:
        """Rows in one cell."""
        return self.counts.get(key_of_cell(Cell(topic, style, difficulty)), 0)


def key_of_cell(cell: Cell) -> str:
    """The name of a cell: what `meta.generated.cell` holds."""
    return f"{cell.topic}/{cell.style}/{cell.difficulty}"


def cells_of(taxonomy: Taxonomy) -> dict[Cell, float]:
    """Every cell with the share of all rows that it should have."""
    edge = taxonomy.edge_cases
    edge_share = edge.share if edge is not None and edge.kinds else 0.0
    topics, styles = list(taxonomy.topics), taxonomy.styles
    found: dict[Cell, float] = {}
    for topic in topics:
        for style in styles:
            for level in taxonomy.difficulty:
                share = (1 - edge_share) * level.share / (len(topics) * len(styles))
                found[Cell(topic, style.name, level.name)] = share
        for kind in edge.kinds if edge is not None and edge_share else ():
            found[Cell(topic, kind.name, EDGE)] = edge_share / (len(topics) * len(edge.kinds if edge else ()))
    return found


def aimed(taxonomy: Taxonomy, cells: Sequence[Cell], text: str) -> list[Cell]:
    """The cells that `topic/style/difficulty` names, several between commas; `*` stands for any topic, style or
    difficulty. Raises UsageError that lists what there is."""
    found: list[Cell] = []
    for aim in (part.strip() for part in text.split(",") if part.strip()):
        hits = [cell for cell in cells if _is_meant(cell, aim)]
        if not hits:
            styles = ", ".join(dict.fromkeys(cell.style for cell in cells if cell.difficulty != EDGE))
            levels = ", ".join(dict.fromkeys(cell.difficulty for cell in cells))
            raise UsageError(
                f"the taxonomy {taxonomy.name} has no cell {aim!r}; write TOPIC/STYLE/DIFFICULTY, with * for any"
                f" (topics: {', '.join(taxonomy.topics)}; styles: {styles}; difficulties: {levels})"
            )
        found += [cell for cell in hits if cell not in found]
    return found


def _is_meant(cell: Cell, aim: str) -> bool:
    wanted = aim.split("/")
    there = (cell.topic, cell.style, cell.difficulty)
    by_parts = len(wanted) == 3 and all(want in ("*", name) for want, name in zip(wanted, there, strict=True))
    return by_parts or key_of_cell(cell) == aim


def aim_at(topic: str, keys: Sequence[str], cells: Sequence[Cell]) -> str:
    """How `aimed` is told of exactly the cells with these keys, all of one topic: with a `*` where that says it, else
    one by one."""
    inside = [cell for cell in cells if key_of_cell(cell) in keys]
    for style, level in {(cell.style, "*") for cell in inside} | {("*", cell.difficulty) for cell in inside}:
        matched = [c for c in cells if c.topic == topic and style in ("*", c.style) and level in ("*", c.difficulty)]
        if len(inside) > 1 and matched == inside:
            return f"{topic}/{style}/{level}"
    return ",".join(keys)


def quotas(shares: dict[Cell, float], rows: int) -> dict[Cell, int]:
    """Whole rows for every cell by largest remainder: they add up to `rows`, none is off by one or more."""
    exact = {cell: share * rows for cell, share in shares.items()}
    found = {cell: int(value) for cell, value in exact.items()}
    left = rows - sum(found.values())
    for cell in sorted(exact, key=lambda cell: (found[cell] - exact[cell], cell.topic, cell.style, cell.difficulty))[:left]:  # fmt: skip  # noqa: E501
        found[cell] += 1
    return found


def coverage(workspace: Workspace, dataset: str, taxonomy: str = "general") -> Coverage:
    """The grid of a taxonomy over a data set. Raises NotFoundError."""
    grid = load_taxonomy(workspace, taxonomy)
    connection = workspace.store.read()
    counts = Counter(generation.cells(connection, datasets.get_dataset(connection, dataset).id))
    cells = cells_of(grid)
    known = {key_of_cell(cell) for cell in cells}
    inside = {key: count for key, count in counts.items() if key in known}
    return Coverage(
        taxonomy=grid.name, version=grid.version, topics=tuple(grid.topics),
        styles=tuple(style.name for style in grid.styles), levels=tuple(level.name for level in grid.difficulty),
        edges=tuple(kind.name for kind in grid.edge_cases.kinds) if grid.edge_cases else (), counts=inside,
        wanted={key_of_cell(cell): count for cell, count in quotas(cells, sum(inside.values())).items()},
        rows=sum(inside.values()), outside=sum(counts.values()) - sum(inside.values()),
        empty=sum(key not in inside for key in known),
    )  # fmt: skip


def pairs_of(workspace: Workspace, dataset: str, keys: Sequence[str]) -> list[int]:
    """The pairs behind the counts of some cells (named by `key_of_cell`), in order. Raises NotFoundError."""
    connection = workspace.store.read()
    return generation.pairs_in_cells(connection, datasets.get_dataset(connection, dataset).id, keys)
