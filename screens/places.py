"""The places of the workstation: one line here is a tab, a letter of the "go to" panel and a command of the palette.

To add a screen: write `screens/NAME.py` with a subclass of `screens.work_screen.WorkScreen`, its keys in
`screens/acts/` (group NAME of `screens/bindings.py`), its look in `screens/NAME.tcss`, and a line here. Screens that
open over another one (a panel, not a tab) go to PANELS.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_tui.store.views import ViewQuery
    from screens.work_screen import WorkScreen


@dataclass(frozen=True, slots=True)
class Place:
    """A screen with a tab. `letter` follows `g`; `path` is `module:Class`, imported when one goes there first."""

    name: str
    title: str
    letter: str
    path: str
    about: str

    def make(self) -> WorkScreen:
        """A new screen for this place."""
        screen: WorkScreen = load(self.path)()
        return screen


@dataclass(frozen=True, slots=True)
class BrowseRequest:
    """What Browse is asked to show when one goes there from elsewhere."""

    query: ViewQuery
    start: int | None = None
    """The id of the pair to put the cursor on."""
    findings: bool = False
    """Whether to show the list of findings."""
    pairs: Sequence[int] | None = None
    """Exactly these pairs, in this order, instead of what the query finds."""
    words: str = ""
    """What these pairs are, for the line above the table."""
    seen: bool = False
    """Whether these pairs came up by what a judge said of them: whoever settles one has seen the verdict then."""


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """What Label is asked to show: a view, the id of the pair to begin with, and the marked ids, if only those.

    `seen`: these pairs came up by what a judge said of them.
    """

    query: ViewQuery
    start: int | None = None
    marked: list[int] | None = None
    seen: bool = False


@dataclass(frozen=True, slots=True)
class CalibrateRequest:
    """What Calibrate is asked to measure: a judge run of a data set."""

    dataset: str
    tag: str


PLACES: tuple[Place, ...] = (
    Place("datasets", "Datasets", "d", "screens.datasets:DatasetsScreen", "all data sets, taking in and writing out"),
    Place("browse", "Browse", "b", "screens.browse:BrowseScreen", "the pairs of a data set: search, filter, mark"),
    Place("label", "Label", "l", "screens.label:LabelScreen", "one pair after the other, at the speed of the keyboard"),
    Place(
        "validation", "Validation", "v", "screens.validation:ValidationScreen", "what the checks found, and duplicates"
    ),
    Place("live", "Live", "i", "screens.live:LiveScreen", "long work as it runs: judging, and what comes of it"),
    Place("calibrate", "Calibrate", "c", "screens.calibrate:CalibrateScreen", "a judge measured against people"),
    Place("cycles", "Cycles", "y", "screens.cycles:CyclesScreen", "the wheel as it turns: phases, pass rate, failures"),
    Place("train", "Train", "t", "screens.train:TrainScreen", "training runs and adapters, live"),
    Place("gate", "Gate", "p", "screens.gate:GateScreen", "the evidence on an adapter: promote, refuse, roll back"),
    Place("scenarios", "Scenarios", "s", "screens.scenarios:ScenariosScreen", "failures that came in, grouped"),
    Place("workers", "Workers", "w", "screens.workers:WorkersScreen", "the queue of long work, and who works on it"),
)
"""In the order of the tabs."""

PANELS: dict[str, str] = {"bulk": "screens.bulk:BulkScreen"}
"""Screens over another one: name -> `module:Class`."""


def load(path: str) -> Any:
    """What `module:Name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def place_named(name: str) -> Place | None:
    """The place of that name, or None where this version has none."""
    return next((place for place in PLACES if place.name == name), None)
