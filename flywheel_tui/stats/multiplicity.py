"""Many tests at once: p-values adjusted so that they can be compared with one level. None (no test made) stays None."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_Factor = Callable[[int, int], float]


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Family-wise error, step-down (Holm 1979): for judges compared pairwise.

    >>> holm([0.01, 0.04, None])
    [0.02, 0.04, None]
    """
    return _adjusted(p, lambda rank, m: m - rank, up=False)


def benjamini_hochberg(p: Sequence[float | None]) -> list[float | None]:
    """False discovery rate, step-up (Benjamini, Hochberg 1995): for slices and criteria."""
    return _adjusted(p, lambda rank, m: m / (rank + 1), up=True)


def benjamini_yekutieli(p: Sequence[float | None]) -> list[float | None]:
    """False discovery rate under any dependence (Benjamini, Yekutieli 2001)."""
    return _adjusted(p, lambda rank, m: m / (rank + 1) * sum(1 / i for i in range(1, m + 1)), up=True)


def _adjusted(p: Sequence[float | None], factor: _Factor, *, up: bool) -> list[float | None]:
    """Multiply the sorted p by their factors, then make them monotone, from the smallest or from the largest."""
    known = sorted((value, at) for at, value in enumerate(p) if value is not None)
    m = len(known)
    scaled = [min(1.0, value * factor(rank, m)) for rank, (value, _) in enumerate(known)]
    order = range(m - 1, -1, -1) if up else range(m)
    found: list[float | None] = [None] * len(p)
    best: float | None = None
    for rank in order:
        best = scaled[rank] if best is None else (min if up else max)(best, scaled[rank])
        found[known[rank][1]] = best
    return found
