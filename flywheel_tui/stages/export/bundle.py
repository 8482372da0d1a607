"""A bundle: everything about one generation in a folder, for the trainer and for the next round of prompts.

`training_data.jsonl`, `eval_holdout.jsonl` (whole families, none on both sides), `failed_examples.jsonl` (what people
rejected or the judge failed, with everything known about it), `generation_report.json` (pass rates, by recipe and
teacher, the history of judge runs, costs) and `rubric_analysis.json` (which criteria fail most).
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.export.files import NewFile, check_free
from flywheel_tui.stages.export.report import ExportRequest, ExportResult
from flywheel_tui.stages.export.run import Say, export
from flywheel_tui.stats.intervals import wilson
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.export_provenance import jobs_of, judge_runs, made_by, rejected_items, run_scores

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

GOOD = "label in ['approved', 'edited'] or (label == 'open' and (passed is None or passed == true))"
"""What is trained on: what people accepted, and what the judge did not fail where people said nothing yet."""
FAILED = "label == 'rejected' or (label != 'approved' and label != 'edited' and passed == false)"
HOLDOUT = {"train": 0.9, "holdout": 0.1}
_REPORTS = ("generation_report.json", "rubric_analysis.json")


class BundleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: the pairs by path (None: a report), the two exports, what a person should know."""

    folder: str
    files: dict[str, int | None]
    data: ExportResult
    failed: ExportResult
    report: dict[str, Any]
    notes: tuple[str, ...]


def bundle(workspace: Workspace, request: ExportRequest, *, on_progress: Say | None = None) -> BundleResult:
    """Write the five files to the folder `request.to` (nothing means exports/NAME-bundle of the workspace).

    The first part of the split is trained on, the others are held out; without one it is 90 and 10 %. Raises what
    `export` raises.
    """
    dataset = get_dataset(workspace.store.read(), request.dataset)
    folder = Path(request.to) if request.to else workspace.root / "exports" / f"{dataset.name}-bundle"
    if folder.is_file():
        raise UsageError(f"{folder}: is a file; a bundle is a folder of five files")
    format = "messages" if request.format == "jsonl" else request.format
    split = request.split or HOLDOUT
    first, *others = split
    held = {others[0]: "eval_holdout.jsonl"} if len(others) == 1 else {name: f"eval_{name}.jsonl" for name in others}
    check_free([folder / name for name in _REPORTS], force=request.force)
    data = msgspec.structs.replace(
        request, to=str(folder), format=format, split=split, filter=_both(request.filter, GOOD),
        names={first: "training_data.jsonl", **held},
    )  # fmt: skip
    failed = msgspec.structs.replace(
        request, to=str(folder / "failed_examples.jsonl"), format="jsonl", split=None, raw=False, template="",
        edits_as_preferences=False, messages=False, filter=_both(request.filter, FAILED), real_share=0,
    )  # fmt: skip
    of_data = export(workspace, data, on_progress=on_progress)
    of_failed = export(workspace, failed, on_progress=on_progress)
    report = report_of(workspace, of_data, of_failed)
    reports = {_REPORTS[0]: report, _REPORTS[1]: analysis_of(workspace, dataset.id)}
    for name, document in reports.items():
        _write(folder / name, document, force=request.force)
    files: dict[str, int | None] = {file.path: file.pairs for file in (*of_data.files, *of_failed.files)}
    files |= {str(folder / name): None for name in _REPORTS}
    left = tuple(f"left out {one.pairs:,}: {one.reason}" for one in of_data.left_out)
    return BundleResult(
        folder=str(folder), files=files, data=of_data, failed=of_failed, report=report, notes=(*left, *of_data.notes)
    )


def _both(asked: str | None, ours: str) -> str:
    return f"({asked}) and ({ours})" if asked else ours


def report_of(workspace: Workspace, data: ExportResult, failed: ExportResult) -> dict[str, Any]:
    """The generation report: counts from the store, nothing estimated."""
    connection = workspace.store.read()
    dataset = get_dataset(connection, data.dataset)
    history = judge_runs(connection, dataset.id)
    for run in history:
        run["pass_rate"] = _rate(run["passed"], run["judged"])
    recipes = made_by(connection, dataset.id)
    for line in recipes:
        line["pass_rate"] = _rate(line["passed"], line["passed"] + line["failed"])
    jobs = jobs_of(connection, dataset.id)
    return {
        "dataset": dataset.name,
        "pairs": dataset.pairs,
        "training": data.files[0].pairs,
        "held_out": sum(file.pairs for file in data.files[1:]),
        "failed": failed.written,
        "generated": data.generated,
        "real": data.written - data.generated,
        "seeds_added": data.seeds,
        "real_added": data.added,
        "seeds_left_out": data.seeds_left_out,
        "recipes": recipes,
        "rejected_by_rule": rejected_items(connection, dataset.id),
        "history": history,
        "jobs": jobs,
        "cost_usd": round(sum(job["cost_usd"] for job in jobs), 6),
        "left_out": {left.reason: left.pairs for left in data.left_out},
        "snapshot": data.snapshot_hash,
    }


def _rate(passed: int, judged: int) -> dict[str, float] | None:
    """A pass rate with its 95 % Wilson interval; None where nothing was judged."""
    if not judged:
        return None
    found = wilson(passed, judged)
    return {"rate": passed / judged, "low": found.low, "high": found.high}


def analysis_of(workspace: Workspace, dataset_id: int) -> dict[str, Any]:
    """Which criteria fail most, by judge run: the one that tells failed from passed pairs best comes first."""
    connection = workspace.store.read()
    runs = []
    for run in judge_runs(connection, dataset_id):
        criteria: dict[str, list[tuple[bool, float]]] = defaultdict(list)
        lowest: dict[str, int] = defaultdict(int)
        failed = 0
        for passed, scores in run_scores(connection, run["run"]):
            known = {name: value for name, value in scores.items() if value is not None}
            for name, value in known.items():
                criteria[name].append((passed, value))
            if not passed and known:
                failed += 1
                worst = min(known.values())
                for name in [name for name, value in known.items() if value == worst]:
                    lowest[name] += 1
        lines = [_criterion(name, values, lowest[name]) for name, values in criteria.items()]
        lines.sort(key=lambda line: (-line["lowest_in_failed"], -(line["gap"] or 0), line["criterion"]))
        runs.append({"tag": run["tag"], "rubric": run["rubric"], "judged": run["judged"], "failed": failed,
                     "criteria": lines})  # fmt: skip
    return {"runs": runs}


def _criterion(name: str, values: list[tuple[bool, float]], lowest: int) -> dict[str, Any]:
    passed = [value for good, value in values if good]
    failed = [value for good, value in values if not good]
    mean_passed, mean_failed = _mean(passed), _mean(failed)
    gap = mean_passed - mean_failed if mean_passed is not None and mean_failed is not None else None
    binary = {value for _, value in values} <= {0.0, 1.0}
    return {
        "criterion": name, "n": len(values), "mean": _mean([value for _, value in values]),
        "mean_passed": mean_passed, "mean_failed": mean_failed, "gap": gap, "lowest_in_failed": lowest,
        "answered_no": sum(value == 0 for _, value in values) if binary else None,
    }  # fmt: skip


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _write(path: Path, document: dict[str, Any], *, force: bool) -> None:
    with ExitStack() as stack:
        file = NewFile(path)
        stack.callback(file.discard)
        file.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        file.finish()
        file.commit(force=force)
