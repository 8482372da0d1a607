"""Times the screens without a terminal, in a process of its own; prints one JSON document. Used by bench_screens.

`python -m benchmarks.screen_probe ours|datatable FOLDER SIZE KEYS`. A key is timed from posting its event to
`App._display`, where Textual hands a frame to the terminal: driving it through a pilot would cost more than the
key itself. What a terminal needs to draw the frame is left out, for both programs alike.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.coordinate import Coordinate
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import DataTable, Static

from benchmarks.harness import percentile
from flywheel_tui.records.pair import PairView
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp
from screens.browse import BrowseScreen
from screens.label import LabelScreen
from screens.widgets.pair_table import PairTable

SIZE = (160, 45)
SETTLE = 0.05
"""A repaint this long after the one before still belongs to the key."""
TYPING = 0.08
"""Between two letters."""
GIVE_UP = 60.0
FILTER = "length > 400"
RARE, COMMON = "people water oil", "peo"


class Frames:
    """Remembers when frames were handed out."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.painted = asyncio.Event()

    def note(self) -> None:
        """A frame."""
        self.times.append(time.perf_counter())
        self.painted.set()


class Ours(FlywheelApp):
    """The workstation, watched."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace, reviewer="ana", worker=False)
        self.frames = Frames()

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None and not self._batch_count:
            self.frames.note()


class Peer(App[None]):
    """What one would write with Textual's own table: a row a pair, a pane with the pair beside it, a label a key."""

    CSS = "DataTable { width: 3fr; } Static { width: 2fr; padding: 0 1; border: round $primary; }"
    BINDINGS = [("a", "approve", "approve")]  # noqa: RUF012

    def __init__(self, rows: list[tuple[int, str, str]], labels: Path) -> None:
        super().__init__()
        self.rows, self.frames = rows, Frames()
        self.store = sqlite3.connect(labels, isolation_level=None)
        self.store.execute("PRAGMA journal_mode = WAL")
        self.store.execute("PRAGMA synchronous = FULL")
        self.store.execute("CREATE TABLE IF NOT EXISTS label (pair INTEGER PRIMARY KEY, status TEXT, at REAL)")

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield DataTable(cursor_type="row")
            yield Static("", markup=False)

    @property
    def table(self) -> DataTable[str]:
        """The table."""
        table: DataTable[str] = self.query_one(DataTable)
        return table

    def fill(self) -> None:
        """All rows."""
        self.table.add_columns("#", "status", "instruction", "response")
        self.table.add_rows((str(pair), "open", text[:60], answer[:60]) for pair, text, answer in self.rows)
        self.table.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the pair at the cursor."""
        _, text, answer = self.rows[event.cursor_row]
        self.query_one(Static).update(Content(f"{text}\n\n{answer}"))

    def action_approve(self) -> None:
        """A label on disk, then the next row."""
        at = self.table.cursor_row
        self.store.execute("INSERT OR REPLACE INTO label VALUES (?, 'approved', ?)", (self.rows[at][0], time.time()))
        self.table.update_cell_at(Coordinate(at, 1), "approved")
        self.table.move_cursor(row=at + 1)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if renderable is not None and not self._batch_count:
            self.frames.note()


Watched = Ours | Peer


class Drawn:
    """Counts the rows of pairs that the table has drawn."""

    rows = 0

    @classmethod
    def watch(cls) -> None:
        """Begin to count."""
        draw = PairTable._draw

        def counted(table: PairTable, *args: Any) -> Strip:
            cls.rows += 1
            return draw(table, *args)

        PairTable._draw = counted  # type: ignore[method-assign, assignment]


# -- timing -----------------------------------------------------------------------------------------------------------


_NAMES = {" ": "space", ">": "greater_than_sign"}


def post(app: Watched, key: str) -> float:
    """Post a key (its name, or its character) as the driver does; when."""
    event = events.Key(_NAMES.get(key, key), key if len(key) == 1 else None)
    event.set_sender(app)
    began = time.perf_counter()
    app.post_message(event)
    return began


async def frame_when(app: Watched, true: Callable[[], bool], began: float) -> float:
    """Milliseconds from `began` to the first frame at which something holds. Raises TimeoutError."""
    async with asyncio.timeout(GIVE_UP):
        while True:
            await app.frames.painted.wait()
            app.frames.painted.clear()
            if app.frames.times[-1] > began and true():
                return (app.frames.times[-1] - began) * 1e3


async def still(app: Watched, seconds: float = 0.3) -> None:
    """Until nothing has been painted for a while."""
    count = -1
    while count != len(app.frames.times):
        count = len(app.frames.times)
        await asyncio.sleep(seconds)


async def time_keys(app: Watched, key: str, count: int, *, settle: float = SETTLE) -> dict[str, float]:
    """First and last repaint after each of `count` keys at the pace of a quick hand, and CPU a key, in ms."""
    rng = random.Random(7)
    first: list[float] = []
    settled: list[float] = []
    app.frames.times.clear()
    cpu = time.process_time()
    for _ in range(count):
        seen = len(app.frames.times)
        began = post(app, key)
        end = began + GIVE_UP
        while len(app.frames.times) == seen and time.perf_counter() < end:
            app.frames.painted.clear()
            await asyncio.wait_for(app.frames.painted.wait(), GIVE_UP)
        await asyncio.sleep(settle)
        first.append((app.frames.times[seen] - began) * 1e3)
        settled.append((app.frames.times[-1] - began) * 1e3)
        await asyncio.sleep(rng.uniform(0.03, 0.07))
    spent = (time.process_time() - cpu) * 1e3 / count
    return {
        "first p50": percentile(first, 0.5),
        "first p95": percentile(first, 0.95),
        "settled p50": percentile(settled, 0.5),
        "settled p95": percentile(settled, 0.95),
        "cpu": spent,
    }


def resident_mb() -> float:
    """What this process holds now, in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


# -- the workstation --------------------------------------------------------------------------------------------------


async def ours(folder: Path, rows: int, keys: int) -> dict[str, Any]:
    """Every figure of the workstation."""
    found: dict[str, Any] = {}
    with Workspace.open(folder) as workspace:
        app = Ours(workspace)
        async with app.run_test(size=SIZE, notifications=False):
            await still(app)
            before = resident_mb()
            browse = await _open_browse(app, found)
            await still(app)
            found["open MB"] = resident_mb() - before
            found["down"] = await time_keys(app, "down", keys)
            found["page down"] = await time_keys(app, "pagedown", keys // 2)
            found["jump"] = await _jumps(app, browse, rows, keys // 2)
            found["search rare"] = await _search(app, browse, RARE)
            found["search common"] = await _search(app, browse, COMMON)
            found["filter"], found["filter all"] = await _filter(app, browse)
            found["MB"] = resident_mb() - before
            found["label open"] = await _open_label(app)
            await still(app)
            found["label"] = await time_keys(app, "a", keys)
            found["label next"] = await time_keys(app, "j", keys // 2)
        app = Ours(workspace)
        async with app.run_test(size=SIZE, notifications=False):
            await still(app)
            found["label unlabelled"] = await _open_label(app, "l")
    return found


async def _open_browse(app: Ours, found: dict[str, Any]) -> BrowseScreen:
    def has_rows() -> bool:
        screen = app.screen
        return isinstance(screen, BrowseScreen) and Drawn.rows > 0

    Drawn.watch()
    found["open"] = await frame_when(app, has_rows, post(app, "enter"))
    screen = app.screen
    assert isinstance(screen, BrowseScreen)
    return screen


async def _jumps(app: Ours, browse: BrowseScreen, rows: int, count: int) -> dict[str, float]:
    rng = random.Random(3)
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        browse.table.cursor = rng.randrange(rows)
        taken.append(await frame_when(app, lambda: True, began))
        await still(app, SETTLE)
    return {"p50": percentile(taken, 0.5), "p95": percentile(taken, 0.95)}


async def _search(app: Ours, browse: BrowseScreen, words: str) -> float:
    post(app, "slash")
    await still(app)
    for letter in words[:-1]:
        post(app, letter)
        await asyncio.sleep(TYPING)
    began = post(app, words[-1])

    def has_hits() -> bool:
        state = browse.state
        if state is None or state.query.search != words:
            Drawn.rows = 0
            return False
        return len(state.view) > 0 and Drawn.rows > 0

    taken = await frame_when(app, has_hits, began)
    await still(app)
    post(app, "escape")
    await still(app)
    return taken


async def _filter(app: Ours, browse: BrowseScreen) -> tuple[float, float]:
    post(app, "f")
    await still(app)
    for letter in FILTER:
        post(app, letter)
    await still(app)
    began = post(app, "enter")

    def has_rows() -> bool:
        state = browse.state
        if state is None or state.query.filter != FILTER:
            Drawn.rows = 0
            return False
        return len(state.view) > 0 and Drawn.rows > 0

    first = await frame_when(app, has_rows, began)
    everything = await frame_when(app, lambda: browse.state is not None and browse.state.view.complete, began)
    await still(app)
    post(app, "c")
    await still(app)
    return first, everything


async def _open_label(app: Ours, key: str = "enter") -> float:
    def has_pair() -> bool:
        screen = app.screen
        return isinstance(screen, LabelScreen) and screen.state is not None and screen.state.card is not None

    return await frame_when(app, has_pair, post(app, key))


# -- the alternative --------------------------------------------------------------------------------------------------


async def datatable(folder: Path, rows: int, keys: int) -> dict[str, Any]:
    """The same keys on Textual's own table."""
    from flywheel_tui.stages import views

    with Workspace.open(folder) as workspace:
        page: list[PairView] = [views.detail(workspace, pair) for pair in range(1, rows + 1)]
    texts = [(pair.id, pair.instruction, pair.output or "") for pair in page]
    app = Peer(texts, folder / "datatable.db")
    found: dict[str, Any] = {}
    async with app.run_test(size=SIZE):
        await still(app)
        before, began = resident_mb(), time.perf_counter()
        app.fill()
        await asyncio.sleep(0)
        await still(app, 0.5)
        found["open"] = (app.frames.times[-1] - began) * 1e3
        found["open MB"] = resident_mb() - before
        found["down"] = await time_keys(app, "down", keys)
        found["page down"] = await time_keys(app, "pagedown", keys // 2)
        found["label"] = await time_keys(app, "a", keys)
    app.store.close()
    return found


def main() -> None:
    """What was asked for."""
    which, folder, rows, keys = sys.argv[1:]
    probe = {"ours": ours, "datatable": datatable}[which]
    print(json.dumps(asyncio.run(probe(Path(folder), int(rows), int(keys)))))


if __name__ == "__main__":
    main()
