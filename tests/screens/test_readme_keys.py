"""The key table of the README, against the keys there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from screens.bindings import GROUPS, show_key

README = Path(__file__).parents[2] / "README.md"


def row_of(place: str) -> dict[str, str]:
    """Key and what the table says it does."""
    line = next(each for each in README.read_text(encoding="utf-8").splitlines() if each.startswith(f"| {place} |"))
    return dict(re.findall(r"`([^`]+)` ([^·|]+?) (?:·|\|)", line))


def keys_of(group: str) -> dict[str, str]:
    return {show_key(key): act.id for act in GROUPS[group][1] for key in act.keys.split(",")}


@pytest.mark.parametrize("place", ["Datasets", "Browse", "Workers"])
def test_every_key_that_the_readme_names_is_there(place: str) -> None:
    named, there = row_of(place), keys_of(place.lower())
    assert named and set(named) <= set(there), set(named) - set(there)


@pytest.mark.parametrize("place", ["Datasets", "Browse"])
def test_the_readme_names_what_the_footer_shows(place: str) -> None:
    shown = {show_key(act.keys.split(",")[0]) for act in GROUPS[place.lower()][1] if act.footer}
    assert shown <= set(row_of(place)), shown - set(row_of(place))


def test_the_readme_names_the_ways_to_make_and_trace_pairs() -> None:
    assert {"v", "J", "N"} <= set(row_of("Datasets"))
    assert {"J", "A", "T", "u"} <= set(row_of("Browse"))
