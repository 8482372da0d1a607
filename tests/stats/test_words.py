"""Texts to words and back: checked against a plain Python tokeniser."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats.words import word_spans, words

TEXTS = st.lists(
    st.text(
        st.one_of(
            st.sampled_from("aAbB zZ09_.,\n\0-\u00e9\u0301\u00dfﬁ½東京のไทย한국ｆ\U00020000😀"),
            st.characters(codec="utf-8"),
        ),
        max_size=60,
    ),
    max_size=8,
)


def alone(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CJK", "HENTAIGANA", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")) and (
        unicodedata.category(character)[0] in "LNM"
    )


def plain_words(text: str) -> list[str]:
    found: list[str] = []
    joins = False
    for character in unicodedata.normalize("NFKC", text.replace("\0", " ")).casefold():
        if alone(character):
            found.append(character)
            joins = False
        elif unicodedata.category(character)[0] in "LNM" or character == "_":
            found[-1:] = [found[-1] + character] if joins else [*found[-1:], character]
            joins = True
        else:
            joins = False
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("!!! 😀", []),
        ("Don't stop: it's 3.5", ["don", "t", "stop", "it", "s", "3", "5"]),
        ("naïve Straße ＦＵＬＬ", ["naïve", "strasse", "full"]),
        ("東京の夏 and 한국 말", ["東", "京", "の", "夏", "and", "한국", "말"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("a\0b", ["a", "b"]),
        ("x" * 63 + " " + "x" * 64 + " " + "x" * 65, ["x" * 63, "x" * 64, "x" * 65]),
    ],
)
def test_words_are_those_of_a_person(text: str, expected: list[str]) -> None:
    assert plain_words(text) == expected
    found = words([text])
    assert found.counts.tolist() == [len(expected)]
    known = [int(words([word]).hashes[0]) for word in expected]
    assert found.hashes.tolist() == known


@given(TEXTS)
@settings(deadline=None, max_examples=300)
def test_hashes_are_equal_where_words_are(texts: list[str]) -> None:
    plain = [plain_words(text) for text in texts]
    found = words(texts)
    assert found.counts.tolist() == [len(one) for one in plain]
    flat = [word for one in plain for word in one]
    by_word = dict(zip(flat, found.hashes.tolist(), strict=True))
    assert [by_word[word] for word in flat] == found.hashes.tolist()
    assert len(set(by_word.values())) == len(by_word)


def test_a_word_hashes_alike_in_any_company() -> None:
    long = "wort" * 40
    alone_there = words([long]).hashes[0]
    assert words([f"é {long} b"]).hashes[1] == alone_there
    assert words(["a" * 500_000, f"x {long}"]).hashes[-1] == alone_there
    assert len(set(words(["x" * 64 + "1", "x" * 64 + "2"]).hashes.tolist())) == 2


@given(TEXTS)
@settings(deadline=None, max_examples=200)
def test_spans_hold_the_words(texts: list[str]) -> None:
    for text in texts:
        found, spans = words([text]), word_spans(text)
        assert len(spans) == found.counts[0]
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert spans == sorted(spans)
        if len(unicodedata.normalize("NFKC", text).casefold()) == len(text):
            cut = [text[start:end] for start, end in spans]
            assert (
                np.concatenate([words([one]).hashes for one in cut] or [found.hashes]).tolist() == found.hashes.tolist()
            )


def test_spans_survive_letters_that_grow() -> None:
    text = "Die Straße, ﬁnally: “offene” Türen…"
    spans = word_spans(text)
    assert [text[start:end] for start, end in spans] == ["Die", "Straße,", "ﬁnally:", "offene", "Türen…"]
