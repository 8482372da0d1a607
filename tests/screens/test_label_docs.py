"""The page about labelling names every key there is, and none that is not."""

from __future__ import annotations

import re

from torture import ROOT

from screens.bindings import GROUPS, show_key

PAGE = (ROOT / "docs" / "labelling.md").read_text("utf-8")


def test_every_id_is_on_the_page_and_no_other() -> None:
    there = {act.id for group in ("label", "bulk") for act in GROUPS[group][1]}
    assert set(re.findall(r"`((?:label|bulk)\.\w+)`", PAGE)) == there


def test_every_key_is_on_the_page() -> None:
    shown = {word for span in re.findall(r"`([^`]+)`", PAGE) for word in span.split()}
    digits = set("0123456789")
    for group in ("label", "bulk"):
        for act in GROUPS[group][1]:
            for key in act.keys.split(","):
                name = show_key(key).replace("^", "ctrl+")
                assert name in shown or name in digits, f"{act.id}: {key}"
