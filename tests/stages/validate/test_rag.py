"""The check `rag`: citations, quotes, gold passages, and what no passage says."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from kind_rows import demo, messages_of, planted, row, said

from flywheel_tui.stages.aids.grounding import abstains
from flywheel_tui.stages.layouts.rag import Rag
from flywheel_tui.stages.validate.base import Candidate

CHUNKS = [
    {"id": "c1", "title": "Ferry", "text": "The ferry leaves at 17:00 and costs 12.50 euros. Dogs travel free."},
    {"id": "c2", "title": "Bridge", "text": "The bridge was built in 1911 by Ada Quist. It carried 3,000 carts a day."},
]


def pair(
    answer: str | None, citations: Any = None, chunks: Any = None, question: str = "How?", **meta: Any
) -> Candidate:
    body: dict[str, Any] = {"chunks": CHUNKS if chunks is None else chunks}
    if citations is not None:
        body["citations"] = citations
    return row("rag", body, answer, instruction=question, **meta)


@pytest.mark.parametrize(
    ("answer", "citations"),
    [
        ("The ferry leaves at 17:00 [c1].", ["c1"]),
        ("The ferry leaves at 5 pm and dogs travel free [c1].", None),
        ("It carried 3000 carts a day; two crossings cost 25 euros [c2][c1].", None),
        ("It was built in 1911 [2], by Ada Quist.", None),
        ("The code `a[0]` and [sic] are no citations.", None),
        (
            "Dogs travel free [c1, c2].",
            [{"id": "c1", "quote": "dogs travel free"}, {"id": "c2", "quote": "by Ada … a day"}],
        ),
        (None, ["c1"]),
    ],
)
def test_what_is_right(answer: str | None, citations: Any) -> None:
    assert messages_of(said("rag", [pair(answer, citations)])) == []


@pytest.mark.parametrize(
    ("answer", "citations", "field", "part", "word"),
    [
        ("It leaves at 17:00 [c7].", None, "output", "[c7]", "no such passage"),
        ("It leaves at 17:00.", ["c9"], "body.citations[0]", None, "no such passage"),
        (
            "Dogs travel free [c1].",
            [{"id": "c1", "quote": "cats travel free"}],
            "body.citations[0]",
            None,
            "quoted words",
        ),
        ("Dogs travel free [c1].", ["c1", "c2"], "body.citations[1]", None, "does not cite it"),
        ("It costs 19 euros [c1].", None, "output", "19", "in no passage"),
        ("It was built by Bodo Quist [c2].", None, "output", "Bodo", "in no passage"),
        ("Penguins huddle together against fierce antarctic winds.", None, "output", "Penguins", "of this sentence"),
    ],
)
def test_what_is_wrong(answer: str, citations: Any, field: str, part: str | None, word: str) -> None:
    (found,) = said("rag", [pair(answer, citations)]).found
    assert found.field == field and word in found.message
    if part is not None:
        assert answer[found.start : found.end].startswith(part)


def test_a_label_is_told_once() -> None:
    looked = said("rag", [pair("At 17:00 [c7]. Free [c7].", ["c7"])])
    assert len(looked.found) == 1


def test_a_year_that_belongs_to_something_else() -> None:
    chunks = [{"id": "a", "text": "It was widened in 1911, and closed to cars in 1994."}]
    (found,) = said("rag", [pair("They widened it in 1994 [a].", None, chunks)]).found
    assert "1911" in found.message
    assert said("rag", [pair("They widened it in 1911 [a].", None, chunks)]).found == []


def test_passages_twice_and_gold() -> None:
    twin = [*CHUNKS, {"id": "c3", "text": CHUNKS[0]["text"].upper()}]
    (found,) = said("rag", [pair("Dogs travel free [c1].", None, twin)]).found
    assert found.field == "body.chunks[2].text" and "'c1'" in found.message
    gold = [{**CHUNKS[0], "gold": False}, {**CHUNKS[1], "gold": True}]
    assert "(c2) is not cited" in messages_of(said("rag", [pair("Dogs travel free [c1].", None, gold)]))[0]
    none = [{**chunk, "gold": False} for chunk in CHUNKS]
    assert "no passage is marked" in messages_of(said("rag", [pair("Dogs travel free [c1].", None, none)]))[0]


@pytest.mark.parametrize("meta", [{"answerable": False}, {"is_impossible": True}, {"answerable": "false"}])
def test_questions_without_an_answer(meta: dict[str, Any]) -> None:
    (message,) = messages_of(said("rag", [pair("Dogs travel free [c1].", None, **meta)]))
    assert "it is answered" in message
    assert messages_of(said("rag", [pair("The documents do not say who pays 99 euros.", [], **meta)])) == []


def test_an_answer_that_is_not_given_though_it_is_there() -> None:
    (message,) = messages_of(said("rag", [pair("The documents do not say.", [], answerable=True)]))
    assert "hold the answer" in message


@pytest.mark.parametrize(
    "text",
    ["The sources do not name him.", "Das geht nicht hervor.", "Le texte ne précise pas.", "El texto no menciona eso.",
     "記載されていません。", "文中没有提到。"],
)  # fmt: skip
def test_answers_that_abstain(text: str) -> None:
    assert abstains(text) and not abstains("It costs 12 euros.")


def test_the_demo_has_exactly_the_planted_faults() -> None:
    looked = said("rag", demo(Rag, "rag"))
    assert {found.pair for found in looked.found} == planted("rag", "bad_citation", "unsupported")
    errors = {found.pair for found in looked.found if found.severity == "error"}
    assert errors == {10, 29}, "what needs no judgement"


HOSTILE = """
import json, sys
from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.look import look
answers = ["[" * 50000, "[c]" * 20000, "1 " * 25000, "a" * 50000, "Ab c " * 10000, "2019 and " * 6000, "1:2:" * 10000,
    ". " * 25000, "\\n" * 50000, "1," * 25000, " ".join(map(str, range(9000))), "\\ud800 5"]
texts = ["a" * 3000000, "1 " * 200000, "Ab " * 100000, "2019 and " * 40000, "x 2019, " * 5000, ""]
rows = [Candidate(1, "rag", "q", None, one, json.dumps({"chunks": [{"id": "c", "text": text}] * 3}))
    for one in answers for text in texts]
odd = {"chunks": [1, None, [], {}], "citations": [[], {}, 5, None]}
rows.append(Candidate(1, "rag", "q", None, "[c]", json.dumps(odd)))
sys.exit(1 if look(load_checks()["rag"](), rows).broken else 0)
"""


def test_hostile_rows_are_looked_at_in_bounded_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=60)
