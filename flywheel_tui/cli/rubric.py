"""`flywheel rubric`: the rubrics there are, checking one, and drafting a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
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


@rubric.command("mismatches")
@click.option("-d", "--dataset", required=True, help="The data set.")
@click.option("--tag", required=True, help="The judge run to look at.")
@click.option("--split", default="prompt-dev", show_default=True, help="prompt-dev, calibrate, report or all.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_context
def mismatches_(ctx: click.Context, /, dataset: str, tag: str, split: str, limit: int, as_json: bool) -> None:
    """List the pairs on which a judge and people differ, with what either said."""
    from flywheel_tui.stages.improve import mismatches

    found = mismatches(open_workspace(ctx), dataset, tag, split=split)
    if as_json:
        print_json(found)
        return
    say(f"{tag} differs from people on {len(found.pairs):,} of {found.judged:,} pairs of {split}")
    for one in found.pairs[:limit]:
        score = "" if one.score is None else f" ({one.score:g})"
        say(f"  pair {one.pair}: {one.kind}{score}\n    {one.instruction[:100]!r}")
        if why := "; ".join((*one.reasons, *one.notes)):
            say(f"    people: {why[:160]}")
        if one.rationale:
            say(f"    judge: {one.rationale[:160]}")
    if split != "prompt-dev":
        note("labels of this split measure judges: a rubric that is tuned on them makes their figures worthless")


@rubric.command("try")
@click.argument("name", metavar="RUBRIC")
@click.option("-d", "--dataset", required=True, help="The data set.")
@click.option("--tag", required=True, help="The run to compare with: its model judges again.")
@click.option("--as", "new_tag", default="", help="Tag of the new run (default: TAG+rubric@version).")
@click.option("--concurrency", type=click.IntRange(1, 1024))
@json_option
@click.pass_context
def try_(ctx: click.Context, /, name: str, dataset: str, tag: str, **options: Any) -> None:
    """Judge the prompt-dev split again under another version of a rubric, and compare."""
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.improve.compare import compare_runs, trial_options

    workspace = open_workspace(ctx)
    rubric_name = str(Path(name).absolute()) if name.endswith((".yaml", ".yml")) else name
    request = trial_options(workspace, dataset, tag, rubric_name, new_tag=options["new_tag"],
                            concurrency=options["concurrency"])  # fmt: skip
    with Progress("Judging") as progress:
        run_foreground(
            workspace, "judge", msgspec.to_builtins(request), title=f"try {name} on {dataset}", slot="network",
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    found = compare_runs(workspace, dataset, tag, request.tag)
    print_json(found) if options["as_json"] else say(found.sentence)


@rubric.command()
@click.option("-d", "--dataset", required=True, help="The data set with blind labels.")
@click.option("--tag", required=True, help="The run whose judge is made better.")
@click.option("--reflect-backend", default="", help="Who writes new wordings (default: the judge's back end).")
@click.option("--reflect-model", default="", help="The model that writes them.")
@click.option("--calls", default=300, show_default=True, type=click.IntRange(10), help="Judgments at most.")
@click.option("--seed", default=0, show_default=True)
@click.option("--budget-usd", type=float, help="Stop when so many dollars are spent.")
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Stop when so many tokens are spent.")
@json_option
@click.pass_context
def improve(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Search for better words for a judge on the prompt-dev split (extra gepa); writes the rubric's next version."""
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.improve.search import Found, SearchOptions

    workspace = open_workspace(ctx)
    args = msgspec.to_builtins(msgspec.convert(options, SearchOptions))
    with Progress("Searching") as progress:
        result = run_foreground(
            workspace, "improve", args, title=f"improve {options['tag']} on {options['dataset']}", slot="network",
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    found = msgspec.convert(result, Found)
    if as_json:
        print_json(found)
        return
    say(found.sentence)
    say("\n" + found.prompt)


def _basis(workspace: Workspace, dataset: str | None, scenario: int | None, about: str | None) -> Basis:
    from flywheel_tui.stages.rubric_draft import Basis, basis_of_notes, basis_of_scenario

    if dataset is not None:
        return basis_of_notes(workspace, None if dataset == "all" else dataset)
    if scenario is not None:
        return basis_of_scenario(workspace, scenario)
    return Basis(about or "")
