"""The whole story of one pair: its versions, what it was made from, what was made from it, what was said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import PairView
from flywheel_tui.store import lineage, views
from flywheel_tui.store.lineage import Event, FindingLine, MadeLine, Relative, VerdictLine, Version

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What `trace` tells. `ancestors` lead back to the seeds, `descendants` down to what grew from the pair;
    `made` is there for pairs that a recipe made, also from no other pair.

    Which exports held the pair is not in it: a snapshot keeps a hash over its pairs, not their list.
    """

    pair: PairView
    versions: tuple[Version, ...]
    made: MadeLine | None
    ancestors: tuple[Relative, ...]
    descendants: tuple[Relative, ...]
    labels: tuple[Event, ...]
    findings: tuple[FindingLine, ...]
    verdicts: tuple[VerdictLine, ...]


def trace(workspace: Workspace, name: str, *, dataset: str | None = None) -> Trace:
    """The story of the pair that `name` means: its number, or a uid.

    Raises NotFoundError where there is none, UsageError where several data sets hold that uid and none is named.
    """
    connection = workspace.store.read()
    found = lineage.find_roots(connection, name)
    if dataset is not None:
        found = [(root, holder) for root, holder in found if holder == dataset] or found
    if len(found) > 1:
        holders = ", ".join(holder for _, holder in found)
        raise UsageError(f"several data sets hold the pair {name}: {holders}; name one with -d")
    root, holder = found[0]
    if dataset is not None and holder != dataset:
        raise UsageError(f"the pair {name} is in the data set {holder}, not in {dataset}")
    pair = views.pair_view(connection, root)
    versions = lineage.versions(connection, root)
    ids = [version.pair_id for version in versions]
    return Trace(
        pair=pair,
        versions=tuple(versions),
        made=lineage.made(connection, root),
        ancestors=tuple(lineage.ancestors(connection, ids)),
        descendants=tuple(lineage.descendants(connection, ids)),
        labels=tuple(lineage.events(connection, root)),
        findings=tuple(lineage.findings(connection, ids)),
        verdicts=tuple(lineage.verdicts(connection, pair.dataset_id, ids)),
    )
