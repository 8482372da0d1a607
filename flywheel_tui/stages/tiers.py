"""Quality tiers: platinum, gold, silver, bronze or rejected, from people first, else from a calibrated judge.

Platinum is a person's adjudication, gold one person's acceptance or a calibrated P(pass) of at least 0.95; silver and
bronze follow at 0.85 and 0.70. The weight of a tier in training comes from a preset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.gates import TIERS, Tier
from flywheel_tui.stats.gates import tier as tier_of
from flywheel_tui.store import tiers as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.selections import judge_run_id, position_windows
from flywheel_tui.store.tiers import StandRow, TierRow

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.stats.recalibration import Recalibrator
    from flywheel_tui.workspace import Workspace

NAMES = ("platinum", "gold", "silver", "bronze", "rejected")


class Preset(NamedTuple):
    """Weights by tier; with `bands` the tier follows a reward of -1 … 1 that came with the data (meta.reward)."""

    weights: Mapping[str, float]
    bands: tuple[tuple[float, str], ...] = ()


PRESETS: Mapping[str, Preset] = {
    # science: the tier is a band of the calibrated probability, and so is its weight
    "calibrated": Preset({"platinum": 1.0} | {name: weight for _, name, weight in TIERS} | {"rejected": 0.0}),
    # for pairs that carry a reward from use: bands and weights as data flywheels of agents use them
    "reward": Preset(
        {"platinum": 5.0, "gold": 2.0, "silver": 1.0, "bronze": 0.3, "rejected": 0.0},
        ((0.85, "platinum"), (0.6, "gold"), (0.3, "silver"), (-0.5, "bronze")),
    ),
}


class TierReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many pairs have each tier now, how many changed, and what could not be used, in sentences."""

    dataset: str
    preset: str
    tag: str
    counts: dict[str, int]
    changed: int
    notes: tuple[str, ...] = ()


def weights_of(tiers: Mapping[str, float] | str | None) -> Mapping[str, float] | None:
    """The weights that are meant: None for none (every row counts 1), a preset by its name, or a mapping.

    Raises UsageError for unknown tiers and for weights that are no weights.
    """
    if tiers is None:
        return None
    if isinstance(tiers, str):
        if tiers not in PRESETS:
            raise UsageError(f"no preset of tiers named {tiers!r}; there are: {', '.join(PRESETS)}")
        return PRESETS[tiers].weights
    for name, weight in tiers.items():
        if name not in NAMES:
            raise UsageError(f"--tiers: no tier named {name!r}; there are: {', '.join(NAMES)}")
        if not 0 <= weight <= 1000:
            raise UsageError(f"--tiers: the weight of {name} lies between 0 and 1000, not {weight:g}")
    if not any(tiers.values()):
        raise UsageError("--tiers: every tier weighs nothing; give one a weight above 0")
    return dict(tiers)


def parse_tiers(text: str) -> dict[str, float] | str:
    """`gold=1,silver=0.5`, or the name of a preset. Raises UsageError."""
    if "=" not in text:
        weights_of(text.strip())
        return text.strip()
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = (piece.strip() for piece in part.partition("="))
        try:
            found[name] = float(weight)
        except ValueError:
            raise UsageError(f"--tiers: {weight!r} is no number; write it like gold=1,silver=0.5") from None
    weights_of(found)
    return found


def assign(
    workspace: Workspace, dataset: str, *, preset: str = "calibrated", tag: str | None = None, task: Task | None = None
) -> TierReport:
    """Give every pair of a data set its tier, P(pass) and weight; they are shown, filtered by and exported from then.

    With `tag`, the scores of that judge run count as far as they can be read as probabilities: from at least 50 labels
    of people (below that the notes say so, and only people's decisions count). Raises UsageError, NotFoundError.
    """
    if preset not in PRESETS:
        raise UsageError(f"no preset of tiers named {preset!r}; there are: {', '.join(PRESETS)}")
    connection = workspace.store.read()
    found = get_dataset(connection, dataset)
    run_id = judge_run_id(connection, found.id, tag) if tag else None
    recalibrator, notes = _recalibrator(workspace, found.id, run_id) if run_id is not None else (None, ())
    counts: Counter[str] = Counter()
    changed = done = 0
    for after, upto in position_windows(connection, found.id, 1_000):
        stands = store.stands(connection, found.id, run_id, after, upto)
        rows = [tier_row(stand, PRESETS[preset], recalibrator) for stand in stands]
        counts.update(row.tier or "" for row in rows)
        with workspace.store.tx(durable=False) as write:
            changed += store.write_tiers(write, rows)
        done += len(rows)
        if task is not None:
            task.progress(done, found.pairs, "tiers")
            task.check()
    return TierReport(
        dataset=dataset, preset=preset, tag=tag or "", changed=changed, notes=notes,
        counts={name or "none": counts[name] for name in (*NAMES, "") if counts[name]},
    )  # fmt: skip


class TierLine(msgspec.Struct, frozen=True, kw_only=True):
    """One tier of a data set ('none': nobody and nothing has said anything of these). `weight` and `p` are means."""

    tier: str
    pairs: int
    share: float
    weight: float | None
    p: float | None


def standing(workspace: Workspace, dataset: str) -> list[TierLine]:
    """How many pairs of a data set have each tier now, the best first. Raises NotFoundError."""
    connection = workspace.store.read()
    found = {row[0]: row for row in store.tier_figures(connection, get_dataset(connection, dataset).id)}
    total = sum(row[1] for row in found.values())
    return [
        TierLine(tier=name or "none", pairs=row[1], share=row[1] / total, weight=row[2], p=row[3])
        for name in (*NAMES, "") if (row := found.get(name))
    ]  # fmt: skip


def ensure(
    workspace: Workspace,
    dataset: str,
    tiers: Mapping[str, float] | str | None,
    tag: str | None,
    task: Task | None = None,
) -> TierReport | None:
    """Give tiers before they are weighed: anew for a preset, for weights by hand only where no pair has one yet."""
    if tiers is None:
        return None
    if not isinstance(tiers, str):
        found = get_dataset(workspace.store.read(), dataset)
        if set(store.tier_counts(workspace.store.read(), found.id)) - {""}:
            return None
    preset = tiers if isinstance(tiers, str) else "calibrated"
    return assign(workspace, dataset, preset=preset, tag=tag, task=task)


def tier_row(stand: StandRow, preset: Preset, recalibrator: Recalibrator | None) -> TierRow:
    """The tier of one pair; None where nobody and nothing has said anything of it."""
    p = None
    if recalibrator is not None and stand.score is not None:
        p = min(1.0, max(0.0, float(recalibrator([stand.score])[0])))
    given = _by_people(stand) or _by_reward(stand, preset) or (tier_of(p).name if p is not None else None)
    if given is None:
        return TierRow(stand.id, None, None, None)
    return TierRow(stand.id, given, p, preset.weights.get(given, 0.0))


def _by_people(stand: StandRow) -> str | None:
    accepted = stand.status in ("approved", "edited")
    if stand.adjudicated:
        return "platinum" if accepted else "rejected"
    if stand.status in ("rejected", "disputed"):
        return "rejected"
    return tier_of(None, by_person=True).name if accepted and stand.by_person else None


def _by_reward(stand: StandRow, preset: Preset) -> str | None:
    if not preset.bands or stand.reward is None:
        return None
    reward = stand.reward
    return next((name for low, name in preset.bands if reward >= low), Tier("rejected", 0.0).name)


def _recalibrator(workspace: Workspace, dataset_id: int, run_id: int) -> tuple[Recalibrator | None, tuple[str, ...]]:
    """The map from the run's scores to P(pass), by blind labels of people; None with the reason where there is none."""
    import numpy as np

    from flywheel_tui.stages.human_truth import PASS, human_truth
    from flywheel_tui.stats.recalibration import fit_recalibrator
    from flywheel_tui.store.calibration import one_moment, verdicts

    with one_moment(workspace.store.read()) as connection:
        truth = human_truth(connection, dataset_id, approved_is=("approved", "edited"))
        said = verdicts(connection, run_id, scores=True)
    decided = truth.said >= 0
    versions, passed = truth.version[decided], truth.said[decided] == PASS
    order = np.argsort(said.version)
    assert said.score is not None
    place = np.searchsorted(said.version, versions, sorter=order)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else place[:0]
    hit = said.version[place] == versions if len(order) else np.zeros(len(versions), bool)
    if not len(order):
        return None, ("the judge run has no verdicts: only people's decisions give tiers",)
    fitted = fit_recalibrator(said.score[place[hit]], passed[hit])
    if fitted.kind == "none":
        return None, (f"the judge's scores give no tiers: {fitted.why}; only people's decisions do",)
    return fitted, ()
