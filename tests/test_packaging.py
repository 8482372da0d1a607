"""What the wheel has to hold beside the code: everything that is shipped as data, where `resources` looks for it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from flywheel_tui.resources import shipped

ROOT = Path(__file__).parents[1]


def test_every_folder_of_data_is_in_the_wheel_and_the_source_archive() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    folders = sorted(path.name for path in (ROOT / "data").iterdir() if path.is_dir() and path.name[0] not in "._")
    assert len(folders) >= 9 and all(shipped(name).is_dir() for name in folders)
    assert targets["wheel"]["force-include"] == {f"data/{name}": f"flywheel_tui/_data/{name}" for name in folders}
    assert {f"/data/{name}" for name in folders} <= set(targets["sdist"]["include"])
