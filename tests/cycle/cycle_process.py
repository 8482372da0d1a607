"""Turns a small wheel, and kills it: `python cycle_process.py FOLDER KILLS|-`, where KILLS is JSON.

Every kill is [cycle, phase, moment]: moment "before" (the phase is not begun), a number (inside it, right after so many
transactions were committed) or "after" (its end is committed, the next is not begun). One process is forked for each,
which kills itself with SIGKILL and leaves the rest to the next; the last one runs to the end. Prints the kills that
came true.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.cycle import engine
from flywheel_tui.cycle.driver import Tried, Verdicts, driver
from flywheel_tui.cycle.drivers.text import TextDriver
from flywheel_tui.cycle.labels import script_label
from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.cycle.phase import Context, Done
from flywheel_tui.jobs.runner import run_foreground
from flywheel_tui.store.cycle_pairs import CyclePair
from flywheel_tui.store.db import Store
from flywheel_tui.workspace import Workspace

OPTIONS = CycleOptions(
    driver="fixed", seeds=("benefits of green tea", "history of the lighthouse", "how bread rises"), into="grown",
    count=9, backend="offline", judge_backend="offline", labels=5, max_cycles=2, min_pass_rate=0.0, checks=("schema",),
    train="always", base="nothing", seed=7,
)  # fmt: skip


@driver
class Fixed(TextDriver):
    """Real generation, checks, rules and labels; some verdicts are turned so that there are failures; no training."""

    name = "fixed"

    def check_evaluation(self, options: CycleOptions) -> None:
        """Its gate measures nothing."""

    def judge(self, context: Context, pairs: Sequence[CyclePair]) -> Verdicts:
        found = super().judge(context, pairs)
        failed = {uid for uid in found.passed if uid[0] in "012345"}
        kinds = {uid: "factual" if uid[1] in "01234567" else "format" for uid in sorted(failed)}
        rates = {
            kind: Tried(failed=list(kinds.values()).count(kind), tried=len(found.passed)) for kind in kinds.values()
        }
        passed = {uid: uid not in failed for uid in found.passed}
        return msgspec.structs.replace(found, passed=passed, kinds=kinds, rates=rates, cost_micro=0, tokens=0)

    def label(self, context: Context, pairs: Sequence[CyclePair]) -> bool:
        for pair in pairs:
            script_label(context, pair, "rejected" if pair.uid[0] < 64 else "approved", "fixed reviewer")
        return True

    def train(self, context: Context) -> Done:
        return Done({"adapter": context.body("export")["snapshot"], "name": "none"}, {}, 1)

    def gate(self, context: Context) -> Done:
        return Done({"decision": "promoted", "verdict": "PASS", "by": "nobody"}, {}, 1)


class Killer:
    """Kills this process at a moment."""

    def __init__(self, cycle: int, phase: str, moment: str | int) -> None:
        self.cycle, self.phase, self.moment, self.inside, self.commits = cycle, phase, moment, False, 0

    def install(self) -> None:
        """Put itself around the engine's phases and the store's transactions."""
        run_phase, tx = engine._Turning._phase, Store.tx

        def watched(
            turning: Any, run: Any, cycle: Any, previous: Any, artefacts: Any, position: int, phase: Any
        ) -> Any:
            mine = cycle.number == self.cycle and phase.name == self.phase
            if mine and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            self.inside = mine and isinstance(self.moment, int)
            outcome = run_phase(turning, run, cycle, previous, artefacts, position, phase)
            self.inside = False
            if mine:
                # also where it had fewer transactions left than were to be counted
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome

        @contextmanager
        def counted(store: Store, *, durable: bool = True) -> Iterator[Any]:
            outer = store._depth == 0
            with tx(store, durable=durable) as connection:
                yield connection
            if outer and self.inside:
                self.commits += 1
                if self.commits == self.moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        engine._Turning._phase = watched  # type: ignore[method-assign]
        Store.tx = counted  # type: ignore[method-assign, assignment]


def turn(folder: Path, options: CycleOptions, kill: Killer | None) -> None:
    """Run what is left, or until the kill."""
    if kill is not None:
        kill.install()
    with Workspace.open(folder) as workspace:
        run_foreground(workspace, "cycle", msgspec.to_builtins(options), title="killed")


def main(folder: Path, kills: list[tuple[int, str, str | int]], options: CycleOptions) -> list[Any]:
    """Fork for each kill, then for the end; the kills that came true. Exits with 1 where a process failed otherwise."""
    true: list[Any] = []
    for kill in [*kills, None]:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                turn(folder, options, Killer(*kill) if kill else None)
                status = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        if os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL:
            true.append(kill)
        elif os.WEXITSTATUS(ended) != 0:
            sys.exit(f"a process failed at {kill}")
    return true


if __name__ == "__main__":
    place = Path(sys.argv[1])
    wanted = [] if sys.argv[2] == "-" else json.loads(sys.argv[2])
    options = msgspec.json.decode(sys.argv[3].encode(), type=CycleOptions) if len(sys.argv) > 3 else OPTIONS
    Workspace.open(place, create=True).close()
    # imports before the forks: what a child needs is there
    engine.phases()
    sys.stdout.write(json.dumps(main(place, wanted, options)))
