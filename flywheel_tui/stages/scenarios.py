"""Scenarios: failures that belong together, with a rubric drafted for them; a person says which of them count.

Only approved scenarios seed a cycle. Decisions are events with a name and a reason, never changed: to think again is to
decide again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, show_uid
from flywheel_tui.stages.scenarios_kinds import draft_rubric, kind_named
from flywheel_tui.store import scenarios as store
from flywheel_tui.store.scenarios import EventRow, NewTrace, ScenarioRow, TraceRow

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

ALIKE = 0.35
"""Requests of one kind of error that share so much of their runs of three characters (digits masked) are one group."""
TITLE_CHARACTERS = 72
_MASK = str.maketrans("123456789", "000000000")


class ScenarioView(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario with its traces and what was decided about it. `merged` are the numbers of those merged into it."""

    scenario: ScenarioRow
    traces: tuple[TraceRow, ...]
    events: tuple[EventRow, ...]
    merged: tuple[int, ...]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of taking in failures: `known` were there already, `passed_over` were no failures.

    `scenarios` are the numbers of those that the failures are in now, `made` those among them that are new.
    """

    looked_at: int
    added: int
    known: int
    passed_over: int
    scenarios: tuple[int, ...]
    made: tuple[int, ...]
    notes: tuple[str, ...] = ()


def scenarios(workspace: Workspace, *, state: str | None = None) -> list[ScenarioRow]:
    """Every scenario as it stands, the oldest first; with `state` (proposed, approved, rejected, merged) only those.

    Raises UsageError for an unknown state.
    """
    if state is not None and state not in store.STATES:
        raise UsageError(f"no state {state!r}; there are: {', '.join(store.STATES)}")
    return store.list_scenarios(workspace.store.read(), state=state)


def scenario_view(workspace: Workspace, number: int) -> ScenarioView:
    """One scenario in full. Raises NotFoundError."""
    connection = workspace.store.read()
    row = store.get_scenario(connection, number)
    merged = tuple(other.id for other in store.list_scenarios(connection, state="merged") if other.into_id == number)
    return ScenarioView(
        scenario=row, traces=tuple(store.traces_of(connection, [number])), merged=merged,
        events=tuple(store.events_of(connection, number)),
    )  # fmt: skip


def approved_traces(workspace: Workspace) -> list[tuple[ScenarioRow, list[TraceRow]]]:
    """What may seed a cycle: the approved scenarios, each with its traces."""
    connection = workspace.store.read()
    return [(row, store.traces_of(connection, [row.id])) for row in store.list_scenarios(connection, state="approved")]


def take_failures(
    workspace: Workspace, failures: Sequence[NewTrace], *, passed_over: int = 0, notes: Sequence[str] = ()
) -> Taken:
    """Write failures and group those that are new: into the scenario they are like, else into new ones."""
    with workspace.store.tx() as connection:
        written = [store.add_trace(connection, failure) for failure in failures]
        made = group(connection)
        placed = {text.id: text.scenario_id for text in store.texts(connection)}
        rows = {id: placed[id] for id, _ in written}
    added = sum(new for _, new in written)
    return Taken(
        looked_at=len(failures) + passed_over, added=added, known=len(failures) - added, passed_over=passed_over,
        scenarios=tuple(sorted({number for number in rows.values() if number is not None})), made=tuple(made),
        notes=tuple(notes),
    )  # fmt: skip


def group(connection: Connection) -> list[int]:
    """Place every trace that is in no scenario, inside a write transaction; the numbers of the scenarios made.

    The oldest trace of a group names it, so that the same failures give the same scenarios wherever they come in.
    """
    texts = store.texts(connection)
    made: list[int] = []
    for kind in sorted({text.error_kind for text in texts if text.scenario_id is None}):
        of_kind = [text for text in texts if text.error_kind == kind]
        for members in alike([text.request for text in of_kind]):
            here = [of_kind[at] for at in members]
            scenario = next((text.scenario_id for text in here if text.scenario_id is not None), None)
            if scenario is None:
                scenario = _make(connection, kind, here[0].id, [text.request for text in here])
                made.append(scenario)
            for text in here:
                store.place_trace(connection, text.id, scenario)
    return made


def alike(requests: Sequence[str]) -> list[list[int]]:
    """Groups of texts that are alike, each in order, by their first member."""
    import numpy as np

    from flywheel_tui.stats.clusters import Forest
    from flywheel_tui.stats.setjoin import similar_pairs
    from flywheel_tui.stats.shingles import character_shingles

    forest = Forest(len(requests))
    links = similar_pairs(character_shingles([request.translate(_MASK) for request in requests]), ALIKE)
    forest.join(links.left, links.right)
    groups: dict[int, list[int]] = {}
    for at, root in enumerate(forest.roots(np.arange(len(requests))).tolist()):
        groups.setdefault(root, []).append(at)
    return list(groups.values())


def _make(connection: Connection, error_kind: str, first_trace: int, requests: Sequence[str]) -> int:
    trace = store.get_trace(connection, first_trace)
    uid = blake2b(b"scenario" + trace.uid, digest_size=16).digest()
    text = " ".join(trace.request.split())
    title = f"{kind_named(error_kind).label}: {text}"[:TITLE_CHARACTERS]
    rubric = draft_rubric(f"scenario-{uid.hex()[:8]}", error_kind, requests)
    return store.add_scenario(connection, uid=uid, title=title, error_kind=error_kind, rubric=rubric)


def approve(
    workspace: Workspace, number: int, *, reviewer: str, reason: str, source: str = "human", uid: bytes | None = None
) -> ScenarioRow:
    """Let a scenario seed cycles; its rubric becomes a file that judges can be given, and its failures are asked in
    every evaluation from now on. The scenario as it stands now.

    Raises NotFoundError, UsageError without a name and a reason, InputError where its rubric is not one.
    """
    row = _decide(workspace, number, "approved", reviewer, reason, source, uid=uid)
    write_rubric(workspace, row)
    from flywheel_tui.stages.evaluate.gathered import gather_scenario

    gather_scenario(workspace, row)
    return row


def reject(
    workspace: Workspace, number: int, *, reviewer: str, reason: str, source: str = "human", uid: bytes | None = None
) -> ScenarioRow:
    """Say that a scenario seeds nothing. Raises as `approve` does."""
    return _decide(workspace, number, "rejected", reviewer, reason, source, uid=uid)


def merge(
    workspace: Workspace, number: int, into: int, *, reviewer: str, reason: str, source: str = "human"
) -> ScenarioRow:
    """Make a scenario part of another one. Raises UsageError for one into itself, or into one that is merged."""
    other = store.get_scenario(workspace.store.read(), into)
    if into == number or other.state == "merged":
        where = "itself" if into == number else f"scenario {into}, which is part of {other.into_id} itself"
        raise UsageError(f"scenario {number} cannot be merged into {where}; name another one")
    return _decide(workspace, number, "merged", reviewer, reason, source, into=into)


def edit_rubric(
    workspace: Workspace, number: int, text: str, *, reviewer: str, reason: str = "edited", source: str = "human"
) -> ScenarioRow:
    """Replace the drafted rubric by one a person wrote (YAML). Raises InputError with the line where it is not one."""
    from flywheel_tui.stages.rubric import parse_rubric

    parsed = msgspec.to_builtins(parse_rubric(text, f"rubric of scenario {number}"))
    parsed.pop("hash", None)
    return _decide(workspace, number, "rubric", reviewer, reason, source, rubric=parsed)


def rubric_text(row: ScenarioRow) -> str:
    """The rubric of a scenario as YAML, to be edited and read again."""
    import yaml

    text: str = yaml.safe_dump(row.rubric, sort_keys=False, allow_unicode=True, width=110)
    return text


def write_rubric(workspace: Workspace, row: ScenarioRow) -> str:
    """Write the rubric of a scenario beside the others, for `--rubric NAME`; its name. Raises InputError."""
    from flywheel_tui.stages.rubric import parse_rubric

    text = rubric_text(row)
    rubric = parse_rubric(text, f"rubric of scenario {row.id}")
    path = workspace.folder("rubrics") / f"{rubric.name}.yaml"
    if not path.exists() or path.read_text("utf-8") != text:
        draft = path.with_suffix(".yaml.tmp")
        draft.write_text(text, "utf-8")
        draft.replace(path)
    return rubric.name


def _decide(
    workspace: Workspace, number: int, action: str, reviewer: str, reason: str, source: str, *,
    into: int | None = None, rubric: dict[str, Any] | None = None, uid: bytes | None = None,
) -> ScenarioRow:  # fmt: skip
    if not reviewer.strip():
        raise UsageError("a decision needs a name; give one with --reviewer or set it in flywheel.toml")
    if not reason.strip():
        raise UsageError("a decision needs a reason; give one with --reason")
    with workspace.store.tx(durable=True) as connection:
        store.get_scenario(connection, number)
        store.append_event(
            connection, uid=uid or new_uid(), scenario_id=number, action=action, reviewer=reviewer, source=source,
            reason=reason, into_id=into, rubric=rubric,
        )  # fmt: skip
        return store.get_scenario(connection, number)


def show_number(row: ScenarioRow) -> str:
    """How a scenario is named outside the workspace."""
    return show_uid(row.uid)
