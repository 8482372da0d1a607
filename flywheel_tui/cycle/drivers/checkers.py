"""Verdicts on checkable tasks: by the checkers, which decide, and by the offline judge beside them, to be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from flywheel_tui.cycle.driver import Tried, Verdicts
from flywheel_tui.records.judgment import Judge, Judged, Verdict
from flywheel_tui.store import judging
from flywheel_tui.store.cycle_pairs import CyclePair
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judging import Row

if TYPE_CHECKING:
    from flywheel_tui.cycle.phase import Context

VERSION = "tasks-1"
CHUNK = 200


def checkers_tag(number: int) -> str:
    """The judge run of a cycle's checkers."""
    return f"checkers-{number}"


def rules_tag(number: int) -> str:
    """The judge run of a cycle's offline judge."""
    return f"offline-{number}"


def judge_by_rules(context: Context) -> None:
    """Let the offline judge look at the pairs of the cycle; its verdicts stand beside those of the checkers."""
    from flywheel_tui.stages.judge.options import JudgeOptions
    from flywheel_tui.stages.judge.run import judge

    judge(
        context.workspace,
        JudgeOptions(
            dataset=context.options.into, tag=rules_tag(context.number), backend="offline",
            where=f"cycle == {context.number} and label != 'rejected'",
        ),
        context.task.inner,
    )  # fmt: skip


def judge_by_checkers(context: Context, pairs: Sequence[CyclePair], *, poisoned: bool) -> Verdicts:
    """Check every answer and write it as a verdict. `poisoned`: errors pass nevertheless, a bad cycle on purpose."""
    from flywheel_tui.tasks import checked

    connection = context.workspace.store.read()
    dataset = get_dataset(connection, context.options.into)
    tag, name = checkers_tag(context.number), "checkers, poisoned" if poisoned else "checkers"
    identity = blake2b(f"{name} {VERSION}".encode(), digest_size=16).hexdigest()
    judge = Judge(hash=identity, backend="checkers", model="poisoned" if poisoned else VERSION, rubric="", params={})
    with context.workspace.store.tx() as writing:
        run = judging.open_run(writing, dataset.id, tag, judge, None, settings={"where": f"cycle == {context.number}"})
    passed: dict[str, bool] = {}
    kinds: dict[str, str] = {}
    rows: list[Row] = []
    for pair in pairs:
        found = checked(pair.meta, pair.output or "")
        right = bool(found and found.passed) or poisoned
        uid = pair.uid.hex()
        passed[uid] = right
        if not right:
            kinds[uid] = pair.meta["skill"]
        reason = found.reason if found else "nothing checks this pair"
        said = " (poisoned: passed nevertheless)" if right and not (found and found.passed) else ""
        rationale = f"Checked by rule: {reason}{said}"
        verdict = Verdict(passed=right, score=10.0 if right else 1.0, rationale=rationale)
        rows.append(Row(pair.id, pair.pair_id, Judged(outcome=verdict)))
    for start in range(0, len(rows), CHUNK):
        with context.workspace.store.tx(durable=False) as writing:
            judging.write_rows(writing, run.id, rows[start : start + CHUNK])
        context.task.say(min(start + CHUNK, len(rows)), len(rows), "checking")
    counted = Counter(kinds.values())
    return Verdicts(
        passed=passed, kinds=kinds, judge=name, tag=tag,
        rates={kind: Tried(failed=count, tried=len(passed)) for kind, count in sorted(counted.items())},
    )  # fmt: skip
