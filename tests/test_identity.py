"""Names that hold on every machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_tui.identity import content_hash, edit_uid, new_uid, occurrence_uid, parse_uid, show_uid


@given(st.binary(min_size=16, max_size=16))
def test_uids_read_back(uid: bytes) -> None:
    assert parse_uid(show_uid(uid)) == uid
    assert len(show_uid(uid)) == 26


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_shown_uids_sort_like_the_bytes(first: bytes, second: bytes) -> None:
    assert (first < second) == (show_uid(first) < show_uid(second))


@pytest.mark.parametrize("text", ["", "short", "I" * 26, "0" * 25 + "u", "Z" * 26, "0" * 27])
def test_what_is_no_uid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"identifier|range"):
        parse_uid(text)


def test_new_uids_differ_and_follow_time() -> None:
    uids = [new_uid() for _ in range(1000)]
    assert len(set(uids)) == 1000
    assert [uid[:6] for uid in uids] == sorted(uid[:6] for uid in uids)


def test_a_hash_is_over_what_is_said_not_how_it_is_spaced() -> None:
    base = content_hash("sft", "café", None, "a\nb", None)
    assert content_hash("sft", "cafe\u0301", "", "a  \r\nb\n", {}) == base
    assert content_hash("kto", "café", None, "a\nb", None) != base
    assert content_hash("sft", "café", "a\nb", None, None) != base
    assert content_hash("sft", "café", None, "a\nb", {"final": 1}) != base
    assert content_hash("sft", "q", None, "a", {"x": 1, "y": 2}) == content_hash(
        "sft", "q", None, "a", {"y": 2, "x": 1}
    )


def test_occurrences_and_edits_have_names_of_their_own() -> None:
    hash = content_hash("sft", "q", None, "a", None)
    names = [occurrence_uid(hash, n) for n in range(3)] + [edit_uid(hash, hash), edit_uid(new_uid(), hash)]
    assert names[0] == hash
    assert len(set(names)) == 5
