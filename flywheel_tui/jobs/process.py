"""Processes, told apart for certain: a process id alone may belong to somebody else tomorrow."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path

import msgspec


class Identity(msgspec.Struct, frozen=True):
    """A process: its id, when it began (clock ticks after boot, or what ps prints) and the boot of the machine."""

    pid: int
    began: str
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.boot == boot_id() and _stat(self.pid) == self.began


@cache
def boot_id() -> str:
    """A name of this boot of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def identity(pid: int | None = None) -> Identity | None:
    """Who has that process id now (this process where None); None where nobody has."""
    pid = os.getpid() if pid is None else pid
    began = _stat(pid)
    return Identity(pid, began, boot_id()) if began else None


def _stat(pid: int) -> str:
    """When a process began, '' where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _began_by_ps(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _began_by_ps(pid: int) -> str:
    told = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = told.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else began.strip()


def owner_name() -> str:
    """A name for a holder of jobs that says which process it is and is never used twice."""
    me = identity() or Identity(os.getpid(), "0", boot_id())
    return f"{me.pid}/{me.began}/{me.boot}/{secrets.token_hex(4)}"


def owner_is_dead(owner: str) -> bool:
    """Whether the process behind an owner's name is known to be gone; False for what another machine holds."""
    parts = owner.split("/")
    if len(parts) != 4 or parts[2] != boot_id() or not parts[0].isdigit():
        return False
    return not Identity(int(parts[0]), parts[1], parts[2]).alive()


def group_members(group: int) -> list[int]:
    """The live processes of a process group (Linux; elsewhere only whether there is any)."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(group, 0)
        except OSError:
            return []
        return [group]
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def end_group(leader: Identity, *, grace_s: float = 20.0, sure_s: float = 5.0) -> bool:
    """End a process that leads a group of its own, with all it started: TERM, then KILL after `grace_s`.

    True when nothing of the group is left. Where the id belongs to another process by now, or the machine was started
    anew, nothing is sent. (While a group has members, the system gives its number to no new process.)
    """
    group, now = leader.pid, _stat(leader.pid)
    if group <= 1 or group == os.getpgrp() or leader.boot != boot_id() or (now and now != leader.began):
        return not leader.alive()
    for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, sure_s)):
        until = time.monotonic() + patience
        if not group_members(group):
            return True
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return True
        while time.monotonic() < until:
            if not group_members(group):
                return True
            time.sleep(0.02)
    return not group_members(group)
