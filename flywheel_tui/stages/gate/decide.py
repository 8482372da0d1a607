"""What a person decides: promote, refuse, roll back. Each with a name and a reason, kept for good."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import ConflictError, FlywheelError, InputError, NotFoundError, UsageError
from flywheel_tui.records.evaluation import Judgement
from flywheel_tui.stages.evaluate.sides import adapter_hash, registered
from flywheel_tui.stages.gate.bundle import bundle_path
from flywheel_tui.stages.gate.derive import GATES
from flywheel_tui.stages.gate.files import read_bundle
from flywheel_tui.stages.gate.verify import verify_bundle
from flywheel_tui.store import evaluations, training
from flywheel_tui.store import gate as store
from flywheel_tui.store.gate import BundleRow, DecisionRow, NewDecision, Pointer

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

KEEP = 5
"""So many promoted adapters stay ready to be rolled back to; older ones are retired (their files stay)."""
POINTER = "adapters/current.json"
MOST_CHARACTERS = 2000


class GateClosed(FlywheelError):
    """The evidence does not allow it (exit code 1)."""

    exit_code = 1


class InUse(msgspec.Struct, frozen=True, kw_only=True):
    """The adapter in use for a base; '' is the base alone. `path` is absolute."""

    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    path: str
    since: int


def approve(
    workspace: Workspace, bundle: str, *, reviewer: str, reason: str, override: bool = False, source: str = "human"
) -> DecisionRow:
    """Promote the adapter of a bundle: it is in use for its base from now on.

    Raises UsageError without a name and a reason, InputError where the bundle or the adapter is not what was evaluated,
    GateClosed where the verdict is not PASS or another adapter is in use than it was compared with (unless
    `override`), ConflictError where it is in use already.
    """
    reviewer, reason = _signed(reviewer, reason)
    row = _unchanged(workspace, bundle)
    evaluation = evaluations.get_evaluation(workspace.store.read(), row.evaluation_id)
    if not row.adapter:
        raise UsageError(f"the bundle {row.hash[:12]} is about the base alone: there is nothing to promote")
    path = _adapter_path(workspace, row)
    if row.verdict != "PASS" and not override:
        raise GateClosed(f"the verdict is {row.verdict}: {_open_gates(row)}; approve against it with --override")
    with workspace.store.tx() as connection:
        now = store.current_pointer(connection, row.base_hash)
        used, used_hash = (now.adapter, now.adapter_hash) if now else ("", "")
        if used_hash == row.adapter_hash:
            raise ConflictError(f"the adapter {row.adapter} is in use already")
        if used_hash != evaluation.against_hash and not override:
            raise GateClosed(
                f"it was compared with {evaluation.against or 'the base alone'}, but {used or 'the base alone'} is in"
                " use; evaluate it again with --against current, or approve with --override"
            )
        made = store.add_decision(connection, NewDecision(
            action="approve", bundle_id=row.id, bundle_hash=row.hash, verdict=row.verdict, override=override,
            adapter=row.adapter, adapter_hash=row.adapter_hash, previous=used, reviewer=reviewer, source=source,
            reason=reason,
        ))  # fmt: skip
        store.move_pointer(
            connection, base_hash=row.base_hash, base=row.base, adapter=row.adapter, adapter_hash=row.adapter_hash,
            path=path, decision_id=made.id,
        )  # fmt: skip
        _state(connection, row.adapter, row.adapter_hash, "promoted")
        _retire(connection, row.base_hash)
    sync_pointer(workspace)
    return made


def reject(workspace: Workspace, bundle: str, *, reviewer: str, reason: str, source: str = "human") -> DecisionRow:
    """Refuse the adapter of a bundle. What is in use stays in use.

    Raises UsageError without a name and a reason, InputError where the bundle was changed, ConflictError where its
    adapter is in use.
    """
    reviewer, reason = _signed(reviewer, reason)
    row = _unchanged(workspace, bundle)
    with workspace.store.tx() as connection:
        now = store.current_pointer(connection, row.base_hash)
        if now is not None and row.adapter_hash and now.adapter_hash == row.adapter_hash:
            raise ConflictError(f"the adapter {row.adapter} is in use; take it back with: flywheel gate rollback")
        used = now.adapter if now else ""
        made = store.add_decision(connection, NewDecision(
            action="reject", bundle_id=row.id, bundle_hash=row.hash, verdict=row.verdict, override=False, adapter=used,
            adapter_hash=now.adapter_hash if now else "", previous=used, reviewer=reviewer, source=source,
            reason=reason,
        ))  # fmt: skip
        _state(connection, row.adapter, row.adapter_hash, "refused")
    return made


def rollback(workspace: Workspace, *, reviewer: str, reason: str, base: str = "", source: str = "human") -> DecisionRow:
    """Put the adapter back in use that was before the present one (the base alone where there was none).

    `base` names the base model (its name, or the beginning of its hash) where adapters of several are in use. Raises
    UsageError without a name and a reason or where nothing is in use, InputError where the files of the adapter before
    are not what they were.
    """
    reviewer, reason = _signed(reviewer, reason)
    with workspace.store.tx() as connection:
        now = _in_use(connection, base)
        history = store.pointer_history(connection, now.base_hash)
        target = _before(connection, now)
        pointer = next((one for one in history if one.adapter == target), None) if target else None
        if pointer is not None and (found := adapter_hash(workspace.root / pointer.path)) != pointer.adapter_hash:
            raise InputError(
                f"the adapter {target} is not the one that was in use (hash {found[:12]}, not"
                f" {pointer.adapter_hash[:12]})", file=pointer.path, remedy="restore its folder first",
            )  # fmt: skip
        made = store.add_decision(connection, NewDecision(
            action="rollback", bundle_id=None, bundle_hash=None, verdict=None, override=False, adapter=target,
            adapter_hash=pointer.adapter_hash if pointer else "", previous=now.adapter, reviewer=reviewer,
            source=source, reason=reason,
        ))  # fmt: skip
        store.move_pointer(
            connection, base_hash=now.base_hash, base=now.base, adapter=target,
            adapter_hash=pointer.adapter_hash if pointer else "", path=pointer.path if pointer else "",
            decision_id=made.id,
        )  # fmt: skip
        _state(connection, now.adapter, now.adapter_hash, "rolled_back")
        if pointer is not None:
            _state(connection, target, pointer.adapter_hash, "promoted")
    sync_pointer(workspace)
    return made


def in_use(workspace: Workspace) -> list[InUse]:
    """What is in use, one for each base that anything was promoted for."""
    return [_shown(workspace, pointer) for pointer in store.current_pointers(workspace.store.read())]


def sync_pointer(workspace: Workspace) -> Path:
    """Write `adapters/current.json` where it does not say what the database says: whole, or not at all."""
    path = workspace.root / POINTER
    content = msgspec.json.format(msgspec.json.encode({"in_use": in_use(workspace)}), indent=2) + b"\n"
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    return path


def _shown(workspace: Workspace, pointer: Pointer) -> InUse:
    path = str(workspace.root / pointer.path) if pointer.path else ""
    return InUse(
        base=pointer.base, base_hash=pointer.base_hash, adapter=pointer.adapter, adapter_hash=pointer.adapter_hash,
        path=path, since=pointer.at,
    )  # fmt: skip


def _signed(reviewer: str, reason: str) -> tuple[str, str]:
    reviewer, reason = reviewer.strip(), reason.strip()
    if not reviewer or not reason:
        missing = "a name (--reviewer NAME)" if not reviewer else "a reason (--reason TEXT)"
        raise UsageError(f"a decision of the gate needs {missing}: it is kept for good")
    return reviewer[:MOST_CHARACTERS], reason[:MOST_CHARACTERS]


def _unchanged(workspace: Workspace, name: str) -> BundleRow:
    """The bundle, if it is in the workspace, whole, and computes to what it says."""
    row = store.find_bundle(workspace.store.read(), name)
    path = bundle_path(workspace, row.hash)
    found = verify_bundle(path, expected=row.hash)
    if not found.ok:
        first = found.problems[0]
        more = f" and {len(found.problems) - 1} more problems" if len(found.problems) > 1 else ""
        raise InputError(
            f"{first.what}{more}: nothing is decided on evidence that was changed", file=str(path / first.file),
            remedy="look with flywheel gate verify, then evaluate again",
        )  # fmt: skip
    gates = msgspec.json.decode(read_bundle(path)[GATES], type=Judgement)
    return msgspec.structs.replace(row, verdict=gates.verdict, gates=gates.gates)


def _adapter_path(workspace: Workspace, row: BundleRow) -> str:
    """Where the adapter lies, relative to the workspace if it is in it. Raises InputError where it has changed."""
    try:
        path = registered(workspace, row.adapter).path
    except NotFoundError:
        path = Path(row.adapter)
    assert path is not None
    if (now := adapter_hash(path)) != row.adapter_hash:
        raise InputError(
            f"is not the adapter that was evaluated (hash {now[:12]}, not {row.adapter_hash[:12]})", file=str(path),
            remedy="evaluate it again",
        )  # fmt: skip
    return str(path.relative_to(workspace.root)) if path.is_relative_to(workspace.root) else str(path)


def _open_gates(row: BundleRow) -> str:
    told = [
        f"{gate.gate} {gate.verdict} ({gate.missing or gate.why})"
        for gate in row.gates
        if gate.gate != "G7" and gate.verdict in ("FAIL", "INCONCLUSIVE")
    ]
    return "; ".join(told) or "the criteria were registered after the outcome could be seen"


def _state(connection: Connection, name: str, hash: str, state: str) -> None:
    """Say it of a registered adapter too; a plain folder has no state."""
    try:
        row = training.adapter_named(connection, name)
    except NotFoundError:
        return
    if row.hash == hash:
        training.set_adapter_state(connection, row.id, state)


def _retire(connection: Connection, base_hash: str) -> None:
    kept = list(dict.fromkeys(one.adapter for one in store.pointer_history(connection, base_hash) if one.adapter))
    for name in kept[KEEP:]:
        try:
            row = training.adapter_named(connection, name)
        except NotFoundError:
            continue
        if row.state == "promoted":
            training.set_adapter_state(connection, row.id, "retired")


def _in_use(connection: Connection, base: str) -> Pointer:
    used = [one for one in store.current_pointers(connection) if one.adapter]
    if base:
        used = [one for one in used if one.base == base or one.base_hash.startswith(base)]
    if not used:
        raise UsageError("no adapter is in use" + (f" for {base}" if base else "") + ": there is nothing to roll back")
    if len(used) > 1:
        raise UsageError(f"adapters of several bases are in use; name one: --base {used[0].base_hash[:12]} …")
    return used[0]


def _before(connection: Connection, now: Pointer) -> str:
    """What was in use when the present adapter was approved."""
    for decision in store.decisions(connection, limit=100_000):
        if decision.action == "approve" and decision.adapter_hash == now.adapter_hash:
            return decision.previous
    return ""
