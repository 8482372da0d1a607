"""Judge runs for tests, written as the judge stage writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel_tui.records.judgment import Judge, Judged, NoVerdict, Verdict
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace


def versions_of(workspace: Workspace, dataset: str = "demo") -> dict[int, int]:
    """The current version of each pair."""
    query = "SELECT c.id, c.pair_id FROM pair_current c JOIN dataset d ON d.id = c.dataset_id WHERE d.name = ?"
    return dict(workspace.store.read().execute(query, (dataset,)).fetchall())


def judged(
    workspace: Workspace, tag: str, said: Mapping[int, Any], *, dataset: str = "demo", identity: str = "one"
) -> int:
    """Write a run: a number is a score (7 passes), a bool a verdict, a, b or tie a preference, else no verdict."""
    current = versions_of(workspace, dataset)
    judge = Judge(hash=identity, backend="scripted", model=tag, rubric="", params={})
    with workspace.store.tx() as connection:
        dataset_id = get_dataset(connection, dataset).id
        run = judging.open_run(connection, dataset_id, tag, judge, None)
        rows = [judging.Row(pair, current[pair], Judged(outcome=outcome_of(answer))) for pair, answer in said.items()]
        judging.write_rows(connection, run.id, rows)
    return run.id


def outcome_of(answer: Any) -> Any:
    """A verdict or the reason for none."""
    if isinstance(answer, (Verdict, NoVerdict)):
        return answer
    if isinstance(answer, bool):
        return Verdict(passed=answer)
    if isinstance(answer, (int, float)):
        return Verdict(passed=answer >= 7, score=float(answer))
    if answer in ("a", "b", "tie", "neither"):
        return Verdict(passed=answer == "a", preference=answer)
    return NoVerdict(kind=str(answer), detail="scripted")
