"""YAML files that people write, read whole and checked against a type before they are used.

Only the plain part of YAML is read (no aliases, no tags, no key twice, at most 256 KB and eight levels: see
`stages.rubric`). Errors name the file, the line, the field and what would be right.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.stages import rubric

T = TypeVar("T")
PathInFile = rubric.PathInFile


class Document(msgspec.Struct, frozen=True):
    """A file that was read: where each part of it stands."""

    file: str
    lines: dict[PathInFile, int]

    def fault(self, path: PathInFile, message: str, remedy: str) -> InputError:
        """The error for a part of the file."""
        return InputError(
            message, file=self.file, line=rubric.line_of(self.lines, path), field=rubric.shown_path(path), remedy=remedy
        )


def load_yaml(path: Path, type: type[T]) -> tuple[T, Document]:
    """What a file says, as `type`. Raises InputError."""
    text = rubric.read_text(path)
    value, lines = rubric.read_yaml(text, str(path))
    try:
        return msgspec.convert(value, type), Document(str(path), lines)
    except msgspec.ValidationError as error:
        raise rubric.located(str(error), lines, str(path)) from None
