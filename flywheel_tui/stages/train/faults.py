"""What goes wrong in a trainer, and what to do about it."""

from __future__ import annotations

NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")
OOM_ADVICE = (
    "halve --batch and double --accumulate (the result is the same), shorten --max-length, or take"
    " --gradient-checkpointing or --qlora; then go on with --resume"
)
DISK_ADVICE = "free some space, or lower --keep-checkpoints; then go on with --resume from the last whole checkpoint"
NAN_ADVICE = (
    "the learning rate is too high for this data (take a tenth), or fp16 overflows (take --precision bf16 or fp32);"
    " look for empty or broken rows, too"
)


class TrainFault(Exception):
    """A reason to give up that a person can act on: its kind, what happened, what to do."""

    def __init__(self, kind: str, text: str, advice: str) -> None:
        super().__init__(text)
        self.kind, self.advice = kind, advice


def fault_of(error: BaseException) -> TrainFault:
    """What an exception means, and what to do about it."""
    if isinstance(error, TrainFault):
        return error
    text = f"{type(error).__name__}: {str(error)[:500]}"
    chain = _chain(error)
    if any(type(one).__name__ == "OutOfMemoryError" or isinstance(one, MemoryError) for one in chain) or (
        any(words in str(error).lower() for words in NO_MEMORY)
    ):
        return TrainFault("oom", f"the memory is not enough ({text})", OOM_ADVICE)
    if any(isinstance(one, OSError) and one.errno in (28, 27, 122) for one in chain) or (
        "No space left on device" in str(error) or "File too large" in str(error) or "os error 28" in str(error)
    ):
        return TrainFault("disk_full", f"the disk is full ({text})", DISK_ADVICE)
    return TrainFault("error", text, "the log of the run says more")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
