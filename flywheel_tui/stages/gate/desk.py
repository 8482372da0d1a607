"""What a person at the gate sees: the evidence of a bundle in the words of its files, and what was decided before.

The files are read as they lie there: whether they are what was sealed is a matter of `verify`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.records.evaluation import Item, JudgeEvidence, Measured
from flywheel_tui.stages.evaluate.measure import decided
from flywheel_tui.stages.gate import ab, blind
from flywheel_tui.stages.gate.ab import AbResult
from flywheel_tui.stages.gate.blind import BlindResult
from flywheel_tui.stages.gate.bundle import bundle_path
from flywheel_tui.stages.gate.decide import InUse, in_use
from flywheel_tui.stages.gate.derive import RESULTS, About, Registered, read_raw
from flywheel_tui.stages.gate.files import read_bundle
from flywheel_tui.stages.gate.verify import Verification, verify_bundle
from flywheel_tui.store import ab_tests, blind_tests
from flywheel_tui.store import gate as store
from flywheel_tui.store.gate import BundleRow, DecisionRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flywheel_tui.workspace import Workspace

EXAMPLES = 40
"""Tasks and traces that are kept of each sort for showing."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a bundle, read.

    `fixed`, `still` and `broken` are items of the regression set; `triggers` the first of `trigger_count` failure
    traces; `lineage` counts training rows by data set, and what they were made by; the others are files as they are.
    """

    about: About
    registered: Registered
    measured: Measured
    judges: tuple[JudgeEvidence, ...]
    fixed: tuple[Item, ...]
    still: tuple[Item, ...]
    broken: tuple[Item, ...]
    triggers: tuple[dict[str, Any], ...]
    trigger_count: int
    trigger_kinds: dict[str, int]
    lineage: dict[str, int]
    recipes: dict[str, int]
    labels: dict[str, int]
    data: Any
    training: Any
    costs: Any
    environment: Any
    cycle: Any


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter in use, and the one that comes back when it is taken back ('' is the base alone)."""

    now: InUse
    before: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Bundles, the newest first; what is in use."""

    bundles: tuple[BundleRow, ...]
    used: tuple[Used, ...]


class GateView(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle and what people did: `evidence` is None where it cannot be read, and `problem` says why.

    `decisions` are all there are, the newest first; `sittings` are blind comparisons of this bundle's evaluation.
    """

    bundle: BundleRow
    evidence: Evidence | None
    problem: str
    decisions: tuple[DecisionRow, ...]
    sittings: tuple[BlindResult, ...]
    tests: tuple[AbResult, ...]


def board(workspace: Workspace) -> Board:
    """What there is to decide, and what is in use."""
    connection = workspace.store.read()
    made = store.decisions(connection, limit=100_000)
    used = [
        Used(now=one, before=next((each.previous for each in made
                                   if each.action == "approve" and each.adapter_hash == one.adapter_hash), ""))
        for one in in_use(workspace)
    ]  # fmt: skip
    return Board(bundles=tuple(_newest(store.bundles(connection))), used=tuple(used))


def _newest(rows: Sequence[BundleRow]) -> Iterator[BundleRow]:
    """Without bundles on which nobody decided and which a newer one of the same evaluation replaces."""
    met: set[int] = set()
    for row in rows:
        if row.decision is not None or row.evaluation_id not in met:
            yield row
        met.add(row.evaluation_id)


def gate_view(
    workspace: Workspace, bundle: BundleRow, evidence: Evidence | None = None, *, tests: bool = True
) -> GateView:
    """A bundle with all that people did; `evidence` where it was read before. `tests` looks at those in use too."""
    connection = workspace.store.read()
    problem = ""
    if evidence is None:
        try:
            evidence = read_evidence(workspace, bundle)
        except InputError as error:
            problem = str(error)
    return GateView(
        bundle=bundle, evidence=evidence, problem=problem, decisions=tuple(store.decisions(connection)),
        sittings=sittings(workspace, bundle.evaluation_id),
        tests=tuple(ab.look(workspace, test.name) for test in ab_tests.ab_tests(connection) if tests),
    )  # fmt: skip


def sittings(workspace: Workspace, evaluation: int) -> tuple[BlindResult, ...]:
    """The blind comparisons of an evaluation, the newest first; sealed until they are over."""
    rows = blind_tests.blind_tests(workspace.store.read(), evaluation)
    return tuple(blind.result(workspace, row.id) for row in rows)


def verify(workspace: Workspace, bundle: BundleRow) -> Verification:
    """Check every hash and compute every number again. Raises InputError where there is no bundle."""
    return verify_bundle(bundle_path(workspace, bundle.hash), expected=bundle.hash)


def read_evidence(workspace: Workspace, bundle: BundleRow) -> Evidence:
    """The files of a bundle. Raises InputError that names the one which is missing or cannot be read."""
    files = read_bundle(bundle_path(workspace, bundle.hash))
    raw = read_raw(files)
    asked = [decided(item) for item in raw.items if item.group == "regression"]
    triggers, lineage, labels = (_lines(files, name) for name in ("triggers", "lineage", "labels"))
    parents = [edge for row in lineage for edge in row.get("parents") or [] if isinstance(edge, dict)]
    return Evidence(
        about=raw.about, registered=raw.registered, measured=_parsed(files, RESULTS, Measured), judges=raw.judges,
        fixed=_some(asked, False, True), still=_some(asked, False, False), broken=_some(asked, True, False),
        triggers=tuple(triggers[:EXAMPLES]), trigger_count=len(triggers),
        trigger_kinds=_counted(triggers, "error_kind", "of no kind"), lineage=_counted(lineage, "dataset", "?"),
        recipes=_counted(parents, "recipe", "by hand"), labels=_counted(labels, "status", "no status"),
        data=_parsed(files, "data.json"), training=_parsed(files, "training.json"),
        costs=_parsed(files, "costs.json"), environment=_parsed(files, "environment.json"),
        cycle=_parsed(files, "cycle.json") if "cycle.json" in files else None,
    )  # fmt: skip


def _some(items: list[Item], base: bool, candidate: bool) -> tuple[Item, ...]:
    found = [item for item in items if item.base_passed is base and item.candidate_passed is candidate]
    return tuple(found[:EXAMPLES])


def _counted(rows: list[dict[str, Any]], field: str, otherwise: str) -> dict[str, int]:
    counts = Counter(str(row.get(field) or otherwise) for row in rows)
    return dict(counts.most_common())


def _parsed(files: Mapping[str, bytes], name: str, kind: Any = Any) -> Any:
    if name not in files:
        raise InputError("is missing", file=name, remedy="the bundle is not whole: make it again")
    try:
        return msgspec.json.decode(files[name], type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(f"cannot be read ({error})", file=name, remedy="verify the bundle") from None


def _lines(files: Mapping[str, bytes], name: str) -> list[dict[str, Any]]:
    file = f"{name}.jsonl"
    if file not in files:
        raise InputError("is missing", file=file, remedy="the bundle is not whole: make it again")
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in files[file].splitlines()]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy="verify the bundle") from None
