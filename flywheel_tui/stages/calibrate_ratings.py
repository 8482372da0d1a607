"""A judge's scores beside people's ratings of the same pairs: how they move together, and how far they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.records.calibration import Number, RatingAgreement
from flywheel_tui.stages.calibrate_measure import family_numbers, number
from flywheel_tui.stages.human_truth import counted_labels
from flywheel_tui.store import calibration as store

if TYPE_CHECKING:
    from flywheel_tui.stages.calibrate import Labelled
    from flywheel_tui.store.connection import Connection

TIMES = 500
"""Resamples: a rank correlation has to be worked out anew for each."""
MOST_STEPS = 20
"""A scale with more steps than these is no scale of grades: kappa is for grades."""


def ratings_of(connection: Connection, read: Labelled) -> RatingAgreement:
    """The scores of the run against the mean of people's blind ratings of each version."""
    import numpy as np

    from flywheel_tui.stats.agreement import agreement
    from flywheel_tui.stats.bootstrap import cluster_bootstrap
    from flywheel_tui.stats.correlation import correlation, kendall, spearman

    options, scores = read.options, read.verdicts.score
    counted = counted_labels(
        connection, read.dataset.id, options.reviewer, include_unblinded=options.include_unblinded,
        include_picked=options.include_picked,
    )  # fmt: skip
    away = set(counted.left_out.tolist())
    given: dict[int, list[int]] = {}
    for row in store.ratings(connection, read.dataset.id, options.reviewer):
        if row.event not in away:
            given.setdefault(row.version, []).append(row.rating)
    said = {} if scores is None else dict(zip(read.verdicts.version.tolist(), scores.tolist(), strict=True))
    shared = [version for version in sorted(given) if version in said and not np.isnan(said[version])]
    if not shared:
        why = "nobody gave a blind rating" if not given else "no rated pair has a score"
        none = Number(value=None, why=why)
        return RatingAgreement(n=0, ratings=0, pearson=none, spearman=none, kendall=none, kappa=none, same=none)
    people = np.array([float(np.mean(given[version])) for version in shared])
    judge = np.array([said[version] for version in shared])
    owners = family_numbers(np.array(shared, np.int64), read.families)

    def ranked(of: Any) -> Number:
        def stat(rows: Any) -> float:
            value = of(judge[rows], people[rows])
            return np.nan if value is None else float(value)

        own = np.arange(len(shared)) if owners is None else owners
        found = cluster_bootstrap(stat, own, times=TIMES, level=options.confidence)
        return msgspec.structs.replace(number(found), n=len(shared))

    graded = _graded(judge) and _graded(people) and len(set(judge) | set(people)) <= MOST_STEPS
    kappa = same = Number(value=None, why="scores or mean ratings are no whole grades of one scale")
    if graded:
        grades = list(range(int(min(judge.min(), people.min())), int(max(judge.max(), people.max())) + 1))
        both = agreement(judge.astype(int), people.astype(int), weights="quadratic", categories=grades,
                         families=owners, level=options.confidence)  # fmt: skip
        kappa, same = number(both.kappa), number(both.percent)
    return RatingAgreement(
        n=len(shared), ratings=sum(len(given[version]) for version in shared),
        pearson=number(correlation(judge, people, options.confidence)), spearman=ranked(spearman),
        kendall=ranked(kendall), kappa=kappa, same=same,
    )  # fmt: skip


def _graded(values: Any) -> bool:
    return bool((values == values.round()).all())
