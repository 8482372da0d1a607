"""Processes told apart for certain, and ended with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from flywheel_tui.jobs.process import Identity, boot_id, end_group, group_members, identity, owner_is_dead, owner_name

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal as s, time; s.signal(15, s.SIG_IGN); time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""


def test_a_process_is_itself_until_it_ends() -> None:
    child = subprocess.Popen(SLEEP)
    who = identity(child.pid)
    assert who is not None and who.alive()
    child.kill()
    until = time.monotonic() + 5
    while who.alive():
        assert time.monotonic() < until, "a zombie counts as gone"
    child.wait()
    assert identity(child.pid) is None


def test_a_used_again_process_id_is_somebody_else() -> None:
    me = identity()
    assert me is not None
    assert not msgspec.structs.replace(me, began="1").alive()
    assert not msgspec.structs.replace(me, boot="another boot").alive()


def test_owner_names_are_never_used_twice_and_tell_whether_the_process_lives() -> None:
    assert owner_name() != owner_name()
    assert not owner_is_dead(owner_name())
    pid, _, _, token = owner_name().split("/")
    assert owner_is_dead(f"{pid}/1/{boot_id()}/{token}")
    assert not owner_is_dead(f"{pid}/1/boot-of-another-machine/{token}"), "nothing is known about another machine"
    assert not owner_is_dead("somebody")


@pytest.mark.parametrize("round", range(3))
def test_a_stubborn_process_and_its_child_are_both_ended(tmp_path: Path, round: int) -> None:
    told = tmp_path / "pids"
    child = subprocess.Popen([sys.executable, "-c", STUBBORN, told], start_new_session=True)
    until = time.monotonic() + 10
    while not told.exists() or len(told.read_text().split()) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    pids = [int(pid) for pid in told.read_text().split()]
    assert sorted(group_members(child.pid)) == sorted(pids)
    who = identity(child.pid)
    assert who is not None
    assert end_group(who, grace_s=0.3)
    child.wait()
    assert [identity(pid) for pid in pids] == [None, None]


def test_children_are_ended_after_their_leader_is_gone(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    child = subprocess.Popen([sys.executable, "-c", STUBBORN, told], start_new_session=True)
    while not told.exists() or len(told.read_text().split()) < 2:
        time.sleep(0.01)
    who = identity(child.pid)
    child.kill()
    child.wait()
    assert who is not None and len(group_members(child.pid)) == 1
    assert end_group(who, grace_s=0.1)
    assert group_members(child.pid) == []


def test_nothing_is_sent_to_somebody_else(tmp_path: Path) -> None:
    bystander = subprocess.Popen(SLEEP, start_new_session=True)
    who = identity(bystander.pid)
    assert who is not None
    end_group(msgspec.structs.replace(who, began="1"), grace_s=0)
    end_group(msgspec.structs.replace(who, boot="another boot"), grace_s=0)
    end_group(Identity(os.getpgrp(), who.began, who.boot), grace_s=0)
    end_group(Identity(1, who.began, who.boot), grace_s=0)
    time.sleep(0.1)
    assert bystander.poll() is None
    os.killpg(bystander.pid, signal.SIGKILL)
    bystander.wait()
