"""Agreement, thresholds and intervals, beside scikit-learn in the same process (its import is timed apart).

`--rows` does not matter here: a million labels, and 2,000 for the bootstrap.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Measure, medians, seconds

TITLE = "Statistics of judges"
LABELS, FEW, TIMES = 1_000_000, 2_000, 10_000


def run(folder: Path, rows: int) -> list[Measure]:
    """Time each figure; without scikit-learn only ours."""
    import numpy as np

    from flywheel_tui.stats import tables
    from flywheel_tui.stats.agreement import agreement, cohens_kappa
    from flywheel_tui.stats.bootstrap import cells, interval
    from flywheel_tui.stats.confusion import confusion, rates
    from flywheel_tui.stats.guarantee import ltt_threshold
    from flywheel_tui.stats.thresholds import Sweep

    rng = np.random.default_rng(7)
    first = rng.integers(0, 5, LABELS)
    second = np.where(rng.random(LABELS) < 0.84, first, rng.integers(0, 5, LABELS))
    truth = rng.random(LABELS) < 0.7
    scores = np.round(rng.normal(5, 1.5, LABELS) + 2 * truth, 1)
    said = scores >= 6
    families = np.arange(LABELS) // 3
    few = slice(0, FEW)

    def bootstrap() -> object:
        features = cells(first[few] * 5 + second[few], 25, None, None)
        return interval(features, lambda sums: tables.kappa(sums.reshape(-1, 5, 5)), times=TIMES)

    lines = Sweep(truth, scores)
    lines.rates(6.0)
    moves = iter(np.linspace(3, 9, 1000).tolist())
    theirs = _scikit_learn(first, second, few)
    matrix_and_kappa, plain, whole, boot, move, promise = medians(
        lambda: (confusion(truth, said), cohens_kappa(first, second)),
        lambda: cohens_kappa(first, second),
        lambda: (rates(truth, said, families=families), agreement(truth, said, families=families)),
        bootstrap,
        lambda: lines.rates(next(moves)),
        lambda: ltt_threshold(scores, scores[:5000], truth[:5000]),
        times=5,
    )
    ms = 1000.0
    return [
        Measure("confusion matrix and kappa, 1,000,000 labels", matrix_and_kappa * ms, "ms",
                theirs.get("both"), "scikit-learn"),
        Measure("kappa alone, five categories", plain * ms, "ms", theirs.get("kappa"), "scikit-learn"),
        Measure("every rate and coefficient with intervals over families", whole * ms, "ms", goal="≤ 1,000 ms"),
        Measure("10,000 resamples of kappa, 2,000 labels", boot * ms, "ms",
                theirs.get("bootstrap"), "scikit-learn, a loop of 100 times 100", goal="≤ 100 ms"),
        Measure("moving the threshold over 1,000,000 labels, all rates and intervals", move * ms, "ms", goal="≤ 16 ms"),
        Measure("sorting them for that, once", seconds(lambda: Sweep(truth, scores)) * ms, "ms"),
        Measure("a threshold with a guarantee, 5,000 labels", promise * ms, "ms"),
        Measure("import", _importing("flywheel_tui.stats.agreement, numpy") * ms, "ms",
                _importing("sklearn.metrics") * ms if theirs else None, "scikit-learn"),
    ]  # fmt: skip


def _scikit_learn(first: object, second: object, few: slice) -> dict[str, float]:
    """Its milliseconds, by name; empty where it is not installed."""
    try:
        from sklearn.metrics import cohen_kappa_score, confusion_matrix
    except ImportError:
        return {}
    import numpy as np

    a, b = np.asarray(first), np.asarray(second)
    rng = np.random.default_rng(0)

    def loop() -> None:
        for _ in range(TIMES // 100):
            pick = rng.integers(0, FEW, FEW)
            cohen_kappa_score(a[few][pick], b[few][pick])

    both, kappa, hundredth = medians(
        lambda: (confusion_matrix(a, b), cohen_kappa_score(a, b)), lambda: cohen_kappa_score(a, b), loop
    )
    return {"both": both * 1000, "kappa": kappa * 1000, "bootstrap": hundredth * 100 * 1000}


def _importing(names: str) -> float:
    def work() -> None:
        subprocess.run([sys.executable, "-c", f"import {names}"], check=False, capture_output=True)

    return medians(work)[0]
