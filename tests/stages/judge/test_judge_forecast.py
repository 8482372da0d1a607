"""What a run would take is said before anything is asked or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import make_workspace, sft
from judge_helpers import honest, run_judge, use_backend

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.judge.forecast import forecast
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.workspace import Workspace

PAIRS = 80


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "w", sft(PAIRS))
    (made.root / "prices.toml").write_text("[scripted]\nm = { input = 1.0, output = 10.0 }\n")
    return made


def options(**changes: object) -> JudgeOptions:
    given: dict[str, object] = {"dataset": "demo", "backend": "scripted", "tag": "t", "rubric": "default"}
    return JudgeOptions(**given | changes)  # type: ignore[arg-type]


def test_it_comes_near_what_the_run_takes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = use_backend(monkeypatch, honest)
    backend.place = "scripted"
    said = forecast(workspace, options())
    assert not backend.requests, "somebody was asked"
    assert workspace.store.read().execute("SELECT count(*) FROM judge_run").fetchone() == (0,), "a run was made"
    assert (said.pairs, said.matched, said.calls, said.known, said.problem) == (PAIRS, PAIRS, PAIRS, 0, "")
    report = run_judge(workspace)
    assert report.tokens_in * 0.75 < said.tokens_in < report.tokens_in * 1.35
    assert said.cost_usd is not None and said.cost_most is not None
    assert 0 < said.cost_usd < said.cost_most
    assert report.cost_usd <= said.cost_most


def test_what_is_known_or_done_costs_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    run_judge(workspace, max_pairs=20)
    again = forecast(workspace, options())
    assert (again.pairs, again.judged) == (PAIRS - 20, 20)
    other = forecast(workspace, options(tag="u", max_pairs=20))
    assert (other.pairs, other.known, other.calls, other.cost_usd) == (20, 20, 0, 0.0)


def test_a_sample_is_a_sample(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    assert forecast(workspace, options(estimate=True)).pairs == 30
    assert forecast(workspace, options(sample=0.5)).pairs == PAIRS // 2


def test_a_tag_of_another_judge_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    run_judge(workspace, max_pairs=5)
    assert "another judge" in forecast(workspace, options(model="other")).problem


def test_rules_are_free_and_say_that_they_are_rules(workspace: Workspace) -> None:
    said = forecast(workspace, options(backend="offline"))
    assert said.by_rules and said.cost_usd == 0.0 and said.pairs == PAIRS


def test_an_unknown_price_is_not_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = use_backend(monkeypatch, honest)
    backend.place = "nowhere.example"
    said = forecast(workspace, options())
    assert said.cost_usd is None and said.cost_most is None
    with pytest.raises(UsageError):
        forecast(workspace, options(sample=2.0))
