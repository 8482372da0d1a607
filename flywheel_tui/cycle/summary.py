"""The figures of a cycle, put together from the artefacts of its phases; nothing in them hangs on the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.driver import Tried
from flywheel_tui.cycle.stopping import rate_of
from flywheel_tui.store import cycles as store
from flywheel_tui.store.cycles import ArtefactRow, CycleRow

if TYPE_CHECKING:
    from flywheel_tui.cycle.driver import Driver
    from flywheel_tui.store.connection import Connection


def summary_of(
    connection: Connection, cycle: CycleRow, artefacts: Mapping[str, ArtefactRow], previous: CycleRow | None,
    driver: Driver,
) -> dict[str, Any]:  # fmt: skip
    """What a cycle came to, so far, and the failures that the next one begins from."""
    bodies = {name: row.body for name, row in artefacts.items()}
    judging, export = bodies.get("judging", {}), bodies.get("export", {})
    passed, judged = int(judging.get("passed", 0)), int(judging.get("judged", 0))
    rate = (bodies.get("calibration") or {}).get("pass_rate") or rate_of(passed, judged)
    spent = store.phases_of(connection, cycle.id)
    found: dict[str, Any] = {
        "seeds": len(bodies.get("planning", {}).get("seeds", [])),
        "generated": len(bodies.get("generation", {}).get("pairs", [])),
        "kept": len(bodies.get("screening", {}).get("kept", [])),
        "judged": judged,
        "passed": passed,
        "failed": judged - passed,
        "unjudged": len(judging.get("unjudged", {})),
        "pass_rate": rate,
        "accepted": int(export.get("accepted", 0)),
        "exported": int(export.get("written", 0)),
        "vendi_share": bodies.get("screening", {}).get("vendi_share"),
        "trained": bool(bodies.get("training", {}).get("adapter")),
        "adapter": bodies.get("training", {}).get("adapter"),
        "gate": bodies.get("gate"),
        "cost_usd": round(sum(row.cost_micro for row in spent) / 1e6, 6),
        "tokens": sum(row.tokens for row in spent),
    }
    failures = {kind: msgspec.to_builtins(tried) for kind, tried in driver.failures_now(bodies).items()}
    found["failures"] = failures
    found["change"] = change(_failures(previous), failures)
    return found


def _failures(previous: CycleRow | None) -> dict[str, Any]:
    failures: dict[str, Any] = ((previous.summary if previous else None) or {}).get("failures", {})
    return failures


def change(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By kind of failure: how often it failed before and now, and the difference with Newcombe's interval (95 %).

    `shrank` is True where the whole interval lies below 0, False where it lies above, None where it cannot be told.
    """
    from flywheel_tui.stats.intervals import newcombe

    lines = []
    for kind in sorted(set(before) | set(now)):
        old, new = (msgspec.convert(side.get(kind, {"failed": 0, "tried": 0}), Tried) for side in (before, now))
        line: dict[str, Any] = {"kind": kind, "before": [old.failed, old.tried], "now": [new.failed, new.tried]}
        if old.tried and new.tried:
            low, high = newcombe(new.failed, new.tried, old.failed, old.tried)
            line |= {
                "difference": new.failed / new.tried - old.failed / old.tried, "low": low, "high": high,
                "shrank": True if high < 0 else False if low > 0 else None,
            }  # fmt: skip
        lines.append(line)
    return lines


def closing_lines(number: int, summary: Mapping[str, Any]) -> list[str]:
    """What is printed at the end of a cycle."""
    judged = summary["judged"]
    rate = summary["passed"] / judged if judged else 0.0
    lines = [f"Cycle {number} complete. Pass rate: {rate:.2%}" + ("" if judged else " (nothing was judged)")]
    told = [line for line in summary.get("change", []) if line["before"][1] and line["now"][1]]
    for line in told:
        word = {True: "fewer", False: "more", None: "no clear change"}[line.get("shrank")]
        (failed, tried), (failed_now, tried_now) = line["before"], line["now"]
        lines.append(f"  {line['kind']}: {failed}/{tried} failed before, {failed_now}/{tried_now} now ({word})")
    return lines
