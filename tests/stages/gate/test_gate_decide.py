"""What a person decides: promote, refuse, roll back; with a name and a reason, on evidence that is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_helpers import BASE, make_adapter, options, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.errors import ConflictError, InputError, NotFoundError, UsageError
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate.sides import adapter_hash
from flywheel_tui.stages.gate import GateClosed, approve, in_use, make_bundle, reject, rollback
from flywheel_tui.stages.gate.decide import KEEP, POINTER
from flywheel_tui.store import gate as store
from flywheel_tui.store import training
from flywheel_tui.store.gate import BundleRow
from flywheel_tui.workspace import Workspace

CRITERIA = Criteria(leave_out=("G2", "G3", "G4"), resamples=50)
WHO = {"reviewer": "Ana", "reason": "it is better"}


def skilled(adapter: str, prompt: str) -> str:
    """An adapter `aN` knows the first 20·N tasks; `bad` none, the base none."""
    number = int(prompt.split()[1].rstrip("?"))
    level = int(adapter[1:]) if adapter[1:].isdigit() else 0
    return str(number) if number < 20 * level else "?"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    use_models(monkeypatch, skilled)
    tasks_file(tmp_path / "tasks.jsonl", {"add": 200})
    return make_workspace(tmp_path / "w", training_pairs())


def adapter(workspace: Workspace, name: str) -> str:
    """A registered adapter."""
    folder = workspace.root / "adapters" / name
    make_adapter(folder, name)
    with workspace.store.tx() as connection:
        training.add_adapter(connection, training.NewAdapter(
            name=name, training_run_id=None, base="tiny", base_hash=BASE.hash, path=f"adapters/{name}", method="sft",
            hash=adapter_hash(folder),
        ))  # fmt: skip
    return name


def bundle(workspace: Workspace, name: str, against: str = "current", **criteria: Any) -> BundleRow:
    asked = options(
        workspace, adapter=name, against=against, tasks=str(workspace.root.parent / "tasks.jsonl"),
        criteria=CRITERIA if not criteria else Criteria(**criteria),
    )  # fmt: skip
    return make_bundle(workspace, evaluate(workspace, asked).id)


def state(workspace: Workspace, name: str) -> str:
    return training.adapter_named(workspace.store.read(), name).state


def last_decisions(workspace: Workspace) -> dict[str, tuple[str | None, str | None]]:
    """What became of each bundle, and through whom."""
    return {row.adapter: (row.decision, row.reviewer) for row in store.bundles(workspace.store.read())}


def used(workspace: Workspace) -> list[str]:
    """What is in use by the database, and by the file that others read."""
    said = json.loads((workspace.root / POINTER).read_bytes())["in_use"]
    found = in_use(workspace)
    assert [one["adapter"] for one in said] == [one.adapter for one in found]
    return [one.adapter for one in found]


def test_approve_and_roll_back(workspace: Workspace) -> None:
    one = bundle(workspace, adapter(workspace, "a1"))
    assert one.verdict == "PASS", one.gates
    made = approve(workspace, one.hash, **WHO)
    assert (made.adapter, made.previous, made.bundle_hash, made.verdict) == ("a1", "", one.hash, "PASS")
    assert used(workspace) == ["a1"] and state(workspace, "a1") == "promoted"
    approve(workspace, str(bundle(workspace, adapter(workspace, "a2")).id), **WHO)
    assert used(workspace) == ["a2"]
    back = rollback(workspace, reviewer="Bo", reason="complaints")
    assert (back.adapter, back.previous, back.reviewer) == ("a1", "a2", "Bo")
    assert used(workspace) == ["a1"]
    assert (state(workspace, "a1"), state(workspace, "a2")) == ("promoted", "rolled_back")
    assert last_decisions(workspace) == {"a1": ("approve", "Ana"), "a2": ("rollback", "Bo")}
    path = Path(in_use(workspace)[0].path)
    assert path == workspace.root / "adapters" / "a1" and (path / "adapter_model.safetensors").read_text() == "a1"
    assert rollback(workspace, reviewer="Bo", reason="more complaints").adapter == ""
    assert used(workspace) == [""]
    approve(workspace, one.hash, **WHO)
    assert last_decisions(workspace) == {"a1": ("approve", "Ana"), "a2": ("rollback", "Bo")}
    rollback(workspace, reviewer="Bo", reason="complaints again")
    assert last_decisions(workspace) == {"a1": ("rollback", "Bo"), "a2": ("rollback", "Bo")}
    with pytest.raises(UsageError, match="no adapter is in use"):
        rollback(workspace, reviewer="Bo", reason="again")
    actions = [decision.action for decision in store.decisions(workspace.store.read())]
    assert actions == ["rollback", "approve", "rollback", "rollback", "approve", "approve"]


@pytest.mark.parametrize(("reviewer", "reason", "words"), [("", "x", "a name"), ("Ana", " ", "a reason")])
def test_no_decision_without_a_name_and_a_reason(workspace: Workspace, reviewer: str, reason: str, words: str) -> None:
    made = bundle(workspace, adapter(workspace, "a1"))
    for do in (approve, reject):
        with pytest.raises(UsageError, match=words):
            do(workspace, made.hash, reviewer=reviewer, reason=reason)
    with pytest.raises(UsageError, match=words):
        rollback(workspace, reviewer=reviewer, reason=reason)
    assert store.decisions(workspace.store.read()) == []


def test_only_a_pass_is_promoted_unless_somebody_says_why_not(workspace: Workspace) -> None:
    approve(workspace, bundle(workspace, adapter(workspace, "a2")).hash, **WHO)
    worse = bundle(workspace, adapter(workspace, "a1"))
    assert worse.verdict == "FAIL"
    with pytest.raises(GateClosed, match="the verdict is FAIL: G1 FAIL") as refused:
        approve(workspace, worse.hash, **WHO)
    assert refused.value.exit_code == 1 and used(workspace) == ["a2"]
    made = approve(workspace, worse.hash, reviewer="Ana", reason="a2 is too slow for us", override=True)
    assert made.override and made.verdict == "FAIL" and used(workspace) == ["a1"]


def test_an_inconclusive_one_is_not_promoted(workspace: Workspace) -> None:
    made = bundle(workspace, adapter(workspace, "a1"), resamples=50)
    assert made.verdict == "INCONCLUSIVE"
    with pytest.raises(GateClosed, match=r"G2 INCONCLUSIVE \(confirmed past failures"):
        approve(workspace, made.hash, **WHO)


def test_refused_it_stays_refused_in_the_list(workspace: Workspace) -> None:
    made = bundle(workspace, adapter(workspace, "a1"))
    decision = reject(workspace, made.hash, reviewer="Ana", reason="odd tone")
    assert (decision.action, decision.adapter) == ("reject", "")
    assert state(workspace, "a1") == "refused" and in_use(workspace) == []
    assert store.bundles(workspace.store.read())[0].decision == "reject"


def test_changed_evidence_is_not_decided_on(workspace: Workspace) -> None:
    made = bundle(workspace, adapter(workspace, "a1"))
    file = workspace.root / made.folder / "results.json"
    file.write_bytes(file.read_bytes().replace(b"0.1", b"0.2", 1))
    for do in (approve, reject):
        with pytest.raises(InputError, match=r"results.json: .*nothing is decided on evidence that was changed"):
            do(workspace, made.hash, **WHO)
    assert store.decisions(workspace.store.read()) == []


def test_evidence_that_was_exchanged_whole_is_not_decided_on(workspace: Workspace) -> None:
    import shutil

    one, two = (bundle(workspace, adapter(workspace, name)) for name in ("a1", "a2"))
    shutil.rmtree(workspace.root / one.folder)
    shutil.copytree(workspace.root / two.folder, workspace.root / one.folder)
    with pytest.raises(InputError, match="the bundle's hash is"):
        approve(workspace, one.hash, **WHO)


def test_an_adapter_that_changed_since_is_not_promoted(workspace: Workspace) -> None:
    made = bundle(workspace, adapter(workspace, "a1"))
    (workspace.root / "adapters" / "a1" / "adapter_model.safetensors").write_text("other")
    with pytest.raises(InputError, match="not the one that was trained"):
        approve(workspace, made.hash, **WHO)


def test_compared_with_something_else_than_what_is_in_use(workspace: Workspace) -> None:
    old = bundle(workspace, adapter(workspace, "a1"), against="")
    approve(workspace, bundle(workspace, adapter(workspace, "a2")).hash, **WHO)
    with pytest.raises(GateClosed, match="compared with the base alone, but a2 is in use"):
        approve(workspace, old.hash, **WHO)
    with pytest.raises(ConflictError, match="in use already"):
        approve(workspace, "2", **WHO)
    with pytest.raises(ConflictError, match="flywheel gate rollback"):
        reject(workspace, "2", **WHO)


def test_rolled_back_only_to_what_is_still_there(workspace: Workspace) -> None:
    for name in ("a1", "a2"):
        approve(workspace, bundle(workspace, adapter(workspace, name)).hash, **WHO)
    (workspace.root / "adapters" / "a1" / "adapter_model.safetensors").write_text("other")
    with pytest.raises(InputError, match="is not the one that was in use"):
        rollback(workspace, **WHO)
    assert used(workspace) == ["a2"]


def test_old_adapters_retire(workspace: Workspace) -> None:
    names = [f"a{number}" for number in range(1, KEEP + 3)]
    for name in names:
        approve(workspace, bundle(workspace, adapter(workspace, name)).hash, **WHO)
    assert [state(workspace, name) for name in names] == ["retired"] * 2 + ["promoted"] * KEEP


def test_the_base_alone_is_not_promoted_and_an_unknown_bundle_is_named(workspace: Workspace) -> None:
    made = bundle(workspace, "", against="")
    with pytest.raises(UsageError, match="nothing to promote"):
        approve(workspace, made.hash, override=True, **WHO)
    with pytest.raises(NotFoundError, match="no bundle named 'ffffff'; there are: 1"):
        approve(workspace, "ffffff", **WHO)


def test_decisions_are_never_changed(workspace: Workspace) -> None:
    reject(workspace, bundle(workspace, adapter(workspace, "a1")).hash, **WHO)
    for statement in ("UPDATE gate_decision SET reason = 'other'", "DELETE FROM gate_decision",
                      "UPDATE criteria SET body = '{}'", "UPDATE evaluation SET criteria_hash = 'x'"):  # fmt: skip
        with (
            pytest.raises(Exception, match=r"append-only|never changed|keeps the criteria"),
            workspace.store.tx() as connection,
        ):
            connection.execute(statement)


def test_small_losses_do_not_add_up_unseen(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of four adapters knows 8 fewer of 200 old tasks than the one before: within the margin, one by one."""

    def fading(name: str, prompt: str) -> str:
        skill, number = prompt.split()[0], int(prompt.split()[1].rstrip("?"))
        level = int(name[1:]) if name else 0
        return str(number) if number < (30 * level if skill == "add" else 200 - 8 * level) else "?"

    use_models(monkeypatch, fading)
    tasks_file(tmp_path / "tasks.jsonl", {"add": 200, "sort": 200})
    verdicts = []
    for level in range(1, 5):
        made = bundle(
            workspace, adapter(workspace, f"a{level}"), targets=("add",), leave_out=("G2", "G3"),
            forgetting_margin=0.08, resamples=50,
        )  # fmt: skip
        verdicts.append(made.verdict)
        if made.verdict != "PASS":
            assert "below their best so far: sort" in next(gate.why for gate in made.gates if gate.gate == "G4")
            break
        approve(workspace, made.hash, **WHO)
    assert verdicts[:2] == ["PASS", "PASS"] and verdicts[-1] == "FAIL"
