"""`semantic`: whether many inputs of a data set mean nearly the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.fields import count_of, joined_text, share_of, wanted_fields
from flywheel_tui.stats.sampling import BottomK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@check
class Semantic(Check):
    """Cosine of every input with its nearest other one; above `share` of them over `threshold` is too many.

    `model` names the folder of a sentence-transformers model on this machine; without it words weighted by TF-IDF are
    compared. Above `max_rows` pairs a seeded sample of that size is looked at (the share is a lower bound then).
    """

    name = "semantic"
    compares = True
    about = "too many inputs that mean nearly the same (embeddings where a model is named, TF-IDF otherwise)"
    options: ClassVar[dict[str, Any]] = {
        "threshold": 0.8, "share": 0.05, "fields": "instruction,input", "model": "", "max_rows": 10_000,
        "most": 100, "seed": 0,
    }  # fmt: skip

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.threshold, self.share = share_of(self, "threshold"), share_of(self, "share")
        self._fields = wanted_fields(self)
        self._most = count_of(self, "most")
        self._sample: BottomK[str] = BottomK(count_of(self, "max_rows", 2), count_of(self, "seed"))
        self._embedder = None
        if self.settings["model"]:
            from flywheel_tui.stages.validate.embedding import Embedder

            self._embedder = Embedder(str(self.settings["model"]))
        self._figures: dict[str, Any] = {}

    def feed(self, rows: Sequence[Candidate]) -> None:
        texts = [joined_text(row, self._fields) for row in rows]
        for row, text in zip(rows, texts, strict=True):
            self._sample.add(row.id, text)

    def finish(self) -> Iterable[Found]:
        chosen = [(key, text) for key, text in self._sample.items() if text.strip()]
        if len(chosen) < 2:
            return ()
        ids = [key for key, _ in chosen]
        nearest, cosine = self._nearest([text for _, text in chosen])
        above = cosine > self.threshold
        share = float(above.mean())
        self._figures = {
            "method": "embeddings" if self._embedder else "TF-IDF",
            "looked_at": len(ids), "of": self._sample.seen, "above_threshold": int(above.sum()),
            "share_above_threshold": round(share, 6), "mean_nearest_cosine": round(float(cosine.mean()), 6),
        }  # fmt: skip
        return self._findings(ids, nearest, cosine, share) if share > self.share else ()

    def figures(self) -> dict[str, Any]:
        return self._figures

    def _nearest(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        from flywheel_tui.stats.tfidf import nearest_texts, neighbours

        if self._embedder is None:
            return nearest_texts(texts, self.settings["seed"], lambda: self.tick())
        found = neighbours(self._embedder.vectors(texts), 1, lambda: self.tick())
        return found.nearest[:, 0], found.cosine[:, 0].astype(float)

    def _findings(
        self, ids: Sequence[int], nearest: NDArray[np.int64], cosine: NDArray[np.float64], share: float
    ) -> Iterator[Found]:
        import numpy as np

        tail = f"{share:.1%} of the inputs have a neighbour above {self.threshold:g}, more than {self.share:.0%}"
        above = [row for row in np.argsort(-cosine, kind="stable").tolist() if cosine[row] > self.threshold]
        for row in above[: self._most]:
            one, two = ids[row], ids[int(nearest[row])]
            message = f"means nearly what pair id {two} asks (cosine {cosine[row]:.2f}); {tail}"
            yield Found(one, "warning", "instruction", None, None, message, min(one, two))
