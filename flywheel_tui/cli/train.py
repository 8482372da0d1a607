"""`flywheel train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.train.options import Plan, TrainingResult, TrainOptions
    from flywheel_tui.workspace import Workspace


@click.command()
@click.option("-d", "--dataset", help="The data set to train on.")
@click.option("--base", default="", metavar="MODEL", help="A folder, or a name in the Hugging Face cache.")
@click.option("--method", type=click.Choice(["sft", "dpo", "kto"]), default="sft", show_default=True)
@click.option("--name", default="", help="Name of the adapter (default: made of data set and method).")
@click.option("--adapter", default="", metavar="NAME", help="Go on from one of our adapters.")
@click.option("--where", metavar="EXPR", help="The pairs to train on (default: those that people accepted).")
@click.option("--tag", help="Judge run whose scores --where means.")
@click.option("--tiers", metavar="WEIGHTS", help="gold=1,silver=0.5 …, or a preset: calibrated, reward.")
@click.option("--held-out", type=float, default=0.1, show_default=True, help="Share of families for the held-out loss.")
@click.option("--r", type=int, default=16, show_default=True, help="Rank of LoRA.")
@click.option("--alpha", type=int, default=32, show_default=True)
@click.option("--dropout", type=float, default=0.05, show_default=True)
@click.option("--targets", default="", metavar="LAYER,…", help="Layers that get LoRA (default: all linear ones).")
@click.option("--epochs", type=float, default=3.0, show_default=True)
@click.option("--max-steps", type=int, default=0, help="Steps in all, in place of epochs.")
@click.option("--lr", "learning_rate", type=float, help="Learning rate (default: 2e-4 for sft, 5e-6 else).")
@click.option("--batch", type=int, default=8, show_default=True, help="Rows at once on a device.")
@click.option("--accumulate", type=int, default=1, show_default=True, help="Batches for one step.")
@click.option("--max-length", type=int, default=1024, show_default=True, help="Tokens of a row; more is cut.")
@click.option("--warmup", type=float, default=0.03, show_default=True, help="Share of steps.")
@click.option("--schedule", type=click.Choice(["linear", "cosine", "constant", "constant_with_warmup"]),
              default="linear", show_default=True)  # fmt: skip
@click.option("--beta", type=float, default=0.1, show_default=True, help="Of DPO and KTO.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--precision", type=click.Choice(["auto", "bf16", "fp16", "fp32"]), default="auto", show_default=True)
@click.option("--gradient-checkpointing/--no-gradient-checkpointing", default=None, help="Default: where memory asks.")
@click.option("--qlora", is_flag=True, help="Load the base in 4 bits (needs an NVIDIA GPU and bitsandbytes).")
@click.option("--assistant-loss", type=click.Choice(["auto", "last", "all"]), default="auto", show_default=True,
              help="Which answers of a conversation teach.")  # fmt: skip
@click.option("--save-steps", type=int, default=0, help="Steps between checkpoints (default: five in a run).")
@click.option("--keep-checkpoints", type=int, default=2, show_default=True)
@click.option("--threads", type=int, default=0, help="Of the processor (default: all).")
@click.option("--launcher", type=click.Choice(["local", "accelerate"]), default="local", show_default=True)
@click.option("--processes", type=int, default=1, show_default=True, help="GPUs, with --launcher accelerate.")
@click.option("--cpu", is_flag=True, help="Use the processors even where there is a GPU.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and stop.")
@click.option("--resume", type=int, metavar="RUN", help="Go on with a run that was stopped or interrupted.")
@click.option("--stop", "stop_run", type=int, metavar="RUN", help="Ask a run to save and stop.")
@click.option("--notebook", type=click.Path(path_type=Path), metavar="PATH", help="Write a notebook for a hosted GPU.")
@click.option("--background", is_flag=True, help="Leave it to the workers.")
@click.option("--yes", is_flag=True, help="Do not ask before starting.")
@json_option
@click.pass_context
def train(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Train a LoRA adapter on what people accepted. Says the plan first; what was trained is kept at every stop."""
    workspace = open_workspace(ctx)
    if given["stop_run"] is not None:
        _stop(workspace, given["stop_run"], as_json)
        return
    options = _options(ctx, workspace, given)
    if given["resume"] is None:
        _begin(workspace, options, given, as_json)
        if given["dry_run"] or given["notebook"]:
            return
    if given["background"]:
        _submit(workspace, options, as_json)
        return
    result = _run(workspace, options)
    print_json(result) if as_json else _show(result)


_OURS = ("stop_run", "dry_run", "notebook", "background", "yes", "targets", "tiers")


def _options(ctx: click.Context, workspace: Workspace, given: dict[str, Any]) -> TrainOptions:
    from flywheel_tui.stages.tiers import parse_tiers
    from flywheel_tui.stages.train.options import TrainOptions

    values = {name: value for name, value in given.items() if name not in _OURS}
    if given["resume"] is not None:
        from flywheel_tui.stages.train.history import run_numbered

        values["dataset"] = run_numbered(workspace, given["resume"]).dataset
        said = {name for name in values if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE}
        values["changes"] = {name: values[name] for name in said - {"resume", "dataset"}}
    if not values["dataset"]:
        raise UsageError("name the data set: flywheel train -d NAME --base MODEL (flywheel dataset ls lists them)")
    if values["base"] and Path(values["base"]).expanduser().exists():
        # a worker may run in another folder than the one where this was asked for
        values["base"] = str(Path(values["base"]).expanduser().resolve())
    values["tiers"] = parse_tiers(given["tiers"]) if given["tiers"] else None
    values["targets"] = tuple(part.strip() for part in given["targets"].split(",") if part.strip())
    return TrainOptions(**values).checked()


def _begin(workspace: Workspace, options: TrainOptions, given: dict[str, Any], as_json: bool) -> None:
    """The plan, and what was asked for in place of a run."""
    import sys

    from flywheel_tui.stages.tiers import ensure
    from flywheel_tui.stages.train.planning import plan

    if given_tiers := ensure(workspace, options.dataset, options.tiers, options.tag):
        for line in given_tiers.notes:
            note(f"tiers: {line}")
    made = plan(workspace, options)
    if given["notebook"]:
        from flywheel_tui.stages.train.notebook import write_notebook

        files = write_notebook(workspace, options, made, given["notebook"])
        print_json({"files": [str(file) for file in files]}) if as_json else say(f"Wrote {files[0]} and {files[1]}")
        return
    if as_json and given["dry_run"]:
        print_json(made)
        return
    _show_plan(made, note if as_json else say)
    if given["dry_run"]:
        return
    if not given["yes"] and not given["background"] and sys.stdin.isatty():
        click.confirm("Start?", abort=True, err=True)


def _run(workspace: Workspace, options: TrainOptions) -> TrainingResult:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.train.hardware import device_of
    from flywheel_tui.stages.train.options import TrainingResult
    from flywheel_tui.store.datasets import get_dataset

    dataset = get_dataset(workspace.store.read(), options.dataset)
    with Progress("Training") as progress:
        result = run_foreground(
            workspace, "train", msgspec.to_builtins(options), title=_title(options), dataset_id=dataset.id,
            unit="steps", slot="gpu" if device_of(options).kind == "cuda" else "cpu",
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, TrainingResult)


def _submit(workspace: Workspace, options: TrainOptions, as_json: bool) -> None:
    import msgspec

    from flywheel_tui.jobs.pool import submit
    from flywheel_tui.stages.train.hardware import check_extra, device_of
    from flywheel_tui.store.datasets import get_dataset

    check_extra()
    dataset = get_dataset(workspace.store.read(), options.dataset)
    job = submit(
        workspace, "train", msgspec.to_builtins(options), title=_title(options), dataset_id=dataset.id, unit="steps",
        slot="gpu" if device_of(options).kind == "cuda" else "cpu",
    )  # fmt: skip
    print_json({"job": job.id}) if as_json else say(f"Job {job.id}; watch it with: flywheel jobs show {job.id}")


def _title(options: TrainOptions) -> str:
    return f"train {options.dataset} {options.method}" + (f" (run {options.resume})" if options.resume else "")


def _stop(workspace: Workspace, run_id: int, as_json: bool) -> None:
    from flywheel_tui.stages.train.history import stop

    row = stop(workspace, run_id)
    print_json({"run": row.id, "asked": "stop"}) if as_json else say(f"Run {row.id} saves and stops")


def _show_plan(made: Plan, out: Any) -> None:
    import shlex

    from flywheel_tui.stages.train.options import human_bytes
    from flywheel_tui.text import human_duration

    data, device = made.data, made.device
    out(f"Base: {made.base} ({made.parameters:,} parameters, {made.trainable:,} trained with LoRA)")
    if made.parent:
        out(f"Goes on from: {made.parent}")
    counted = "" if data.tokens_counted else "about "
    out(f"Data: {data.train:,} rows, {counted}{data.tokens:,} tokens an epoch; {data.held_out:,} held out by family")
    if data.tiers:
        out("Tiers: " + ", ".join(f"{name} {count:,}" for name, count in data.tiers.items()))
    for reason, count in data.left_out.items():
        out(f"Left out: {count:,} × {reason}")
    extras = [made.precision] + ["gradient checkpointing"] * made.gradient_checkpointing + ["4 bits"] * made.qlora
    times = f"{device.count} × " if device.count > 1 else ""
    out(f"Device: {times}{device.name} ({device.kind}), {', '.join(extras)}")
    parts = ", ".join(f"{name} {human_bytes(size)}" for name, size in made.memory.items())
    out(f"Memory: about {human_bytes(made.memory_total)} ({parts}); {human_bytes(device.free)} free")
    out(f"Time: {made.steps:,} steps, about {human_duration(made.seconds)} at {made.rate:,.0f} tokens/s"
        f" ({made.rate_source})")  # fmt: skip
    out(f"Disk: about {human_bytes(made.disk)} while it runs")
    for line in made.notes:
        out(f"Note: {line}")
    out(f"Command: {shlex.join(made.command)}")


def _show(result: TrainingResult) -> None:
    from flywheel_tui.stages.train.options import human_bytes
    from flywheel_tui.text import human_duration

    first, last = result.loss
    if first is not None and last is not None:
        say(f"Loss: {first:.4f} -> {last:.4f} over {result.steps:,} steps")
    first, last = result.held_out_loss
    if first is not None and last is not None:
        say(f"Held-out loss: {first:.4f} -> {last:.4f}")
    say(f"Used: {human_duration(result.seconds)}, {result.tokens:,} tokens ({result.tokens_per_s:,.0f}/s),"
        f" {human_bytes(result.peak_bytes)} at most, {result.device}")  # fmt: skip
    for line in result.notes:
        say(f"Note: {line}")
    say(f"Adapter: {result.adapter} (candidate, {result.adapter_hash[:12]}) in {result.path}")
