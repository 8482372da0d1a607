"""How the next cycle's work is parted over kinds of failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

FLOOR, CAP = 0.05, 0.40


def shares(weights: Mapping[str, float], *, floor: float = FLOOR, cap: float = CAP) -> dict[str, float]:
    """Parts of 1 proportional to weights (error rate x severity), none below `floor`, none above `cap`.

    The cap holds where it can: of n kinds one gets at least 1/n. Kinds without weight get the floor. Source: science
    6.8 (floor 5 % a slice, at most 40 % for one kind of error).
    """
    if not weights:
        return {}
    count = len(weights)
    floor, cap = min(floor, 1 / count), max(cap, 1 / count)
    total = sum(max(value, 0.0) for value in weights.values())
    found = {name: (max(value, 0.0) / total if total else 1 / count) for name, value in weights.items()}
    for _ in range(4 * count):
        fixed = {name: min(max(value, floor), cap) for name, value in found.items()}
        free = {name for name, value in fixed.items() if floor < value < cap}
        missing = 1.0 - sum(fixed.values())
        if abs(missing) < 1e-12:
            return fixed
        # what is missing (or too much) goes to those that may still move, by their size
        movable = free or {name for name, value in fixed.items() if (value < cap if missing > 0 else value > floor)}
        size = sum(fixed[name] for name in movable)
        found = {
            name: value + (missing * value / size if name in movable and size else 0.0) for name, value in fixed.items()
        }
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


def round_robin(members: Sequence[str], count: int) -> dict[str, int]:
    """How often each member is used where they are taken in turn `count` times."""
    if not members:
        return {}
    each, more = divmod(count, len(members))
    return {member: each + (at < more) for at, member in enumerate(members)}
