"""Log files of processes without a terminal: 0600, never a local variable, never a key."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

from flywheel_tui.errors import FlywheelError
from flywheel_tui.redaction import REDACTED, redact
from flywheel_tui.text import visible

if TYPE_CHECKING:
    from io import TextIOWrapper

    from flywheel_tui.workspace import Workspace

LONGEST = 2 * 2**20


class Redactor:
    """Takes secrets out of a text: those of the settings by value, and whatever `redact` knows."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # the longest first, so that a key that begins with another one is taken out whole
        self._secrets = sorted({secret for secret in secrets if len(secret) >= 6}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return redact(text)


def known_secrets(workspace: Workspace) -> list[str]:
    """The values of secret settings (they may come from a file, where no environment variable tells of them)."""
    try:
        settings = workspace.settings
    except FlywheelError:
        return []
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if hasattr(value, "get_secret_value")]


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return visible(self._redact(super().format(record)))


class _PrivateFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        return os.fdopen(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8", errors="replace")

    def open_now(self) -> None:
        """Have the file open before the first line, where it can be opened at all."""
        with suppress(OSError):
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written (disk full, folder gone) must not stop the work, and has nobody to tell."""


def log_to(path: Path, redact: Redactor) -> None:
    """Send what this process logs to a file of its own, two megabytes of it at most twice over.

    Called again with the same path it only takes the new `redact`: the file stays open, so that what happens to a
    workspace that is moved is still told where it went.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, _PrivateFile) and Path(handler.baseFilename) == path.absolute():
            handler.setFormatter(_Formatter(redact))
            return
    path.parent.mkdir(exist_ok=True, mode=0o700)
    handler = _PrivateFile(path, maxBytes=LONGEST, backupCount=1, delay=True)
    handler.open_now()
    handler.setFormatter(_Formatter(redact))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # httpx logs addresses, which can hold keys
    for name in ("httpx", "httpcore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
