"""The trainer: a process of its own, started as `python -m flywheel_tui.stages.train.worker PLAN.json`.

Exit codes: 0 done, 3 stopped with a checkpoint, 4 failed for a reason that was said (event "failed").
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from flywheel_tui.stages.train.channel import Channel
from flywheel_tui.stages.train.faults import TrainFault, fault_of

DONE, STOPPED, FAILED = 0, 3, 4


def main(arguments: list[str]) -> int:
    """The process."""
    plan: dict[str, Any] = json.loads(Path(arguments[0]).read_text("utf-8"))
    channel = Channel()
    channel.listen()
    channel.send("phase", name="importing", pid=os.getpid(), pgid=os.getpgid(0))
    lock = hold(Path(plan["folder"]))
    try:
        return _run(plan, channel)
    except Exception as error:
        fault = fault_of(error)
        traceback.print_exc()
        channel.send("failed", kind=fault.kind, text=str(fault), advice=fault.advice)
        return FAILED
    finally:
        if lock is not None:
            os.close(lock)


def hold(folder: Path) -> int | None:
    """Hold the lock of the run for as long as this process, or anything that it started, lives."""
    import fcntl

    descriptor = os.open(folder / "trainer.lock", os.O_CREAT | os.O_RDWR, 0o600)
    os.set_inheritable(descriptor, True)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        if int(os.environ.get("WORLD_SIZE") or 1) > 1:  # another rank of this run holds it
            return None
        raise TrainFault("busy", "another trainer works in this folder", "wait for it, or stop it") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()} {os.getpgid(0)}\n".encode())
    return descriptor


def _run(plan: dict[str, Any], channel: Channel) -> int:
    import torch

    if plan["threads"]:
        torch.set_num_threads(plan["threads"])
    from flywheel_tui.stages.train import trainers
    from flywheel_tui.stages.train.callback import Live
    from flywheel_tui.stages.train.checkpoints import last_checkpoint

    folder = Path(plan["folder"])
    torch.backends.cuda.matmul.allow_tf32 = True
    channel.send("phase", name="loading")
    trainer, notes = trainers.build(plan, channel)
    for note in notes:
        channel.send("note", text=note)
    resume = last_checkpoint(folder / "checkpoints")
    live = Live(plan, channel, trainer)
    trainer.add_callback(live)
    channel.send("phase", name="training", resume_from=resume.name if resume else None, device=str(trainer.args.device))
    if channel.stopping.is_set() and resume is None:
        channel.send("stopped", step=0)
        return STOPPED
    started = time.perf_counter()
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    seconds = time.perf_counter() - started
    if live.fault is not None:
        raise live.fault
    channel.send("used", seconds=seconds, peak_bytes=peak_bytes(), tokens=live.tokens, device=trainer.args.device.type)
    if live.stopped:
        channel.send("stopped", step=trainer.state.global_step)
        return STOPPED
    channel.send("phase", name="saving")
    trainers.save_adapter(trainer, folder / "adapter")
    channel.send("done", step=trainer.state.global_step)
    return DONE


def peak_bytes() -> int:
    """The most memory this process has held: of the GPU where it used one."""
    import torch

    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return int(torch.cuda.max_memory_allocated())
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # threads of libraries must not hold the process after its work is done
    os._exit(code)
