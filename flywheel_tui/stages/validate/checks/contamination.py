"""`contamination`: texts that share a long run of words with an evaluation set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.evaluation_sets import digest_of, items_of_file
from flywheel_tui.stages.validate.fields import count_of


@check
class Contamination(Check):
    """Every stretch of at least `n` words that also stands in one of the files named by `against`.

    Evaluation texts of fewer than `n` words count by runs of `short` words. Runs that more than `common` evaluation
    texts have are left out: instructions that all items repeat. `digest` is filled in: a changed file is another
    setting, so that every pair is looked at again.
    """

    name = "contamination"
    default = False
    about = "runs of 13 words that also stand in evaluation sets (against=FILE,FILE)"
    options: ClassVar[dict[str, Any]] = {"against": "", "n": 13, "short": 8, "common": 10, "digest": ""}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        from flywheel_tui.stats.overlap import Reference
        from flywheel_tui.stats.words import words

        n, short, common = count_of(self, "n", 2), count_of(self, "short", 2), count_of(self, "common", 1)
        if short > n:
            raise UsageError(f"contamination.short is at most n ({n}), not {short}")
        texts: list[str] = []
        self._places: list[tuple[str, int]] = []
        for path in self._paths():
            for item in items_of_file(path):
                texts += item.texts
                self._places += [(Path(path).name, item.line)] * len(item.texts)
        self.settings["digest"] = digest_of(texts)
        counts = words(texts).counts
        whole = [number for number, count in enumerate(counts.tolist()) if count >= n]
        brief = [number for number, count in enumerate(counts.tolist()) if short <= count < n]
        self._references = [
            (Reference([texts[number] for number in numbers], length, common), numbers)
            for numbers, length in ((whole, n), (brief, short))
            if numbers
        ]
        if not any(len(reference) for reference, _ in self._references):
            raise UsageError(
                f"no text in {self.settings['against']} has {short} words: there is nothing to compare with"
            )

    def _paths(self) -> list[str]:
        against = self.settings["against"]
        paths = against.split(",") if isinstance(against, str) else against
        if not isinstance(paths, list | tuple) or not all(isinstance(path, str) for path in paths):
            raise UsageError(f"contamination.against is a file or a list of files, not {against!r}")
        paths = [path.strip() for path in paths if path.strip()]
        if not paths:
            raise UsageError("contamination needs evaluation sets: --set contamination.against=FILE,FILE")
        return paths

    def look(self, rows: Sequence[Candidate]) -> Iterator[Found]:
        places = [(row.id, path, text) for row in rows for path, text in row.texts()]
        stretches: dict[int, list[tuple[int, int, int]]] = {}
        texts = [text for _, _, text in places]
        for reference, numbers in self._references:
            self._collect(texts, reference, numbers, stretches)
        for index, runs in sorted(stretches.items()):
            pair, path, text = places[index]
            yield from self._findings(pair, path, text, runs)

    def _collect(
        self, texts: Sequence[str], reference: Any, numbers: list[int], stretches: dict[int, list[tuple[int, int, int]]]
    ) -> None:
        """Add (first word, last word, evaluation text) of every shared run, by text."""
        from flywheel_tui.stats.overlap import runs

        found = runs(texts, reference.n)
        hits, owners = reference.hits(found)
        columns = (found.owners[hits], found.first[hits], owners)
        for text, first, owner in zip(*(column.tolist() for column in columns), strict=True):
            stretches.setdefault(text, []).append((first, first + reference.n - 1, numbers[owner]))

    def _findings(self, pair: int, path: str, text: str, runs: Iterable[tuple[int, int, int]]) -> Iterator[Found]:
        from flywheel_tui.stats.words import word_spans

        spans = word_spans(text)
        for first, last, number in _merged(runs):
            file, line = self._places[number]
            start = end = None
            if last < len(spans):
                start, end = spans[first][0], spans[last][1]
            message = f"{last - first + 1} words in a row also stand in the evaluation set {file}, row {line}"
            yield Found(pair, "error", path, start, end, message)


def _merged(runs: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Runs that overlap as one; the evaluation text is that of the first of them."""
    current: tuple[int, int, int] | None = None
    for first, last, number in sorted(runs):
        if current is not None and first <= current[1] + 1:
            current = (current[0], max(current[1], last), current[2])
            continue
        if current is not None:
            yield current
        current = (first, last, number)
    if current is not None:
        yield current
