"""`flywheel rubric`: the rubrics there are, checking one, and drafting a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.rubric_draft import Basis
    from flywheel_tui.workspace import Workspace


@click.group()
def rubric() -> None:
    """See, check and draft rubrics: what people and judges are asked about a pair."""


@rubric.command("ls")
@json_option
@click.pass_context
def list_(ctx: click.Context, /, as_json: bool) -> None:
    """List the rubrics: those of the workspace, then the shipped ones."""
    from flywheel_tui.stages.rubric import load_rubric, rubric_files

    workspace = open_workspace(ctx)
    found = {name: (load_rubric(path), path) for name, path in rubric_files(workspace).items()}
    if as_json:
        print_json([
            {"name": name, "version": one.version, "kind": one.kind, "hash": one.hash, "path": str(path),
             "description": one.description} for name, (one, path) in found.items()
        ])  # fmt: skip
        return
    for name, (one, path) in found.items():
        parts = len(one.questions) or len(one.criteria) or len(one.choices)
        whose = "workspace" if path.is_relative_to(workspace.root) else "shipped"
        say(f"{name:<24} v{one.version:<3} {one.kind.value:<9} {parts:>3} parts  {whose:<9}  {one.description}")


@rubric.command()
@click.argument("name")
@click.option("--prompt", is_flag=True, help="Show what a judge is told under it instead.")
@click.pass_context
def show(ctx: click.Context, /, name: str, prompt: bool) -> None:
    """Print a rubric (a name or a file) as YAML."""
    from flywheel_tui.stages.rubric import load_rubric, named_rubric, rubric_text

    workspace = open_workspace(ctx)
    found = load_rubric(Path(name)) if name.endswith((".yaml", ".yml")) else named_rubric(workspace, name)
    if prompt:
        from flywheel_tui.stages.judge.prompt import Prompt

        say(Prompt(found, b"").system)
    else:
        say(rubric_text(found).rstrip())


@rubric.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@json_option
def check(file: str, as_json: bool) -> None:
    """Say whether a file is a rubric; else the line at fault and what would be right."""
    from flywheel_tui.stages.judge.prompt import Prompt
    from flywheel_tui.stages.rubric import load_rubric

    found = load_rubric(Path(file))
    Prompt(found, b"")
    if as_json:
        print_json({"name": found.name, "version": found.version, "kind": found.kind, "hash": found.hash})
    else:
        say(f"{found.title} is a {found.kind.value} rubric (hash {found.hash[:12]})")


@rubric.command()
@click.argument("name")
@click.option("-d", "--from-notes", "dataset", metavar="DATASET", help="From what reviewers rejected in a data set "
              "(`all`: in every one).")  # fmt: skip
@click.option("--scenario", type=int, metavar="N", help="From a scenario (flywheel scenario ls).")
@click.option("--about", metavar="TEXT", help="From a description of what matters.")
@click.option("--backend", default="offline", show_default=True, help="Who writes it; offline drafts by rule.")
@click.option("--model", default="", help="The model that writes it.")
@click.option("--force", is_flag=True, help="Replace a rubric of that name.")
@click.option("--print", "only_print", is_flag=True, help="Print it instead of writing it into the workspace.")
@json_option
@click.pass_context
def draft(
    ctx: click.Context, /, name: str, dataset: str | None, scenario: int | None, about: str | None, backend: str,
    model: str, force: bool, only_print: bool, as_json: bool,
) -> None:  # fmt: skip
    """Draft a rubric of YES/NO questions for a person to edit."""
    from flywheel_tui.stages.rubric import save_rubric
    from flywheel_tui.stages.rubric_draft import draft as make

    workspace = open_workspace(ctx)
    if sum(given is not None for given in (dataset, scenario, about)) != 1:
        raise UsageError("say what to draft it from: one of --from-notes DATASET, --scenario N or --about TEXT")
    found = make(workspace, name, _basis(workspace, dataset, scenario, about), backend=backend, model=model)
    if only_print:
        say(found.text.rstrip())
        return
    save_rubric(workspace, found.text, replace=force)
    path = workspace.root / "rubrics" / f"{name}.yaml"
    if as_json:
        print_json({"name": name, "questions": len(found.rubric.questions), "path": str(path), "source": found.source})
        return
    say(f"Drafted {found.rubric.title} {found.source}: {len(found.rubric.questions)} questions -> {path}")
    note("read and edit it before judging with it: --rubric " + name)


def _basis(workspace: Workspace, dataset: str | None, scenario: int | None, about: str | None) -> Basis:
    from flywheel_tui.stages.rubric_draft import Basis, basis_of_notes, basis_of_scenario

    if dataset is not None:
        return basis_of_notes(workspace, None if dataset == "all" else dataset)
    if scenario is not None:
        return basis_of_scenario(workspace, scenario)
    return Basis(about or "")
