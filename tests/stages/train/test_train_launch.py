"""The trainer's process heard to its end, however late its last words come. A small program stands for the trainer."""

from __future__ import annotations

import select
import sys
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.stages.train.launch import Trainer, environment

SPEAKS = """
import os, sys, time
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
said = os.environ["FLYWHEEL_METRICS"]
out = os.fdopen(int(said[3:]), "wb") if said.startswith("fd:") else open(said[5:], "wb")
for number in range(int(sys.argv[1])):
    out.write(b'{"event": "figures", "step": %d}\\n' % number)
"""


@pytest.mark.parametrize("pipes", [False, True])
@pytest.mark.parametrize("count", [1, 900])
def test_what_is_said_right_before_the_end_is_heard(
    pipes: bool, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = tmp_path / "go on"
    command = [sys.executable, "-c", SPEAKS, str(count), str(go_on)]
    trainer = Trainer(command, tmp_path / "log", environment({}, 0), pipes=pipes)
    wait = select.select

    def in_vain(*asked: Any) -> Any:
        monkeypatch.setattr(select, "select", wait)
        go_on.touch()
        trainer.process.wait(30)  # it speaks and ends after we looked in vain, and before we ask whether it lives
        return [], [], []

    monkeypatch.setattr(select, "select", in_vain)
    try:
        heard = [event["step"] for event in trainer.events() if event is not None]
    finally:
        trainer.end()
        trainer.close()
    assert heard == list(range(count)), (tmp_path / "log").read_text()
