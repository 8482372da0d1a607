"""`diversity`: figures for the report, the same for the same data."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.diversity import Diversity


def rows(count: int, vocabulary: int = 3_000, topics: int = 3) -> list[Candidate]:
    chance = random.Random(2)

    def text(topic: int, words: int) -> str:
        return " ".join(f"t{topic}w{chance.randrange(vocabulary)}" for _ in range(words))

    made = []
    for number in range(1, count + 1):
        topic = number % topics
        meta = {"difficulty": "hard" if topic == 1 else "easy", "style": ["terse", "warm"][number % 2], "n": number}
        made.append(
            Candidate(
                number, "sft", text(topic, 12), None, text(topic, 30), None, json.dumps(meta), "open", f"t{topic}"
            )
        )
    return made


def figures(candidates: list[Candidate], **options: Any) -> dict[str, Any]:
    check = Diversity(**options)
    for start in range(0, len(candidates), 37):
        check.feed(candidates[start : start + 37])
    assert list(check.finish()) == []
    found = check.figures()
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    return found


def test_varied_texts_have_better_figures_than_monotonous_ones() -> None:
    varied, dull = figures(rows(300)), figures(rows(300, vocabulary=5))
    for part in ("prompts", "answers"):
        assert varied[part]["vendi_share"] > 3 * dull[part]["vendi_share"]
        assert varied[part]["distinct_2"] > dull[part]["distinct_2"]
        assert varied[part]["self_bleu"] < dull[part]["self_bleu"]
    assert varied["pairs"] == varied["sample"] == 300


def test_the_grid_has_its_empty_cells() -> None:
    grid = figures(rows(60))["grid"]
    assert grid["axes"] == {"topic": 3, "style": 2, "difficulty": 2}
    assert grid["values"]["topic"] == ["t0", "t1", "t2"]
    assert sum(cell["pairs"] for cell in grid["counts"]) == 60
    assert sorted(grid["empty"]) == sorted(
        [topic, style, "easy" if topic == "t1" else "hard"]
        for topic in ("t0", "t1", "t2")
        for style in ("terse", "warm")
    )
    assert grid["empty_cells"] == 6


def test_figures_do_not_depend_on_the_order_of_rows() -> None:
    options = {"sample": 50, "vendi_sample": 40, "bleu_sample": 20}
    assert figures(rows(200), **options) == figures(rows(200)[::-1], **options)
    assert figures(rows(200), **options) != figures(rows(200), **options, seed=1)
    assert figures(rows(200), **options)["sample"] == 50


def test_seeds_are_covered_or_not(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.jsonl"
    everything = rows(300, vocabulary=12)
    seeds.write_text("".join(json.dumps({"instruction": row.instruction}) + "\n" for row in everything[:90]))
    same = figures(everything, seeds=str(seeds), clusters=3)["clusters"]
    assert same["of"] == "seeds"
    assert same["coverage"] == 1
    assert same["jensen_shannon"] < 0.1
    one_topic = [row for row in everything if row.category == "t1"]
    narrow = figures(one_topic, seeds=str(seeds), clusters=3)["clusters"]
    assert narrow["coverage"] == pytest.approx(1 / 3, abs=1e-6)
    assert narrow["jensen_shannon"] > 0.4
    before = Diversity(seeds=str(seeds)).settings["digest"]
    seeds.write_text('{"instruction": "another seed"}\n')
    assert Diversity(seeds=str(seeds)).settings["digest"] != before


def test_little_or_odd_data_has_the_figures_it_can_have() -> None:
    assert figures([]) == {"pairs": 0, "sample": 0, "grid": {
        "axes": {}, "values": {}, "counts": [], "empty_cells": 0, "empty": []}}  # fmt: skip
    odd = [Candidate(1, "sft", "…", meta='{"topic": true, "style": 3}'), Candidate(2, "sft", "…", meta="[")]
    assert figures(odd)["grid"]["axes"] == {"style": 1}
    assert figures([Candidate(1, "sft", "one"), Candidate(2, "sft", "two")])["prompts"]["vendi"] == 2


def test_options_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"diversity\.sample"):
        Diversity(sample="many")
    with pytest.raises(InputError, match="no such file"):
        Diversity(seeds=str(tmp_path / "none.jsonl"))
