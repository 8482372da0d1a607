"""Every error that this package raises on purpose.

FlywheelError                      exit code 2 unless said otherwise
├── UsageError                     the words of a command or a call are off
├── InputError                     a file or a row is off: names file, line, field and the remedy
├── ExpressionError                a filter expression is off: names the column
├── NotFoundError                  no such dataset, pair, view, job …: lists what there is
├── ConflictError                  somebody else was faster: nothing was written
├── StoreError                     the database cannot be used as it is
│   ├── StoreTooNewError           it was made by a newer version
│   ├── StoreBusyError             another process held the write lock for too long
│   └── StoreFullError             the disk is full: nothing was written
├── MissingExtraError              an optional package is needed: names the extra
├── ServiceError                   an outside service failed (exit code 3)
└── Cancelled                      a person asked to stop (exit code 130); what was finished is kept
"""

from __future__ import annotations


class FlywheelError(Exception):
    """Base of all: its text is one sentence that a person can act on."""

    exit_code = 2


class UsageError(FlywheelError):
    """The words of a command or a call are off."""


class InputError(FlywheelError):
    """A file or a row cannot be taken. `str()` reads `FILE:LINE: field 'F': MESSAGE; REMEDY`."""

    def __init__(
        self, message: str, *, file: str = "", line: int | None = None, field: str = "", remedy: str = ""
    ) -> None:
        self.message, self.file, self.line, self.field, self.remedy = message, file, line, field, remedy
        place = file + (f":{line}" if line is not None else "")
        parts = [place] if place else []
        if field:
            parts.append(f"field {field!r}")
        text = ": ".join([*parts, message])
        super().__init__(f"{text}; {remedy}" if remedy else text)


class ExpressionError(FlywheelError):
    """A filter expression is off; `column` is 1-based and points at the character at fault."""

    def __init__(self, message: str, column: int) -> None:
        self.message, self.column = message, column
        super().__init__(f"{message} at column {column}")


class NotFoundError(FlywheelError):
    """Something was named that is not there."""

    def __init__(self, what: str, name: str, known: list[str] | None = None, remedy: str = "") -> None:
        self.what, self.name, self.known = what, name, known or []
        listed = f"; there are: {', '.join(self.known[:40])}" if self.known else ""
        super().__init__(f"no {what} named {name!r}{listed}" + (f"; {remedy}" if remedy else ""))


class ConflictError(FlywheelError):
    """Another reviewer or process changed the same thing first; nothing was written."""


class StaleClaimError(ConflictError):
    """A worker that had lost its job (its lease ran out) tried to write for it."""


class StoreError(FlywheelError):
    """The database cannot be used as it is."""


class StoreTooNewError(StoreError):
    """The database was made by a newer version of this program."""


class StoreBusyError(StoreError):
    """Another process held the write lock for longer than the busy time-out."""


class StoreFullError(StoreError):
    """The disk is full; the transaction was rolled back and nothing was half-written."""


class MissingExtraError(FlywheelError):
    """An optional package is needed."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{feature} needs the package {package}; install it with: pip install 'flywheel-tui[{extra}]'")


class ServiceError(FlywheelError):
    """An outside service failed."""

    exit_code = 3


class Cancelled(FlywheelError):
    """A person asked to stop; what was finished is kept and the same command goes on from there."""

    exit_code = 130


class Paused(Cancelled):
    """The job was laid aside, or its worker stops: it goes on later from what was finished."""
