"""People look at a sample, the judge is measured against them, and what was accepted is exported."""

from __future__ import annotations

from typing import Any

from flywheel_tui.cycle.phase import Awaiting, Context, Done, Phase, phase
from flywheel_tui.cycle.phases.making import pairs_named
from flywheel_tui.cycle.stopping import rate_of
from flywheel_tui.stats.sampling import BottomK
from flywheel_tui.store import cycle_pairs
from flywheel_tui.store.datasets import get_dataset

IN_ONE_EXPRESSION = 60
PASSES = ("approved", "edited")
ACCEPTED = "(label in ['approved', 'edited'] or (label == 'open' and passed))"
"""What a cycle exports: what people accepted, and what the judge passed where nobody has decided."""


@phase
class Labelling(Phase):
    """A random sample of what was judged, labelled by people; the run waits for them."""

    name, title, reads, governed = "labelling", "human labelling", ("screening", "judging"), True

    def settings(self, context: Context) -> dict[str, Any]:
        return {"labels": context.options.labels_wanted, "seed": context.seed, "extra": context.options.extra}

    def run(self, context: Context) -> Done | Awaiting:
        judged = sorted(context.body("judging")["verdicts"])
        wanted = min(context.options.labels_wanted, len(judged))
        sample: BottomK[str] = BottomK(wanted, context.seed)
        for uid in judged if wanted else []:
            sample.add(int(uid[:15], 16), uid)
        uids = [uid for _, uid in sample.items()]
        if not uids:
            return Done({"labels": {}, "asked": 0, "of": len(judged)}, {"labels": "none were asked for"}, 0)
        pairs = pairs_named(context, uids)
        scripted = context.driver.label(context, pairs)
        labels = cycle_pairs.labels_on(context.workspace.store.read(), {pair.id: pair.uid.hex() for pair in pairs})
        counted = {
            uid: said for uid, said in labels.items() if scripted or any(source == "human" for _, source, _ in said)
        }
        missing = [pair.id for pair in pairs if pair.uid.hex() not in counted]
        if missing:
            return Awaiting(
                {
                    "who": "people",
                    "what": f"{wanted} labels on a sample of this cycle ({wanted - len(missing)} given)",
                    "command": f'flywheel label -d {context.options.into} --where "{_where(context, missing)}"',
                    "pairs": missing[:IN_ONE_EXPRESSION], "given": wanted - len(missing), "wanted": wanted,
                },
                {"given": wanted - len(missing), "wanted": wanted}, wanted - len(missing),
            )  # fmt: skip
        body = {"labels": {uid: [list(one) for one in said] for uid, said in sorted(counted.items())},
                "asked": wanted, "of": len(judged), "scripted": scripted}  # fmt: skip
        who = sorted({reviewer for said in counted.values() for reviewer, _, _ in said})
        return Done(body, {"labels": len(counted), "by": who, "a script, no person": scripted}, len(counted))


def _where(context: Context, missing: list[int]) -> str:
    if len(missing) > IN_ONE_EXPRESSION:
        return f"cycle == {context.number} and label == 'open'"
    return f"id in [{', '.join(map(str, missing))}]"


@phase
class Calibration(Phase):
    """How far the judge agrees with the labels, and what the pass rate is once its errors are corrected."""

    name, title, reads = "calibration", "calibration", ("judging", "labelling")

    def run(self, context: Context) -> Done:
        judging, labelling = context.body("judging"), context.body("labelling")
        verdicts: dict[str, bool] = judging["verdicts"]
        truth = {uid: said for uid, said in ((uid, _truth(said)) for uid, said in labelling["labels"].items())
                 if said is not None and uid in verdicts}  # fmt: skip
        if not truth:
            rate = rate_of(judging["passed"], judging["judged"])
            body = {"n": 0, "pass_rate": rate, "trusted": False, "scripted": False}
            return Done(body, {"labels": 0, "pass rate": "the judge's own, not corrected"}, 0)
        from flywheel_tui.cycle.calibrations import keep_calibrations
        from flywheel_tui.stats.confusion import prf
        from flywheel_tui.stats.estimate import poststrat_beta

        uids = sorted(truth)
        measured = prf([truth[uid] for uid in uids], [verdicts[uid] for uid in uids])
        tp, fp, fn, tn = (int(measured[name] or 0) for name in ("tp", "fp", "fn", "tn"))
        rest = [passed for uid, passed in verdicts.items() if uid not in truth]
        corrected = poststrat_beta(tp, fp, fn, tn, sum(rest), len(rest), seed=context.seed)
        figures = {name: value for name, value in measured.items() if isinstance(value, float)}
        by_script = bool(labelling.get("scripted"))
        body = {
            "n": len(uids), **measured, "scripted": by_script, "trusted": True,
            "pass_rate": {"value": corrected.value, "low": corrected.low, "high": corrected.high, "corrected": True},
        }  # fmt: skip
        kept = keep_calibrations(context, context.driver.judge_tags(context), scripted=by_script)
        evidence = {"labels": len(uids), **{name: round(value, 3) for name, value in figures.items()}, "kept": kept}
        if corrected.value is not None:
            context.say(
                f"Calibrated on {len(uids)} labels: precision {_show(measured['precision'])}, recall"
                f" {_show(measured['recall'])}; corrected pass rate {corrected.value:.1%}"
                f" [{corrected.low:.1%}, {corrected.high:.1%}]"
            )
        return Done(body, evidence, len(uids))


def _truth(said: list[list[str]]) -> bool | None:
    """What the labels of a pair come to: people's where there are any; None where they disagree or skip."""
    sources = {source for _, source, _ in said}
    voices = {status in PASSES for _, source, status in said
              if status != "skipped" and (source == "human" or "human" not in sources)}  # fmt: skip
    return voices.pop() if len(voices) == 1 else None


def _show(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.2f}"


@phase
class Export(Phase):
    """Write everything accepted so far (nothing old is replaced) as a training file; its hash is the artefact."""

    name, title, reads = "export", "export", ("judging", "labelling", "calibration")

    def settings(self, context: Context) -> dict[str, Any]:
        return {"into": context.options.into, "accepted": ACCEPTED, "format": "sft"}

    def run(self, context: Context) -> Done:
        from flywheel_tui.stages.export.report import ExportRequest
        from flywheel_tui.stages.export.run import export

        options = context.options
        connection = context.workspace.store.read()
        dataset = get_dataset(connection, options.into)
        mine = {pair.uid.hex() for pair in cycle_pairs.accepted(connection, dataset.id, context.number)}
        where = f"{ACCEPTED} and (cycle is None or cycle <= {context.number})"
        path = context.workspace.folder("exports") / f"cycle-{context.number:03d}.jsonl"
        result = export(
            context.workspace,
            ExportRequest(dataset=options.into, to=str(path), format="sft", filter=where, force=True, real_share=0.0),
            on_progress=context.task.say,
        )
        body = {
            "files": [{"name": path.name, "pairs": file.pairs, "sha256": file.sha256} for file in result.files],
            "snapshot": result.snapshot_hash, "matched": result.matched, "written": result.written,
            "accepted": len(mine), "where": where,
        }  # fmt: skip
        return Done(body, {"accepted in this cycle": len(mine), "written": result.written, "file": path.name},
                    result.written)  # fmt: skip
