"""How much is made for each kind of error: in proportion to rate × severity, between a floor and a cap."""

from __future__ import annotations

from collections.abc import Mapping

FLOOR, CAP = 0.05, 0.40
MUTATIONS = {
    "paraphrase": "say the same request in other words, as another person would",
    "perturb": "change the names, places, figures and dates in it, so that the answer is another one",
    "compose": "join it with the second request into one that needs both",
    "flip": "change as little as possible so that the right answer becomes the opposite or another one",
    "harder": "make it harder: one more condition, a larger case or a trap that an expert would see",
    "easier": "make it easier: fewer conditions, a smaller case, the same sort of mistake still possible",
    "persona": "let another person ask it, with what that person knows, needs and how that person writes",
}


def shares(errors: Mapping[str, tuple[int, int]], floor: float = FLOOR, cap: float = CAP) -> dict[str, float]:
    """The share of new rows for each kind of error, from `(failures, severity)`; the shares add up to 1.

    In proportion to count × severity; what lies below the floor is raised to it, what lies above the cap is cut to it,
    and the rest is shared in proportion among the others, until nothing moves. With so few kinds that the cap cannot
    hold (1 / cap), or so many that the floor cannot, it is widened to an even share.
    """
    weights = {name: float(max(count, 0) * severity) for name, (count, severity) in errors.items() if count > 0}
    if not weights:
        return {}
    cap, floor = max(cap, 1 / len(weights)), min(floor, 1 / len(weights))
    fixed: dict[str, float] = {}
    while True:
        free = {name: weight for name, weight in weights.items() if name not in fixed}
        left = 1 - sum(fixed.values())
        if not free:
            break
        total = sum(free.values())
        found = {name: left * weight / total for name, weight in free.items()}
        # one sort of bound at a time: those over the cap first, what they leave may lift the others over the floor
        over = [name for name, share in found.items() if share > cap + 1e-12]
        under = [name for name, share in found.items() if share < floor - 1e-12]
        if not over and not under:
            fixed |= found
            break
        fixed |= dict.fromkeys(over, cap) if over else dict.fromkeys(under, floor)
    total = sum(fixed.values())
    return {name: fixed[name] / total for name in weights}
