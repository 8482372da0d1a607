"""`diversity`: how varied a data set is, as figures; it finds fault with no pair."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.fields import count_of
from flywheel_tui.stats.sampling import BottomK

_AXES = {"topic": ("topic", "category"), "style": ("style", "tone", "persona"), "difficulty": ("difficulty", "level")}
_LISTED = 50
_LONGEST_VALUE = 80


@check
class Diversity(Check):
    """Vendi score, distinct-n, self-BLEU and clusters on seeded samples; topic × style × difficulty over all pairs.

    `seeds` names a file of seed pairs: clusters are those of the seeds then, and the figures say how many of them have
    at least `least` pairs and how far the distribution is from that of the seeds (`digest` is filled in: a changed file
    is another setting).
    """

    name = "diversity"
    compares = True
    about = "figures, not findings: Vendi score, distinct-n, self-BLEU, clusters, grid of topic, style and difficulty"
    options: ClassVar[dict[str, Any]] = {
        "sample": 5_000, "vendi_sample": 1_000, "bleu_sample": 200, "clusters": 0, "least": 5, "seeds": "",
        "digest": "", "seed": 0,
    }  # fmt: skip

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seed = count_of(self, "seed")
        self._vendi, self._bleu = count_of(self, "vendi_sample", 2), count_of(self, "bleu_sample", 2)
        self._clusters, self._least = count_of(self, "clusters"), count_of(self, "least", 1)
        size = max(count_of(self, "sample", 2), self._vendi, self._bleu)
        self._sample: BottomK[tuple[str, str]] = BottomK(size, self._seed)
        self._cells: Counter[tuple[str | None, ...]] = Counter()
        self._seeds: list[str] = []
        if self.settings["seeds"]:
            from flywheel_tui.stages.validate.evaluation_sets import digest_of, items_of_file

            path = str(self.settings["seeds"])
            self._seeds = ["\n".join(item.texts) for item in items_of_file(path)]
            self.settings["digest"] = digest_of(self._seeds)
        self._figures: dict[str, Any] = {}

    def feed(self, rows: Sequence[Candidate]) -> None:
        cells = [_cell(row) for row in rows]  # first, so that a row that cannot be read leaves nothing counted twice
        for row in rows:
            prompt = f"{row.instruction}\n{row.input}" if row.input else row.instruction
            self._sample.add(row.id, (prompt, row.output or ""))
        self._cells.update(cells)

    def finish(self) -> Iterable[Found]:
        chosen = [texts for _, texts in self._sample.items()]
        prompts = [prompt for prompt, _ in chosen if prompt.strip()]
        answers = [answer for _, answer in chosen if answer.strip()]
        self._figures = {"pairs": self._cells.total(), "sample": len(chosen)}
        for name, texts in (("prompts", prompts), ("answers", answers)):
            if len(texts) > 1:
                self._figures[name] = self._of_texts(texts)
        if len(prompts) > 1:
            self._figures["clusters"] = self._of_clusters(prompts)
        self._figures["grid"] = self._of_grid()
        return ()

    def figures(self) -> dict[str, Any]:
        return self._figures

    def _of_texts(self, texts: Sequence[str]) -> dict[str, Any]:
        from flywheel_tui.stats.diversity import distinct_n, self_bleu, vendi_of_texts

        some = texts[: self._vendi]
        self.tick()
        score = vendi_of_texts(some)
        self.tick()
        figures: dict[str, Any] = {
            "vendi": round(score, 4), "vendi_of": len(some), "vendi_share": round(score / len(some), 6)
        }  # fmt: skip
        for n in (1, 2, 3):
            self.tick()
            distinct = distinct_n(texts, n)
            figures[f"distinct_{n}"] = round(distinct.share, 6)
            if n == 1:
                figures["distinct_1_adjusted"] = round(distinct.expectation_adjusted, 6)
        bleu = self_bleu(texts[: self._bleu])
        figures |= {"self_bleu": None if math.isnan(bleu) else round(bleu, 4), "self_bleu_of": len(texts[: self._bleu])}
        return figures

    def _of_clusters(self, prompts: Sequence[str]) -> dict[str, Any]:
        import numpy as np

        from flywheel_tui.stats.diversity import evenness, jensen_shannon
        from flywheel_tui.stats.kmeans import assigned, centres
        from flywheel_tui.stats.tfidf import projected, tfidf

        self.tick()
        dense = projected(tfidf([*self._seeds, *prompts]), 128, self._seed)
        seeds, points = dense[: len(self._seeds)], dense[len(self._seeds) :]
        basis = seeds if len(seeds) else points
        wanted = self._clusters or max(min(int(math.sqrt(len(basis) / 2)), 50), 2)
        self.tick()
        middle = centres(basis, wanted, self._seed)
        counts = np.bincount(assigned(points, middle), minlength=len(middle)).tolist()
        figures: dict[str, Any] = {
            "number": len(middle), "of": "seeds" if len(seeds) else "pairs",
            "evenness": round(evenness(counts), 6), "largest_share": round(max(counts) / len(points), 6),
        }  # fmt: skip
        if len(seeds):
            of_seeds = np.bincount(assigned(seeds, middle), minlength=len(middle)).tolist()
            covered = sum(count >= self._least for count in counts)
            figures["coverage"] = round(covered / len(middle), 6)
            figures["jensen_shannon"] = round(jensen_shannon(of_seeds, counts), 6)
        return figures

    def _of_grid(self) -> dict[str, Any]:
        from flywheel_tui.stats.diversity import grid

        found = grid(self._cells, tuple(_AXES))
        return {
            "axes": {axis: len(values) for axis, values in found.axes.items()},
            "values": {axis: values[:_LISTED] for axis, values in found.axes.items()},
            "counts": [{"cell": list(cell), "pairs": count} for cell, count in found.cells[:_LISTED]],
            "empty_cells": len(found.empty),
            "empty": [list(cell) for cell in found.empty[:_LISTED]],
        }


def _cell(row: Candidate) -> tuple[str | None, ...]:
    """Where a pair stands on the axes: its category is the topic, the rest is what `meta` has under the usual names."""
    meta = row.meta
    return tuple(
        row.category
        if axis == "topic" and row.category
        else next(filter(None, map(_value, map(meta.get, names))), None)
        for axis, names in _AXES.items()
    )


def _value(value: Any) -> str | None:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip()[:_LONGEST_VALUE] or None
    return None
