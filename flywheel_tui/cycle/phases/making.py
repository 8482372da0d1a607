"""Make pairs, and let through only those that are whole, new and held out nowhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flywheel_tui.cycle.driver import Verdicts
from flywheel_tui.cycle.labels import script_label
from flywheel_tui.cycle.phase import Context, Done, Phase, phase
from flywheel_tui.errors import UsageError
from flywheel_tui.store import cycle_pairs
from flywheel_tui.store.cycle_pairs import CyclePair
from flywheel_tui.store.datasets import get_dataset

SCREENER = "cycle screening"
VENDI_AT_MOST = 400


def pairs_named(context: Context, uids: list[str]) -> list[CyclePair]:
    """The pairs with these uids, in the data set of the run."""
    connection = context.workspace.store.read()
    if not uids:
        return []
    return cycle_pairs.pairs_by_uid(connection, get_dataset(connection, context.options.into).id, uids)


@phase
class Generation(Phase):
    """Make the pairs that were planned."""

    name, title, reads = "generation", "generation", ("planning",)

    def settings(self, context: Context) -> dict[str, Any]:
        options = context.options
        return {"backend": options.backend, "model": options.model, "into": options.into, "seed": context.seed,
                "extra": options.extra}  # fmt: skip

    def run(self, context: Context) -> Done:
        context.say("Generating synthetic data...")
        done = context.driver.generate(context, context.body("planning")["seeds"])
        context.say(f"Generated {len(done.body['pairs'])} pairs")
        return done


@phase
class Validation(Phase):
    """Run the checks; a pair with an error goes no further."""

    name, title, reads = "validation", "validation", ("generation",)

    def settings(self, context: Context) -> dict[str, Any]:
        return {"checks": context.options.checks, "policy": context.workspace.settings.pii_policy}

    def run(self, context: Context) -> Done:
        from flywheel_tui.stages.validate.engine import ValidateOptions, validate

        uids = context.body("generation")["pairs"]
        if uids:
            options = ValidateOptions(
                dataset=context.options.into, checks=context.options.checks, fail_on="never", helpers=0
            )
            validate(context.workspace, options, on_progress=context.task.say)
        connection = context.workspace.store.read()
        pairs = pairs_named(context, uids)
        errors = {pair.uid.hex(): cycle_pairs.errors_on(connection, pair.pair_id) for pair in pairs}
        out = {uid: checks for uid, checks in errors.items() if checks}
        body = {"kept": [uid for uid in uids if uid not in out], "out": out}
        counted = Counter(check for checks in out.values() for check in checks)
        return Done(body, {"with errors": len(out), "by check": dict(sorted(counted.items()))}, len(uids))


@phase
class Screening(Phase):
    """Drop what repeats an earlier pair, or anything that results are measured on."""

    name, title, reads = "screening", "dedup and contamination", ("validation",)

    def settings(self, context: Context) -> dict[str, Any]:
        return {"heldout": context.options.heldout, "driver": context.options.driver}

    def run(self, context: Context) -> Done:
        pairs = pairs_named(context, context.body("validation")["kept"])
        keys = context.driver.keys(context, pairs)
        met = set(keys.known)
        kept: list[str] = []
        dropped: dict[str, str] = {}
        for pair, key in zip(pairs, keys.pairs, strict=True):
            uid = pair.uid.hex()
            reason = "contamination" if key in keys.held_out else "duplicate" if key in met else ""
            met.add(key)
            if reason:
                dropped[uid] = reason
                script_label(context, pair, "rejected", SCREENER, reasons=("duplicate",), note=reason)
            else:
                kept.append(uid)
        body = {"kept": kept, "dropped": dropped, "vendi_share": _variety(pairs)}
        counted = Counter(dropped.values())
        return Done(body, {"dropped": dict(sorted(counted.items())), "held out": len(keys.held_out)}, len(kept))


def _variety(pairs: list[CyclePair]) -> float | None:
    """The effective number of different pairs over their number (Vendi score), of at most 400 of them."""
    from flywheel_tui.stats.diversity import vendi_of_texts

    texts = [f"{pair.instruction}\n{pair.output or ''}" for pair in pairs[:VENDI_AT_MOST]]
    return round(vendi_of_texts(texts) / len(texts), 4) if len(texts) > 1 else None


@phase
class Judging(Phase):
    """Let the judge (or the checkers) say of each pair whether it passes; what could not be judged is no failure."""

    name, title, reads = "judging", "judging", ("screening",)

    def settings(self, context: Context) -> dict[str, Any]:
        options = context.options
        return {"backend": options.judge_backend, "model": options.judge_model, "rubric": options.rubric,
                "pass_at": context.workspace.settings.quality_min_score, "extra": options.extra}  # fmt: skip

    def run(self, context: Context) -> Done:
        context.say("Judging quality...")
        pairs = pairs_named(context, context.body("screening")["kept"])
        found = context.driver.judge(context, pairs) if pairs else Verdicts(passed={})
        if pairs and not found.passed:
            kinds = ", ".join(sorted(set(found.unjudged.values()))) or "no verdict came"
            raise UsageError(f"none of the {len(pairs)} pairs could be judged ({kinds}); see: flywheel doctor")
        passed = sum(found.passed.values())
        context.say(f"Passed: {passed}, Failed: {len(found.passed) - passed}"
                    + (f", Not judged: {len(found.unjudged)}" if found.unjudged else ""))  # fmt: skip
        body = {
            "passed": passed, "judged": len(found.passed), "verdicts": found.passed, "scores": found.scores,
            "kinds": found.kinds, "unjudged": found.unjudged, "judge": found.judge, "tag": found.tag,
            "rates": {kind: {"failed": tried.failed, "tried": tried.tried} for kind, tried in found.rates.items()},
        }  # fmt: skip
        evidence = {"passed": passed, "failed": len(found.passed) - passed, "not judged": len(found.unjudged),
                    "judge": found.judge}  # fmt: skip
        return Done(body, evidence, len(found.passed), found.cost_micro, found.tokens)
