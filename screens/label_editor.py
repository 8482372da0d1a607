"""A text in the person's own editor: the program steps aside, and takes back what was saved."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from flywheel_tui.errors import UsageError

_USUAL = ("nano", "vim", "vi")


def editor_command() -> list[str]:
    """The command of `$VISUAL` or `$EDITOR`, else an editor that is usually there. Raises UsageError."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        command = shlex.split(named)
    except ValueError as error:
        raise UsageError(f"$EDITOR is not a command ({error}); set it, for example: export EDITOR=nano") from None
    if not command:
        command = [name for name in _USUAL if shutil.which(name)][:1]
    if not command or shutil.which(command[0]) is None:
        raise UsageError(f"no editor {named or 'found'}; set one, for example: export EDITOR=nano")
    return command


def edit_outside(app: App[object], text: str, folder: Path, title: str) -> str:
    """What `text` was made into. The file is for the owner's eyes only, and is gone afterwards.

    Raises UsageError where there is no editor, it fails, or leaves no UTF-8 behind; nothing is changed then.
    """
    command = editor_command()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f"{title}-", suffix=".txt", dir=folder)
    path = Path(name)
    try:
        # newline="": what the editor leaves alone stays as it is, CR LF included
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            with app.suspend():
                code = subprocess.run([*command, str(path)], check=False).returncode
        except SuspendNotSupported:
            raise UsageError("an editor cannot be opened from here; press e to edit in place") from None
        except OSError as error:
            raise UsageError(f"{command[0]} could not be started ({error.strerror}); check $EDITOR") from None
        if code:
            raise UsageError(f"{command[0]} ended with code {code}; the text was left as it was")
        try:
            made = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the editor left no text in UTF-8 ({error}); nothing was changed") from None
    finally:
        path.unlink(missing_ok=True)
    # editors end a file with a line break; that alone is no edit
    return made[:-1] if made.endswith("\n") and not text.endswith("\n") else made
