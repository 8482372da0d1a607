"""Criterion by criterion: against people's own answers, or how well each tells passes from fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel_tui.records.calibration import CriterionLine, Number
from flywheel_tui.stages.calibrate_measure import number
from flywheel_tui.store import calibration as store

if TYPE_CHECKING:
    from flywheel_tui.stages.calibrate import Labelled
    from flywheel_tui.stages.calibrate_measure import Joined
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

ANSWERS = ("YES", "NO")


def criteria_lines(connection: Connection, run_id: int, dataset_id: int, joined: Joined) -> tuple[CriterionLine, ...]:
    """One line a criterion. NA leaves a criterion's count; it is no NO.

    Where people answered the same question, their blind answers are the truth; where they only decided about the
    whole pair, the area under the curve says how well the criterion's score tells their passes from their fails.
    """
    truth = dict(zip(joined.version.tolist(), joined.truth.tolist(), strict=True))
    answered: dict[str, list[tuple[str, str]]] = {}
    scored: dict[str, list[tuple[bool, float]]] = {}
    for row in store.criteria(connection, run_id, dataset_id):
        for name, said in row.answers.items():
            if said in ANSWERS and row.human.get(name) in ANSWERS:
                answered.setdefault(name, []).append((row.human[name], said))
        if row.version in truth:
            for name, score in row.scores.items():
                if score is not None:
                    scored.setdefault(name, []).append((bool(truth[row.version]), score))
    names = dict.fromkeys((*answered, *scored))
    return tuple(_line(name, answered.get(name, []), scored.get(name, [])) for name in names)


def criteria_of(workspace: Workspace, read: Labelled) -> tuple[CriterionLine, ...]:
    """The criteria of a run that was read before. For a thread."""
    return criteria_lines(workspace.store.read(), read.run.id, read.dataset.id, read.joined)


def _line(name: str, answered: list[tuple[str, str]], scored: list[tuple[bool, float]]) -> CriterionLine:
    from flywheel_tui.stats.agreement import agreement
    from flywheel_tui.stats.probability import auroc

    area = auroc(*_columns(scored)) if scored else None
    if not answered:
        none = Number(value=None, why="nobody answered this question")
        return CriterionLine(name=name, n=len(scored), against="decision", agreement=none, kappa=none, auroc=area)
    both = agreement(*_columns(answered), categories=ANSWERS)
    return CriterionLine(name=name, n=both.n, against="answers", agreement=number(both.percent),
                         kappa=number(both.kappa), auroc=area)  # fmt: skip


def _columns(rows: list[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    first, second = zip(*rows, strict=True)
    return list(first), list(second)
