"""`flywheel label queue` and `flywheel label sample`: what to label next, and samples for calibration."""

from __future__ import annotations

from typing import Any

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say


@click.command()
@click.option("-d", "--dataset", required=True, help="The data set to label.")
@click.option("--order", default="most informative", show_default=True, metavar="ORDER",
              help="most informative, judges disagree, near threshold, calibration sample, second opinions or label "
              "errors.")  # fmt: skip
@click.option("--where", metavar="EXPR", help="Only pairs that the expression matches.")
@click.option("--reviewer", help="Whose queue (default: the setting, else the login name).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many pairs to list.")
@json_option
@click.pass_context
def queue(ctx: click.Context, /, dataset: str, order: str, where: str | None, limit: int, **options: Any) -> None:
    """List the pairs to label next, and how many more labels are needed; the workstation's `o` goes through them."""
    from flywheel_tui.stages import views
    from flywheel_tui.stages.labels_needed import labels_needed
    from flywheel_tui.stages.queues import make_order

    workspace = open_workspace(ctx, reviewer=options["reviewer"])
    query = views.ViewQuery(dataset=dataset, order=order, filter=where)
    found = make_order(workspace, query, workspace.reviewer)
    needed = labels_needed(workspace, dataset)
    rows = views.rows_of(workspace, found.pairs[:limit])
    if options["as_json"]:
        pairs: list[dict[str, Any]] = []
        for row in rows:
            pairs.append({"id": row.id, "position": row.position, "status": row.status})
            if (place := found.places.get(row.id)) is not None:
                pairs[-1] |= {"stratum": place.stratum, "inclusion": place.inclusion}
        print_json({
            "order": order, "note": found.note, "pairs": pairs, "total": len(found.pairs),
            "labels_needed": needed.count, "labels_needed_for": needed.sentence,
        })  # fmt: skip
        return
    say(found.note)
    for row in rows:
        say(f"  {row.position:>8,}  {row.status:<9}  {row.instruction[:80]}")
    if len(found.pairs) > len(rows):
        say(f"  … and {len(found.pairs) - len(rows):,} more")
    say(needed.sentence)


@click.command()
@click.option("-d", "--dataset", required=True, help="The data set to draw from.")
@click.option("--size", default=200, show_default=True, type=click.IntRange(1), help="How many pairs.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same pairs.")
@click.option("--where", metavar="EXPR", help="Only from pairs that the expression matches.")
@json_option
@click.pass_context
def sample(ctx: click.Context, /, dataset: str, size: int, seed: int, where: str | None, as_json: bool) -> None:
    """Draw a calibration sample by strata of the newest judge, each pair with a known probability."""
    from flywheel_tui.stages.queues.samples import draw_sample
    from flywheel_tui.stages.views import ViewQuery

    found = draw_sample(open_workspace(ctx), ViewQuery(dataset=dataset, filter=where), size=size, seed=seed)
    if as_json:
        print_json(found)
        return
    of = f" by strata of {found.run}" if found.run else ""
    say(f"Drew sample {found.id}: {found.size:,} of {found.population:,} pairs{of}; label it in the order"
        " 'calibration sample' (o on the label screen)")  # fmt: skip
