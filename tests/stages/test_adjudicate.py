"""Settling pairs: over every reviewer's label, in status, export and calibration, until undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.cli import cli
from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages.adjudicate import Settlement, said_by_people, settle, settle_named
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.label import undo_last
from flywheel_tui.store.labels import rebuild
from flywheel_tui.workspace import Workspace


def status(workspace: Workspace, pair: int) -> str:
    row = workspace.store.read().execute("SELECT status FROM pair_current WHERE id = ?", (pair,)).fetchone()
    return str(row[0])


def disputed(folder: Path) -> Workspace:
    """Two pairs, about each of which two people disagree; the judge passes both."""
    workspace = make_workspace(folder / "w", sft(2))
    for pair in pair_ids(workspace):
        say(workspace, pair, "approved")
        say(workspace, pair, "rejected", reviewer="bo")
    judged(workspace, "a", dict.fromkeys(pair_ids(workspace), 8))
    return workspace


def test_a_settled_pair_is_truth_until_undone(tmp_path: Path) -> None:
    with disputed(tmp_path) as workspace:
        first, second = pair_ids(workspace)
        options = CalibrateOptions(tag="a")
        assert calibrate(workspace, "demo", options).left_out.disputed == 2
        settle(workspace, first, Settlement(status="rejected", note="wrong year"), "chief")
        settle(workspace, second, Settlement(status="approved", seen=True), "chief")
        assert (status(workspace, first), status(workspace, second)) == ("rejected", "approved")
        found = calibrate(workspace, "demo", options)
        assert found.counts is not None and (found.counts.fp, found.pairs) == (1, 1)
        assert (found.left_out.adjudications_not_blind, found.left_out.disputed) == (1, 1)
        both = calibrate(workspace, "demo", CalibrateOptions(tag="a", include_unblinded=True))
        assert both.counts is not None and (both.counts.tp, both.counts.fp) == (1, 1)
        with workspace.store.tx() as connection:
            rebuild(connection)
        assert (status(workspace, first), status(workspace, second)) == ("rejected", "approved")
        assert undo_last(workspace, "chief") is not None
        assert undo_last(workspace, "chief") is not None
        assert (status(workspace, first), status(workspace, second)) == ("disputed", "disputed")
        assert [one.reviewer for one in said_by_people(workspace, first)] == ["ana", "bo"]


def test_what_cannot_be_settled(tmp_path: Path) -> None:
    with disputed(tmp_path) as workspace:
        first = pair_ids(workspace)[0]
        with pytest.raises(UsageError, match="an adjudication says one of"):
            settle(workspace, first, Settlement(status="edited"), "chief")
        with pytest.raises(UsageError, match="no preference 'c'"):
            settle(workspace, first, Settlement(preference="c"), "chief")
        with pytest.raises(NotFoundError, match="position"):
            settle_named(workspace, "demo", ["1", "99"], Settlement(status="approved"), "chief", match="position")
        assert status(workspace, first) == "disputed", "nothing is written where a key is unknown"


def test_from_the_command_line(tmp_path: Path) -> None:
    with disputed(tmp_path) as workspace:
        first, second = pair_ids(workspace)
        root = str(workspace.root)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(cli, ["-w", root, "label", *arguments], catch_exceptions=False)
        return done.output

    said = run(
        "adjudicate", "1", "2", "--match", "position", "-d", "demo", "--status", "rejected", "--reviewer", "chief"
    )
    assert "Settled 2 pairs: rejected" in said
    with Workspace.open(root) as workspace:
        assert (status(workspace, first), status(workspace, second)) == ("rejected", "rejected")
    assert "Taken back: 1" in run("--undo", "last", "--reviewer", "chief")
    with Workspace.open(root) as workspace:
        assert (status(workspace, first), status(workspace, second)) == ("rejected", "disputed")
    with pytest.raises(UsageError, match="say what holds"):
        run("adjudicate", "1", "-d", "demo")
