"""What people confirm as a failure anywhere enters the regression set: approved scenarios, and pairs they rejected.

Nobody has to think of it: every evaluation gathers before it asks, and an approval gathers at once. What is in the set
stays in it, as a failure that came back is what it is there to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.identity import show_uid
from flywheel_tui.stages.evaluate.confirm import RegressionSet, add
from flywheel_tui.stages.evaluate.items import GENERAL, SKILL, checker_of, conversation, item_of_task, meta_of
from flywheel_tui.store import past_failures, scenarios
from flywheel_tui.store.evaluations import Confirmed

if TYPE_CHECKING:
    from flywheel_tui.store.past_failures import FailedPair
    from flywheel_tui.store.scenarios import ScenarioRow, TraceRow
    from flywheel_tui.workspace import Workspace

NO_FAILURE = '["duplicate"]'
"""A pair that was rejected for this alone has an answer that nobody called wrong."""


def gather(workspace: Workspace) -> RegressionSet:
    """Add what was confirmed since; what is there already stays. The set as it is now."""
    return add(workspace, confirmed_anywhere(workspace))


def confirmed_anywhere(workspace: Workspace) -> list[Confirmed]:
    """What `gather` adds where it is not there yet."""
    approved = scenarios.list_scenarios(workspace.store.read(), state="approved")
    return [*_of_scenarios(workspace, approved), *_of_labels(workspace)]


def gather_scenario(workspace: Workspace, row: ScenarioRow) -> RegressionSet:
    """Add the failures of one approved scenario."""
    return add(workspace, list(_of_scenarios(workspace, [row])))


def _of_scenarios(workspace: Workspace, rows: Sequence[ScenarioRow]) -> Iterator[Confirmed]:
    connection = workspace.store.read()
    traces = scenarios.traces_by_scenario(connection, [row.id for row in rows])
    ids = [trace.pair_id for some in traces.values() for trace in some if trace.pair_id is not None]
    pairs = past_failures.pairs_behind(connection, ids)
    for row in rows:
        for trace in traces[row.id]:
            yield _of_trace(row, trace, pairs.get(trace.pair_id or 0))


def _of_trace(row: ScenarioRow, trace: TraceRow, pair: FailedPair | None) -> Confirmed:
    meta = meta_of(pair.meta if pair else None)
    expected = trace.expected or _expected(meta)
    asked = conversation(pair.instruction, pair.input, pair.body) if pair else []
    return _confirmed(
        key=show_uid(pair.uid if pair else trace.uid), family=pair.family if pair else None, meta=meta,
        messages=asked or [{"role": "user", "content": trace.request}], expected=expected, slice=row.error_kind,
        answer=trace.answer or "", reviewer=row.reviewer or "", source=row.source or "human",
    )  # fmt: skip


def _of_labels(workspace: Workspace) -> Iterator[Confirmed]:
    for pair in past_failures.rejected_by_people(workspace.store.read()):
        if pair.reasons == NO_FAILURE:
            continue
        meta = meta_of(pair.meta)
        yield _confirmed(
            key=show_uid(pair.uid), family=pair.family, meta=meta, expected=_expected(meta),
            messages=conversation(pair.instruction, pair.input, pair.body), slice=pair.category or GENERAL,
            answer=pair.output or "", reviewer=pair.reviewer, source="human",
        )  # fmt: skip


def _confirmed(
    *, key: str, family: bytes | None, meta: dict[str, Any], expected: str, slice: str, **said: Any
) -> Confirmed:
    """A task that can be made again is named by what is asked, as it is everywhere else: once in the set, however it
    came there."""
    if not expected:
        # without an answer to compare with, a named checker would call everything wrong
        meta = {name: value for name, value in meta.items() if name != "checker"}
    checker, kept = checker_of(meta, expected, "exact" if expected else "")
    if not checker:
        return Confirmed(key=key, slice=slice, family=(family or key.encode()).hex(), expected=expected, checker="",
                         meta={}, **said)  # fmt: skip
    if checker.startswith(SKILL):
        from flywheel_tui.tasks import task_of

        item = item_of_task(task_of(kept["skill"], kept["params"]), "regression")
        return Confirmed(key=item.key, slice=item.slice, family=item.family, expected=item.expected, checker=checker,
                         meta=kept, **said)  # fmt: skip
    return Confirmed(key=key, slice=slice, family=(family or key.encode()).hex(), expected=expected, checker=checker,
                     meta=kept, **said)  # fmt: skip


def _expected(meta: dict[str, Any]) -> str:
    said = meta.get("expected", "")
    return said if isinstance(said, str) else msgspec.json.encode(said).decode()
