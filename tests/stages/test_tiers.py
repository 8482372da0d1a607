"""Tiers from people, from a calibrated judge, from rewards; as an expression and as weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.stages import label
from flywheel_tui.stages.export import ExportRequest, export
from flywheel_tui.stages.tiers import PRESETS, assign, parse_tiers, tier_row, weights_of
from flywheel_tui.store.tiers import StandRow, tiers_of
from flywheel_tui.workspace import Workspace


def tiers(workspace: Workspace) -> list[str | None]:
    """The tier of each pair."""
    ids = pair_ids(workspace)
    found = tiers_of(workspace.store.read(), ids)
    return [found[pair].tier for pair in ids]


def test_people_stand_above_judges(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws", sft(5))
    ids = pair_ids(workspace)
    say(workspace, ids[0], "approved")
    say(workspace, ids[1], "rejected")
    query = "SELECT pair_id FROM pair_current WHERE id = ?"
    version = workspace.store.read().execute(query, (ids[2],)).fetchone()[0]
    decision = Decision(
        uid=new_uid(), pair=ids[2], version=version, reviewer="chief", status="approved", answered=now_us()
    )
    label.adjudicate(workspace, decision)
    say(workspace, ids[3], "approved", source="judge")
    report = assign(workspace, "demo")
    assert tiers(workspace) == ["gold", "rejected", "platinum", None, None]
    assert report.counts == {"platinum": 1, "gold": 1, "rejected": 1, "none": 2}
    assert report.changed == 3
    file = tmp_path / "all.jsonl"
    export(workspace, ExportRequest(dataset="demo", to=str(file), filter="tier == 'gold'"))
    (line,) = [json.loads(text) for text in file.read_text().splitlines()]
    assert (line["tier"], line["weight"]) == ("gold", 1.0) and "quality_p" not in line
    assert assign(workspace, "demo").changed == 0
    say(workspace, ids[0], "rejected", answered=2**52)
    assign(workspace, "demo")
    assert tiers(workspace)[0] == "rejected"


def test_scores_count_as_far_as_labels_carry_them(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws", sft(140))
    ids = pair_ids(workspace)
    judged(workspace, "j", {pair: (9.5 if place % 2 else 1.0) for place, pair in enumerate(ids)})
    few = assign(workspace, "demo", tag="j")
    assert "too few" in few.notes[0] and set(tiers(workspace)) == {None}
    for place, pair in enumerate(ids[:120]):
        say(workspace, pair, "approved" if place % 2 else "rejected")
    assert assign(workspace, "demo", tag="j").notes == ()
    found = tiers_of(workspace.store.read(), ids[120:])
    high, low = found[ids[121]], found[ids[120]]
    assert high.tier == "gold" and high.quality_p is not None and high.quality_p >= 0.95 and high.weight == 1.0
    assert low.tier == "rejected" and low.weight == 0.0
    query = "SELECT count(*) FROM pair_current WHERE tier = 'gold'"
    assert workspace.store.read().execute(query).fetchone()[0] == 70


def test_rewards_have_bands_of_their_own() -> None:
    preset = PRESETS["reward"]

    def of(reward: float | None) -> tuple[str | None, float | None]:
        row = tier_row(StandRow(1, 1, "open", 0, 0, None, None, reward), preset, None)
        return row.tier, row.weight

    assert of(0.9) == ("platinum", 5.0)
    assert of(0.85) == ("platinum", 5.0)
    assert of(0.6) == ("gold", 2.0)
    assert of(0.3) == ("silver", 1.0)
    assert of(-0.2) == ("bronze", 0.3)
    assert of(-0.9) == ("rejected", 0.0)
    assert of(None) == (None, None)


@pytest.mark.parametrize("text", ["golden=1", "gold=much", "gold=-1", "gold=0", "nothing"])
def test_weights_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"tier|number|preset"):
        parse_tiers(text)


def test_weights() -> None:
    assert parse_tiers("gold=1, silver=0.5") == {"gold": 1.0, "silver": 0.5}
    assert parse_tiers("calibrated") == "calibrated"
    assert weights_of(None) is None
    calibrated = weights_of("calibrated")
    assert calibrated is not None and calibrated["bronze"] == 0.5 and calibrated["rejected"] == 0.0
