"""Every public file beside the checkout works, or is refused with a sentence that names it and says what to do."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts import Notes, Recognised, recognise
from flywheel_tui.stages.readers import Reject, open_source

pytestmark = pytest.mark.shared

# Folder or file, then layout, kind, and pairs a file (None where the files differ).
TAKEN = [
    ("gpteacher/roleplay-simple-deduped-roleplay-dataset.json", "alpaca", "sft", 3146),
    ("gpteacher/toolformer-dedupe-only-dataset.json", "alpaca", "sft", 7673),
    ("pandalm/testset-v1.json", "pandalm", "preference", 999),
    ("gsm8k/test.jsonl", "gsm8k", "reasoning", 1319),
    ("gsm8k/train.jsonl", "gsm8k", "reasoning", 7473),
    ("hh_rlhf_harmless/test.jsonl.gz", "hh_rlhf", "preference", 2312),
    ("bfcl/BFCL_v4_irrelevance.json", "bfcl", "tools", 240),
    ("bfcl/BFCL_v4_live_simple.json", "bfcl", "tools", 258),
    ("bfcl/BFCL_v4_multiple.json", "bfcl", "tools", 200),
    ("bfcl/BFCL_v4_parallel.json", "bfcl", "tools", 200),
    ("bfcl/BFCL_v4_simple_python.json", "bfcl", "tools", 400),
    ("self_instruct/seed_tasks.jsonl", "self_instruct", "sft", 175),
    ("self_instruct/user_oriented_instructions.jsonl", "self_instruct", "sft", 252),
    ("self_instruct/text-davinci-003_predictions.jsonl", "instruction_response", "sft", 252),
    ("mtbench/question.jsonl", "mt_bench", "prompt", 80),
    ("mtbench/vicuna_question.jsonl", "mt_bench", "prompt", 80),
    ("ifeval/input_data.jsonl", "ifeval", "prompt", 541),
    ("nq_open/NQ-open.dev.jsonl", "nq_open", "sft", 3610),
    ("presidio_synth/synth_dataset_v2.first500.json", "pii_spans", "document", 500),
    ("llmbar/Dataset/LLMBar/Natural/dataset.json", "llmbar", "preference", 100),
    ("ragas_annotated/annotated_data.json", "ragas", "sft", 21),
    ("ragas_annotated/sample_annotated_summary.json", "ragas", "sft", 19),
    ("ragas_annotated/hf_doc_qa_eval.csv", "question_expected", "sft", 66),
    ("ragas_annotated/support_triage.csv", "document", "document", 20),
]
REFUSED = [
    "pandalm/gpt-3.5-turbo-testset-v1.json",
    "pandalm/pandalm-7b-testset-v1.json",
    "mtbench/gpt-4.jsonl",
    "bfcl/possible_answer/BFCL_v4_multiple.json",
    "febrl/dataset1.csv",
    "ragas_annotated/discount_benchmark.csv",
    "ldnoobw/en",
    "gsm8k/LICENSE",
]


class Taken:
    """Everything that one file gave."""

    def __init__(self, path: Path) -> None:
        source = open_source(path)
        self.notes = Notes()
        self.drafts: list[Draft] = []
        self.rejects: list[Reject] = []
        self.layout: Recognised | None = None
        for batch in source.rows():
            if self.layout is None:
                self.layout = recognise(batch.rows, file=path)
            drafts, rejects = self.layout.convert_batch(batch, self.notes)
            self.drafts += drafts
            self.rejects += rejects
        self.said = self.notes.sentences(source.unit)


@pytest.mark.parametrize(("name", "layout", "kind", "count"), TAKEN)
def test_a_file_is_taken_whole(shared_data: Path, name: str, layout: str, kind: str, count: int) -> None:
    taken = Taken(shared_data / name)
    assert taken.layout is not None
    assert taken.layout.name == layout
    assert Counter(draft.kind for draft in taken.drafts) == {kind: count}
    assert not taken.rejects


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_something_else_is_refused_by_name(shared_data: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        Taken(shared_data / name)
    assert name in str(caught.value)
    assert caught.value.remedy


def test_pandalm_says_what_was_odd_in_it(shared_data: Path) -> None:
    taken = Taken(shared_data / "pandalm/testset-v1.json")
    assert taken.notes.count("response", "empty") == 54
    assert taken.notes.count("response", "the JSON value true, stored as the text 'true'") == 6
    assert any(
        said.startswith("6 responses were the JSON value true, stored as the text 'true'") for said in taken.said
    )
    assert any(said.startswith("54 responses were empty") for said in taken.said)
    assert all(draft.body["undecided"] is True for draft in taken.drafts if draft.body)
    assert {"idx", "annotator1", "annotator2", "annotator3"} <= (taken.drafts[0].meta or {}).keys()


def test_gsm8k_has_a_final_answer_in_every_row(shared_data: Path) -> None:
    for name in ("gsm8k/test.jsonl", "gsm8k/train.jsonl"):
        assert all(draft.body and draft.body["final"] for draft in Taken(shared_data / name).drafts)


def test_bfcl_has_the_accepted_calls(shared_data: Path) -> None:
    for name in ("live_simple", "multiple", "parallel", "simple_python"):
        drafts = Taken(shared_data / f"bfcl/BFCL_v4_{name}.json").drafts
        assert all(draft.body and draft.body["expected_calls"] for draft in drafts)
    others = Taken(shared_data / "bfcl/BFCL_v4_irrelevance.json").drafts
    assert all((draft.body or {})["expected_calls"] == [] for draft in others)


def test_presidio_spans_point_into_the_text(shared_data: Path) -> None:
    for draft in Taken(shared_data / "presidio_synth/synth_dataset_v2.first500.json").drafts:
        for span in (draft.meta or {})["spans"]:
            assert draft.input is not None
            assert draft.input[span["start_position"] : span["end_position"]] == span["entity_value"]


@pytest.mark.parametrize("folder", ["csv_spectrum/csvs", "csv_spectrum/json", "jsontestsuite/test_parsing"])
def test_every_awkward_file_works_or_is_refused_with_a_sentence(shared_data: Path, folder: str) -> None:
    paths = sorted((shared_data / folder).iterdir())
    assert paths
    for path in paths:
        try:
            taken = Taken(path)
        except InputError as error:
            assert str(path) in str(error)
            assert error.remedy
            assert len(str(error)) < 600 and "\n" not in str(error)
        else:
            assert taken.drafts or taken.rejects


def test_awkward_csv_reads_as_its_authors_say(shared_data: Path) -> None:
    for path in sorted((shared_data / "csv_spectrum/csvs").iterdir()):
        rows = [row for batch in open_source(path).rows() for row in batch.rows]
        wanted = json.loads((shared_data / "csv_spectrum/json" / f"{path.stem}.json").read_text("utf-8"))
        if path.stem == "location_coordinates":
            assert len(rows) == 1
        elif path.stem == "newlines_crlf":
            # The file as stored has plain line ends; its expectation still has the others.
            assert rows == [{key: text.replace("\r\n", "\n") for key, text in row.items()} for row in wanted]
        else:
            assert rows == wanted, path.name


def test_llmbar_runs_and_every_other_file_is_taken_or_refused(shared_data: Path) -> None:
    for path in sorted(shared_data.rglob("*")):
        if path.is_file() and "jsontestsuite/test_parsing" not in path.as_posix():
            try:
                Taken(path)
            except InputError as error:
                assert path.name in str(error) and error.remedy
