"""The parts of recipes: typed faults, passages and their neighbours, values by schema, shares by error."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import make_workspace
from generate_helpers import phrase
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stages.aids.json_schema import compiled
from flywheel_tui.stages.export.tool_shapes import standard_tool
from flywheel_tui.stages.generate.comparing import check_lengths
from flywheel_tui.stages.generate.failures import shares
from flywheel_tui.stages.generate.flaws import FLAWS, by_rule, is_there
from flywheel_tui.stages.generate.objects import load_catalogue, object_files
from flywheel_tui.stages.generate.passages import Neighbours, passages_of
from flywheel_tui.stages.generate.recipe import Rejected, Seed
from flywheel_tui.stages.generate.schema_values import value_for
from flywheel_tui.stages.ingest import IngestOptions, ingest

SOUND = "Boil it for 10 minutes. It is not safe raw. Some people add salt (see [2]). Let it rest.\nServe it warm.\nEnd."


@pytest.mark.parametrize("flaw", sorted(FLAWS))
def test_a_fault_made_by_rule_is_of_its_sort(flaw: str) -> None:
    made = by_rule(flaw, SOUND, random.Random(1))
    assert made is not None and made != SOUND and is_there(flaw, SOUND, made)
    assert not is_there(flaw, SOUND, SOUND)
    assert by_rule(flaw, "Yes", random.Random(1)) is None, "nothing to touch"


@pytest.mark.parametrize(
    ("flaw", "other"),
    [("number", "negation"), ("negation", "number"), ("citation", "unit"), ("unit", "citation"), ("scope", "number")],
)
def test_a_fault_of_another_sort_is_not_taken_for_it(flaw: str, other: str) -> None:
    made = by_rule(other, SOUND, random.Random(1))
    assert made is not None and not is_there(flaw, SOUND, made)


def test_lengths_may_differ_by_half() -> None:
    assert check_lengths("a b c", "d e") == 1.5
    with pytest.raises(Rejected, match="length_ratio"):
        check_lengths("a b c d", "e f")


def document(text: str, title: str = "T") -> Seed:
    return Seed(id=1, uid=b"u", kind="document", instruction=title, input=text, family=b"f")


def test_passages_keep_paragraphs_headings_and_length() -> None:
    long = " ".join(f"Sentence {number} says {phrase(number, 6)}." for number in range(60))
    text = (
        f"# Book\n\n{phrase(1, 30)}\n\n## Chapter\n\n{phrase(2, 30)}\n\n{phrase(3, 40)}\n\n{long}\n\n## End\n\nShort."
    )
    found = passages_of([document(text, "Book"), document("tiny", "Tiny")], longest=80, shortest=20)
    assert all(8 <= len(one.text.split()) <= 80 for one in found)
    assert [one.number for one in found] == list(range(1, len(found) + 1)), "the tiny document has none"
    assert found[0].title == "Book" and found[1].title == "Book: Chapter"
    words = " ".join(one.text for one in found).split()
    assert all(f"{number}" in words for number in range(60)), "nothing is lost"


def test_neighbours_share_words_and_the_rarer_ones_count_more() -> None:
    texts = ["the ferry leaves at nine", "the ferry has a kitchen", "the garden is green", "the the the the"]
    passages = passages_of([document(f"{text} {phrase(number, 4)}", text) for number, text in enumerate(texts)], 40, 5)
    nearest = Neighbours(passages).nearest("when does the ferry go", but=0)
    assert nearest[0].document == 1 and all(one.document != 0 for one in nearest)
    assert Neighbours(passages).nearest("zzz", but=0) == []


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3), st.tuples(st.integers(0, 500), st.integers(1, 3)), max_size=12
    )
)
def test_shares_add_up_and_keep_floor_and_cap(errors: dict[str, tuple[int, int]]) -> None:
    found = shares(errors)
    some = {name for name, (count, _) in errors.items() if count}
    assert set(found) == some
    if not found:
        return
    assert sum(found.values()) == pytest.approx(1)
    cap, floor = max(0.4, 1 / len(found)), min(0.05, 1 / len(found))
    assert all(floor - 1e-9 <= share <= cap + 1e-9 for share in found.values())
    free = {name: share for name, share in found.items() if floor + 1e-6 < share < cap - 1e-6}
    ratios = {round(share / (errors[name][0] * errors[name][1]), 9) for name, share in free.items()}
    assert len(ratios) <= 1, "between the bounds the shares are in proportion to count × severity"


def test_shares_by_hand() -> None:
    assert shares({"a": (90, 3), "b": (10, 1), "c": (10, 1), "d": (10, 1)}) == pytest.approx(
        {"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.2}
    )
    many = shares({"a": (50, 1), "b": (50, 1), "c": (50, 1), "d": (1, 1)})
    assert many["d"] == pytest.approx(0.05) and many["a"] == pytest.approx(0.95 / 3)


def refused(tools: list[Any]) -> list[str]:
    """Tools whose made arguments their own schema refuses."""
    wrong = []
    for number, tool in enumerate(tools):
        function = standard_tool(tool)["function"]
        schema = compiled(function["parameters"])
        for turn in range(3):
            value = value_for(function["parameters"], random.Random(number * 10 + turn))
            if problems := schema.problems(value):
                wrong.append(f"{function['name']}: {problems[0]}")
    return wrong


def test_values_fit_the_shipped_catalogues(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w") as workspace:
        for name in object_files(workspace, "catalogue"):
            assert refused(list(load_catalogue(workspace, name).tools)) == []


@pytest.mark.shared
def test_values_fit_the_schemas_of_bfcl(tmp_path: Path, shared_data: Path) -> None:
    with make_workspace(tmp_path / "w") as workspace:
        for path in sorted((shared_data / "bfcl").glob("*.json")):
            ingest(workspace, IngestOptions(source=str(path), name="bfcl", append=True))
        bodies = workspace.store.read().execute("SELECT body FROM pair").fetchall()
        tools = [tool for (body,) in bodies for tool in msgspec.json.decode(body)["tools"]]
        assert len(tools) > 1000 and refused(tools) == []
