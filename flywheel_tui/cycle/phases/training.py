"""Train an adapter where the triggers say so, evaluate it, and bring it before a person."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.cycle.phase import Awaiting, Context, Done, Phase, phase
from flywheel_tui.stages.triggers import checklist


@phase
class Training(Phase):
    """Train on what was exported: always, never, or where the checklist of triggers says so."""

    name, title, reads = "training", "training", ("export", "calibration")

    def settings(self, context: Context) -> dict[str, Any]:
        options = context.options
        return {"train": options.train, "base": options.base, "seed": context.seed, "extra": options.extra}

    def run(self, context: Context) -> Done:
        options = context.options
        if options.train == "never":
            return Done({"adapter": None, "why": "--train never"}, {"trained": "no: --train never"}, 0)
        found = checklist(context.workspace, options.into)
        listed = [msgspec.to_builtins(line) for line in found.lines]
        if options.train == "auto" and not found.train:
            context.say(f"Not training: {found.reason}")
            return Done(
                {"adapter": None, "why": found.reason}, {"trained": f"no: {found.reason}", "triggers": listed}, 0
            )
        if not context.body("export")["written"]:
            return Done({"adapter": None, "why": "nothing was accepted"}, {"trained": "no: nothing was accepted"}, 0)
        context.say("Training...")
        done = context.driver.train(context)
        why = "--train always" if options.train == "always" else found.reason
        return done._replace(evidence={**done.evidence, "why": why, "triggers": listed})


@phase
class Gate(Phase):
    """Evaluate the candidate beside its base; a person decides over the evidence."""

    name, title, reads, governed = "gate", "evaluation and gate", ("training", "export", "calibration", "signals"), True

    def settings(self, context: Context) -> dict[str, Any]:
        return {"extra": context.options.extra}

    def run(self, context: Context) -> Done | Awaiting:
        training = context.body("training")
        if not training.get("adapter"):
            return Done({"decision": "none", "why": training.get("why", "")}, {"gate": "nothing was trained"}, 0)
        return context.driver.gate(context)
