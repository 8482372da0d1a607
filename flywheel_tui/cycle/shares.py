"""How the next cycle's work is parted over kinds of failure."""

from __future__ import annotations

from collections.abc import Mapping

FLOOR, CAP = 0.05, 0.40


def shares(weights: Mapping[str, float], *, floor: float = FLOOR, cap: float = CAP) -> dict[str, float]:
    """Parts of 1 proportional to weights (error rate x severity), none below `floor`, none above `cap`.

    The cap holds where it can: of n kinds one may have 1/n. What the heaviest kinds may not have goes to the others by
    weight, and to those without any weight only in the end. Source: science 6.8 (a floor of 5 % a slice, at most 40 %
    for one kind of error).
    """
    if not weights:
        return {}
    count, heaviest = len(weights), max(weights.values())
    # by the heaviest, and next to nothing is nothing: divisions stay finite
    weights = {name: value / heaviest if value > 1e-12 * heaviest else 0.0 for name, value in weights.items()}
    floor, cap = min(floor, 1 / count), max(cap, 1 / count)

    def at(level: float) -> dict[str, float]:
        return {name: min(max(level * value, floor), cap) for name, value in weights.items()}

    positive = [value for value in weights.values() if value > 0]
    low, high = 0.0, cap / min(positive) if positive else 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle).values()) < 1 else (low, middle)
    found = at(high)
    # every kind with a weight has reached the cap: the rest goes evenly to those below it
    while (missing := 1 - sum(found.values())) > 1e-12:
        below = [name for name, value in found.items() if value < cap]
        if not below:
            break
        for name in below:
            found[name] = min(found[name] + missing / len(below), cap)
    return found


def apportion(count: int, parts: Mapping[str, float]) -> dict[str, int]:
    """Whole numbers that add up to `count`, by the largest remainders; of equal ones the first by name."""
    total = sum(parts.values())
    if not parts or total <= 0:
        return dict.fromkeys(parts, 0)
    exact = {name: count * part / total for name, part in parts.items()}
    found = {name: int(value) for name, value in exact.items()}
    rest = sorted(parts, key=lambda name: (found[name] - exact[name], name))
    for name in rest[: count - sum(found.values())]:
        found[name] += 1
    return found
