"""`flywheel trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import json_option, open_workspace, out_console, print_json

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

    from flywheel_tui.stages.lineage import Trace
    from flywheel_tui.store.lineage import Event, MadeLine, Relative


@click.command()
@click.argument("pair")
@click.option("-d", "--dataset", help="Which data set, where several hold the pair.")
@json_option
@click.pass_context
def trace(ctx: click.Context, pair: str, dataset: str | None, as_json: bool) -> None:
    """Where a pair came from and where it went. PAIR is its number or its uid (of any version)."""
    from flywheel_tui.stages.lineage import trace as trace_pair

    found = trace_pair(open_workspace(ctx), pair, dataset=dataset)
    if as_json:
        print_json(found)
    else:
        out_console().print(_tree(found))


def _line(text: str) -> Text:
    from rich.text import Text

    from flywheel_tui.text import visible

    return Text(visible(text, multiline=False, limit=400))


def _tree(found: Trace) -> Tree:
    from rich.tree import Tree

    from flywheel_tui.identity import now_us
    from flywheel_tui.text import first_line, relative_time

    now = now_us()
    pair = found.pair
    tree = Tree(_line(f"pair {pair.id} in {pair.dataset}: {pair.kind}, {pair.status}"))
    versions = tree.add("versions")
    for version in found.versions:
        place = f"{version.source}:{version.line}" if version.source and version.line else version.source or ""
        made = f"by {version.author}" if version.author else ""
        mark = " (current)" if version.current and len(found.versions) > 1 else ""
        origin = " ".join(part for part in ("from " + place if place else "", made) if part)
        leaf = versions.add(_line(f"{version.version} · {version.uid} · {origin}{mark}"))
        leaf.add(_line(f"instruction: {first_line(version.instruction, 100)}"))
        leaf.add(_line(f"output: {first_line(version.output or '', 100)}"))
    if found.made is not None:
        _add_made(tree.add("made by"), found.made)
    told = _how(found.made) if found.made is not None else ()
    for title, relatives, known in (("made from", found.ancestors, told), ("made of it", found.descendants, ())):
        if relatives:
            _add_relatives(tree.add(title), relatives, known)
    if found.labels:
        labels = tree.add("labels")
        for event in found.labels:
            labels.add(_line(f"{relative_time(event.at, now)}: {_said(event)}"))
    if found.findings:
        findings = tree.add("findings")
        for finding in found.findings:
            place = f" in {finding.field}" if finding.field else ""
            findings.add(_line(f"{finding.severity} · {finding.check}{place}: {finding.message}"))
    if found.verdicts:
        verdicts = tree.add("verdicts")
        for verdict in found.verdicts:
            score = "no score" if verdict.score is None else f"score {verdict.score:g}"
            said = (
                f"failed, {verdict.error}"
                if verdict.error
                else f"{score}, {'passed' if verdict.passed else 'not passed'}"
            )
            verdicts.add(_line(f"{verdict.tag}: {said}"))
    return tree


def _add_made(branch: Tree, made: MadeLine) -> None:
    asked = "made by fixed rules, no model was asked" if made.offline else f"asked {made.teacher}"
    job = f", job {made.job}" if made.job is not None else ""
    branch.add(_line(f"recipe {made.recipe}, {asked}, {made.depth} from real data{job}"))
    branch.add(_line(f"templates: {', '.join(made.template.split())}"))
    for name, value in made.params.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        branch.add(_line(f"{name.replace('_', ' ')}: {text}"))


def _how(line: MadeLine | Relative) -> tuple[object, ...]:
    """What tells one way of making from another."""
    return (line.recipe, line.template, line.teacher, line.params)


def _add_relatives(tree: Tree, relatives: tuple[Relative, ...] | list[Relative], told: tuple[object, ...]) -> None:
    """How they were made is said where it was not `told`: the parents of one row share it. Deep chains are cut off
    where no terminal could show them."""
    from flywheel_tui.text import first_line

    stack = [(tree, relative, 0) for relative in reversed(relatives)]
    said = {id(tree): told}
    while stack:
        branch, relative, depth = stack.pop()
        how = relative.relation
        if said.get(id(branch)) != _how(relative):
            said[id(branch)] = _how(relative)
            how += _in_words(relative)
        again = " (shown above)" if relative.seen else ""
        text = f"{how}: {relative.dataset} {relative.pair_id} · {relative.uid}{again} · "
        leaf = branch.add(_line(text + first_line(relative.instruction, 100)))
        if depth >= 30 and relative.beyond:
            leaf.add("… more: trace that pair")
            continue
        stack += [(leaf, beyond, depth + 1) for beyond in reversed(relative.beyond)]


def _in_words(relative: Relative) -> str:
    parts = "".join(f", {part}" for part in (relative.recipe, relative.template, relative.teacher) if part)
    chosen = [f"{name} {value}" for name, value in relative.params.items() if isinstance(value, str | int | float)]
    return parts + (f" ({', '.join(chosen)})" if chosen else "")


def _said(event: Event) -> str:
    if event.action == "undo":
        return f"{event.reviewer} took a decision back"
    parts = [event.status or "no status"]
    parts += [f"prefers {event.preference}"] * bool(event.preference)
    parts += [f"rated {event.rating}"] * (event.rating is not None) + list(event.reasons)
    parts += [f"note: {event.note}"] * bool(event.note) + ["undone since"] * event.undone
    verb = "adjudicated" if event.action == "adjudicate" else "said"
    who = event.reviewer if event.source == "human" else f"{event.reviewer} ({event.source})"
    return f"{who} {verb} {', '.join(parts)}"
