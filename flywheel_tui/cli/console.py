"""What every command shares: the workspace asked for, `--json`, progress on standard error, errors as one line."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flywheel_tui.errors import FlywheelError

if TYPE_CHECKING:
    from rich.console import Console

    from flywheel_tui.workspace import Workspace

MAX_INTEGER = 2**63 - 1
"""The largest number that the database can be asked for."""

NARROWEST, PIPED = 80, 160
# JSON escapes only the first 32; a terminal also obeys C1, and text direction and tag characters hide what is there.
# Escaped, the document says the same.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")

Command = TypeVar("Command", bound=Callable[..., Any])


def fill_streams() -> None:
    """Give standard input, output and error to nobody where the caller closed them (`>&-`).

    Otherwise the first file that is opened, perhaps the database, would get their number and what we print.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def json_option(command: Command) -> Command:
    """`--json`: exactly one JSON document on standard output, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def open_workspace(ctx: click.Context, *, create: bool = False, read_only: bool = False, **overrides: Any) -> Workspace:
    """The workspace that the command line names; closed when the command ends."""
    from flywheel_tui.workspace import Workspace

    workspace = Workspace.open((ctx.obj or {}).get("workspace"), create=create, read_only=read_only, **overrides)
    ctx.call_on_close(workspace.close)
    return workspace


def print_json(value: Any) -> None:
    """The one document of `--json`."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(_UNSEEN.sub(_escaped, text) + "\n")


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def say(text: str) -> None:
    """A line for a person on standard output; text from files passes through the terminal-safe door."""
    from flywheel_tui.text import visible

    click.echo(visible(text))


def note(text: str) -> None:
    """A line for a person on standard error (progress, warnings, hints)."""
    from flywheel_tui.text import visible

    click.echo(visible(text), err=True)


def err_console() -> Console:
    """A rich console on standard error, for progress bars and tables that are not the answer."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def out_console() -> Console:
    """A rich console on standard output, for tables. Cells from files must be `rich.text.Text` of visible text."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _columns()
    return Console(highlight=False, markup=False, width=width)


def _columns() -> int:
    """How wide a table for a pipe may be; COLUMNS says it where it is a number that a table fits in."""
    said = os.environ.get("COLUMNS", "")
    width = int(said) if said.isdecimal() and len(said) < 6 else PIPED
    return max(width or PIPED, NARROWEST)


class Progress:
    """A bar on standard error with rate and time left; appears only on a terminal, and only after a second."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None
        self._task: Any = None
        self._started = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def update(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Say how far it is, in whatever unit."""
        if self._bar is None:
            if time.monotonic() - self._started < 1.0 or not sys.stderr.isatty():
                return
            self._open()
        self._bar.update(self._task, completed=done, total=total, description=phase or self._title)

    def _open(self) -> None:
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn(),
            progress.TimeElapsedColumn(), progress.TimeRemainingColumn(), console=err_console(), transient=True,
        )  # fmt: skip
        self._bar.start()
        self._task = self._bar.add_task(self._title, total=None)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def report_error(error: BaseException) -> int:
    """Print an error as one line on standard error; the exit code that the contract gives it."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, (KeyboardInterrupt, click.exceptions.Abort)):
        click.echo("interrupted; what was finished is kept, the same command goes on from there", err=True)
        return 130
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        more = f"; see: {context.command_path} --help" if context else ""
        _say_error(error.format_message().rstrip(".") + more)
        return error.exit_code
    if isinstance(error, FlywheelError):
        _say_error(str(error))
        return error.exit_code
    told = _of_the_system(error)
    if told is None:
        raise error
    _say_error(told)
    return 2


def _say_error(sentence: str) -> None:
    from flywheel_tui.text import visible

    click.echo(f"flywheel: {visible(sentence, multiline=False, limit=4000)}", err=True)


def _of_the_system(error: BaseException) -> str | None:
    """What the system or SQLite said, as a sentence that a person can act on; None for a fault of ours."""
    from flywheel_tui.store.connection import Error

    if isinstance(error, Error):
        from flywheel_tui.store.db import translate

        ours = translate(error)
        return str(ours) if isinstance(ours, FlywheelError) else None
    if isinstance(error, UnicodeEncodeError) and error.reason.startswith("surrogates"):
        return f"{error.object[:200]!r} is not UTF-8; rename the file, or write the text in UTF-8"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}; check the path, its permissions and the space on the disk"
    return None
