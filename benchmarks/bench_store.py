"""Pages, counts, search and labels on a large data set, beside the plain SQL that people write."""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.harness import Measure, make_rows, medians, percentile, seconds, told
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.stages import views
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.label import decide
from flywheel_tui.stages.search_index import build
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace

TITLE = "The store: pages, counts, search, labels"


def run(folder: Path, rows: int) -> list[Measure]:
    """Milliseconds of each."""
    file = make_rows(folder / "rows.jsonl", rows)
    with Workspace.open(folder / "w", create=True) as workspace:
        with told("filling"):
            ingest(workspace, IngestOptions(source=str(file), name="rows"))
        with told("building the search index"):
            indexing = seconds(lambda: build(workspace))
        return [
            *_pages(workspace, rows),
            *_counts(workspace),
            Measure("building the search index", rows / indexing, "rows/s", better="more"),
            *_search(workspace),
            *_labels(workspace, rows),
        ]


def _pages(workspace: Workspace, rows: int) -> list[Measure]:
    read = workspace.store.read()
    view = views.open_view(workspace, ViewQuery(dataset="rows"))
    deep = rows - 100

    def offset() -> None:
        read.execute("SELECT * FROM pair ORDER BY id LIMIT 50 OFFSET ?", (deep,)).fetchall()

    ours, other = medians(lambda: views.page(workspace, view, deep, 50), offset, times=9)
    return [
        Measure("50 rows at the end", ours * 1e3, "ms", other * 1e3, "OFFSET", goal="≤ 1 ms"),
    ]


def _counts(workspace: Workspace) -> list[Measure]:
    read = workspace.store.read()

    def group_by() -> None:
        read.execute("SELECT status, count(*) FROM pair_current GROUP BY status").fetchall()

    ours, other = medians(lambda: views.summaries(workspace), group_by, times=9)
    return [Measure("every figure of Datasets", ours * 1e3, "ms", other * 1e3, "GROUP BY of one", goal="≤ 30 ms")]


def _search(workspace: Workspace) -> list[Measure]:
    read = workspace.store.read()

    def ours(text: str) -> float:
        def first_page() -> None:
            view = views.open_view(workspace, ViewQuery(dataset="rows", search=text))
            views.build(workspace, view, cancelled=lambda: len(view) >= 50)
            views.rows_of(workspace, (view.ids or [])[:50])

        return medians(first_page, times=5)[0]

    def like() -> None:
        read.execute("SELECT id FROM pair WHERE output LIKE '%people water oil%' ORDER BY id DESC LIMIT 50").fetchall()

    (other,) = medians(like, times=3)
    rare, common = ours("people water oil"), ours("peo")
    return [
        Measure("search, first page, three words", rare * 1e3, "ms", other * 1e3, "LIKE", goal="≤ 50 ms"),
        Measure("search, first page, three letters that every second row has", common * 1e3, "ms", goal="≤ 50 ms"),
    ]


def _labels(workspace: Workspace, rows: int) -> list[Measure]:
    rng = random.Random(3)
    taken = []
    for pair in rng.sample(range(1, rows + 1), 300):
        decision = Decision(
            uid=new_uid(), pair=pair, version=pair, reviewer="ana", status="approved", answered=now_us()
        )
        taken.append(seconds(lambda d=decision: decide(workspace, d)) * 1e3)  # type: ignore[misc]
    return [
        Measure("a label on disk, median", percentile(taken, 0.5), "ms"),
        Measure("a label on disk, 99 of 100", percentile(taken, 0.99), "ms", goal="≤ 50 ms"),
    ]
