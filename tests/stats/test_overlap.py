"""Shared runs of words, against plain Python."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats.overlap import Reference, runs

TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=9).map(" ".join), max_size=8)


def plain(text: str, n: int) -> list[tuple[str, ...]]:
    words = text.split()
    return [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]


@given(TEXTS, TEXTS, st.integers(1, 4), st.integers(1, 3))
@settings(deadline=None, max_examples=300)
def test_hits_are_the_runs_that_both_have(texts: list[str], references: list[str], n: int, common: int) -> None:
    holders: dict[tuple[str, ...], list[int]] = {}
    for number, text in enumerate(references):
        for run in dict.fromkeys(plain(text, n)):
            holders.setdefault(run, []).append(number)
    reference = Reference(references, n, common)
    assert len(reference) == sum(len(held) <= common for held in holders.values())
    assert reference.left_out == sum(len(held) > common for held in holders.values())
    found = runs(texts, n)
    hits, owners = reference.hits(found)
    seen = list(zip(found.owners[hits].tolist(), found.first[hits].tolist(), owners.tolist(), strict=True))
    assert seen == [
        (number, first, holders[run][0])
        for number, text in enumerate(texts)
        for first, run in enumerate(plain(text, n))
        if len(holders.get(run, [0] * 9)) <= common
    ]
