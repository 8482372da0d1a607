"""Implicit feedback: the numbers of both presets, and what they make of a row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, NotFoundError
from flywheel_tui.stages.feedback import PRESETS, Signals, edit_share, read_signals, score, weak_label


@pytest.mark.parametrize(
    ("given", "value"),
    [
        # from 0.5: accepted +0.3 or not -0.3, no retry +0.1, three -0.2, edits -0.3 x share, went on +0.1,
        # reported -0.4
        ({"accepted": True, "retries": 0}, 0.9),
        ({"accepted": True, "retries": 0, "continued": True}, 1.0),
        ({"accepted": False}, 0.2),
        ({"accepted": False, "retries": 3}, 0.0),
        ({"accepted": True, "retries": 2}, 0.8),
        ({"accepted": True, "edited": 0.5}, 0.65),
        ({"accepted": False, "retries": 4, "edited": 1.0, "reported": True}, -0.7),
        ({"reported": True}, 0.1),
    ],
)
def test_whole_sessions(given: dict[str, Any], value: float) -> None:
    assert score(read_signals(given), "session") == pytest.approx(value)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        # accept or copy +1, edit 1 - share, regenerate -0.5, thumbs +-1, abandon -0.3
        ({"copied": True}, 1.0),
        ({"accepted": True, "edited": 0.25}, 0.75),
        ({"retries": 1}, -0.5),
        ({"retries": 3}, -1.0),
        ({"thumbs": "up"}, 1.0),
        ({"thumbs": -1}, -1.0),
        ({"abandoned": True}, -0.3),
        ({"accepted": True, "retries": 1}, 0.5),
    ],
)
def test_single_events(given: dict[str, Any], value: float) -> None:
    assert score(read_signals(given), "events") == pytest.approx(value)


def test_nothing_watched_says_nothing() -> None:
    assert score(read_signals({})) is None
    assert weak_label(read_signals(None)) is None
    assert read_signals({"else": 3}) == Signals()


def test_labels_are_weak() -> None:
    good = weak_label(read_signals({"accepted": True, "retries": 0}))
    bad = weak_label(read_signals({"accepted": False, "reported": True}))
    unsure = weak_label(read_signals({"retries": 1}))
    assert good is not None and (good.status, good.tier) == ("approved", "silver")
    assert bad is not None and (bad.status, bad.tier) == ("rejected", "reject")
    assert unsure is not None and (unsure.status, unsure.tier) == (None, "bronze")


@settings(deadline=None)
@given(
    st.sampled_from(sorted(PRESETS)),
    st.builds(
        Signals, accepted=st.none() | st.booleans(), retries=st.none() | st.integers(0, 50),
        edited=st.none() | st.floats(0, 1), continued=st.none() | st.booleans(), reported=st.none() | st.booleans(),
        abandoned=st.none() | st.booleans(), thumbs=st.none() | st.sampled_from((-1, 0, 1)),
    ),
)  # fmt: skip
def test_scores_stay_within_and_are_never_gold(preset: str, signals: Signals) -> None:
    label = weak_label(signals, preset)
    if label is None:
        assert not signals.told
        return
    assert -1 <= label.score <= 1
    assert label.tier in ("silver", "bronze", "reject")
    if signals.reported and not signals.accepted and not (signals.thumbs or 0) > 0:
        assert label.status != "approved"


def test_the_share_of_an_edit() -> None:
    assert edit_share("kitten", "sitting") == pytest.approx(3 / 7)
    assert edit_share("", "") == 0.0
    assert edit_share("same", "same") == 0.0
    assert edit_share("a" * 10, "") == 1.0
    long = "one two three " * 300
    assert edit_share(long, long + "four") == pytest.approx(1 / 901)
    assert read_signals({"edited": "kitten"}, answer="kitten").edited == 0.0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"accepted": "maybe"}, "accepted"), ({"retry_count": "many"}, "retry_count"), ({"edited": 3}, "edited"),
        ({"edit_ratio": float("nan")}, "edit_ratio"), ({"thumbs": "sideways"}, "thumbs"),
    ],
)  # fmt: skip
def test_wrong_values_are_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"signals.{field}"):
        read_signals(given)


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(NotFoundError, match="events, session"):
        score(Signals(accepted=True), "other")
