"""`flywheel judge --forms`: what it would take, before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel_tui.cli.console import note, print_json
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.forecast import Forecast
    from flywheel_tui.workspace import Workspace

_TAKEN = ("where", "sample", "split", "few_shot", "repeat", "retry")


def forms_to_judge(workspace: Workspace, options: dict[str, Any], as_json: bool) -> dict[str, Any] | None:
    """Make the pairs in other forms and say what judging them would take; the options of that job, None for --estimate.

    Raises UsageError for options that do not go together and for a run that cannot be asked again.
    """
    from flywheel_tui.stages.bias_perturb import LEAST_PAIRS, FormsOptions, forms_named, prepare
    from flywheel_tui.stages.judge.forecast import forecast

    if not options["tag"]:
        raise UsageError("name the run whose judge is audited: --tag T (flywheel dataset info NAME lists them)")
    if taken := [name for name in _TAKEN if options[name] not in (None, "", 0, False, 1)]:
        raise UsageError(f"--forms takes a random part of what was judged: leave out --{taken[0].replace('_', '-')}")
    wanted = FormsOptions(
        dataset=options["dataset"], tag=options["tag"], forms=forms_named(options["forms"]), seed=options["seed"],
        pairs=options["max_pairs"] or LEAST_PAIRS, rubric=options["rubric"],
    )  # fmt: skip
    again = prepare(workspace, wanted)
    found = forecast(workspace, again)
    if options["estimate"] and as_json:
        print_json(found)
    else:
        note(_sentence(found))
    if options["estimate"]:
        return None
    return {
        "dataset": again.dataset, "backend": again.backend, "model": again.model, "rubric": again.rubric,
        "temperature": again.temperature, "max_tokens": again.max_tokens, "max_pairs": None,
    }  # fmt: skip


def _sentence(found: Forecast) -> str:
    if found.by_rules:
        return f"{found.pairs:,} answers in other forms are to be judged, by rules"
    price = (
        "unknown price" if found.cost_usd is None else f"${found.cost_usd:.4f} likely, ${found.cost_most:.4f} at most"
    )
    return (
        f"{found.pairs:,} answers in other forms are to be judged: {found.calls:,} calls, about"
        f" {found.tokens_in + found.tokens_out:,} tokens, {price}"
    )
