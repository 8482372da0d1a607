"""Every key of the workstation, in one table: bindings, footer, help, palette and keymap are made from it.

An `Act` is one thing that a person can do. Its `id` is what `flywheel.toml` uses in `[keymap]`
(`browse.filter = "f"`), its `action` the Textual action, its `words` what the footer shows, its `help` the sentence
behind `?` and in the palette. The tables stand in `screens/acts/`; to add keys for a screen, write its group there,
name it in GROUPS and use `bindings_of(group)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import BindingType

from flywheel_tui.errors import InputError
from screens.acts.act import Act
from screens.acts.calibrate import CALIBRATE
from screens.acts.checks import DUPLICATES, VALIDATION
from screens.acts.data import BROWSE, BULK, DATASETS, HEATMAP
from screens.acts.jobs import LIVE, WORKERS
from screens.acts.label import LABEL, RUBRIC
from screens.acts.loop import BLIND, CYCLES, GATE, PHASES, SCENARIOS, TRAIN
from screens.acts.shell import APP, READER, TABLE

GROUPS: dict[str, tuple[str, tuple[Act, ...]]] = {
    # group: (its title in the help, its acts)
    "app": ("Everywhere", APP),
    "datasets": ("Datasets", DATASETS),
    "browse": ("Browse", BROWSE),
    "validation": ("Validation", VALIDATION),
    "calibrate": ("Calibrate", CALIBRATE),
    "duplicates": ("Duplicates", DUPLICATES),
    "label": ("Label", LABEL),
    "bulk": ("Bulk", BULK),
    "live": ("Live", LIVE),
    "workers": ("Workers", WORKERS),
    "cycles": ("Cycles", CYCLES),
    "phases": ("Phases of a cycle", PHASES),
    "train": ("Train", TRAIN),
    "gate": ("Gate", GATE),
    "blind": ("Blind comparison", BLIND),
    "scenarios": ("Scenarios", SCENARIOS),
    "heatmap": ("Heat map of a taxonomy", HEATMAP),
    "rubric": ("Rubric editor", RUBRIC),
    "reader": ("Details and logs", READER),
    "table": ("Tables", TABLE),
}


def bindings_of(group: str) -> list[BindingType]:
    """The bindings of a group, for `BINDINGS` of the screen or widget that has its actions."""
    return [act.binding() for act in GROUPS[group][1]]


def all_acts() -> Iterator[Act]:
    """Every act of every group."""
    for _, acts in GROUPS.values():
        yield from acts


def key_of(id: str, keymap: dict[str, str]) -> str:
    """The keys (comma-separated) of an act, as the person has set them."""
    return keymap.get(id) or next(act.keys for act in all_acts() if act.id == id)


def check_keymap(keymap: dict[str, str]) -> None:
    """Raises InputError for an id in `[keymap]` that no binding has: it would be ignored in silence."""
    known = {act.id for act in all_acts()}
    for name in keymap:
        if name not in known:
            group = name.partition(".")[0]
            near = sorted(found for found in known if found.startswith(f"{group}.")) or sorted(GROUPS)
            raise InputError(
                f"{name!r} is not a binding",
                file="flywheel.toml",
                field="keymap",
                remedy=f"there are: {', '.join(near)}",
            )


_SHOWN = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "slash": "/",
    "asterisk": "*",
    "full_stop": ".",
    "equals_sign": "=",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def show_key(key: str) -> str:
    """A key as people write it: `slash` is `/`, `ctrl+p` is `^p`."""
    *modifiers, name = key.split("+")
    if name == "" and key.endswith("+"):
        name = "plus"
    name = _SHOWN.get(name, name)
    if modifiers == ["ctrl"]:
        return f"^{name}"
    return "+".join([*modifiers, name])
