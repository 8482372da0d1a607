"""The command line `flywheel`: each command is a file of this folder, imported when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

EXIT_READER_GONE = 141
"""As a shell tells of a program that SIGPIPE ended."""

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, one line of help) – here, so that `--help` imports none of them
    "init": ("flywheel_tui.cli.init:init", "Make a workspace (safe to repeat)."),
    "demo": ("flywheel_tui.cli.demo:demo", "Make a workspace filled with the shipped demo data."),
    "tui": ("flywheel_tui.cli.tui:tui", "Open the full-screen workstation."),
    "ingest": ("flywheel_tui.cli.ingest:ingest", "Take in pairs from a file, a folder or a hub."),
    "visualize": ("flywheel_tui.cli.visualize:visualize", "Draw charts of a data set, as pictures or in the terminal."),
    "dataset": ("flywheel_tui.cli.dataset:dataset", "List, inspect, export, compare and remove data sets."),
    "validate": ("flywheel_tui.cli.validate:validate", "Find what is wrong before anyone reads it."),
    "generate": ("flywheel_tui.cli.generate:generate", "Make pairs from seeds with a recipe."),
    "judge": ("flywheel_tui.cli.judge:judge", "Let a model (or rules) judge pairs under a rubric."),
    "rubric": ("flywheel_tui.cli.rubric:rubric", "See, check and draft rubrics."),
    "label": ("flywheel_tui.cli.label:label", "Label pairs one by one or in bulk; import, export, merge labels."),
    "calibrate": ("flywheel_tui.cli.calibrate:calibrate", "Measure a judge against blind human labels."),
    "tiers": ("flywheel_tui.cli.tiers:tiers", "Give pairs their quality tiers, or show them."),
    "evaluate": ("flywheel_tui.cli.evaluate:evaluate", "Compare an adapter with its base on the same items."),
    "gate": ("flywheel_tui.cli.gate:gate", "Promote an adapter on evidence, refuse it, take it back."),
    "train": ("flywheel_tui.cli.train:train", "Train a LoRA adapter on accepted pairs."),
    "scenario": ("flywheel_tui.cli.scenario:scenario", "Turn failures into scenarios that seed cycles."),
    "run": ("flywheel_tui.cli.run:run", "Turn the wheel: cycles until there is a reason to stop."),
    "status": ("flywheel_tui.cli.status:status", "Say where cycles, jobs and training triggers stand."),
    "report": ("flywheel_tui.cli.report:report", "Write a report over all cycles as one HTML file."),
    "compare": ("flywheel_tui.cli.compare:compare", "Compare judges and reviewers on the pairs they share."),
    "jobs": ("flywheel_tui.cli.jobs:jobs", "See and steer the queue of long work."),
    "worker": ("flywheel_tui.cli.worker:worker", "Run a worker that outlives the terminal."),
    "trace": ("flywheel_tui.cli.trace:trace", "Show where a pair came from and where it went."),
    "backup": ("flywheel_tui.cli.backup:backup", "Write a consistent copy of the database."),
    "doctor": ("flywheel_tui.cli.doctor:doctor", "Check the workspace and this machine, and say what to do."),
}


class ReaderGone(Exception):
    """Whoever read our output through a pipe has gone: no error of ours, and nothing more can be said."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A reader that has gone ends it with a code of its own: click's 1 means something else here.

        Raises ReaderGone.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-w", "--workspace", metavar="DIR", help="Folder to work in (default: FLYWHEEL_WORKSPACE, ./data, …).")
@click.version_option(package_name="flywheel-tui", prog_name="flywheel")
@click.pass_context
def cli(ctx: click.Context, workspace: str | None) -> None:
    """Make fine-tuning data: take in pairs, label, calibrate, export, go round."""
    ctx.obj = {"workspace": workspace}


def main(arguments: list[str] | None = None) -> None:
    """The console script: runs a command and turns our errors into one line and an exit code."""
    from flywheel_tui.cli.console import fill_streams, report_error

    fill_streams()
    try:
        code = cli.main(args=arguments, prog_name="flywheel", standalone_mode=False)
        sys.stdout.flush()
    except (ReaderGone, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_READER_GONE)
    except BaseException as error:
        sys.exit(report_error(error))
    sys.exit(code if isinstance(code, int) else 0)
