"""What screens and commands ask about cycles: history, one cycle in full, how fast the wheel turns, who is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.options import PHASES
from flywheel_tui.store import cycles as store
from flywheel_tui.store.cycles import CycleRow, PhaseRow, RunRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

TITLES: dict[str, str] = {
    "signals": "signal ingestion", "grouping": "dedup and grouping", "priorities": "prioritising",
    "planning": "planning", "generation": "generation", "validation": "validation",
    "screening": "dedup and contamination", "judging": "judging", "labelling": "human labelling",
    "calibration": "calibration", "export": "export", "training": "training", "gate": "evaluation and gate",
}  # fmt: skip
BLOCKED = 0.5
"""A phase that takes more than this share of a cycle's time is its bottleneck for certain."""


class CycleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cycle in the history. Seconds of work and of waiting; `phase` is the present one (or the last)."""

    number: int
    run: int | None
    dataset: str
    driver: str
    state: str
    phase: str
    generated: int
    judged: int
    passed: int
    pass_rate: float | None
    low: float | None
    high: float | None
    corrected: bool
    accepted: int
    cost_usd: float
    seconds: float
    waited: float
    trained: bool
    gate: str
    stop_reason: str | None
    created: int
    finished: int | None


class PhaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of a cycle: `state` is open where it has not begun; `evidence` is what shows that it is over."""

    phase: str
    title: str
    state: str
    items: int | None = None
    seconds: float = 0.0
    waited: float = 0.0
    attempts: int = 0
    cost_usd: float = 0.0
    tokens: int = 0
    artefact: str | None = None
    evidence: dict[str, Any] = {}
    awaits: dict[str, Any] | None = None


class FailureLine(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of failure: before and now (failed of tried), the difference with its interval (95 %), whether it shrank.

    `seeds` of this cycle were made for it, and `pairs` came of them.
    """

    kind: str
    before: tuple[int, int]
    now: tuple[int, int]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    shrank: bool | None = None
    seeds: int = 0
    pairs: int = 0


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """A seed of a cycle: what it says, the failure it stands for, where it is from, `count` pairs planned from it."""

    text: str
    kind: str
    origin: str
    group: str
    count: int


class CycleView(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle in full."""

    line: CycleLine
    phases: tuple[PhaseLine, ...]
    failures: tuple[FailureLine, ...]
    seeds: tuple[Seed, ...]
    scenarios: tuple[str, ...]
    config: dict[str, Any]
    gate: dict[str, Any] | None


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """How long a phase takes on average over finished cycles, in seconds; `waited` for people. `share` of the cycle."""

    phase: str
    title: str
    seconds: float
    waited: float
    share: float
    per_hour: float | None
    """Items an hour of work; None where there is nothing to count."""


class Velocity(msgspec.Struct, frozen=True, kw_only=True):
    """The speed of the wheel: `cycle_seconds` on average, and what holds it up, in a sentence."""

    cycles: int
    cycle_seconds: float
    phases: tuple[Speed, ...]
    bottleneck: str
    advice: str


def cycles(workspace: Workspace) -> list[CycleLine]:
    """The history, the oldest cycle first."""
    connection = workspace.store.read()
    return [_line(row, store.phases_of(connection, row.id)) for row in store.list_cycles(connection)]


def cycle_view(workspace: Workspace, number: int) -> CycleView:
    """One cycle in full. Raises NotFoundError."""
    connection = workspace.store.read()
    row = store.get_cycle(connection, number)
    phases = store.phases_of(connection, row.id)
    known = {one.phase: one for one in phases}
    bodies = {one.phase: store.get_artefact(connection, one.artefact).body for one in phases if one.artefact}
    seeds = tuple(
        Seed(text=one["text"], kind=one["kind"], origin=one["origin"], group=one.get("group", ""), count=one["count"])
        for one in bodies.get("planning", {}).get("seeds", [])
    )
    return CycleView(
        line=_line(row, phases), phases=tuple(_phase(name, known.get(name)) for name in PHASES),
        failures=_failures(row, seeds), seeds=seeds, scenarios=tuple(bodies.get("signals", {}).get("scenarios", [])),
        config=row.config, gate=bodies.get("gate"),
    )  # fmt: skip


def awaited(workspace: Workspace) -> list[dict[str, Any]]:
    """What runs wait for: who, what, the command that does it, with the number of the run; empty where none waits."""
    return [{"run": row.id, **(row.awaits or {})} for row in open_runs(workspace) if row.state == "waiting"]


def open_runs(workspace: Workspace) -> list[RunRow]:
    """The runs that can go on, the oldest first."""
    return [row for row in store.list_runs(workspace.store.read()) if row.state in store.OPEN]


def velocity(workspace: Workspace) -> Velocity:
    """How fast the wheel turns, phase by phase, over the finished cycles, and what holds it up."""
    connection = workspace.store.read()
    done = [row for row in store.list_cycles(connection) if row.state == "done"]
    times: dict[str, list[PhaseRow]] = {name: [] for name in PHASES}
    for row in done:
        for phase in store.phases_of(connection, row.id):
            times[phase.phase].append(phase)
    count = max(len(done), 1)
    busy = {name: sum(one.busy_us for one in rows) / 1e6 / count for name, rows in times.items()}
    waited = {name: sum(one.waited_us for one in rows) / 1e6 / count for name, rows in times.items()}
    whole = sum(busy.values()) + sum(waited.values())
    speeds = tuple(
        Speed(
            phase=name, title=TITLES[name], seconds=busy[name], waited=waited[name],
            share=(busy[name] + waited[name]) / whole if whole else 0.0, per_hour=_per_hour(times[name]),
        )
        for name in PHASES
    )  # fmt: skip
    slowest = max(speeds, key=lambda one: one.share)
    return Velocity(
        cycles=len(done), cycle_seconds=whole, phases=speeds, bottleneck=slowest.phase if done and whole else "",
        advice=_advice(slowest) if done and whole else "no cycle is finished yet",
    )  # fmt: skip


_WAITING = {
    "labelling": "ask for fewer labels (--labels), or let more people label",
    "gate": "a person can decide sooner",
}
_WORKING = {
    "judging": "raise JUDGE_CONCURRENCY, or take a faster judge with --judge-backend",
    "generation": "raise JUDGE_CONCURRENCY, or take a faster model with --model",
    "training": "train fewer steps, or on a GPU",
    "validation": "name fewer checks",
    "gate": "measure on fewer held-out items",
}


def _advice(slowest: Speed) -> str:
    waits = slowest.waited > slowest.seconds
    said = f"{slowest.title} {'waits for people' if waits else 'works'} {slowest.share:.0%} of a cycle's time"
    more = (_WAITING if waits else _WORKING).get(slowest.phase)
    return f"{said}; {more}" if more and slowest.share > BLOCKED else said


def _per_hour(rows: list[PhaseRow]) -> float | None:
    items, seconds = sum(row.items or 0 for row in rows), sum(row.busy_us for row in rows) / 1e6
    return items * 3600 / seconds if items and seconds else None


def _line(row: CycleRow, phases: list[PhaseRow]) -> CycleLine:
    said, config = row.summary or {}, row.config
    rate = said.get("pass_rate") or {}
    decision = (said.get("gate") or {}).get("decision")
    gate = "" if decision in (None, "none") else str(decision)
    return CycleLine(
        number=row.number, run=row.run_id, dataset=str(config.get("into", "")), driver=str(config.get("driver", "")),
        state=row.state, phase=phases[-1].phase if phases else "", generated=said.get("generated", 0),
        judged=said.get("judged", 0), passed=said.get("passed", 0), pass_rate=rate.get("value"), low=rate.get("low"),
        high=rate.get("high"), corrected=bool(rate.get("corrected")), accepted=said.get("accepted", 0),
        cost_usd=sum(one.cost_micro for one in phases) / 1e6, seconds=sum(one.busy_us for one in phases) / 1e6,
        waited=sum(one.waited_us for one in phases) / 1e6, trained=bool(said.get("trained")),
        gate=gate, stop_reason=row.stop_reason, created=row.created,
        finished=row.finished,
    )  # fmt: skip


def _phase(name: str, row: PhaseRow | None) -> PhaseLine:
    if row is None:
        return PhaseLine(phase=name, title=TITLES[name], state="open")
    return PhaseLine(
        phase=name, title=TITLES[name], state=row.state, items=row.items, seconds=row.busy_us / 1e6,
        waited=row.waited_us / 1e6, attempts=row.attempts, cost_usd=row.cost_micro / 1e6, tokens=row.tokens,
        artefact=row.artefact, evidence=row.evidence or {}, awaits=row.awaits,
    )  # fmt: skip


def _failures(row: CycleRow, seeds: tuple[Seed, ...]) -> tuple[FailureLine, ...]:
    found = []
    for line in (row.summary or {}).get("change", []):
        mine = [seed for seed in seeds if seed.kind == line["kind"]]
        found.append(
            FailureLine(
                kind=line["kind"], before=tuple(line["before"]), now=tuple(line["now"]),
                difference=line.get("difference"), low=line.get("low"), high=line.get("high"),
                shrank=line.get("shrank"), seeds=len(mine), pairs=sum(seed.count for seed in mine),
            )
        )  # fmt: skip
    return tuple(found)
