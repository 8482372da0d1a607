"""A workspace whose judges and people have something for every view of Calibrate, the same every time."""

from __future__ import annotations

import random
from pathlib import Path

from fixtures_workspace import NOON, add, drafts, label_uid
from judged import judged

from flywheel_tui.records.judgment import Verdict
from flywheel_tui.records.label import Decision
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.label import decide
from flywheel_tui.workspace import Workspace

PAIRS = 300
CRITERIA = ("accuracy", "helpfulness", "style")


def calibrated(folder: Path) -> Workspace:
    """300 pairs: ana on 240 of them, bo on 120, cy on 90; two judges with scores and criteria, preferences apart."""
    workspace = Workspace.open(folder / "work", create=True)
    add(workspace, "demo", drafts(PAIRS))
    rng = random.Random(7)
    ids = ids_of(workspace, "demo")
    quality = {pair: rng.random() for pair in ids}
    for who, count, slip in (("ana", 240, 0.03), ("bo", 120, 0.08), ("cy", 90, 0.12)):
        for pair in ids[:count]:
            good = (quality[pair] > 0.35) != (rng.random() < slip)
            label(workspace, pair, "approved" if good else "rejected", who, blind=not (who == "ana" and pair % 40 == 0))
    for tag, noise, identity in (("judge_a", 1.2, "one"), ("judge_b", 2.4, "two")):
        said: dict[int, object] = {}
        for pair in ids[:280]:
            score = min(10.0, max(1.0, round(1 + 9 * quality[pair] + rng.gauss(0, noise), 1)))
            parts = {
                name: min(10.0, max(1.0, round(score + rng.gauss(0, 1 + at), 1))) for at, name in enumerate(CRITERIA)
            }
            said[pair] = Verdict(passed=score >= 6, score=score, scores=parts)
        said |= dict.fromkeys(ids[100:106], "unparsed")
        judged(workspace, tag, said, identity=identity)
    add(workspace, "prefs", [
        Draft(kind="preference", instruction=f"Which one, {n}?", output=f"One {n}.", body={"rejected": f"Two {n}."},
              line=n) for n in range(1, 61)
    ])  # fmt: skip
    answers = {}
    for pair in ids_of(workspace, "prefs"):
        right = rng.choice(["a", "a", "b", "tie"])
        label(workspace, pair, "approved", "ana", preference=right)
        answers[pair] = right if rng.random() < 0.75 else rng.choice(["a", "b", "tie", "unparsed"])
    judged(workspace, "pairwise", answers, dataset="prefs", identity="three")
    with workspace.store.tx() as connection:
        connection.execute("UPDATE judge_run SET created = ?", (NOON - 600_000_000,))
    return workspace


def ids_of(workspace: Workspace, dataset: str) -> list[int]:
    """The pairs of a data set in order."""
    query = "SELECT c.id FROM pair_current c JOIN dataset d ON d.id = c.dataset_id WHERE d.name = ? ORDER BY c.position"
    return [found for (found,) in workspace.store.read().execute(query, (dataset,))]


def label(
    workspace: Workspace,
    pair: int,
    status: str,
    who: str,
    *,
    preference: str | None = None,
    blind: bool = True,
    policy: str = "as is",
) -> None:
    """A label a minute before noon."""
    decide(
        workspace,
        Decision(uid=label_uid(pair, who, status), pair=pair, version=pair, reviewer=who, status=status,
                 preference=preference, blind=blind, policy=policy, answered=NOON - 60_000_000),
    )  # fmt: skip
