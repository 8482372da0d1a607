"""What happens between the steps of a trainer: figures, checkpoints that can be told whole, stops, losses gone wrong.

Imports transformers: only for the trainer's own process.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from flywheel_tui.stages.train.channel import Channel
from flywheel_tui.stages.train.checkpoints import seal
from flywheel_tui.stages.train.faults import NAN_ADVICE, TrainFault


class Live(TrainerCallback):  # type: ignore[misc]
    """Tells the channel, and hears it."""

    def __init__(self, plan: dict[str, Any], channel: Channel, trainer: Any) -> None:
        self.plan, self.channel, self.trainer = plan, channel, trainer
        self.stopped = False
        self.fault: TrainFault | None = None
        self.tokens = 0
        self._began = time.perf_counter()
        self._evaluates = bool(plan["held_out_file"])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.perf_counter()
        self.channel.send("begin", step=state.global_step, steps=state.max_steps)
        if self._evaluates and not state.global_step:
            # the held-out loss of the model as it was
            self.trainer.evaluate()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.fault is not None:
            control.should_training_stop = True
        elif self._asked_to_stop(args):
            self.stopped = state.global_step < state.max_steps
            control.should_save = control.should_save or self.stopped
            control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_evaluate = self._evaluates
            control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        figures = {name: value for name, value in (logs or {}).items() if isinstance(value, (int, float))}
        if "train_runtime" in figures:  # the summary at the end
            return
        self.tokens = max(self.tokens, int(figures.get("num_tokens", 0)))
        self.channel.send(
            "figures", step=state.global_step, steps=state.max_steps, figures=figures,
            seconds=time.perf_counter() - self._began,
        )  # fmt: skip
        # under fp16 a gradient that overflows is an everyday matter: the scaler skips the step
        loss, norm = figures.get("loss", 0.0), 0.0 if args.fp16 else figures.get("grad_norm", 0.0)
        if not math.isfinite(loss) or not math.isfinite(norm):
            what = "the loss" if not math.isfinite(loss) else "the gradient"
            self.fault = TrainFault("nan", f"{what} is no number any more at step {state.global_step}", NAN_ADVICE)
            control.should_training_stop, control.should_save = True, False

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        seal(folder)
        self.channel.send("checkpoint", step=state.global_step, name=folder.name)

    def _asked_to_stop(self, args: Any) -> bool:
        asked = self.channel.stopping.is_set()
        if self.channel.world > 1:
            import torch
            import torch.distributed as dist

            # all ranks stop at the same step, or those that go on wait for ever
            flag = torch.tensor(int(asked), device=args.device)
            dist.all_reduce(flag, op=dist.ReduceOp.MAX)
            asked = bool(flag.item())
        return asked
