"""How varied texts are: Vendi score, distinct n-grams, self-BLEU, clusters, and the cells of a grid."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.stats.words import mixed, words

if TYPE_CHECKING:
    from numpy.typing import NDArray


def vendi(kernel: NDArray[Any]) -> float:
    """The Vendi score of a similarity matrix with ones on its diagonal: the effective number of different items.

    exp of the entropy of the eigenvalues of K / n (Friedman, Dieng 2022): n where nothing is alike, 1 where all is.
    """
    import numpy as np

    if not len(kernel):
        return 0.0
    values = np.linalg.eigvalsh(np.asarray(kernel, float) / len(kernel))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def vendi_of_texts(texts: Sequence[str]) -> float:
    """The Vendi score of texts by the cosine of their TF-IDF vectors. Costs n³: for some 1,000 texts."""
    from flywheel_tui.stats.tfidf import dense_cosines

    return vendi(dense_cosines(texts))


class Distinct(NamedTuple):
    """Different n-grams of all texts, as a share of all, and of those that chance would give."""

    share: float
    expectation_adjusted: float


def distinct_n(texts: Sequence[str], n: int) -> Distinct:
    """Distinct-n (Li et al. 2016): different n-grams over all n-grams. 0 where there are none.

    The share falls with the amount of text; the adjusted one (EAD, Liu et al. 2022) divides by the number of different
    n-grams that as many draws from all that V words can make would give, V · (1 − ((V − 1) / V)^C) for n = 1.
    """
    import numpy as np

    found = words(texts)
    ends = np.cumsum(found.counts)
    sizes = np.maximum(found.counts - n + 1, 0)
    total = int(sizes.sum())
    if not total:
        return Distinct(0.0, 0.0)
    from flywheel_tui.stats.sets import ranges

    starts = ranges(ends - found.counts, sizes)
    grams = found.hashes[starts]
    for offset in range(1, n):
        grams = mixed(grams) + found.hashes[starts + offset]
    different = len(np.unique(grams))
    possible = float(len(np.unique(found.hashes))) ** n
    expected = possible * -math.expm1(total * math.log1p(-1 / possible)) if possible > 1 else 1.0
    return Distinct(different / total, different / expected)


def self_bleu(texts: Sequence[str], most_words: int = 512) -> float:
    """The mean BLEU of each text against all others, 0 to 100: low where texts differ (Zhu et al. 2018).

    Sentence BLEU of up to four words in a row with exponential smoothing and effective order, as sacrebleu's
    `sentence_bleu` computes it, on lower-cased words; texts are cut after `most_words`. NaN for fewer than two texts.
    """
    tokens = [_tokens(text)[:most_words] for text in texts]
    tokens = [text for text in tokens if text]
    if len(tokens) < 2:
        return math.nan
    grams = [[Counter(zip(*(text[k:] for k in range(n)), strict=False)) for n in range(1, 5)] for text in tokens]
    tops = [_two_highest(counts[n] for counts in grams) for n in range(4)]
    lengths = Counter(map(len, tokens))
    scores = []
    for text, counts in zip(tokens, grams, strict=True):
        matches = []
        for n in range(4):
            total = max(len(text) - n, 0)
            hit = sum(min(own, _of_others(tops[n][gram], own)) for gram, own in counts[n].items())
            matches.append((hit, total))
        scores.append(_bleu(matches, len(text), _closest(lengths, len(text))))
    return sum(scores) / len(scores)


def _tokens(text: str) -> list[int]:
    found: list[int] = words([text]).hashes.tolist()
    return found


def _two_highest(counters: Iterable[Counter[Any]]) -> dict[Any, tuple[int, int]]:
    """For each n-gram its highest and second highest count in any text."""
    tops: dict[Any, tuple[int, int]] = {}
    for counter in counters:
        for gram, count in counter.items():
            first, second = tops.get(gram, (0, 0))
            if count > first:
                tops[gram] = (count, first)
            elif count > second:
                tops[gram] = (first, count)
    return tops


def _of_others(top: tuple[int, int], own: int) -> int:
    return top[1] if own == top[0] else top[0]


def _closest(lengths: Counter[int], own: int) -> int:
    """The length of another text that is closest to `own`; of two as close, the shorter."""
    others = (length for length, count in lengths.items() if length != own or count > 1)
    return min(others, key=lambda length: (abs(length - own), length))


def _bleu(matches: Sequence[tuple[int, int]], length: int, reference: int) -> float:
    logs = 0.0
    order = 0
    smooth = 1.0
    for hit, total in matches:
        if not total:
            break
        order += 1
        if hit:
            logs += math.log(100 * hit / total)
        else:
            smooth *= 2
            logs += math.log(100 / (smooth * total))
    if not order or not any(hit for hit, _ in matches):
        return 0.0
    brevity = 1.0 if length >= reference else math.exp(1 - reference / length)
    return brevity * math.exp(logs / order)


def evenness(counts: Sequence[int]) -> float:
    """The entropy of a distribution over k classes, divided by ln k: 1 where all are as frequent. 1 for one class."""
    total = sum(counts)
    if len(counts) < 2 or not total:
        return 1.0
    return -sum(c / total * math.log(c / total) for c in counts if c) / math.log(len(counts))


def jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    """The Jensen–Shannon distance of two distributions over the same classes (root of the divergence, natural log)."""
    p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
    middle = [(x + y) / 2 for x, y in zip(p, q, strict=True)]

    def divergence(a: Sequence[float]) -> float:
        return sum(x * math.log(x / m) for x, m in zip(a, middle, strict=True) if x)

    return math.sqrt(max((divergence(p) + divergence(q)) / 2, 0.0))


class Grid(NamedTuple):
    """Counts by cell of a grid, and the cells that nothing fills although each of their values occurs."""

    axes: dict[str, list[str]]
    cells: list[tuple[tuple[str, ...], int]]
    empty: list[tuple[str, ...]]


def grid(counts: Mapping[tuple[str | None, ...], int], axes: Sequence[str], most: int = 10_000) -> Grid:
    """The grid of how many items have which values on the axes; None stands for no value.

    Axes on which nothing has a value are no axes; items that lack a value on another one are in no cell. Grids of more
    than `most` cells list no empty ones: their axes are no categories.
    """
    values = [sorted({key[place] for key in counts} - {None}, key=str) for place in range(len(axes))]
    used = [place for place, known in enumerate(values) if known]
    filled: Counter[tuple[str, ...]] = Counter()
    for key, count in counts.items():
        cell = tuple(value for place in used if (value := key[place]) is not None)
        if used and len(cell) == len(used):
            filled[cell] += count
    named = {axes[place]: [value for value in values[place] if value is not None] for place in used}
    size = math.prod(len(known) for known in named.values())
    cells = list(product(*named.values())) if used and size <= most else []
    ordered = sorted(filled.items(), key=lambda item: (-item[1], item[0]))
    return Grid(named, ordered, [cell for cell in cells if cell not in filled])
