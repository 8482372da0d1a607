"""Checks of a workspace and this machine: each says how it is and, where something is off, what to do."""

from __future__ import annotations

import locale
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import FlywheelError
from flywheel_tui.settings import FILE_NAME
from flywheel_tui.store import health
from flywheel_tui.store.db import filesystem_of, sqlite_verdict
from flywheel_tui.text import human_number

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

LEAST_FREE = 200 * 2**20
LITTLE_FREE = 2 * 2**30
DISTRIBUTION = "flywheel-tui"
_NOT_FOR_USERS = {"test", "dev", "docs"}


class Check(msgspec.Struct, frozen=True):
    """One line of the doctor: `ok`, `hint` (works, could be better) or `wrong`; `remedy` says what to do."""

    name: str
    verdict: str
    text: str
    remedy: str = ""


def machine_checks() -> Iterator[Check]:
    """What can be said without a workspace."""
    yield Check("python", "ok", f"Python {sys.version.split()[0]} at {sys.executable}")
    fixed, text = sqlite_verdict()
    remedy = "" if fixed else "nothing to do; a Python with a newer SQLite would need no guard"
    yield Check("sqlite", "ok" if fixed else "hint", text, remedy)
    yield from _terminal_checks()
    yield from _package_checks()


def _terminal_checks() -> Iterator[Check]:
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") == "utf8":
        yield Check("locale", "ok", f"text is {encoding}")
    else:
        yield Check("locale", "hint", f"text is {encoding}", "export LANG=C.UTF-8, or set glyphs = 'ascii'")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        yield Check(
            "terminal", "hint", f"TERM is {term or 'not set'}", "run it in a terminal (export TERM=xterm-256color)"
        )
    else:
        size = shutil.get_terminal_size()
        small = size.columns < 80 or size.lines < 24
        remedy = "make it 80×24 or larger for the workstation" if small else ""
        yield Check("terminal", "hint" if small else "ok", f"TERM {term}, {size.columns}×{size.lines}", remedy)
    if os.environ.get("NO_COLOR"):
        yield Check(
            "colour", "hint", "NO_COLOR is set: everything is drawn without colour", "unset NO_COLOR for colours"
        )
    elif os.environ.get("COLORTERM", "") not in ("truecolor", "24bit") and term not in ("", "dumb"):
        yield Check(
            "colour", "hint", "the terminal does not say that it has 24-bit colour", "export COLORTERM=truecolor"
        )
    else:
        yield Check("colour", "ok", "colours are on")


def _package_checks() -> Iterator[Check]:
    """Packages of the extras, told by what this distribution says of itself; none of them is imported."""
    try:
        required = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Check("packages", "hint", "not installed as a package", "install it with: pip install -e .")
        return
    extras: dict[str, dict[str, str]] = {}
    for line in required:
        match = re.match(r"([A-Za-z0-9._-]+)[^;]*;.*extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if match is not None and match[2] not in _NOT_FOR_USERS and match[1] != DISTRIBUTION:
            extras.setdefault(match[2], {})[match[1]] = _version(match[1])
    for extra, packages in extras.items():
        missing = [package for package, version in packages.items() if not version]
        if missing:
            said = f"not installed: {', '.join(missing)}"
            yield Check(f"extra {extra}", "hint", said, f"pip install '{DISTRIBUTION}[{extra}]'")
        else:
            yield Check(f"extra {extra}", "ok", ", ".join(" ".join(one) for one in packages.items()))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def workspace_checks(workspace: Workspace) -> Iterator[Check]:
    """The folder, the database and the settings of a workspace."""
    yield from _file_checks(workspace.root, workspace.store.path)
    yield _settings_check(workspace)
    yield _guarded("database", workspace, _integrity)
    yield _guarded("counters", workspace, _counters)
    yield _guarded("labels", workspace, _labels)


def _file_checks(root: Path, database: Path) -> Iterator[Check]:
    yield Check("workspace", "ok", str(root))
    kind = filesystem_of(root)
    if kind in ("tmpfs", "ramfs"):
        yield Check("file system", "hint", f"{kind}: gone at the next restart", "move the workspace to a disk")
    else:
        yield Check("file system", "ok", kind or "not told by this system")
    free, size = shutil.disk_usage(root).free, database.stat().st_size
    text = f"{free / 2**30:.1f} GB free, the database has {size / 2**20:.1f} MB"
    if free < LEAST_FREE:
        yield Check("disk", "wrong", text, "free some space: writing will fail soon")
    else:
        little = free < max(LITTLE_FREE, 2 * size)
        yield Check("disk", "hint" if little else "ok", text, "free some space" if little else "")
    yield from _permission_checks(root, database)


def _permission_checks(root: Path, database: Path) -> Iterator[Check]:
    files = [
        *sorted(database.parent.glob(f"{database.name}*")),
        *filter(_holds_keys, (root / ".env", root / FILE_NAME)),
    ]
    shared = [path for path in files if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if shared:
        names = " ".join(str(path) for path in shared)
        yield Check(
            "permissions", "wrong", "others on this machine may read the data or the keys", f"chmod 600 {names}"
        )
    elif stat.S_IMODE(root.stat().st_mode) & 0o022:
        yield Check("permissions", "wrong", "others on this machine may write into the folder", f"chmod 700 {root}")
    elif stat.S_IMODE(root.stat().st_mode) & 0o055:
        text = "files are private; others may list the folder and read what was exported"
        yield Check("permissions", "hint", text, f"chmod 700 {root}")
    else:
        yield Check("permissions", "ok", "private to you")


def _holds_keys(path: Path) -> bool:
    try:
        return re.search(r"(?i)(_key|_token)\s*=", path.read_text("utf-8", "replace")) is not None
    except OSError:
        return False


def _settings_check(workspace: Workspace) -> Check:
    try:
        settings = workspace.settings
    except FlywheelError as error:
        return Check("settings", "wrong", str(error), "mend that setting")
    keys = [
        name for name in type(settings).model_fields if name.endswith(("_key", "_token")) and getattr(settings, name)
    ]
    return Check("settings", "ok", f"readable; keys set: {', '.join(keys) or 'none'}")


def _guarded(name: str, workspace: Workspace, check: Callable[[Workspace], Check]) -> Check:
    """A check whose failure is its answer: a damaged file breaks the queries that look for damage."""
    try:
        with health.in_our_words():
            return check(workspace)
    except FlywheelError as error:
        return Check(name, "wrong", str(error), "restore a backup where the file is damaged, else try again")


def _integrity(workspace: Workspace) -> Check:
    answer = workspace.store.integrity()
    if answer != "ok":
        return Check("database", "wrong", answer, "restore a backup (flywheel backup makes them)")
    if broken := health.broken_references(workspace.store.read()):
        return Check("database", "wrong", f"rows name what is not there: {', '.join(broken)}", "restore a backup")
    return Check("database", "ok", "whole (integrity and references checked)")


def _counters(workspace: Workspace) -> Check:
    wrong = health.wrong_counters(workspace.store.read())
    if wrong:
        first = wrong[0]
        text = (
            f"{len(wrong)} figures are off, e.g. {first.name!r} says {first.kept:,} where there are {first.counted:,}"
        )
        return Check("counters", "wrong", text, "flywheel doctor --mend")
    return Check("counters", "ok", "counted anew: all the same")


def _labels(workspace: Workspace) -> Check:
    found = health.check_labels(workspace.store)
    part = "" if found.looked_at == found.labelled else f" of {human_number(found.labelled)}"
    looked = f"{human_number(found.looked_at)}{part} labelled pairs derived anew from their events"
    if found.wrong:
        listed = ", ".join(map(str, found.wrong[:5]))
        return Check(
            "labels", "wrong", f"{looked}: {len(found.wrong)} differ (pairs {listed})", "flywheel doctor --mend"
        )
    return Check("labels", "ok", f"{looked}: all the same")


def mend(workspace: Workspace) -> tuple[int, int]:
    """Rebuild what follows from other rows: `(pairs whose labels changed, counters that changed)`."""
    changed = health.mend_labels(workspace.store)
    return changed, health.mend_counters(workspace.store)
