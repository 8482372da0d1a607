"""Training and the gate as a cycle does them: one adapter a cycle, and nobody signs but a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.phase import Awaiting, BudgetSpent, Context, Done

if TYPE_CHECKING:
    from flywheel_tui.records.evaluation import EvaluateOptions
    from flywheel_tui.store.gate import BundleRow


def adapter_name(context: Context) -> str:
    """The name of the adapter of a cycle."""
    return f"{context.options.into}-cycle-{context.number}"[:80]


def train_adapter(context: Context, more: dict[str, Any]) -> Done:
    """Train on what the cycle exported. Taken up again, it goes on with the same run from its last checkpoint."""
    from flywheel_tui.stages.train.engine import train
    from flywheel_tui.stages.train.options import TrainOptions
    from flywheel_tui.store import training

    options, name = context.options, adapter_name(context)
    asked = msgspec.convert(
        {"dataset": options.into, "base": options.base, "where": context.body("export")["where"], "name": name,
         "seed": context.seed % 2**31, **more}, TrainOptions,
    )  # fmt: skip
    connection = context.workspace.store.read()
    begun = [row for row in training.runs(connection, limit=10_000) if row.name == name]
    if begun and begun[0].state != "done":
        asked = msgspec.structs.replace(asked, resume=begun[0].id)
    if begun and begun[0].state == "done":
        row = begun[0]
    else:
        result = train(context.workspace, asked, context.task)
        row = training.get_run(context.workspace.store.read(), result.run)
    adapter = training.adapter_named(context.workspace.store.read(), name)
    figures = {key: row.totals.get(key) for key in ("loss", "held_out_loss", "tokens", "tokens_per_s", "device")}
    body = {
        "adapter": adapter.hash, "name": name, "base": adapter.base_hash, "method": row.method, "steps": row.step,
        "export": context.body("export")["snapshot"],
    }  # fmt: skip
    return Done(body, {"adapter": name, "run": row.id, "steps": row.step, **figures}, row.step, 0, 0)


def gate_adapter(context: Context, more: dict[str, Any], sign: dict[str, str] | None = None) -> Done | Awaiting:
    """Evaluate the candidate beside what is in use, make the bundle, and take a person's decision where there is one.

    A FAIL refuses by itself; everything else waits for a person. `sign` is a name and a reason that somebody gave in
    advance, for scripts: it promotes a PASS and nothing else, and the decision says that a script wrote it.
    """
    from flywheel_tui.stages.gate.decide import approve, reject

    bundle = _bundle(context)
    if bundle is None:
        bundle = _make_bundle(context, more)
    if bundle.decision is None:
        if bundle.verdict == "FAIL":
            reject(context.workspace, bundle.hash, reviewer="the gate", reason=_why(bundle), source="script")
        elif sign is not None and bundle.verdict == "PASS":
            approve(context.workspace, bundle.hash, reviewer=sign["name"], reason=sign["reason"], source="script")
        elif sign is not None:
            reject(context.workspace, bundle.hash, reviewer=sign["name"], reason=_why(bundle), source="script")
        else:
            return _awaiting(context, bundle)
        bundle = _bundle(context) or bundle
    return _decided(context, bundle)


def _bundle(context: Context) -> BundleRow | None:
    """The newest bundle of this cycle's adapter."""
    from flywheel_tui.store import gate as store

    hash = context.body("training")["adapter"]
    found = [row for row in store.bundles(context.workspace.store.read(), limit=10_000)
             if row.adapter_hash == hash and row.cycle == context.number]  # fmt: skip
    return found[0] if found else None


def _make_bundle(context: Context, more: dict[str, Any]) -> BundleRow:
    from flywheel_tui.records.evaluation import EvaluateOptions
    from flywheel_tui.stages.evaluate.run import evaluate
    from flywheel_tui.stages.gate.bundle import make_bundle
    from flywheel_tui.stages.judge.engine import BudgetSpent as JudgeBudgetSpent

    said = {"base": context.options.base, "adapter": context.body("training")["name"], "against": "current",
            "cycle": context.number, **more}  # fmt: skip
    context.say("Evaluating...")
    asked = _within(context, msgspec.convert(said, EvaluateOptions))
    try:
        row = evaluate(context.workspace, asked, context.task)
    except JudgeBudgetSpent as stopped:
        raise BudgetSpent(str(stopped)) from stopped
    return make_bundle(context.workspace, row.id, extra={"cycle": _lineage(context)})


def _within(context: Context, asked: EvaluateOptions) -> EvaluateOptions:
    """The options with what is left to the phase as the budget of their judge, where they name one."""
    if not (asked.judge or asked.judge_tag):
        return asked
    usd = [value for value in (asked.budget_usd, context.left.usd) if value is not None]
    tokens = [value for value in (asked.budget_tokens, context.left.tokens) if value is not None]
    return msgspec.structs.replace(
        asked, budget_usd=min(usd, default=None), budget_tokens=min(tokens, default=None)
    )  # fmt: skip


def _lineage(context: Context) -> dict[str, Any]:
    """What led to the candidate: the signals and the artefacts of every phase, by hash."""
    signals = context.body("signals")
    return {
        "cycle": context.number,
        "phases": {
            name: {"artefact": row.hash, "parents": list(row.parents)} for name, row in context.artefacts.items()
        },
        "failures": signals["rates"],
        "scenarios": signals["scenarios"],
        "export": context.body("export"),
        "calibration": context.body("calibration"),
    }


def _why(bundle: BundleRow) -> str:
    told = [
        f"{line.gate} {line.verdict}: {line.why}"
        for line in bundle.gates
        if line.verdict in ("FAIL", "INCONCLUSIVE") and line.gate != "G7"
    ]
    return "; ".join(told)[:500] or f"the verdict is {bundle.verdict}"


def _awaiting(context: Context, bundle: BundleRow) -> Awaiting:
    return Awaiting(
        {
            "who": "a person at the gate",
            "what": f"{bundle.verdict}: promote or refuse {context.body('training')['name']}",
            "command": f'flywheel gate approve {bundle.hash[:12]} --reviewer NAME --reason "..." (or: gate reject)',
            "bundle": bundle.hash, "verdict": bundle.verdict,
        },
        {"verdict": bundle.verdict, "bundle": bundle.hash, "gates": _gates(bundle)},
    )  # fmt: skip


def _gates(bundle: BundleRow) -> dict[str, str]:
    return {line.gate: line.verdict for line in bundle.gates}


def _decided(context: Context, bundle: BundleRow) -> Done:
    from flywheel_tui.records.evaluation import JudgeUse
    from flywheel_tui.store.evaluations import get_evaluation

    decision = {"approve": "promoted", "reject": "refused"}.get(bundle.decision or "", bundle.decision or "")
    context.say(f"Gate: {bundle.verdict}; {decision} by {bundle.reviewer}")
    body = {
        "decision": decision, "verdict": bundle.verdict, "by": bundle.reviewer, "adapter": bundle.adapter_hash,
        "why": "" if decision == "promoted" else _why(bundle),
    }  # fmt: skip
    evidence = {"verdict": bundle.verdict, "bundle": bundle.hash, "gates": _gates(bundle)}
    used = get_evaluation(context.workspace.store.read(), bundle.evaluation_id).used or JudgeUse()
    return Done(body, evidence, 1, used.cost_micro, used.tokens_in + used.tokens_out)
