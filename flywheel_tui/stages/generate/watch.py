"""Variety as rows come in: windows of rows, their figures, and the sentence that pauses a job whose rows grow alike.

Rules (and where they come from): Vendi/n or distinct-2 more than 10 % lower in two windows one after the other, or the
mean similarity of new instructions to their nearest more than 10 % higher twice (collapse shows as a trend,
Gerstgrasser 2024); more than 5 % of the pairs of rows of a window with a cosine above 0.8.
"""

from __future__ import annotations

import msgspec

from flywheel_tui.stages.generate.options import Figures

DROP = 0.10
ALIKE_COSINE, ALIKE_SHARE = 0.8, 0.05
_NEAREST_FLOOR = 0.3
"""Below this mean ROUGE-L instructions have little in common, and a rise means nothing."""


class Variety(msgspec.Struct, kw_only=True):
    """Collects rows of one job; `add` says why the job should pause, or nothing."""

    window: int
    history: list[Figures] = []
    texts: list[str] = []
    nearest: list[float] = []

    def add(self, text: str, nearest: float | None) -> str:
        """Take in the text of a row and the similarity of its instruction to the nearest one known."""
        self.texts.append(text)
        if nearest is not None:
            self.nearest.append(nearest)
        if len(self.texts) < self.window:
            return ""
        self.history.append(measure(self.texts, self.nearest))
        self.texts, self.nearest = [], []
        return verdict(self.history)


def measure(texts: list[str], nearest: list[float]) -> Figures:
    """The figures of a window."""
    from flywheel_tui.stats.diversity import distinct_n, vendi
    from flywheel_tui.stats.tfidf import dense_cosines

    kernel = dense_cosines(texts)
    count = len(texts)
    above = int((kernel > ALIKE_COSINE).sum() - count) // 2
    pairs = count * (count - 1) // 2
    varied = distinct_n(texts, 2).expectation_adjusted
    return Figures(
        rows=count, vendi=round(vendi(kernel) / count, 4), distinct2=round(varied, 4),
        nearest=round(sum(nearest) / len(nearest), 4) if nearest else 0.0, alike=round(above / pairs, 4),
    )  # fmt: skip


def verdict(history: list[Figures]) -> str:
    """Why a job should pause after its newest window; empty where it should go on."""
    now = history[-1]
    if now.alike > ALIKE_SHARE:
        return (
            f"{now.alike:.0%} of the pairs among the last {now.rows} rows are nearly the same (cosine above"
            f" {ALIKE_COSINE}; at most {ALIKE_SHARE:.0%} is usual)"
        )
    if len(history) < 3:
        return ""
    first, second = history[-3], history[-2]
    for name, values in (
        ("the Vendi score per row", (first.vendi, second.vendi, now.vendi)),
        ("distinct-2", (first.distinct2, second.distinct2, now.distinct2)),
    ):
        if values[1] < values[0] * (1 - DROP) and values[2] < values[1] * (1 - DROP):
            return f"{name} fell twice by more than {DROP:.0%}: {values[0]:.2f}, {values[1]:.2f}, {values[2]:.2f}"
    rise = (first.nearest, second.nearest, now.nearest)
    if now.nearest > _NEAREST_FLOOR and rise[1] > rise[0] * (1 + DROP) and rise[2] > rise[1] * (1 + DROP):
        return f"instructions come nearer to known ones: ROUGE-L {rise[0]:.2f}, {rise[1]:.2f}, {rise[2]:.2f}"
    return ""
