"""`flywheel evaluate --estimate`: what the judge would take, before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.cli.console import print_json, say

if TYPE_CHECKING:
    from flywheel_tui.records.evaluation import EvaluateOptions
    from flywheel_tui.stages.evaluate.forecast import CompareForecast
    from flywheel_tui.workspace import Workspace


def say_estimate(workspace: Workspace, options: EvaluateOptions, as_json: bool) -> None:
    """Print the forecast. Raises what the evaluation would raise before it begins."""
    from flywheel_tui.stages.evaluate.forecast import forecast

    found = forecast(workspace, options)
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        say(line)


def _lines(found: CompareForecast) -> list[str]:
    if found.finished:
        return [f"Evaluation {found.evaluation} is finished: nothing is left to be asked"]
    on = f"; goes on with evaluation {found.evaluation}" if found.evaluation is not None else ""
    lines = [f"At most {found.comparisons:,} comparisons, each in both orders, by {found.judge} ({found.rubric}){on}"]
    if found.by_rules:
        return [*lines, "Costs nothing: rules, no model"]
    known = f"{found.known:,} answers are known, " if found.known else ""
    tokens = f"{found.tokens_in:,} tokens in, {found.tokens_out:,} out"
    lines.append(f"{known}{found.calls:,} calls, about {tokens}: {_price(found)}")
    if found.unseen:
        lines.append(
            f"The outputs of {found.unseen:,} are not known yet: each counts as {found.max_new_tokens:,} tokens"
            " (--max-new-tokens), and where both sides say the same nothing is asked"
        )
    return lines


def _price(found: CompareForecast) -> str:
    if found.cost_usd is None or found.cost_most is None:
        return "unknown price (prices.toml)"
    if not found.cost_most:
        return "free"
    return f"about ${found.cost_usd:,.4f}, at most ${found.cost_most:,.4f}"
