"""`flywheel label queue` and `label sample`, as a script calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, sft
from judged import judged

from flywheel_tui.cli import main


def call(folder: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["-w", str(folder), "label", *words])
    return int(ended.value.code or 0)


def test_a_sample_is_drawn_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make_workspace(tmp_path / "work", sft(50)) as workspace:
        judged(workspace, "one", {pair: n % 10 for n, pair in enumerate(pair_ids(workspace))})
    assert call(tmp_path / "work", "sample", "-d", "demo", "--size", "20", "--json") == 0
    assert json.loads(capsys.readouterr().out)["size"] == 20
    assert call(tmp_path / "work", "queue", "-d", "demo", "--order", "calibration sample", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"] == 20 and all(0 < pair["inclusion"] <= 1 for pair in found["pairs"])
    assert found["labels_needed"] > 0


def test_an_unknown_order_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_workspace(tmp_path / "work", sft(3)).close()
    assert call(tmp_path / "work", "queue", "-d", "demo", "--order", "best") == 2
    assert "second opinions" in capsys.readouterr().err
