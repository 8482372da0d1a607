"""Everything in a workspace that a cycle is answerable for, without clocks, row numbers and costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.workspace import Workspace

_TIMED = ("cost_usd", "tokens")


def state_of(folder: Path) -> dict[str, Any]:
    """The state of a workspace; equal states have equal values."""
    with Workspace.open(folder) as workspace:
        run = workspace.store.read().execute
        queries = {
            "pairs": "SELECT d.name, hex(p.uid), hex(p.family), p.cycle, p.kind, p.instruction, p.output, p.category,"
            " p.meta, c.status, c.score, c.passed FROM pair p JOIN dataset d ON d.id = p.dataset_id"
            " LEFT JOIN pair_current c ON c.pair_id = p.id ORDER BY 1, 2",
            "edges": "SELECT hex(a.uid), hex(b.uid), e.relation, e.recipe FROM edge e JOIN pair a ON a.id = e.child_id"
            " JOIN pair b ON b.id = e.parent_id ORDER BY 1, 2, 3",
            "labels": "SELECT hex(p.uid), e.reviewer, e.source, e.status, e.reasons FROM label_event e"
            " JOIN pair p ON p.id = e.root_id WHERE e.action = 'label' ORDER BY 1, 2, 4",
            "verdicts": "SELECT r.tag, hex(p.uid), v.passed, v.score FROM verdict v JOIN pair p ON p.id = v.pair_id"
            " JOIN judge_run r ON r.id = v.judge_run_id ORDER BY 1, 2",
            "runs": "SELECT config_hash, state, stop_reason FROM cycle_run ORDER BY id",
            "phases": "SELECT c.number, p.phase, p.entry_hash, p.state, p.artefact, p.items FROM phase_run p"
            " JOIN cycle c ON c.id = p.cycle_id ORDER BY 1, p.position, 3",
            "artefacts": "SELECT hash, phase, parents, body FROM artefact ORDER BY 1",
            "scenarios": "SELECT hex(uid), title, error_kind FROM scenario ORDER BY 1",
            "traces": "SELECT hex(t.uid), t.seen, t.cycle, hex(s.uid) FROM trace t JOIN scenario_trace st"
            " ON st.trace_id = t.id JOIN scenario s ON s.id = st.scenario_id ORDER BY 1",
            "decisions": "SELECT hex(s.uid), e.action, e.reviewer FROM scenario_event e JOIN scenario s"
            " ON s.id = e.scenario_id ORDER BY 1, e.id",
            "calibrations": "SELECT d.name, r.tag, c.split, c.n, json_extract(c.result, '$.looks') FROM calibration c"
            " JOIN judge_run r ON r.id = c.judge_run_id JOIN dataset d ON d.id = c.dataset_id ORDER BY 1, 2, 3",
            "past_failures": "SELECT key, slice, expected, checker, answer, reviewer, source FROM regression_item"
            " ORDER BY 1",
            "gates": "SELECT e.cycle, b.verdict, b.gates FROM bundle b JOIN evaluation e ON e.id = b.evaluation_id"
            " ORDER BY 1",
            "adapters": "SELECT name, hash, state FROM adapter ORDER BY 1",
            "signed": "SELECT action, verdict, adapter, reviewer FROM gate_decision ORDER BY id",
        }
        found: dict[str, Any] = {name: run(query).fetchall() for name, query in queries.items()}
        rows = run("SELECT number, state, stop_reason, summary FROM cycle ORDER BY number").fetchall()
        found["cycles"] = [(*row[:3], _plain(msgspec.json.decode(row[3]))) for row in rows if row[3]]
    found["files"] = {path.name: path.read_text() for path in sorted((folder / "exports").glob("*.jsonl"))}
    checkpoints = {
        path.name: msgspec.json.decode(path.read_bytes()) for path in (folder / "checkpoints").glob("*.json")
    }
    for document in checkpoints.values():
        document["summary"] = _plain(document["summary"])
    found["checkpoints"] = checkpoints
    return found


def _plain(summary: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name not in _TIMED}
