"""What every benchmark shares: made data, timing in turn, a table with ratios."""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

WORDS = (  # noqa: SIM905
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but"
    " not what all were we when your can said there use an each which she do how their if will up other about out"
    " many then them these so some her would make like him into time has look two more write go see number no way"
    " could people my than first water been call who oil its now find long down day did get come made may part"
).split()


class Measure(NamedTuple):
    """One figure: ours and the alternative's, in `unit`; `goal` is said as people say it ("≥ 3 ×", "≤ 50 ms")."""

    what: str
    ours: float
    unit: str
    other: float | None = None
    other_name: str = ""
    better: str = "less"
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better than the alternative (above 1 is better, whatever the unit)."""
        if not self.other or not self.ours:
            return None
        return self.other / self.ours if self.better == "less" else self.ours / self.other


def make_rows(path: Path, count: int, seed: int = 5) -> Path:
    """`count` rows in Alpaca columns (about 590 bytes each), the same for a seed."""
    if path.exists():
        return path
    rng = random.Random(seed)

    def text(least: int, most: int) -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(least, most)))

    with path.open("wb") as file:
        for number in range(count):
            row = {
                "instruction": f"{text(8, 24)} {number}",
                "input": text(4, 30) if number % 3 else "",
                "output": text(30, 150),
            }
            file.write(msgspec.json.encode(row) + b"\n")
    return path


def seconds(work: Callable[[], object]) -> float:
    """The time that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def medians(*works: Callable[[], object], times: int = 3) -> list[float]:
    """Median seconds of each, run in turn (A B A B …), so that a noisy machine hits all of them alike."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for place, work in zip(taken, works, strict=True):
            place.append(seconds(work))
    return [statistics.median(place) for place in taken]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_mb() -> float:
    """The most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def told(title: str) -> Iterator[None]:
    """Say what is being measured, on standard error."""
    started = time.perf_counter()
    sys.stderr.write(f"  {title} …")
    sys.stderr.flush()
    yield
    sys.stderr.write(f" {time.perf_counter() - started:.1f} s\n")


def show(title: str, measures: Sequence[Measure]) -> None:
    """Print a table, ratios first."""
    print(f"\n{title}")
    print(f"  {'ratio':>8}  {'ours':>14}  {'alternative':>14}  what")
    for m in measures:
        ratio = f"{m.ratio:.2f} ×" if m.ratio else ""
        other = f"{_number(m.other)} {m.unit}" if m.other else ""
        beside = f" · beside {m.other_name}" if m.other_name else ""
        goal = f" · goal {m.goal}" if m.goal else ""
        print(f"  {ratio:>8}  {_number(m.ours) + ' ' + m.unit:>14}  {other:>14}  {m.what}{beside}{goal}")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
