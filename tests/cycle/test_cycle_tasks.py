"""Checkable tasks: the real wheel with a tiny model, killed in training and at the gate, promoted by a person."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cycle_state import state_of
from test_cycle_kill import SCRIPT

from flywheel_tui.cycle import engine
from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.jobs.runner import run_foreground
from flywheel_tui.workspace import Workspace

pytestmark = pytest.mark.train
SKILLS = ("add", "sort")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights: it fails everything."""
    pytest.importorskip("peft")
    pytest.importorskip("trl")
    from tiny_llama import build

    return build(tmp_path_factory.mktemp("model") / "tiny")


def options(model: Path, **extra: Any) -> CycleOptions:
    """A small wheel."""
    train = {"max_steps": 6, "learning_rate": 1e-3, "max_length": 96, "threads": 1, "cpu": True, "batch": 8,
             "held_out": 0.0, "dropout": 0.0, "save_steps": 2}  # fmt: skip
    return CycleOptions(
        driver="tasks", into="skills", base=str(model), train="always", count=40, labels=10, max_cycles=1,
        min_pass_rate=0.0, checks=("schema",), seed=3,
        extra={"skills": SKILLS, "probe": 4, "heldout": 8, "train": train, "new_tokens": 6, **extra},
    )  # fmt: skip


def turn(workspace: Workspace, wanted: CycleOptions) -> engine.RunReport:
    with engine.listening(lambda line: None):
        result = run_foreground(workspace, "cycle", msgspec.to_builtins(wanted), title="test")
    return msgspec.convert(result, engine.RunReport)


def kill_chain(folder: Path, kills: list[Any], wanted: CycleOptions) -> list[Any]:
    told = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), json.dumps(kills) if kills else "-",
         msgspec.json.encode(wanted).decode()], capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-4000:]
    found: list[Any] = json.loads(told.stdout)
    return found


def test_everything_before_the_gate(model: Path, tmp_path: Path) -> None:
    """Failures become scenarios and tasks like them; planted errors are found; an adapter is trained."""
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        report = turn(workspace, options(model, gate=False))
        assert report.state == "done"
        run = workspace.store.read().execute
        (planted,) = run("SELECT count(*) FROM pair WHERE json_extract(meta, '$.planted') IS NOT NULL").fetchone()
        (failed,) = run(
            "SELECT count(*) FROM verdict v JOIN judge_run r ON r.id = v.judge_run_id"
            " WHERE r.tag = 'checkers-1' AND v.passed = 0"
        ).fetchone()
        assert planted == failed > 0
        told = run("SELECT DISTINCT source, reviewer FROM label_event").fetchall()
        assert told == [("script", "scripted reviewer")], "no label is a person's"
        decided = run("SELECT DISTINCT source FROM scenario_event").fetchall()
        assert decided == [("script",)]
        parents = run(
            "SELECT DISTINCT d.name, e.recipe FROM edge e JOIN pair p ON p.id = e.parent_id"
            " JOIN dataset d ON d.id = p.dataset_id"
        ).fetchall()
        assert parents == [("skills-failures", "skill-tasks")]
        exported = (workspace.root / "exports" / "cycle-001.jsonl").read_text().splitlines()
        assert len(exported) == 40 - planted, "neither planted errors nor failing answers are trained on"
        assert report.cycles[0]["trained"]
        measured = run("SELECT r.tag, json_extract(c.options, '$.scripts') FROM calibration c JOIN judge_run r"
                       " ON r.id = c.judge_run_id ORDER BY 1").fetchall()  # fmt: skip
        assert measured == [("checkers-1", 1), ("offline-1", 1)], "both judges, by the labels of a script"
        (failures,) = run("SELECT count(*) FROM regression_item WHERE source = 'script'").fetchone()
        assert failures == 8, "what the script confirmed is asked in every evaluation from now on"


def test_no_task_that_results_are_measured_on_is_made(model: Path, tmp_path: Path) -> None:
    from flywheel_tui.tasks import make_many, split_of, task_of

    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        turn(workspace, msgspec.structs.replace(options(model, gate=False), train="never"))
        rows = workspace.store.read().execute("SELECT meta FROM pair WHERE author = 'skill-tasks'").fetchall()
    metas = [msgspec.json.decode(row[0]) for row in rows]
    made = [task_of(meta["skill"], meta["params"]) for meta in metas]
    assert {split_of(task) for task in made} == {"generate"}
    held = {task.key for task in make_many(SKILLS, 50, seed=20_003, split="heldout")}
    assert not held & {task.key for task in made}


def test_a_fail_refuses_by_itself_and_says_why(model: Path, tmp_path: Path) -> None:
    """A model that learnt nothing: the gate is not passed, and a name given in advance promotes nothing."""
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        report = turn(workspace, options(model, sign={"name": "ada", "reason": "a test"}))
        gate = report.cycles[0]["gate"]
        assert gate["decision"] == "refused" and gate["why"]
        rows = workspace.store.read().execute("SELECT action, source FROM gate_decision").fetchall()
        assert rows == [("reject", "script")]


def test_it_waits_at_the_gate_for_a_person(model: Path, tmp_path: Path) -> None:
    """Nothing decides for the person; once one has, the run goes on, and a rollback restores what was there."""
    from flywheel_tui.stages.gate import approve, in_use, rollback, verify_bundle
    from flywheel_tui.stages.gate.bundle import bundle_path

    wanted = options(model, criteria={"leave_out": ("G2", "G3", "G5")})
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        report = turn(workspace, wanted)
        assert report.state == "waiting" and report.awaits is not None
        assert report.awaits["who"] == "a person at the gate" and "flywheel gate approve" in report.awaits["command"]
        assert turn(workspace, wanted).state == "waiting", "asking again decides nothing"
        bundle = report.awaits["bundle"]
        assert verify_bundle(bundle_path(workspace, bundle)).ok
        lineage = msgspec.json.decode((bundle_path(workspace, bundle) / "cycle.json").read_bytes())
        assert lineage["scenarios"] and set(lineage["phases"]) >= {"signals", "generation", "judging", "training"}
        approve(workspace, bundle, reviewer="ana", reason="to see it in use", override=True)
        done = turn(workspace, wanted)
        assert done.state == "done" and done.cycles[0]["gate"]["decision"] == "promoted"
        assert done.cycles[0]["gate"]["by"] == "ana"
        assert [one.adapter for one in in_use(workspace)] == ["skills-cycle-1"]
        rollback(workspace, reviewer="ana", reason="it is worse")
        assert [one.adapter for one in in_use(workspace)] == [""]


@pytest.mark.slow
def test_killed_in_training_and_at_the_gate(model: Path, tmp_path: Path) -> None:
    """The adapter, its evaluation and the decision are those of a run that nothing happened to."""
    wanted = options(model, sign={"name": "ada", "reason": "a test"})
    kills: list[Any] = [[1, "signals", 2], [1, "training", "before"], [1, "training", 2], [1, "training", 6],
                        [1, "training", 9], [1, "training", "after"], [1, "gate", 2], [1, "gate", 5],
                        [1, "gate", "after"]]  # fmt: skip
    kill_chain(tmp_path / "whole", [], wanted)
    assert len(kill_chain(tmp_path / "killed", kills, wanted)) == len(kills)
    one, two = state_of(tmp_path / "whole"), state_of(tmp_path / "killed")
    assert one["adapters"] and one["signed"]
    for name in one:
        assert one[name] == two[name], name


@pytest.mark.slow
def test_the_next_cycle_goes_on_from_the_adapter_in_use(model: Path, tmp_path: Path) -> None:
    """What was promoted is learnt further; after a refusal the base is trained afresh."""
    from flywheel_tui.stages.gate import approve, reject

    wanted = msgspec.structs.replace(options(model, criteria={"leave_out": ("G2", "G3", "G5")}), max_cycles=2)
    for decide, parent in ((approve, "skills-cycle-1"), (reject, None)):
        with Workspace.open(tmp_path / decide.__name__, create=True) as workspace:
            report = turn(workspace, wanted)
            assert report.awaits is not None
            more = {"override": True} if decide is approve else {}
            decide(workspace, report.awaits["bundle"], reviewer="ana", reason="a test", **more)
            assert turn(workspace, wanted).state == "waiting"
            query = "SELECT a.name, b.name FROM adapter a LEFT JOIN adapter b ON b.id = a.parent_id ORDER BY a.id"
            made = workspace.store.read().execute(query).fetchall()
            assert made == [("skills-cycle-1", None), ("skills-cycle-2", parent)]


@pytest.mark.slow
def test_killed_while_it_goes_on_from_the_adapter_in_use(model: Path, tmp_path: Path) -> None:
    """The second adapter begins with the first, however often its training was ended."""
    from flywheel_tui.stages.gate import approve

    wanted = msgspec.structs.replace(options(model, criteria={"leave_out": ("G2", "G3", "G5")}), max_cycles=2)
    kills: list[Any] = [[2, "training", "before"], [2, "training", 2], [2, "training", 6], [2, "training", 9],
                        [2, "training", "after"], [2, "gate", 3]]  # fmt: skip
    with Workspace.open(tmp_path / "whole", create=True) as workspace:
        awaited = turn(workspace, wanted).awaits
        assert awaited is not None
        approve(workspace, awaited["bundle"], reviewer="ana", reason="a test", override=True)
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    kill_chain(tmp_path / "whole", [], wanted)
    assert len(kill_chain(tmp_path / "killed", kills, wanted)) == len(kills)
    one, two = state_of(tmp_path / "whole"), state_of(tmp_path / "killed")
    assert [name for name, *_ in one["adapters"]] == ["skills-cycle-1", "skills-cycle-2"]
    for name in one:
        assert one[name] == two[name], name
