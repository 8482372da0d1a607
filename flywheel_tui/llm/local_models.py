"""Models that lie on this disk: folders, and snapshots in the Hugging Face cache. Nothing is imported or loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class LocalModel(NamedTuple):
    """A model by its name in the cache, its folder and the size of its weights in bytes."""

    name: str
    path: Path
    size: int
    chat: bool


def is_model_folder(path: Path) -> bool:
    """Whether a folder holds a model with safetensors weights."""
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def cache_folder() -> Path:
    """The hub's cache as its own library finds it."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "huggingface"
    return Path(home) / "hub"


def cached_models() -> list[LocalModel]:
    """All models in the cache that could be loaded, smallest first."""
    found = []
    for folder in cache_folder().glob("models--*"):
        snapshots = sorted((folder / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for snapshot in snapshots[:1]:
            if is_model_folder(snapshot):
                name = folder.name.removeprefix("models--").replace("--", "/")
                size = sum(path.stat().st_size for path in snapshot.glob("*.safetensors"))
                found.append(LocalModel(name, snapshot, size, _talks(snapshot)))
    return sorted(found, key=lambda model: model.size)


def _talks(folder: Path) -> bool:
    """Whether a model has a chat template."""
    if (folder / "chat_template.jinja").is_file():
        return True
    try:
        return "chat_template" in (folder / "tokenizer_config.json").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
