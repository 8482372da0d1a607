"""What the duplicates screen knows, without a widget: the clusters, where one is in them, what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.errors import NotFoundError
from flywheel_tui.records.pair import PairView
from flywheel_tui.stages import duplicates, label, views
from flywheel_tui.stages.duplicates import CHECKS, ClusterSize, Member

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable
    from flywheel_tui.workspace import Workspace


class DuplicatesState:
    """Clusters of one check in one data set. Reads and writes: its methods are for a thread."""

    def __init__(self, workspace: Workspace, dataset: str, check: str, reviewer: str) -> None:
        self._workspace, self.dataset, self.reviewer = workspace, dataset, reviewer
        self.check = check or CHECKS[0]
        self.clusters: list[ClusterSize] = []
        self.members: list[Member] = []
        self.at = 0
        self.member = 1
        self.pairs: tuple[PairView, PairView] | None = None
        """The pair on the left (the kept one) and the one on the right (the member at the cursor)."""
        self.alike = 0.0
        self._chosen = bool(check)
        self._decided: list[tuple[str, int]] = []

    @property
    def left(self) -> int:
        """Clusters that are not decided."""
        return sum(cluster.left > 1 for cluster in self.clusters)

    @property
    def right_member(self) -> Member | None:
        """The pair on the right."""
        return self.members[self.member] if self.member < len(self.members) else None

    def open(self) -> None:
        """Read the clusters; begin with the first that is not decided. An empty check gives way to the other one."""
        self.clusters = duplicates.clusters(self._workspace, self.dataset, self.check)
        if not self.clusters and not self._chosen:
            self.check = CHECKS[1]
            self.clusters = duplicates.clusters(self._workspace, self.dataset, self.check)
        self._chosen = True
        self.at = next((at for at, cluster in enumerate(self.clusters) if cluster.left > 1), 0)
        self.read()

    def other_check(self) -> None:
        """Exact duplicates, or near-duplicates."""
        self.check = CHECKS[(CHECKS.index(self.check) + 1) % len(CHECKS)]
        self.open()

    def read(self, member: int | None = None) -> None:
        """Read the pairs of the cluster; the member is the first that is not decided, unless told otherwise."""
        self.members, self.pairs = [], None
        if not self.clusters:
            return
        kept = self.clusters[self.at].kept
        try:
            self.members = duplicates.members(self._workspace, self.dataset, self.check, kept)
        except NotFoundError:
            self.clusters[self.at] = ClusterSize(kept, 0, 0)
            return
        open_ones = [at for at, each in enumerate(self.members) if at and not _decided(each)]
        wanted = member if member is not None else next(iter(open_ones), 1)
        self.member = min(max(wanted, 1), max(len(self.members) - 1, 0))
        self.clusters[self.at] = ClusterSize(kept, len(self.members), sum(not _decided(each) for each in self.members))
        self._read_pairs()

    def _read_pairs(self) -> None:
        if len(self.members) > 1:
            left, right = (views.detail(self._workspace, self.members[at].pair) for at in (0, self.member))
            self.pairs, self.alike = (left, right), duplicates.similarity(left, right)

    def step_member(self, by: int) -> None:
        """Another pair of the cluster on the right."""
        others = len(self.members) - 1
        if others > 0:
            self.member = (self.member - 1 + by) % others + 1
            self._read_pairs()

    def go(self, at: int) -> bool:
        """To a cluster; False at either end."""
        if not 0 <= at < len(self.clusters):
            return False
        self.at = at
        self.read()
        return True

    def go_undecided(self) -> bool:
        """To the next cluster that is not decided, from the beginning again at the end; False where all are."""
        order = [*range(self.at + 1, len(self.clusters)), *range(self.at + 1)]
        found = next((at for at in order if at < len(self.clusters) and self.clusters[at].left > 1), None)
        return found is not None and self.go(found)

    # -- decisions ----------------------------------------------------------------------------------------------------

    def keep(self, member: int) -> int:
        """Keep one pair of the cluster, reject the others; how many labels that wrote."""
        return self._settle([each.pair for each in self.members], {self.members[member].pair})

    def keep_all(self) -> int:
        """Keep every pair of the cluster."""
        every = [each.pair for each in self.members]
        return self._settle(every, set(every))

    def drop(self) -> int:
        """Reject the pair on the right."""
        return self._settle([self.members[self.member].pair], set())

    def _settle(self, pairs: list[int], keep: set[int]) -> int:
        changed = duplicates.settle(self._workspace, pairs, keep, self.reviewer)
        if changed:
            self._decided.append((self.check, self.clusters[self.at].kept))
        self.read(self.member)
        return changed

    def undo(self) -> Undoable | None:
        """Take back what this reviewer did last, here or elsewhere, and go to its cluster; None: nothing is left."""
        found = label.undo_last(self._workspace, self.reviewer)
        if found is None:
            return None
        check, kept = self._decided.pop() if self._decided else (self.check, -1)
        if check != self.check:
            self.check = check
        self.clusters = duplicates.clusters(self._workspace, self.dataset, self.check)
        self.at = next((at for at, cluster in enumerate(self.clusters) if cluster.kept == kept), self.at)
        self.at = min(self.at, max(len(self.clusters) - 1, 0))
        self.read()
        return found


def _decided(member: Member) -> bool:
    return member.status == "rejected" or member.distinct
