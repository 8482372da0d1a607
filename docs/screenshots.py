"""Makes the pictures of the README: the real screens over the demo data, the same every time.

`python docs/screenshots.py [FOLDER]` (default: docs/screenshots). The clock stands still but where somebody labels,
the shuffles have fixed seeds, and nothing of this machine is shown.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.jobs import run_foreground
from flywheel_tui.records.label import Decision
from flywheel_tui.resources import shipped
from flywheel_tui.stages import views
from flywheel_tui.stages.label import decide
from flywheel_tui.stages.setup import fill_with_demo, make_workspace
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp
from screens.label import LabelScreen

SIZE = (118, 32)
NOON = 1_760_000_000_000_000
"""When the pictures were taken, in microseconds UTC."""
HOUR = 3_600_000_000
SECOND = 1_000_000
VALIDATED = "demo-support"
JUDGED = "demo-knowledge"


class Picture(NamedTuple):
    """A file, the data set it shows (None: the list of all), the place, when (minutes), the keys pressed before."""

    name: str
    dataset: str | None
    start: str
    minutes: int
    keys: tuple[str, ...]


class Clock:
    """Stands still, but for the time that a decision takes."""

    def __init__(self, minutes: int) -> None:
        self.now = NOON + minutes * 60 * SECOND

    def __call__(self) -> int:
        return self.now


_REJECTED = {4: "1", 6: "3", 8: "6", 12: "2"}
_DECISIONS = tuple(key for number in range(1, 18) for key in (["r", _REJECTED[number]] if number in _REJECTED else "a"))
PICTURES = (
    Picture("preference", "demo-preference", "label", -60, ("l", "h", "equals_sign", "h", "l")),
    Picture("label", "demo-support", "label", -20, _DECISIONS),
    Picture("browse", "demo-support", "browse", 0, (*["down"] * 4, "space", "space", "down", "space", "up")),
    Picture("calibrate", JUDGED, "calibrate", 0, ("left", "right")),
    Picture("rubric", "demo-support", "datasets", 0, ("ctrl+r", "enter", "f5")),
    Picture("datasets", None, "datasets", 0, ("down",) * 5),
)


def main() -> None:
    """Make all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    for path in make(folder):
        sys.stdout.write(f"{path}\n")


def make(folder: Path) -> list[Path]:
    """Make all pictures in `folder`; their paths."""
    made = []
    with TemporaryDirectory(prefix="flywheel-pictures-") as root, fixed(), demo(Path(root) / "data") as workspace:
        for picture in PICTURES:
            svg = asyncio.run(take(workspace, picture))
            made.append(folder / f"{picture.name}.svg")
            made[-1].write_text(svg, encoding="utf-8")
    return made


@contextmanager
def fixed() -> Iterator[None]:
    """Nothing by chance, nothing of the person who runs this."""
    numbers = count(1)

    def uid() -> bytes:
        return (NOON // 1000).to_bytes(6, "big") + next(numbers).to_bytes(10, "big")

    kept = {name: os.environ.pop(name) for name in ("NO_COLOR", "FLYWHEEL_WORKSPACE") if name in os.environ}
    try:
        with patch("flywheel_tui.stages.session.new_uid", uid):
            yield
    finally:
        os.environ.update(kept)


@contextmanager
def demo(root: Path) -> Iterator[Workspace]:
    """The demo workspace, some of it validated, all of it as of some hours before."""
    with make_workspace(root) as workspace:
        fill_with_demo(workspace)
        run_foreground(workspace, "validate", {"dataset": VALIDATED, "helpers": 0}, title="validate")
        judge_and_label(workspace)
        with workspace.store.tx() as connection:
            for number, name in connection.execute("SELECT id, name FROM source").fetchall():
                shown = f"data/demo/{Path(name).name}"
                connection.execute("UPDATE source SET name = ? WHERE id = ?", (shown, number))
            for table in ("dataset", "source", "finding"):
                connection.execute(f"UPDATE {table} SET created = ?", (NOON - 5 * HOUR,))
        yield workspace


def judge_and_label(workspace: Workspace) -> None:
    """The judge by rules over one data set, and a reviewer who rejects what is listed as a planted mistake."""
    args = {"dataset": JUDGED, "backend": "offline", "tag": "rules"}
    run_foreground(workspace, "judge", args, title=f"judge {JUDGED}")
    defects = json.loads((shipped("demo") / "defects.json").read_text("utf-8"))
    wrong = {entry["line"] for entry in defects if entry["file"] == "knowledge.jsonl"}
    view = views.open_view(workspace, views.ViewQuery(dataset=JUDGED))
    for number, row in enumerate(views.page(workspace, view, 0, len(view))):
        pair = views.detail(workspace, row.id)
        decide(workspace, Decision(
            uid=number.to_bytes(16, "big"), pair=row.id, version=row.pair_id, reviewer="ben",
            status="rejected" if pair.line in wrong else "approved", answered=NOON - HOUR + number,
        ))  # fmt: skip


async def take(workspace: Workspace, picture: Picture) -> str:
    """Press the keys, take the picture."""
    clock = Clock(picture.minutes)
    app = FlywheelApp(
        workspace, dataset=picture.dataset, reviewer="ana", clock=clock, start=picture.start, worker=False
    )
    app.theme, app.animation_level = "flywheel-dark", "none"
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot)
        for number, key in enumerate(picture.keys):
            clock.now += SECOND * (4 + number * 7 % 5)
            await pilot.press(key)
            await settle(pilot)
        await pilot.pause(0.2)
        return tidy(app.export_screenshot(title="flywheel"))


async def settle(pilot: Pilot[None]) -> None:
    """Until all has been read, written and drawn, and no cursor blinks."""
    await pilot.pause()
    for _ in range(500):
        await pilot.pause(0.01)
        if isinstance(pilot.app.screen, LabelScreen):
            await pilot.app.screen.settled()
        if all(each.is_finished or each.group == "dialog" for each in pilot.app.workers):
            break
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await pilot.pause(0.02)


def tidy(svg: str) -> str:
    """Without the fonts that would be loaded from the network: whoever has them has them."""
    return re.sub(r" *@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    main()
