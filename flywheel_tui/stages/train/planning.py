"""What a training run would do, before it does it: data, memory, time, disk and the exact command."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.train import hardware
from flywheel_tui.stages.train.data import HELD_OUT_FILE, TRAIN_FILE, prepare
from flywheel_tui.stages.train.models import BaseModel, open_base
from flywheel_tui.stages.train.options import DataPlan, Device, Plan, Precision, TrainOptions, human_bytes
from flywheel_tui.store import training

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.store.training import AdapterRow
    from flywheel_tui.workspace import Workspace

WORKER = "flywheel_tui.stages.train.worker"
PLAN_FILE, LOG_FILE, CHECKPOINTS, ADAPTER = "plan.json", "log.txt", "checkpoints", "adapter"
PROCESS_BYTES = {"cpu": 480 << 20, "cuda": 900 << 20}
"""What Python, torch and the trainer take by themselves: measured on processors, the usual size of a CUDA context."""
ASSUMED_FLOPS = {"cpu": 15e9, "cuda": 60e12}
"""Calculations a second where nothing was measured yet: per processor, and per GPU (a modest share of its sheet)."""
WORK_PER_PARAMETER = {"sft": 4, "dpo": 6, "kto": 6}
"""Calculations for each parameter and token: 2 forward, 2 back (a frozen base has no gradients of its own), and 2 more
where the reference is asked too."""
CHECKPOINT_FACTOR = 3
"""A checkpoint holds the adapter and the two moments of Adam."""


def plan(workspace: Workspace, options: TrainOptions, task: Task | None = None) -> Plan:
    """What `train` would do; nothing is written. Raises what `train` would raise before it starts."""
    options = options.checked()
    base, parent = base_of(workspace, options)
    data = prepare(workspace, options, base, None, task)
    folder = workspace.root / "training" / "run-NNNN"
    return make_plan(workspace, options, base, parent, data, folder)


def base_of(workspace: Workspace, options: TrainOptions) -> tuple[BaseModel, AdapterRow | None]:
    """The model to train, and the adapter to go on from. Raises NotFoundError, UsageError."""
    if not options.adapter:
        return open_base(options.base), None
    parent = training.adapter_named(workspace.store.read(), options.adapter)
    base = open_base(options.base or parent.base)
    if base.hash != parent.base_hash:
        raise UsageError(
            f"the adapter {parent.name} was trained on another model than {options.base or parent.base} (or its files"
            " have changed since); name the one it belongs to with --base"
        )
    return base, parent


def make_plan(
    workspace: Workspace, options: TrainOptions, base: BaseModel, parent: AdapterRow | None, data: DataPlan,
    folder: Path,
) -> Plan:  # fmt: skip
    """The plan for data that was counted or written."""
    device = hardware.device_of(options)
    precision = hardware.precision_of(options, device)
    if options.qlora:
        hardware.check_qlora(device)
    trainable = base.trainable(options.r, options.targets)
    if not trainable:
        known = sorted({n.split(".")[-2] for n, s in base.shapes.items() if len(s) == 2 and n.count(".") > 1})
        raise UsageError(f"--targets {','.join(options.targets)}: no such layers; there are: {', '.join(known)}")
    checkpointing = options.gradient_checkpointing
    if checkpointing is None:
        without = _memory(options, base, trainable, device, precision, False)
        checkpointing = device.kind == "cuda" and sum(without.values()) > 0.8 * device.memory
    steps = _steps(options, data.examples)
    memory = _memory(options, base, trainable, device, precision, checkpointing)
    tokens = _tokens_in_all(options, data, steps)
    rate, source = _rate(workspace, options, base, device)
    arguments = _arguments(options, base, parent, data, folder, device, precision, checkpointing, steps, workspace)
    adapter_bytes = trainable * 4
    disk = adapter_bytes * (1 + CHECKPOINT_FACTOR * (options.keep_checkpoints + 1))
    fits = sum(memory.values()) <= device.free if device.free else None
    return Plan(
        name=options.name, method=options.method, base=base.name, base_path=str(base.path), base_hash=base.hash,
        parent=parent.name if parent else "", parameters=base.parameters, trainable=trainable, device=device,
        precision=precision, gradient_checkpointing=checkpointing, qlora=options.qlora, data=data, steps=steps,
        tokens_in_all=tokens, memory=memory, fits=fits, rate=rate, rate_source=source,
        seconds=tokens / rate if rate else 0.0, disk=disk, command=command(options, folder),
        arguments=arguments, notes=tuple(_notes(options, base, data, device, memory, fits, disk, workspace)),
    )  # fmt: skip


def command(options: TrainOptions, folder: Path) -> tuple[str, ...]:
    """The command that starts the trainer."""
    file = str(folder / PLAN_FILE)
    if options.launcher == "local":
        return (sys.executable, "-m", WORKER, file)
    if options.cpu and options.processes > 1:
        # `accelerate launch --cpu` starts one process whatever number is asked for
        said = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        return (*said, "--nproc-per-node", str(options.processes), "-m", WORKER, file)
    said = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(options.processes)]
    said += ["--num_machines", "1", "--dynamo_backend", "no", "--mixed_precision", "no"]
    if options.cpu:
        said.append("--cpu")
    if options.processes > 1:
        said += ["--multi_gpu", "--main_process_port", "0"]
    return (*said, "-m", WORKER, file)


def _steps(options: TrainOptions, examples: int) -> int:
    if options.max_steps:
        return options.max_steps
    return max(1, math.ceil(options.epochs * steps_of_epoch(options, examples)))


def steps_of_epoch(options: TrainOptions, examples: int) -> int:
    """Optimizer steps of one epoch."""
    batches = math.ceil(examples / (options.batch * options.processes))
    return max(1, math.ceil(batches / options.accumulate))


def _tokens_in_all(options: TrainOptions, data: DataPlan, steps: int) -> int:
    rows = options.batch * options.accumulate * options.processes
    return round(data.tokens / max(1, data.examples) * min(rows, data.examples) * steps)


def _memory(
    options: TrainOptions, base: BaseModel, trainable: int, device: Device, precision: Precision, checkpointing: bool
) -> dict[str, int]:
    """Bytes by part. Activations: 34 numbers of the hidden size for each token and layer (16 bits, Korthikanti et al.
    2022; twice that in fp32), with checkpointing 2 and one layer in full; logits: the distribution and its gradient."""
    wide = 4 if precision == "fp32" else 2
    weights = base.parameters * (0.6 if options.qlora else wide)
    hidden, layers = base.size("hidden_size", 1024), base.size("num_hidden_layers", 24)
    vocabulary = base.size("vocab_size", 32_000)
    rows = options.batch * (2 if options.method == "dpo" else 1)
    tokens = rows * options.max_length
    full = 17 * wide * hidden
    of_layers = (2 * wide * hidden * layers + full) if checkpointing else full * layers
    logits = min(tokens, 4096) * vocabulary * (4 + wide)
    return {
        "base": round(weights),
        "adapter": trainable * 16,
        "activations": tokens * of_layers,
        "logits": logits,
        "process": PROCESS_BYTES.get(device.kind, PROCESS_BYTES["cpu"]),
    }


def _rate(workspace: Workspace, options: TrainOptions, base: BaseModel, device: Device) -> tuple[float, str]:
    measured = training.measured_rate(workspace.store.read(), base.hash, options.method, device.kind)
    if measured:
        return measured, "measured in the last run with this model, method and device"
    units = options.processes if device.kind == "cuda" else min(device.count, options.threads or device.count)
    flops = ASSUMED_FLOPS[device.kind] * units
    rate = flops / (WORK_PER_PARAMETER[options.method] * max(1, base.parameters))
    # a tiny model is held up by everything but its calculations
    ceiling = 2e4 if device.kind == "cpu" else 1e5
    return min(
        rate, ceiling
    ), f"assumed: {ASSUMED_FLOPS[device.kind]:.0e} calculations a second each, nothing measured yet"


def _notes(
    options: TrainOptions, base: BaseModel, data: DataPlan, device: Device, memory: dict[str, int], fits: bool | None,
    disk: int, workspace: Workspace,
) -> list[str]:  # fmt: skip
    notes = []
    if fits is False:
        need, free = human_bytes(sum(memory.values())), human_bytes(device.free)
        notes.append(
            f"about {need} would be needed and {free} are free: a smaller --batch with --accumulate, a shorter"
            " --max-length, --gradient-checkpointing or --qlora help"
        )
    if (left := shutil.disk_usage(workspace.root).free) < 2 * disk:
        notes.append(f"about {human_bytes(disk)} are written and {human_bytes(left)} are free on the disk")
    if data.truncated:
        notes.append(f"about {data.truncated:,} rows are longer than --max-length {options.max_length} and are cut")
    if not base.chat_template:
        notes.append("the model has no chat template: rows are trained as plain text, conversations are left out")
    if data.several_answers and _answers(options, base) == "last":
        notes.append(
            f"{data.several_answers:,} conversations have several answers and only the last one teaches: the chat"
            " template has no generation markers (or --assistant-loss last was asked for)"
        )
    if options.held_out and not data.held_out:
        notes.append("no row is held out: there are too few families for the share --held-out")
    if options.tiers is not None and options.method != "sft":
        notes.append("weights are chances to be drawn: a row of weight 0.5 stands in half of all draws, of 2 twice")
    if not data.tokens_counted:
        notes.append("tokens are estimated from characters; the extra `tokens` counts them")
    return notes


def _answers(options: TrainOptions, base: BaseModel) -> str:
    if options.assistant_loss == "auto":
        return "all" if base.has_markers else "last"
    return options.assistant_loss


def _arguments(
    options: TrainOptions, base: BaseModel, parent: AdapterRow | None, data: DataPlan, folder: Path, device: Device,
    precision: Precision, checkpointing: bool, steps: int, workspace: Workspace,
) -> dict[str, Any]:  # fmt: skip
    """All that the worker is told; its plan.json."""
    epoch = steps_of_epoch(options, data.examples)
    held_out = bool(data.held_out)
    trainer: dict[str, Any] = {
        "max_steps": steps, "per_device_train_batch_size": options.batch,
        "per_device_eval_batch_size": options.batch, "gradient_accumulation_steps": options.accumulate,
        "learning_rate": options.rate, "lr_scheduler_type": options.schedule,
        "warmup_steps": round(options.warmup * steps), "max_length": options.max_length, "seed": options.seed,
        "logging_steps": 1 if steps <= 2_000 else 10, "save_strategy": "steps",
        "save_steps": options.save_steps or max(1, min(500, steps // 5)),
        "save_total_limit": options.keep_checkpoints, "eval_strategy": "steps" if held_out else "no",
        "bf16": precision == "bf16", "fp16": precision == "fp16", "gradient_checkpointing": checkpointing,
    }  # fmt: skip
    if held_out:
        trainer["eval_steps"] = epoch
    if options.method != "sft":
        trainer["beta"] = options.beta
    return {
        "version": 1, "method": options.method, "base": str(base.path), "base_name": base.name,
        "parent": str(workspace.root / parent.path) if parent else "", "folder": str(folder),
        "train_file": TRAIN_FILE, "held_out_file": HELD_OUT_FILE if held_out else "",
        "device": device.kind, "precision": precision, "qlora": options.qlora,
        "assistant_loss": _answers(options, base), "weighted": options.tiers is not None and options.method == "sft",
        "chat": bool(base.chat_template), "threads": options.threads,
        "lora": {
            "r": options.r, "lora_alpha": options.alpha, "lora_dropout": options.dropout,
            "target_modules": list(options.targets) or "all-linear", "task_type": "CAUSAL_LM",
        },
        "trainer": trainer,
    }  # fmt: skip
