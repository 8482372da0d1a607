"""One tiny base model for all tests of training, and workspaces with pairs that people accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_llama
from factories import make_workspace, pair_ids, say
from train_helpers import drafts

from flywheel_tui.workspace import Workspace


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base model."""
    for package in ("torch", "transformers", "peft", "trl"):
        pytest.importorskip(package)
    return tiny_llama.build(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """32 accepted pairs."""
    made = make_workspace(tmp_path / "ws", drafts(32))
    for pair in pair_ids(made):
        say(made, pair, "approved")
    return made
