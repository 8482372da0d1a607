"""A published comparison of judges comes out to the last printed digit (public data beside the checkout)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from flywheel_tui.stats.agreement import agreement
from flywheel_tui.stats.confusion import class_rates

VERDICTS = {"1": 1, "2": 2, "Tie": 0, 0: 0, 1: 1, 2: 2}


@pytest.mark.shared
def test_pandalm_table(shared_data: Path) -> None:
    folder = shared_data / "pandalm"
    people = json.loads((folder / "testset-v1.json").read_text())
    columns = [[int(row[f"annotator{k}"]) for row in people] for k in (1, 2, 3)]
    truth = [Counter(votes).most_common(1)[0][0] for votes in zip(*columns, strict=True)]

    gpt = [
        VERDICTS.get(row["gpt_result"]) for row in json.loads((folder / "gpt-3.5-turbo-testset-v1.json").read_text())
    ]
    assert gpt.count(None) == 25
    as_tie = class_rates(truth, [0 if verdict is None else verdict for verdict in gpt])
    figures = (as_tie.accuracy, as_tie.macro_precision, as_tie.macro_recall, as_tie.macro_f1)
    assert [round(100 * (v or 0), 2) for v in figures] == [71.07, 58.79, 57.36, 57.55]
    assert round(100 * (class_rates(truth, gpt).accuracy or 0), 2) == 71.56
    right = sum(a == b for a, b in zip(truth, gpt, strict=True))
    assert round(100 * right / len(truth), 2) == 69.77

    panda = [row["pandalm_result"] for row in json.loads((folder / "pandalm-7b-testset-v1.json").read_text())]
    found = class_rates(truth, panda)
    figures = (found.accuracy, found.macro_precision, found.macro_recall, found.macro_f1)
    assert [round(100 * (v or 0), 2) for v in figures] == [66.77, 57.38, 57.50, 57.43]

    kappas = [agreement(columns[a], columns[b], times=200).kappa.value for a, b in ((0, 1), (0, 2), (1, 2))]
    assert [round(kappa or 0, 4) for kappa in kappas] == [0.8520, 0.8789, 0.8617]
