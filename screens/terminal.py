"""What stands between the workstation and the terminal: starting, stopping and failing without leaving a mess.

A program that dies in full-screen mode leaves a terminal that shows nothing and echoes mouse movements. `SafeApp`
leaves a working terminal, an honest exit code and, after a failure, one sentence and a report without anybody's
secrets, however it ends: by a key, a signal, a closed window or its own error.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

import textual
from rich.console import Console, RenderableType
from rich.text import Text
from rich.traceback import Traceback
from textual.app import App, ScreenStackError
from textual.css.query import NoMatches
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.timer import Timer

from flywheel_tui import __version__
from flywheel_tui.errors import FlywheelError
from flywheel_tui.redaction import redact
from flywheel_tui.text import visible
from screens.driver import harden_driver
from screens.safe import PLAIN_LINK, SafeFilter, safe_rich

Result = TypeVar("Result")

SAVE_SECONDS = 5.0
"""How long saving may take after a signal."""
EXIT_SECONDS = 3.0
"""How long a tidy exit may take after that, before the process ends with only the terminal restored."""
_REPORT_LIMIT = 200_000
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else ()


class SafeApp(App[Result], Generic[Result]):  # safe: this is the safe one
    """An app that shows only safe text, and ends in an orderly way whatever happens.

    Exit codes: what `exit()` was given, 1 after an error of its own, 128 + number after a signal.
    """

    crash_folder: Path | None = None
    """Where crash reports go; the user's state folder where None. A workspace sets its own."""

    def __init__(self) -> None:
        # Textual turns colours into greys under NO_COLOR, which are colours too; with native colours it sends none.
        super().__init__(ansi_color=True if os.environ.get("NO_COLOR") else None)
        self._safe_filter = SafeFilter()
        self._stopping: asyncio.Task[None] | None = None
        self._taking_down = False
        self._settled: Timer | None = None

    def on_resize(self) -> None:
        """Draw everything once more when the size has settled.

        Terminals and multiplexers move what is on the screen while they change its size; what was drawn meanwhile can
        be left garbled, and only what differs is drawn afterwards.
        """
        if self._settled is not None:
            self._settled.stop()
        self._settled = self.set_timer(0.25, self._draw_again)

    def _draw_again(self) -> None:
        with suppress(ScreenStackError):  # the program may have ended meanwhile
            self.screen.refresh()

    async def save_work(self) -> None:
        """Called before the program ends by a signal or an error: write down what is not yet on disk."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own filters, and after them the one that disarms text."""
        return [*super().get_line_filters(), self._safe_filter]

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """A notification whose text is text: markup is never parsed, whatever `markup` says."""
        super().notify(
            visible(message), title=visible(title, multiline=False), severity=severity, timeout=timeout, markup=False
        )

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Open a plain http(s) address in the browser; refuse anything else."""
        if PLAIN_LINK.fullmatch(url):
            super().open_url(url, new_tab=new_tab)
        else:
            self.notify(f"Not opened: {visible(url, limit=200)} is not a plain web address.", severity="warning")

    def exit(self, result: Result | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave; the message, printed once the terminal is restored, is shown as text."""
        super().exit(result, return_code, None if message is None else _printable(message))

    # -- signals

    def on_load(self) -> None:
        """Listen to signals from before the first frame: Textual itself would leave the terminal as it is."""
        loop = asyncio.get_running_loop()
        # A loop outside the main thread takes no signal handlers; such an app is embedded, not run from a terminal.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            for number in _STOP_SIGNALS:
                loop.add_signal_handler(number, self._stop_on, number)

    def _stop_on(self, number: int) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._save_and_exit(128 + number))

    async def _save_and_exit(self, return_code: int) -> None:
        await self._try_to_save()
        asyncio.get_running_loop().call_later(EXIT_SECONDS, self._exit_now, return_code)
        self.exit(return_code=return_code)

    async def _try_to_save(self) -> None:
        try:
            await asyncio.wait_for(self.save_work(), SAVE_SECONDS)
        except Exception as error:
            write_crash_report(error, self.crash_folder)

    def _exit_now(self, return_code: int) -> None:
        """A handler that never returns must not keep the process: restore the terminal and go."""
        if self._driver is not None:
            self._driver.stop_application_mode()
            self._driver.close()
        os._exit(return_code)

    async def _shutdown(self) -> None:
        if self._exception is not None and self._stopping is None:
            await self._try_to_save()
        self._taking_down = True
        await super()._shutdown()
        with suppress(ValueError, RuntimeError, NotImplementedError):
            for number in _STOP_SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(number)

    # -- failure

    def _handle_exception(self, error: Exception) -> None:
        if self._taking_down and isinstance(error, NoMatches):
            return  # a timer or a thread that came back late: the widget it would have drawn on is gone already
        # Textual's own version prints every local variable of every frame, keys included, and ends with code 0.
        self._return_code = 1
        self._close_messages_no_wait()
        if self._exception is None:
            self._exception = error
            self._exit_renderables[:] = [_printable(report_crash(error, self.crash_folder))]
            self._exception_event.set()

    def _print_error_renderables(self) -> None:
        for item in self._exit_renderables:
            # Soft wrap: a path that is broken over two lines cannot be copied.
            self.error_console.print(item, soft_wrap=True)
        self._exit_renderables.clear()

    def panic(self, *renderables: RenderableType) -> None:
        """Stop after an error outside the message loop (the input thread)."""
        if any(isinstance(item, Traceback) and _terminal_is_gone(item) for item in renderables):
            self._stop_on(signal.SIGHUP)
            return
        self._handle_exception(RuntimeError("\n".join(_plain(item) for item in renderables)))


def _terminal_is_gone(failure: Traceback) -> bool:
    return any(stack.exc_type == "OSError" for stack in failure.trace.stacks)


def _plain(item: RenderableType) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Text):
        return item.plain
    console = Console(width=120, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(item)
    return captured.get()


def _printable(item: RenderableType) -> Text:
    text = safe_rich(_plain(item), multiline=True, limit=20_000)
    text.end = "\n"
    return text


def report_crash(error: BaseException, folder: Path | None = None) -> str:
    """Write a crash report; returns the sentence to show, with its path."""
    if isinstance(error, FlywheelError):
        what = redact(str(error)).rstrip(".")
    else:
        what = f"flywheel-tui stopped because of an error of its own ({type(error).__name__})"
    try:
        return f"{what}; the report is in {write_crash_report(error, folder)}"
    except OSError as failure:
        return f"{what}; the report could not be written ({failure.strerror}): {redact(str(error))}"


def write_crash_report(error: BaseException, folder: Path | None = None) -> Path:
    """Write what happened, for the owner's eyes only (0600), without local variables and without secrets.

    Raises OSError when there is no place to write to.
    """
    folder = folder or _state_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    head = (
        f"flywheel-tui {__version__}, Textual {textual.__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, TERM {os.environ.get('TERM', 'unset')}, {now.isoformat()}\n\n"
    )
    body = head + "".join(traceback.format_exception(error))
    path = folder / f"crash-{now:%Y%m%d-%H%M%S-%f}-{os.getpid()}.log"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(visible(redact(body), limit=_REPORT_LIMIT))
    return path


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "flywheel-tui"


def run(app: App[Result]) -> int:
    """Run an app in this terminal; returns the exit code of the process, 2 when there is no terminal to run it in."""
    if reason := _no_terminal():
        sys.stderr.write(f"{reason}\n")
        return 2
    harden_driver()
    try:
        app.run()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        folder = app.crash_folder if isinstance(app, SafeApp) else None
        with suppress(OSError):
            sys.stderr.write(visible(report_crash(error, folder)) + "\n")
        return 1
    finally:
        _let_go_of_a_closed_terminal()
    return 1 if app.return_code is None else app.return_code


def _let_go_of_a_closed_terminal() -> None:
    """Python ends with code 120, whatever code was asked for, when its last flush fails."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue
        try:
            stream.flush()
            if stream.isatty():
                continue
        except OSError:
            pass
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _no_terminal() -> str:
    # Textual reads from standard input and paints on standard error; a piped standard output is most likely a mistake.
    for name, stream in (("input", sys.__stdin__), ("output", sys.__stdout__), ("error", sys.__stderr__)):
        if stream is None or stream.closed or not stream.isatty():
            return (
                f"flywheel-tui needs a terminal, but standard {name} is not one; use the flywheel command in scripts."
            )
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return (
            f"flywheel-tui cannot draw on a terminal of type {os.environ['TERM']}; set TERM (for example to "
            "xterm-256color) or use the flywheel command."
        )
    return ""
