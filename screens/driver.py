"""Repairs to the terminal driver of Textual 8.2, in one place.

Each is small, named with its reason, and covered by a test on a real pseudo-terminal that fails without it.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable
from functools import partial


def harden_driver() -> None:
    """Keep the program alive when the terminal sends rubbish or goes away. Doing it twice changes nothing.

    * One byte that is not UTF-8 on standard input (a Latin-1 paste, an old mouse report) ends Textual's input thread,
      and with it the program: such bytes are read as U+FFFD instead.
    * When the terminal is closed the thread that writes to it dies, its queue fills up, and the event loop waits for
      it for ever before anything can be saved: what can no longer be written is thrown away instead.
    """
    if sys.platform == "win32":
        return
    from textual.drivers import _writer_thread, linux_driver, linux_inline_driver

    class SteadyWriter(_writer_thread.WriterThread):
        """A writer that outlives its terminal."""

        def run(self) -> None:
            try:
                super().run()
            except OSError:
                while self._queue.get() is not None:
                    continue

    for module in (linux_driver, linux_inline_driver):
        module.getincrementaldecoder = _forgiving_decoder  # type: ignore[attr-defined]
    linux_driver.WriterThread = SteadyWriter  # type: ignore[attr-defined]


def _forgiving_decoder(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")
