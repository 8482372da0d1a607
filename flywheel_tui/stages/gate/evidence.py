"""The raw files of a bundle: gathered from the store, without times, row numbers and places on this machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import FlywheelError, NotFoundError
from flywheel_tui.records.evaluation import Item, JudgeEvidence
from flywheel_tui.stages.calibrate import kept_calibrations
from flywheel_tui.stages.evaluate.measure import canonical
from flywheel_tui.stages.evaluate.run import trained_rows
from flywheel_tui.stages.gate.derive import CRITERIA, EVALUATION, ITEMS, JUDGES, About, Registered, pretty
from flywheel_tui.store import evaluations, evidence, judging, training
from flywheel_tui.store.connection import sqlite_version
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.evaluations import EvaluationRow

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import KeptCalibration
    from flywheel_tui.store.judging import RunRow
    from flywheel_tui.workspace import Workspace

LEAST_CHOICES = 20
"""Blind choices of people from which on the judge of an evaluation counts as measured against them."""


def gather(workspace: Workspace, row: EvaluationRow, extra: Mapping[str, Any]) -> dict[str, bytes]:
    """Every raw file. `extra` is what a cycle adds: each entry becomes a file `NAME.json`."""
    connection = workspace.store.read()
    criteria, registered = evaluations.criteria_of(connection, row.criteria_hash)
    before = registered <= row.created and not evidence.other_criteria_before(connection, row.id)
    items = evaluations.items_of(connection, row.id)
    train = {name: get_dataset(connection, name).id for name in row.facts.get("train", {})}
    ids = sorted(train.values())
    judges = [*_training_judges(workspace, train), *_own_judge(row, items)]
    files = {
        CRITERIA: pretty(Registered(hash=row.criteria_hash, registered_before=before, criteria=criteria)),
        EVALUATION: pretty(_about(row)),
        ITEMS: _lines(items),
        JUDGES: pretty(judges),
        "rubrics.json": pretty(_rubrics(workspace, row, judges)),
        "data.json": pretty({name: row.facts.get(name) for name in ("holdout", "train", "items")}),
        "lineage.jsonl": _lines(lineage := evidence.lineage(connection, ids)),
        "prompts.json": pretty(_prompts(row, lineage)),
        "triggers.jsonl": _lines(evidence.triggers(connection, ids)),
        "labels.jsonl": _lines(evidence.labels(connection, ids)),
        "training.json": pretty(_training(workspace, row)),
        "costs.json": pretty(_costs(workspace, row, train, items)),
        "environment.json": pretty(environment()),
    }
    return files | {f"{name}.json": pretty(value) for name, value in extra.items()}


def _lines(rows: Sequence[Any]) -> bytes:
    return b"".join(canonical(row) + b"\n" for row in rows)


def _name(asked: str) -> str:
    """A name as it is, a folder by its last part: where it lies is of this machine."""
    return Path(asked).name if "/" in asked else asked


def _about(row: EvaluationRow) -> About:
    return About(
        base=_name(row.base), base_hash=row.base_hash, adapter=_name(row.adapter), adapter_hash=row.adapter_hash,
        against=_name(row.against), against_hash=row.against_hash, dataset=row.dataset, cycle=row.cycle,
        criteria_hash=row.criteria_hash, trained_on=trained_rows(row), facts=row.facts,
    )  # fmt: skip


def _training_judges(workspace: Workspace, train: Mapping[str, int]) -> list[JudgeEvidence]:
    """The judges whose verdicts lie on the training data, each with its newest calibration.

    What is calibrated is a judge (its hash: model, rubric, prompt), not a run: where a newer run of the same judge was
    measured and that still holds, it counts for the older one, too.
    """
    found = []
    connection = workspace.store.read()
    for name, dataset_id in sorted(train.items()):
        kept = kept_calibrations(workspace, name)
        for run in sorted(judging.list_runs(connection, dataset_id), key=lambda run: run.tag):
            judge = run.judge
            line = JudgeEvidence(
                dataset=name, tag=run.tag, name=judge.name if judge else run.kind, hash=judge.hash if judge else "",
                rubric=judge.rubric if judge else "",
            )  # fmt: skip
            if newest := _newest(kept, run):
                measured = newest.calibration
                line = msgspec.structs.replace(
                    line, calibration=f"{measured.judge_hash[:16]} {measured.labels_hash[:16]}",
                    labels=measured.labels_hash, stale=newest.stale, looks=measured.looks, headline=measured.headline,
                    measured=measured.pairs, split=measured.options.split, scripted=measured.options.scripts,
                )  # fmt: skip
            found.append(line)
    return found


def _newest(kept: Sequence[KeptCalibration], run: RunRow) -> KeptCalibration | None:
    # where people have measured it, no script's labels stand in for theirs
    kept = sorted(kept, key=lambda one: one.calibration.options.scripts)
    own = [one for one in kept if one.calibration.tag == run.tag]
    same = [one for one in kept if run.judge is not None and one.calibration.judge_hash == run.judge.hash]
    return next((one for one in (*own, *same) if not one.stale), own[0] if own else None)


def _own_judge(row: EvaluationRow, items: Sequence[Item]) -> list[JudgeEvidence]:
    """The judge that compared the outputs: measured by the blind choices of people on the same outputs."""
    said = row.facts.get("judge")
    if not said:
        return []
    both = [item for item in items if item.preference is not None and item.label is not None]
    same = sum(item.preference == item.label for item in both)
    return [JudgeEvidence(
        dataset=row.dataset or "", tag="evaluation", name=said["name"], hash=said["hash"], rubric=said["rubric_hash"],
        calibration=f"{len(both)} blind choices" if len(both) >= LEAST_CHOICES else "",
        headline=f"agrees with people on {same} of {len(both)} blind choices", measured=len(both),
    )]  # fmt: skip


def _rubrics(workspace: Workspace, row: EvaluationRow, judges: Sequence[JudgeEvidence]) -> dict[str, Any]:
    connection = workspace.store.read()
    found: dict[str, Any] = {}
    for hash in sorted({judge.rubric for judge in judges if judge.rubric}):
        found[hash] = evidence.rubric_body(connection, hash)
    if said := row.facts.get("judge"):
        from flywheel_tui.stages.evaluate.preferences import pairwise_rubric

        hash = str(said["rubric_hash"])
        found[hash] = evidence.rubric_body(connection, hash)
        if found[hash] is None:
            try:
                rubric = pairwise_rubric(workspace, row.options.rubric)
            except FlywheelError:
                # its file is gone: the hash still says which one it was
                return found
            found[hash] = msgspec.to_builtins(rubric) if rubric.hash == hash else None
    return found


def _prompts(row: EvaluationRow, lineage: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    made = {
        (edge["recipe"], edge["template"], edge["teacher"])
        for line in lineage
        for edge in line["parents"]
        if edge["recipe"] or edge["template"]
    }
    templates = [
        {"recipe": recipe, "template": template, "teacher": teacher}
        for recipe, template, teacher in sorted(made, key=lambda part: tuple(word or "" for word in part))
    ]
    return {"chat_template_sha256": row.facts.get("chat_template"), "templates": templates}


def _training(workspace: Workspace, row: EvaluationRow) -> dict[str, Any]:
    connection = workspace.store.read()
    try:
        adapter = training.adapter_named(connection, row.adapter)
    except NotFoundError:
        return {"adapter": _name(row.adapter), "registered": False}
    found: dict[str, Any] = {
        "adapter": adapter.name, "registered": True, "method": adapter.method, "base_hash": adapter.base_hash,
        "hash": adapter.hash,
    }  # fmt: skip
    if adapter.training_run_id is not None:
        run = training.get_run(connection, adapter.training_run_id)
        found |= {
            "dataset": run.dataset, "seed": run.seed, "steps": run.steps, "tokens": run.totals.get("tokens"),
            "plan": _portable(run.plan),
        }  # fmt: skip
    return found


def _portable(value: Any) -> Any:
    """Paths by their last part."""
    if isinstance(value, dict):
        return {key: _portable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_portable(part) for part in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value


def _costs(
    workspace: Workspace, row: EvaluationRow, train: Mapping[str, int], items: Sequence[Item]
) -> dict[str, Any]:  # fmt: skip
    runs = [run for id in train.values() for run in judging.list_runs(workspace.store.read(), id)]
    found: dict[str, Any] = {
        "judging": {
            "tokens_in": sum(run.tokens_in for run in runs), "tokens_out": sum(run.tokens_out for run in runs),
            "cost_micro_usd": sum(run.cost_micro for run in runs),
        },
        "evaluation": {
            "items": len(items),
            "completion_tokens": sum((item.base_tokens or 0) + (item.candidate_tokens or 0) for item in items),
        },
    }  # fmt: skip
    if (used := row.used) is not None:
        found["comparing"] = {
            "calls": used.calls, "cached": used.cached, "tokens_in": used.tokens_in, "tokens_out": used.tokens_out,
            "cost_micro_usd": None if used.unpriced else used.cost_micro,
        }  # fmt: skip
    return found


def environment() -> dict[str, Any]:
    """What computed it: Python, SQLite, and every package with its version."""
    packages = {(found.metadata["Name"] or "").lower(): found.version for found in distributions()}
    return {
        "python": platform.python_version(), "implementation": platform.python_implementation(),
        "machine": platform.machine(), "system": platform.system(), "sqlite": sqlite_version,
        "packages": dict(sorted(packages.items())),
    }  # fmt: skip
