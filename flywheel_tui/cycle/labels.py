"""Labels that a cycle writes itself: always of source `script`, under a name that says so, once for each pair."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from flywheel_tui.identity import now_us
from flywheel_tui.records.label import Decision, Source
from flywheel_tui.stages.label import decide

if TYPE_CHECKING:
    from flywheel_tui.cycle.phase import Context
    from flywheel_tui.store.cycle_pairs import CyclePair


def script_label(
    context: Context, pair: CyclePair, status: str, reviewer: str, *, reasons: tuple[str, ...] = (),
    note: str | None = None, policy: str = "cycle", inclusion: float | None = None,
) -> None:  # fmt: skip
    """Write a label of a script; its uid is made of cycle, pair and reviewer, so that twice is once."""
    key = b"\x1f".join((str(context.number).encode(), pair.uid, reviewer.encode()))
    decide(
        context.workspace,
        Decision(
            uid=blake2b(b"script label" + key, digest_size=16).digest(), pair=pair.id, version=pair.pair_id,
            reviewer=reviewer, status=status, source=Source.SCRIPT.value, reasons=reasons, note=note, policy=policy,
            inclusion=inclusion, answered=now_us(),
        ),
    )  # fmt: skip
