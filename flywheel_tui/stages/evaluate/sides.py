"""The two sides of an evaluation: a base model with an adapter, another one, or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.store import training
from flywheel_tui.store.gate import current_pointer

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

CURRENT = "current"
"""Instead of a name: the adapter that is in use for the base, or the base alone where there is none."""
WEIGHTS = "adapter_model.safetensors"


class Base(NamedTuple):
    """A base model: what it was called, where it is, the hash of its files, its chat template."""

    name: str
    path: Path
    hash: str
    chat_template: str


class Side(NamedTuple):
    """An adapter, or nothing (`name` and `hash` empty). `train` names the data sets that it learned from, if known."""

    name: str = ""
    path: Path | None = None
    hash: str = ""
    adapter_id: int | None = None
    training_run: int | None = None
    train: tuple[str, ...] = ()


def open_base(name: str) -> Base:
    """The base model. Raises UsageError where it is not on this disk or has no safetensors weights."""
    from flywheel_tui.stages.train.models import open_base as look

    if not name:
        raise UsageError("name the base model: --base FOLDER")
    found = look(name)
    return Base(name, found.path, found.hash, found.chat_template)


def open_side(workspace: Workspace, name: str, base: Base) -> Side:
    """The adapter of this name: registered, a folder, `current`, or '' for none.

    Raises NotFoundError for an unknown one, InputError where its files are not those that were registered.
    """
    if not name:
        return Side()
    connection = workspace.store.read()
    if name == CURRENT:
        pointer = current_pointer(connection, base.hash)
        if pointer is None or not pointer.adapter:
            return Side()
        name = pointer.adapter
    try:
        return registered(workspace, name)
    except NotFoundError:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise
    return Side(str(folder.resolve()), folder.resolve(), adapter_hash(folder))


def registered(workspace: Workspace, name: str) -> Side:
    """A registered adapter. Raises NotFoundError, or InputError where its files have changed since."""
    connection = workspace.store.read()
    row = training.adapter_named(connection, name)
    path = workspace.root / row.path
    if (now := adapter_hash(path)) != row.hash:
        raise InputError(
            f"the adapter {row.name} is not the one that was trained (its files' hash is {now[:12]}, not"
            f" {row.hash[:12]})", file=str(path), remedy="restore the folder, or train it again",
        )  # fmt: skip
    train: tuple[str, ...] = ()
    if row.training_run_id is not None:
        train = (training.get_run(connection, row.training_run_id).dataset,)
    return Side(row.name, path, row.hash, row.id, row.training_run_id, train)


def adapter_hash(folder: Path) -> str:
    """The hash of an adapter's folder. Raises InputError where it holds none."""
    from flywheel_tui.stages.train.models import hash_folder

    if not (folder / WEIGHTS).is_file():
        raise InputError(
            "holds no adapter", file=str(folder), remedy=f"name a folder with {WEIGHTS} (flywheel train makes one)"
        )
    return hash_folder(folder)
