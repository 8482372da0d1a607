"""From failures to a plan: take them in, part them into groups, weigh the groups, say what is to be made."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.cycle.driver import Signal, Tried
from flywheel_tui.cycle.phase import Context, Done, Halt, Phase, phase
from flywheel_tui.cycle.shares import apportion, shares
from flywheel_tui.stages.scenarios import alike
from flywheel_tui.stages.scenarios_kinds import kind_named

SEED = "seed"
"""The kind of a signal that a person gave as a seed; it weighs like a middling failure."""


@phase
class Ingestion(Phase):
    """Take in what there is to learn from: seeds, approved scenarios, the failures of the cycle before."""

    name, title = "signals", "signal ingestion"

    def settings(self, context: Context) -> dict[str, Any]:
        previous = context.previous
        return {
            "driver": context.options.driver, "seeds": context.options.seeds, "seed": context.seed,
            "extra": context.options.extra, "previous": previous.number if previous else None,
        }  # fmt: skip

    def run(self, context: Context) -> Done:
        found = context.driver.signals(context)
        body = {
            "signals": [msgspec.to_builtins(signal) for signal in found.signals],
            "rates": {kind: msgspec.to_builtins(tried) for kind, tried in found.rates.items()},
            "scenarios": list(found.scenarios),
        }
        return Done(body, {"signals": len(found.signals), "notes": list(found.notes), **found.evidence},
                    len(found.signals))  # fmt: skip


@phase
class Grouping(Phase):
    """Drop what came in twice, and put together what is alike."""

    name, title, reads = "grouping", "dedup and grouping", ("signals",)

    def run(self, context: Context) -> Done:
        signals = [msgspec.convert(one, Signal) for one in context.body("signals")["signals"]]
        once: dict[tuple[str, str], Signal] = {}
        for signal in signals:
            once.setdefault((signal.kind, " ".join(signal.text.split())), signal)
        groups: list[dict[str, Any]] = []
        for kind in sorted({signal.kind for signal in once.values()}):
            here = [signal for signal in once.values() if signal.kind == kind]
            named: dict[str, list[Signal]] = {}
            for signal in here:
                named.setdefault(signal.group, []).append(signal)
            for group, members in sorted(named.items()):
                parts = [list(range(len(members)))] if group else alike([member.text for member in members])
                groups += [
                    {"kind": kind, "group": group, "members": [msgspec.to_builtins(members[at]) for at in part]}
                    for part in parts
                ]
        dropped = len(signals) - len(once)
        return Done({"groups": groups}, {"groups": len(groups), "dropped": dropped}, len(groups))


@phase
class Prioritising(Phase):
    """Weigh the kinds of failure: error rate times severity, at least 5 % and at most 40 % for one."""

    name, title, reads = "priorities", "prioritising", ("signals", "grouping")

    def settings(self, context: Context) -> dict[str, Any]:
        return {"floor": context.driver.floor}

    def run(self, context: Context) -> Done:
        rates = {kind: msgspec.convert(one, Tried) for kind, one in context.body("signals")["rates"].items()}
        weights: dict[str, float] = {}
        for group in context.body("grouping")["groups"]:
            kind = group["kind"]
            tried = rates.get(kind)
            rate = tried.failed / tried.tried if tried and tried.tried else 0.5
            weights[kind] = rate * (2 if kind == SEED else kind_named(kind).severity)
        found = shares(weights, floor=context.driver.floor)
        body = {"weights": {kind: round(weight, 9) for kind, weight in weights.items()},
                "shares": {kind: round(share, 9) for kind, share in found.items()}}  # fmt: skip
        return Done(body, {"shares": {kind: f"{share:.0%}" for kind, share in found.items()}}, len(found))


@phase
class Planning(Phase):
    """Say how many pairs are made from which seed, by which recipe."""

    name, title, reads = "planning", "planning", ("grouping", "priorities")

    def settings(self, context: Context) -> dict[str, Any]:
        options = context.options
        return {
            "count": options.count, "recipe": options.recipe, "recipe_options": options.recipe_options,
            "seed": context.seed,
        }  # fmt: skip

    def guard(self, context: Context) -> None:
        if not context.body("grouping")["groups"]:
            raise Halt("there is nothing left to learn from: no seeds, no approved scenarios, no failures")

    def run(self, context: Context) -> Done:
        groups, parts = context.body("grouping")["groups"], context.body("priorities")["shares"]
        total = context.options.count or sum(len(group["members"]) for group in groups)
        by_kind = apportion(total, parts)
        seeds: list[dict[str, Any]] = []
        for kind, count in sorted(by_kind.items()):
            members = _in_turn([group["members"] for group in groups if group["kind"] == kind])
            each = apportion(count, {f"{at:06d}": 1.0 for at in range(len(members))})
            seeds += [{**member, "count": each[f"{at:06d}"]} for at, member in enumerate(members) if each[f"{at:06d}"]]
        context.say(f"Using {len(seeds)} seeds")
        body = {"seeds": seeds, "count": sum(seed["count"] for seed in seeds), "by_kind": by_kind,
                "recipe": context.options.recipe}  # fmt: skip
        return Done(body, {"by_kind": by_kind}, len(seeds))


def _in_turn(groups: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Members of the groups in turn, so that where few are used, every group has its share."""
    longest = max((len(group) for group in groups), default=0)
    return [group[at] for at in range(longest) for group in groups if at < len(group)]
