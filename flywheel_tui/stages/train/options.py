"""What to train and how, what is going to happen, and what came of it."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from flywheel_tui.errors import UsageError

METHODS = ("sft", "dpo", "kto")
LAUNCHERS = ("local", "accelerate")
Precision = Literal["bf16", "fp16", "fp32"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
CHANGEABLE = frozenset({
    "batch", "accumulate", "max_length", "gradient_checkpointing", "qlora", "precision", "keep_checkpoints",
    "save_steps", "threads", "launcher", "processes", "cpu",
})  # fmt: skip
"""What may be another when a run goes on: not what it learns, only how it finds room."""
LEARNING_RATES = {"sft": 2e-4, "dpo": 5e-6, "kto": 5e-6}
"""Where nobody says: LoRA bears about ten times what full training does."""


class TrainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the job kind "train".

    `base` is a folder or a name in the Hugging Face cache; `adapter` names one of our adapters to go on from. `where`
    takes the place of the default (labels approved and edited; for KTO rejected too; for preference pairs all but
    rejected). `tiers` maps tiers to weights, or names a preset ("calibrated", "reward"); without it every row counts 1.
    `epochs` may be a fraction; `max_steps` above 0 wins over it. `held_out` is the share of families kept for the
    held-out loss. `assistant_loss` says which answers of a conversation teach: "last", "all" (needs a chat template
    with generation markers) or "auto". `resume` is a run to go on with, as it was begun but for `changes`.
    """

    dataset: str
    base: str = ""
    method: str = "sft"
    name: str = ""
    adapter: str = ""
    where: str | None = None
    tag: str | None = None
    tiers: dict[str, float] | str | None = None
    held_out: float = 0.1
    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ()
    epochs: float = 3.0
    max_steps: int = 0
    learning_rate: float | None = None
    batch: int = 8
    accumulate: int = 1
    max_length: int = 1024
    warmup: float = 0.03
    schedule: str = "linear"
    beta: float = 0.1
    seed: int = 0
    precision: str = "auto"
    gradient_checkpointing: bool | None = None
    qlora: bool = False
    assistant_loss: str = "auto"
    save_steps: int = 0
    keep_checkpoints: int = 2
    threads: int = 0
    launcher: str = "local"
    processes: int = 1
    cpu: bool = False
    resume: int | None = None
    changes: dict[str, Any] = {}
    extra_env: dict[str, str] = {}

    def checked(self) -> TrainOptions:
        """Itself. Raises UsageError for values that cannot be meant."""
        _one_of("--method", self.method, METHODS)
        _one_of("--launcher", self.launcher, LAUNCHERS)
        _one_of("--precision", self.precision, ("auto", "bf16", "fp16", "fp32"))
        _one_of("--assistant-loss", self.assistant_loss, ("auto", "last", "all"))
        _one_of("--schedule", self.schedule, ("linear", "cosine", "constant", "constant_with_warmup"))
        if self.name and not _NAME.fullmatch(self.name):
            raise UsageError(f"{self.name[:90]!r} cannot name an adapter; use a-z, 0-9 and . _ - (up to 80)")
        for flag, value, low, high in (
            ("--r", self.r, 1, 4096), ("--alpha", self.alpha, 1, 65536), ("--dropout", self.dropout, 0, 0.9),
            ("--batch", self.batch, 1, 4096), ("--accumulate", self.accumulate, 1, 4096),
            ("--max-length", self.max_length, 8, 1_048_576), ("--held-out", self.held_out, 0, 0.9),
            ("--epochs", self.epochs, 1e-6, 10_000), ("--max-steps", self.max_steps, 0, 10**9),
            ("--warmup", self.warmup, 0, 1), ("--beta", self.beta, 1e-6, 100), ("--seed", self.seed, 0, 2**31 - 1),
            ("--save-steps", self.save_steps, 0, 10**9), ("--keep-checkpoints", self.keep_checkpoints, 1, 1000),
            ("--processes", self.processes, 1, 1024), ("--threads", self.threads, 0, 1024),
        ):  # fmt: skip
            if not low <= value <= high:
                raise UsageError(f"{flag} lies between {low:g} and {high:g}, not {value:g}")
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise UsageError(f"--lr is a number such as 2e-4, not {self.learning_rate:g}")
        if self.processes > 1 and self.launcher == "local":
            raise UsageError("several processes need --launcher accelerate")
        if unknown := self.changes.keys() - CHANGEABLE:
            raise UsageError(
                f"--{sorted(unknown)[0].replace('_', '-')} cannot change within a run; start another one, or"
                " leave it out with --resume"
            )
        return self

    @property
    def rate(self) -> float:
        """The learning rate: the one given, else that of the method."""
        return LEARNING_RATES[self.method] if self.learning_rate is None else self.learning_rate


def _one_of(flag: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{flag} is one of {', '.join(known)}, not {value!r}")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to compute with; memory in bytes."""

    kind: str
    name: str
    count: int = 1
    memory: int = 0
    free: int = 0
    bf16: bool = False


class DataPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is trained on. Tokens are counted with the model's tokenizer where `tokens_counted`, else estimated."""

    snapshot_hash: str
    matched: int
    train: int
    held_out: int
    tokens: int
    tokens_counted: bool
    truncated: int
    conversations: int
    several_answers: int = 0
    tiers: dict[str, int] = {}
    left_out: dict[str, int] = {}
    examples: int = 0
    """Rows of one epoch: with weights, DPO and KTO draw rows more or less often."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `train` would do. `memory` in bytes by part, of one device; `seconds` from `rate` tokens a second."""

    name: str
    method: str
    base: str
    base_path: str
    base_hash: str
    parent: str
    parameters: int
    trainable: int
    device: Device
    precision: Precision
    gradient_checkpointing: bool
    qlora: bool
    data: DataPlan
    steps: int
    tokens_in_all: int
    memory: dict[str, int]
    fits: bool | None
    rate: float
    rate_source: str
    seconds: float
    disk: int
    command: tuple[str, ...]
    arguments: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def memory_total(self) -> int:
        """Bytes in all."""
        return sum(self.memory.values())


class TrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `loss` and `held_out_loss` are (first, last), None where none was taken.

    `state` is done, or stopped (checkpoint kept; `adapter` is then empty and `resume` takes the run's number).
    """

    run: int
    state: str
    adapter: str = ""
    adapter_id: int | None = None
    adapter_hash: str = ""
    path: str = ""
    snapshot_hash: str = ""
    steps: int = 0
    loss: tuple[float | None, float | None] = (None, None)
    held_out_loss: tuple[float | None, float | None] = (None, None)
    tokens: int = 0
    tokens_per_s: float = 0.0
    seconds: float = 0.0
    peak_bytes: int = 0
    device: str = ""
    notes: tuple[str, ...] = ()
    reason: str = ""


def human_bytes(count: float) -> str:
    """A size for a person.

    >>> human_bytes(1536), human_bytes(7 << 30)
    ('1.5 KiB', '7.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
