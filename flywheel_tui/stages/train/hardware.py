"""What there is to train with, found without torch: GPUs by their driver, else the processors."""

from __future__ import annotations

import os
import platform
from importlib.util import find_spec

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.train.options import Device, Precision, TrainOptions

BF16_FROM = (8, 0)
"""The compute capability from which NVIDIA hardware calculates bfloat16 itself."""


def device_of(options: TrainOptions) -> Device:
    """The device a run would use: the GPUs, unless --cpu is given or there is none."""
    return (None if options.cpu else gpus()) or processors()


def processors() -> Device:
    """The processors of this machine and its memory (what is available now, where the system says so)."""
    total = free = 0
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123
            told = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        total, free = told.get("MemTotal", 0), told.get("MemAvailable", 0)
    except (OSError, ValueError, IndexError):
        pages = {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(os.sysconf_names)
        total = free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if pages else 0
    return Device(kind="cpu", name=platform.machine(), count=os.cpu_count() or 1, memory=total, free=free)


def gpus() -> Device | None:
    """The NVIDIA GPUs that may be used (CUDA_VISIBLE_DEVICES counts); None where there is no driver or no GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        if not handles:
            return None
        memory = [pynvml.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
        name = pynvml.nvmlDeviceGetName(handles[0])
        capability = tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handles[0]))
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        count = len([part for part in visible.split(",") if part.strip()]) if visible else len(handles)
        return Device(
            kind="cuda", name=name if isinstance(name, str) else name.decode(), count=min(count, len(handles)),
            memory=int(min(one.total for one in memory)), free=int(min(one.free for one in memory)),
            bf16=capability >= BF16_FROM,
        )  # fmt: skip
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def gpu_now() -> list[dict[str, float]]:
    """Use (percent) and memory (bytes) of each GPU now, for screens; empty where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except ImportError:
        return []
    except pynvml.NVMLError:
        return []
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory, use = pynvml.nvmlDeviceGetMemoryInfo(handle), pynvml.nvmlDeviceGetUtilizationRates(handle)
            found.append({"use": float(use.gpu), "used": float(memory.used), "total": float(memory.total)})
        return found
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def precision_of(options: TrainOptions, device: Device) -> Precision:
    """What to calculate in: bf16 where the GPU does it, else fp16; fp32 on processors. Raises UsageError."""
    if options.precision == "auto":
        return "fp32" if device.kind == "cpu" else "bf16" if device.bf16 else "fp16"
    if options.precision == "fp16" and device.kind == "cpu":
        raise UsageError("--precision fp16 needs a GPU; leave it out (fp32), or take bf16")
    return "bf16" if options.precision == "bf16" else "fp16" if options.precision == "fp16" else "fp32"


def check_qlora(device: Device) -> None:
    """Raise what keeps a model from being loaded in 4 bits here, and what to do instead."""
    if device.kind != "cuda":
        raise UsageError(
            "--qlora needs an NVIDIA GPU, and none is here; leave it out, or use --notebook for a hosted GPU"
        )
    if find_spec("bitsandbytes") is None:
        raise UsageError("--qlora needs the package bitsandbytes; install it with: pip install bitsandbytes")


def check_extra() -> None:
    """Raise MissingExtraError where the packages of the extra `train` are not installed. Imports none of them."""
    for package in ("torch", "transformers", "peft", "trl", "accelerate", "datasets"):
        if find_spec(package) is None:
            raise MissingExtraError("training", package, "train")
