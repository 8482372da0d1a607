"""`semantic`: a data set whose inputs repeat themselves, and one whose inputs do not."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.validate.base import Candidate, Found
from flywheel_tui.stages.validate.checks.semantic import Semantic


def rows(count: int, alike: int) -> list[Candidate]:
    """Inputs of which `alike` are the one before with its words in another order."""
    chance = random.Random(1)
    texts: list[str] = []
    for number in range(count):
        words = [f"w{chance.randrange(4_000)}" for _ in range(12)]
        if number and number > count - 1 - alike:
            words = chance.sample(texts[0].split(), 12)
        texts.append(" ".join(words))
    return [Candidate(number, "sft", one, None, "yes") for number, one in enumerate(texts, 1)]


def found(candidates: list[Candidate], **options: Any) -> tuple[list[Found], dict[str, Any]]:
    check = Semantic(**options)
    for start in range(0, len(candidates), 50):
        check.feed(candidates[start : start + 50])
    return list(check.finish()), check.figures()


def test_too_many_alike_inputs_are_told_with_their_pairs() -> None:
    findings, figures = found(rows(200, 19))
    assert {one.pair for one in findings} == {1, *range(182, 201)}
    assert all(one.severity == "warning" and one.field == "instruction" for one in findings)
    assert "10.0% of the inputs have a neighbour above 0.8, more than 5%" in findings[0].message
    assert figures["share_above_threshold"] == 0.1
    assert figures["above_threshold"] == 20
    assert figures["looked_at"] == figures["of"] == 200
    assert figures["method"] == "TF-IDF"


def test_a_few_alike_inputs_are_a_figure_and_no_finding() -> None:
    findings, figures = found(rows(200, 5))
    assert findings == []
    assert figures["above_threshold"] == 6
    assert found(rows(200, 5), share=0.02)[0] != []


def test_findings_are_capped_and_samples_are_said_to_be_such() -> None:
    findings, figures = found(rows(200, 99), most=7)
    assert len(findings) == 7
    _, figures = found(rows(200, 99), max_rows=60)
    assert (figures["looked_at"], figures["of"]) == (60, 200)
    assert figures == found(rows(200, 99)[::-1], max_rows=60)[1]


def test_nothing_to_compare() -> None:
    assert found([]) == ([], {})
    assert found([Candidate(1, "sft", "one"), Candidate(2, "sft", " ")]) == ([], {})


def test_a_model_in_a_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    class Model:
        def __init__(self, path: str, local_files_only: bool) -> None:
            asked.append((path, local_files_only))

        def encode(self, texts: list[str], **_: Any) -> Any:
            return np.eye(3, dtype=np.float32)[[len(text) % 3 for text in texts]]

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    (tmp_path / "modules.json").write_text("[]")
    candidates = [Candidate(number, "sft", "x" * number) for number in range(1, 8)]
    findings, figures = found(candidates, model=str(tmp_path))
    assert asked == [(str(tmp_path), True)]
    assert figures["method"] == "embeddings"
    assert len(findings) == 7


def test_a_model_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"modules\.json"):
        Semantic(model=str(tmp_path))
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match="embeddings"):
        Semantic(model=str(tmp_path))


@pytest.mark.parametrize("options", [{"threshold": 2}, {"max_rows": 1}, {"most": -1}, {"share": 0}])
def test_options_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="semantic"):
        Semantic(**options)
