"""What the wheel has to hold beside the code (the shipped data), and to ask for (what the code imports)."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from flywheel_tui.resources import shipped

ROOT = Path(__file__).parents[1]


def test_every_folder_of_data_is_in_the_wheel_and_the_source_archive() -> None:
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    folders = sorted(path.name for path in (ROOT / "data").iterdir() if path.is_dir() and path.name[0] not in "._")
    assert len(folders) >= 9 and all(shipped(name).is_dir() for name in folders)
    assert targets["wheel"]["force-include"] == {f"data/{name}": f"flywheel_tui/_data/{name}" for name in folders}
    assert {f"/data/{name}" for name in folders} <= set(targets["sdist"]["include"])


OF_EXTRAS = ("stages/train/callback.py", "stages/train/trainers.py")
"""Modules that are imported only where the packages of the extra `train` are known to be there."""
NAMES = {"yarl": "aiohttp", "plotext": "textual-plotext"}
"""Packages that another one brings along and shows in its interface."""


def imported_at_once(node: ast.AST) -> Iterator[str]:
    """The packages that a module imports when it is imported itself, not within a function or for type checkers."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(level=0, module=str(module)):
                yield module.partition(".")[0]
            case _:
                yield from imported_at_once(child)


def test_what_modules_import_at_once_is_installed_without_any_extra() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    base = {re.split(r"[\[<>=!~; ]", one, maxsplit=1)[0].replace("_", "-").lower() for one in asked}
    known = sys.stdlib_module_names | {"flywheel_tui", "screens"}
    missing = {
        f"{path.relative_to(ROOT)} imports {package}"
        for folder in ("flywheel_tui", "screens")
        for path in (ROOT / folder).rglob("*.py")
        if not path.as_posix().endswith(OF_EXTRAS)
        for package in imported_at_once(ast.parse(path.read_bytes()))
        if package not in known and NAMES.get(package, package).replace("_", "-") not in base
    }
    assert not missing, "a plain installation would stop with ModuleNotFoundError"
