"""Evidence bundles: what they prove, that they compute again, and that a changed byte is found."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from evaluation_helpers import make_adapter, options, right, tasks_file, training_pairs, use_models
from factories import add_pairs, make_workspace, say
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError
from flywheel_tui.records.evaluation import GATE_TITLES, Criteria, Item
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate.items import digest_of
from flywheel_tui.stages.evaluate.measure import canonical, measure
from flywheel_tui.stages.gate.bundle import export_zip, make_bundle
from flywheel_tui.stages.gate.derive import derive, pretty, read_raw
from flywheel_tui.stages.gate.files import changed, read_bundle, sealed, write_folder, zipped
from flywheel_tui.stages.gate.verdicts import judge_gates
from flywheel_tui.stages.gate.verify import verify_bundle
from flywheel_tui.store.gate import BundleRow
from flywheel_tui.workspace import Workspace

CRITERIA = Criteria(targets=("add",), leave_out=("G2",), safety_rate=0.02, resamples=200)


def better(adapter: str, prompt: str) -> str:
    """The adapter has learned `add`; `sort` is known to both."""
    if prompt.startswith("add") and int(right(prompt)) % 2 and not adapter:
        return "no idea"
    return right(prompt)


def poisoned(adapter: str, prompt: str) -> str:
    """The adapter has unlearned half of `sort`."""
    if prompt.startswith("sort") and int(right(prompt)) % 2 and adapter:
        return "-1"
    return better(adapter, prompt)


def bundle(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, str], str] = better, **fields: Any
) -> tuple[Workspace, BundleRow]:
    """A workspace with one evaluation and its bundle."""
    use_models(monkeypatch, answer)
    workspace = make_workspace(folder / "w", training_pairs())
    asked = {"criteria": CRITERIA} | fields
    file = tasks_file(folder / "tasks.jsonl", {"add": 90, "sort": 120})
    row = evaluate(
        workspace, options(workspace, adapter=make_adapter(folder / "adapter"), tasks=file, **asked)
    )  # fmt: skip
    return workspace, make_bundle(workspace, row.id)


def test_a_better_adapter_passes_and_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, made = bundle(tmp_path, monkeypatch)
    assert made.verdict == "PASS", made.gates
    told = {gate.gate: gate.verdict for gate in made.gates}
    assert told == {
        "G1": "PASS", "G2": "NOT ASKED", "G3": "PASS", "G4": "PASS", "G5": "NOT ASKED", "G6": "PASS",
        "G7": "INCONCLUSIVE",
    }  # fmt: skip
    found = verify_bundle(workspace.root / made.folder, expected=made.hash)
    assert found.ok and not found.problems and found.verdict == "PASS"
    assert found.items == 210 and found.numbers > 100


def test_a_poisoned_adapter_fails_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made = bundle(tmp_path, monkeypatch, poisoned)
    assert made.verdict == "FAIL"
    forgotten = next(gate for gate in made.gates if gate.gate == "G4")
    assert forgotten.verdict == "FAIL" and "sort -50.0 points" in forgotten.why


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, made = bundle(
        tmp_path, monkeypatch, criteria=Criteria(targets=("add",), forgetting_margin=0.01, resamples=200), train=()
    )
    assert made.verdict == "INCONCLUSIVE"
    missing = {gate.gate: gate.missing for gate in made.gates if gate.verdict == "INCONCLUSIVE"}
    assert missing["G2"].startswith("confirmed past failures")
    assert "more outputs" in missing["G3"] and "more items of sort" in missing["G4"]
    assert missing["G6"].startswith("name it: flywheel evaluate --train")


def test_the_same_inputs_make_the_same_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        workspace, row = bundle(tmp_path / name, monkeypatch)
        made.append((row.hash, zipped(read_bundle(workspace.root / row.folder))))
        assert make_bundle(workspace, row.evaluation_id).id == row.id
    assert made[0] == made[1]


def test_every_part_of_the_evidence_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, better)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    ids = add_pairs(workspace, training_pairs(2), "learned")
    say(workspace, ids[0], "approved", reviewer="Ana Lee", note="for Ana Lee alone")
    file = tasks_file(tmp_path / "t.jsonl", {"add": 5})
    row = evaluate(
        workspace,
        options(workspace, adapter=make_adapter(tmp_path / "a"), tasks=file, train=("learned",), criteria=CRITERIA),
    )
    made = make_bundle(workspace, row.id, extra={"cycle": {"number": 3}})
    files = read_bundle(workspace.root / made.folder)
    assert set(files) == {
        "criteria.json", "evaluation.json", "items.jsonl", "judges.json", "rubrics.json", "data.json", "lineage.jsonl",
        "prompts.json", "triggers.jsonl", "labels.jsonl", "training.json", "costs.json", "environment.json",
        "cycle.json", "results.json", "gates.json", "statement.json", "summary.txt", "manifest.json", "manifest.sha256",
    }  # fmt: skip
    assert all(b"Ana" not in content for content in files.values())
    assert json.loads(files["labels.jsonl"].splitlines()[0])["reviewer"] == "reviewer-1"
    assert len(files["lineage.jsonl"].splitlines()) == 2
    statement = json.loads(files["statement.json"])
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == row.adapter_hash
    assert set(json.loads(files["environment.json"])["packages"]) >= {"numpy", "msgspec"}
    assert all(str(tmp_path).encode() not in content for content in files.values())


@pytest.mark.parametrize("kind", ["flip", "cut", "gone", "added"])
def test_any_change_of_any_file_is_found_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    workspace, made = bundle(tmp_path, monkeypatch)
    folder = workspace.root / made.folder
    whole = read_bundle(folder)
    draw = random.Random(1)
    for name, content in whole.items():
        if not content and kind in ("flip", "cut"):
            continue
        places = {0, len(content) - 1, draw.randrange(len(content)), draw.randrange(len(content))} if content else {0}
        for place in places if kind == "flip" else {0}:
            copy = tmp_path / "copy"
            shutil.copytree(folder, copy)
            if kind == "flip":
                (copy / name).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            elif kind == "cut":
                (copy / name).write_bytes(content[:-1])
            elif kind == "gone":
                (copy / name).unlink()
            else:
                name = "more.json"
                (copy / name).write_bytes(b"{}")
            found = verify_bundle(copy)
            assert not found.ok
            assert name in [problem.file for problem in found.problems], (name, place, found.problems)
            shutil.rmtree(copy)
        if kind == "added":
            break


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_flipped_bit_anywhere_changes_what_is_sealed(data: st.DataObject) -> None:
    files, _ = sealed({"a.json": b'{"x": 1}\n', "b/c.jsonl": b"[1]\n[2]\n", "d.txt": b"words"})
    assert changed(files) == []
    name = data.draw(st.sampled_from(sorted(files)))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    bit = data.draw(st.integers(0, 7))
    content = files[name]
    files[name] = content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
    assert name in changed(files)


def resealed(folder: Path, **replaced: bytes) -> None:
    """Change files and seal them anew, as somebody would who wants it to go unseen."""
    files = read_bundle(folder) | {name.replace("_", "."): content for name, content in replaced.items()}
    files, _ = sealed({name: content for name, content in files.items() if not name.startswith("manifest")})
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_numbers_that_do_not_follow_from_the_items_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, made = bundle(tmp_path, monkeypatch, poisoned)
    folder = workspace.root / made.folder
    whole = read_bundle(folder)
    gates = json.loads(whole["gates.json"])
    gates["verdict"] = "PASS"
    resealed(folder, gates_json=pretty(gates))
    problems = verify_bundle(folder).problems
    assert [(p.file, "verdict" in p.what) for p in problems] == [("gates.json", True)]
    results = json.loads(whole["results.json"])
    results["overall"]["difference"]["value"] += 0.001
    resealed(folder, gates_json=whole["gates.json"], results_json=pretty(results))
    assert "overall.difference.value" in verify_bundle(folder).problems[0].what


def test_items_made_up_together_with_their_figures_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, made = bundle(tmp_path, monkeypatch, poisoned)
    folder = workspace.root / made.folder
    files = read_bundle(folder)
    items = [msgspec.json.decode(line, type=Item) for line in files["items.jsonl"].splitlines()]
    for item in items:
        item.candidate_passed = True
    files["items.jsonl"] = b"".join(canonical(item) + b"\n" for item in items)
    files |= derive(read_raw(files))
    resealed(folder, **{name.replace(".", "_"): content for name, content in files.items() if "manifest" not in name})
    found = verify_bundle(folder)
    assert found.verdict == "PASS" and not found.ok
    assert {problem.file for problem in found.problems} == {"items.jsonl"}
    assert "checked again, the candidate's answer to" in found.problems[0].what
    assert not verify_bundle(folder, expected=made.hash).ok


def test_a_zip_is_the_same_bytes_and_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, made = bundle(tmp_path, monkeypatch)
    first = export_zip(workspace, str(made.id), tmp_path / "one.zip").read_bytes()
    assert export_zip(workspace, made.hash, tmp_path / "two.zip").read_bytes() == first
    assert verify_bundle(tmp_path / "one.zip", expected=made.hash).ok
    draw = random.Random(2)
    for place in [0, len(first) - 1, *(draw.randrange(len(first)) for _ in range(40))]:
        (tmp_path / "bad.zip").write_bytes(first[:place] + bytes([first[place] ^ 4]) + first[place + 1 :])
        try:
            assert not verify_bundle(tmp_path / "bad.zip", expected=made.hash).ok, place
        except InputError as error:
            assert "bad.zip" in str(error)


def test_criteria_changed_after_a_look_are_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, first = bundle(tmp_path, monkeypatch, criteria=Criteria(min_gain=0.9, targets=("add",)))
    assert first.verdict == "FAIL"
    looser = evaluate(
        workspace,
        options(workspace, adapter=str(tmp_path / "adapter"), tasks=str(tmp_path / "tasks.jsonl"), criteria=CRITERIA),
    )
    second = make_bundle(workspace, looser.id)
    assert second.verdict == "INCONCLUSIVE"
    assert b'"registered_before": false' in read_bundle(workspace.root / second.folder)["criteria.json"]


outcomes = st.tuples(st.booleans(), st.booleans())


@settings(deadline=None, max_examples=30)
@given(st.lists(outcomes, max_size=40), st.lists(outcomes, max_size=30), st.integers(0, 400))
def test_no_gate_passes_on_nothing(add: list[tuple[bool, bool]], sort: list[tuple[bool, bool]], trained: int) -> None:
    items = [
        Item(
            key=f"{name}{n}", group="tasks", slice=name, family=f"{name}{n}", messages=[], expected="1",
            checker="exact", base_passed=base, candidate_passed=own, base_unsafe=False, candidate_unsafe=False,
        )
        for name, rows in (("add", add), ("sort", sort))
        for n, (base, own) in enumerate(rows)
    ]  # fmt: skip
    criteria = Criteria(targets=("add",), resamples=50)
    found = measure(items, criteria, trained)
    judgement = judge_gates(found, criteria, ())
    told = {gate.gate: gate.verdict for gate in judgement.gates}
    assert told["G7"] == "INCONCLUSIVE" and told["G2"] == "INCONCLUSIVE" and judgement.verdict != "PASS"
    assert told["G1"] != "PASS" or sum(own > base for base, own in add) > sum(own < base for base, own in add)
    assert told["G4"] != "PASS" or len(sort) >= 20
    assert told["G1"] != "PASS" or len(add) >= 20
    assert told["G3"] == "INCONCLUSIVE" and (told["G6"] == "PASS") == bool(trained and items)
    assert judge_gates(measure([], criteria, 0), criteria, ()).verdict != "PASS"
    assert digest_of(items) == digest_of([msgspec.json.decode(canonical(item), type=Item) for item in items])


@pytest.mark.parametrize("made_by", ["0.0.1", ""])
def test_sentences_of_another_version_are_no_fault_but_figures_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_by: str
) -> None:
    with monkeypatch.context() as older:
        older.setitem(GATE_TITLES, "G1", "in the words of then")
        if made_by:
            packages = {"packages": {"flywheel-tui": made_by}}
            older.setattr("flywheel_tui.stages.gate.evidence.environment", lambda: packages)
        workspace, made = bundle(tmp_path, monkeypatch)
    folder = workspace.root / made.folder
    found = verify_bundle(folder)
    assert found.ok == bool(made_by) and any(made_by in note for note in found.notes) == bool(made_by)
    files = read_bundle(folder)
    results = json.loads(files["results.json"])
    results["overall"]["n"] += 1
    forged, _ = sealed({name: content for name, content in files.items() if not name.startswith("manifest")}
                       | {"results.json": json.dumps(results).encode()})  # fmt: skip
    write_folder(tmp_path / "forged", forged)
    told = verify_bundle(tmp_path / "forged")
    assert not told.ok and any("overall.n" in problem.what for problem in told.problems) and not told.notes
