"""Every vote for itself, and preferences without ties: the way in which MT-bench counts its agreement."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.errors import UsageError
from flywheel_tui.records.calibration import CalibrateOptions, Calibration
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.calibrate import calibrate, kept_calibrations
from flywheel_tui.workspace import Workspace

VOTES = [("a", "a", "b"), ("tie", "b"), ("b",), ("a", "tie"), ("b", "b"), ("a", "a", "a")]
JUDGE = ["a", "b", "tie", "a", "a", "a"]


def _measure(workspace: Workspace, **options: Any) -> Calibration:
    return calibrate(workspace, "demo", CalibrateOptions(tag="j", **options))


def _voted(folder: Path) -> Workspace:
    drafts = [Draft(kind="preference", instruction=f"pair {n}", output=f"one {n}", line=n + 1,
                    body={"rejected": f"two {n}", "undecided": True}) for n in range(len(VOTES))]  # fmt: skip
    workspace = make_workspace(folder, drafts)
    ids = pair_ids(workspace)
    for pair, votes in zip(ids, VOTES, strict=True):
        for who, vote in enumerate(votes):
            say(workspace, pair, "approved", reviewer=f"r{who}", preference=vote)
    judged(workspace, "j", dict(zip(ids, JUDGE, strict=True)))
    return workspace


def test_every_vote_and_no_ties(tmp_path: Path) -> None:
    pairs = [(vote, said) for votes, said in zip(VOTES, JUDGE, strict=True) for vote in votes]
    with _voted(tmp_path / "w") as workspace:
        found = _measure(workspace, votes="each")
        assert (found.pairs, found.families) == (len(pairs), len(VOTES))
        assert found.rates["accuracy"].value == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
        assert found.left_out.disputed == 0
        clear = [(vote, said) for vote, said in pairs if "tie" not in (vote, said)]
        found = _measure(workspace, votes="each", ties="leave-out")
        assert (found.pairs, found.left_out.ties) == (len(clear), len(pairs) - len(clear))
        assert found.rates["accuracy"].value == pytest.approx(sum(a == b for a, b in clear) / len(clear))
        assert any("are a tie on a side" in line for line in found.remarks)
        majority = _measure(workspace)
        assert (majority.pairs, majority.left_out.disputed) == (4, 2)
        assert all(kept.stale == () for kept in kept_calibrations(workspace, "demo"))


def test_votes_of_single_answers_and_what_does_not_go_together(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        first, second = pair_ids(workspace)
        judged(workspace, "j", {first: 9, second: 9})
        for who, status in (("ana", "approved"), ("bo", "rejected")):
            say(workspace, first, status, reviewer=who)
        say(workspace, second, "skipped")
        found = _measure(workspace, votes="each")
        assert found.counts is not None
        assert Counter(tp=found.counts.tp, fp=found.counts.fp) == {"tp": 1, "fp": 1}
        assert (found.families, found.left_out.skipped) == (1, 1)
        for wrong in ({"ties": "leave-out"}, {"votes": "some"}, {"ties": "no"}):
            with pytest.raises(UsageError):
                _measure(workspace, **wrong)
