"""Writing what the checks found: short transactions, each of which leaves the data set consistent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from flywheel_tui.stages.validate.base import Found
from flywheel_tui.stages.validate.plan import Line
from flywheel_tui.store import findings as store
from flywheel_tui.store.findings import FindingRow

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

TRANSACTION_ROWS = 2_000


class Recorder:
    """Writes for one run. `whole`: the run goes over the whole data set, so it moves the watermarks."""

    def __init__(self, workspace: Workspace, dataset_id: int, lines: Sequence[Line], *, whole: bool) -> None:
        self._workspace, self._dataset_id, self._whole = workspace, dataset_id, whole
        self._lines = {line.name: line for line in lines}
        connection = workspace.store.read()
        self._had = {line.name: store.has_findings(connection, dataset_id, line.name) for line in lines}

    def write_batch(self, ids: list[int], seen: dict[str, list[int]], found: list[FindingRow]) -> None:
        """Replace what the checks in `seen` had said of the versions that they were given.

        The transactions end between two pairs, and the watermarks move along in them.
        """
        if not seen:
            return
        found.sort(key=lambda row: row.pair)
        for part, some in _portions(ids, found):
            within = set(part)
            moving = [line for name, line in self._lines.items() if self._whole and name in seen]
            moving = [line for line in moving if part[-1] > line.upto]
            with self._workspace.store.tx(durable=False) as connection:
                touched = {row.pair for row in some}
                for names, mine in _by_rows(seen):
                    if stale := [name for name in names if self._had[name]]:
                        touched.update(store.forget(connection, within.intersection(mine), stale))
                store.insert(connection, self._dataset_id, some)
                store.recount(connection, touched)
                for line in moving:
                    store.write_state(connection, self._dataset_id, line.name, line.new_state(part[-1]))
            for line in moving:
                line.upto = part[-1]

    def write_difference(
        self, line: Line, found: list[FindingRow], mark: str | None, among: Collection[int] | None
    ) -> None:
        """Make what is stored of a comparing check what it says now; of the versions in `among` only, where given.

        `mark` is noted last: a run that is stopped in between compares again.
        """
        connection = self._workspace.store.read()
        before = store.of_check(connection, self._dataset_id, line.name) if self._had[line.name] else {}
        new: list[FindingRow] = []
        for row in found:
            if numbers := before.get(row):
                numbers.pop()
            else:
                new.append(row)
        old = [(row.pair, number) for row, numbers in before.items() for number in numbers]
        if among is not None:
            old = [(pair, number) for pair, number in old if pair in among]
        if old or new:
            self._note(line, None)
        for start in range(0, len(old), TRANSACTION_ROWS):
            some = old[start : start + TRANSACTION_ROWS]
            with self._workspace.store.tx(durable=False) as writer:
                store.forget_rows(writer, [number for _, number in some])
                store.recount(writer, {pair for pair, _ in some})
        for start in range(0, len(new), TRANSACTION_ROWS):
            part = new[start : start + TRANSACTION_ROWS]
            with self._workspace.store.tx(durable=False) as writer:
                store.insert(writer, self._dataset_id, part)
                store.recount(writer, {row.pair for row in part})
        self._note(line, mark)

    def _note(self, line: Line, mark: str | None) -> None:
        with self._workspace.store.tx(durable=False) as connection:
            store.write_state(connection, self._dataset_id, line.name, line.new_state(0, mark))

    def forget_partly_known(self) -> None:
        """After a look at some pairs with other options than the rest: the next run over all must look at all."""
        changed = [line for line in self._lines.values() if not line.known and not line.compares]
        if changed and not self._whole:
            with self._workspace.store.tx(durable=False) as connection:
                for line in changed:
                    store.write_state(connection, self._dataset_id, line.name, line.new_state(0))


def rows_of(line: Line, found: Sequence[Found]) -> list[FindingRow]:
    """Findings of a check as they are stored."""
    name, version = line.name, line.check.version
    return [
        FindingRow(one.pair, name, version, one.severity, one.field, one.start, one.end, one.message, one.cluster)
        for one in found
    ]


def _by_rows(seen: dict[str, list[int]]) -> list[tuple[list[str], list[int]]]:
    """Checks that were given the same rows, together."""
    groups: dict[tuple[int, int], tuple[list[str], list[int]]] = {}
    for name, ids in seen.items():
        groups.setdefault((len(ids), ids[0]), ([], ids))[0].append(name)
    return list(groups.values())


def _portions(ids: list[int], found: list[FindingRow]) -> Iterator[tuple[list[int], list[FindingRow]]]:
    """The batch cut so that a portion holds whole pairs and about TRANSACTION_ROWS findings; `found` is by pair."""
    if len(found) <= TRANSACTION_ROWS:
        yield ids, found
        return
    by_pair: dict[int, list[FindingRow]] = {}
    for row in found:
        by_pair.setdefault(row.pair, []).append(row)
    part: list[int] = []
    some: list[FindingRow] = []
    for id in ids:
        part.append(id)
        some += by_pair.get(id, ())
        if len(some) >= TRANSACTION_ROWS:
            yield part, some
            part, some = [], []
    if part:
        yield part, some
