"""A workspace whose data set has something for every part of the validation screens, validated."""

from __future__ import annotations

from pathlib import Path

from fixtures_workspace import NOON, StillApp, add

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.stages.validate.outcome import write_outcome
from flywheel_tui.workspace import Workspace

CHECKS = ("dedup", "neardup", "pii", "unicode", "schema", "length")
LONG = (
    "The parcel went to the depot on Tuesday because nobody was at home, and the driver left a card with the opening"
    " hours of the counter where it can be picked up until the end of next week"
)


PLAIN = (
    ("tide", "The sea rises and falls twice a day, drawn by the moon."),
    ("bread", "Flour, water and salt, leavened and baked."),
    ("a glacier", "Old snow pressed into ice that creeps downhill."),
    ("a violin", "Four strings over a hollow body of spruce and maple."),
    ("a bee", "An insect that carries pollen between flowers."),
    ("a bridge", "A way over a river that leaves the river alone."),
    ("chess", "A game for two in which the king must not be taken."),
    ("a map", "A drawing of land from above, at a chosen scale."),
    ("fog", "A cloud that lies on the ground."),
    ("amber", "Resin of trees that became stone over millions of years."),
    ("a sonnet", "Fourteen lines, most often about love."),
    ("rust", "Iron that has taken up oxygen and water."),
)


def rows() -> list[Draft]:
    """Three copies, two near-copies, personal data in two pairs, hidden characters in a third, an empty answer."""
    made = [Draft(instruction=f"What is {word}?", output=told, line=at) for at, (word, told) in enumerate(PLAIN, 1)]
    made += [Draft(instruction="Where is my parcel?", output=f"{LONG}.", line=20 + n) for n in range(2)]
    made.append(Draft(instruction="WHERE is my parcel", output=f"{LONG}!", line=22))
    made.append(Draft(instruction="Where is my parcel?", output=f"{LONG} or the week after.", line=23))
    made.append(
        Draft(instruction="Who answers?", output="Write to bob.miller@example.com, or to amy@example.org.", line=24)
    )
    made.append(
        Draft(instruction="Call whom?", input="amy.jones@example.com wants to know", output="Call Amy.", line=25)
    )
    made.append(Draft(instruction="Odd", output="In\u202evisible and [b]markup[/ or \x1b[31m red", line=26))
    made.append(Draft(instruction="Say nothing", output="", line=27))
    return made


def checked(folder: Path, *, run: bool = True) -> Workspace:
    """The workspace; with `run`, looked at at noon."""
    workspace = Workspace.open(folder / "work", create=True)
    add(workspace, "mail", rows())
    if run:
        look(workspace)
    return workspace


def look(workspace: Workspace, *checks: str) -> None:
    """Run the checks and write the report, as of noon."""
    options = ValidateOptions(dataset="mail", checks=checks or CHECKS, fail_on="never", pii_policy="strict", helpers=0)
    write_outcome(workspace, options, validate(workspace, options))
    with workspace.store.tx() as connection:
        connection.execute("UPDATE check_state SET updated = ?", (NOON - 90_000_000,))


def pair_at(workspace: Workspace, position: int) -> int:
    """The id of a pair by its number."""
    return int(
        workspace.store.read().execute("SELECT id FROM pair_current WHERE position = ?", (position,)).fetchone()[0]
    )


def status_at(workspace: Workspace, position: int) -> str:
    """The status of a pair by its number."""
    row = workspace.store.read().execute("SELECT status FROM pair_current WHERE position = ?", (position,)).fetchone()
    return str(row[0])


def app_at(workspace: Workspace, place: str) -> StillApp:
    """The workstation on this data set, at a place."""
    return StillApp(workspace, dataset="mail", start=place)
