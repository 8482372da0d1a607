"""Words for coefficients of agreement, said only where the labels are enough to say them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.intervals import NORMAL

Scale = Literal["landis", "krippendorff", "altman"]

SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "landis": (
        (0.8, "almost perfect"), (0.6, "substantial"), (0.4, "moderate"), (0.2, "fair"), (0.0, "slight"),
        (-1.0, "poor"),
    ),
    "krippendorff": ((0.8, "reliable"), (0.667, "tentative"), (-1.0, "discard")),
    "altman": ((0.8, "very good"), (0.6, "good"), (0.4, "moderate"), (0.2, "fair"), (-1.0, "poor")),
}  # fmt: skip
"""Lower ends and words, best first: Landis, Koch 1977; Krippendorff 2004, p. 241; Altman 1991."""


class Band(NamedTuple):
    """The word for a coefficient, and how sure it is that the truth lies in its band or a better one."""

    word: str
    certainty: float | None
    plain: str


def plain_band(value: float, scale: Scale = "landis") -> str:
    """The word for a coefficient as if it were exact.

    >>> plain_band(0.61), plain_band(0.7, "krippendorff"), plain_band(-0.2)
    ('substantial', 'tentative', 'poor')
    """
    steps = _steps(scale)
    return next((word for low, word in steps if value >= low), steps[-1][1])


def band(value: float | None, error: float | None, scale: Scale = "landis", certainty: float = 0.95) -> Band | None:
    """Gwet's benchmark (2014, ch. 6): the best band in which, or above which, the coefficient lies with `certainty`.

    `error` is the standard error (an interval's half width / 1.96); None where it is not known: then the plain word
    stands with no certainty. None where the coefficient is undefined.

    >>> band(0.67, 0.15, "altman").word
    'moderate'
    """
    if value is None:
        return None
    plain = plain_band(value, scale)
    if error is None:
        return Band(plain, None, plain)
    for word, above in memberships(value, error, scale):
        if above >= certainty:
            return Band(word, above, plain)
    return Band(_steps(scale)[-1][1], 1.0, plain)


def memberships(value: float, error: float, scale: Scale = "landis") -> list[tuple[str, float]]:
    """Words, best first, with the probability that the truth (normal, within -1 … 1) lies in that band or above."""
    if error <= 0:
        return [(word, float(value >= low)) for low, word in _steps(scale)]
    top = NORMAL.cdf((value - 1) / error)
    whole = NORMAL.cdf((value + 1) / error) - top
    return [(word, (NORMAL.cdf((value - low) / error) - top) / whole) for low, word in _steps(scale)]


def _steps(scale: str) -> tuple[tuple[float, str], ...]:
    if scale not in SCALES:
        raise UsageError(f"no scale named {scale!r}; there are: {', '.join(SCALES)}")
    return SCALES[scale]
