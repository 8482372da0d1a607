"""The pictures of the README: there, of the real screens, made again at will, with nothing of a machine in them."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
WORDS = {
    "datasets": ("Datasets", "reviewer ana", "demo-preference", "preference", "enter browse", "data/demo/"),
    "browse": ("Browse", "95 pairs", "marked", "approved", "rejected", "/ search", "Instruction", "Response"),
    "label": ("Label", "decided", "Response", "Wrong facts", "Where it comes from", "a approve", "? keys"),
    "calibrate": ("Calibrate", "demo-knowledge", "rules", "precision", "recall", "kappa"),
    "rubric": ("rubric default", "judged by offline", "people:", "hash", "f5"),
    "preference": ("demo-preference", "Left", "Right", "tie", "both bad", "h left"),
}


def lines(svg: str) -> list[str]:
    """The picture as lines of text."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', svg):
        rows.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    return ["".join(text for _, text in sorted(row)) for _, row in sorted(rows.items())]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures as the program draws them now."""
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "docs" / "screenshots.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("pictures")
    make: Callable[[Path], list[Path]] = module.make
    assert {path.stem for path in make(folder)} == set(WORDS)
    return folder


def test_the_readme_shows_pictures_that_are_there() -> None:
    named = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("name", WORDS)
def test_what_is_kept_is_what_the_program_draws(name: str, made: Path) -> None:
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    now = (made / f"{name}.svg").read_text(encoding="utf-8")
    for svg in (kept, now):
        text = "\n".join(lines(svg))
        assert [word for word in WORDS[name] if word not in text] == []
        assert re.findall(r"https?://(?!www\.w3\.org|textualize\.io|www\.textualize\.io)[^\s\"<)]+", svg) == []
        assert not re.search(r"/(?:home|root|tmp|work|Users)/", svg)
    assert lines(kept)[0] == lines(now)[0], "the program draws another header now: make screenshots"
    assert re.findall(r'viewBox="[^"]+"', kept) == re.findall(r'viewBox="[^"]+"', now)
