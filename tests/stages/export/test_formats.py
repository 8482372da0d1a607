"""The rows of each format, what each leaves out, and the files beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from export_helpers import left_out, run
from factories import add_pairs, say, sft
from format_pairs import WEATHER, call, judged, preferences, rag, reasoning, talks, tools

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest, ExportResult, preview
from flywheel_tui.stages.export.openai_rules import file_problems
from flywheel_tui.workspace import Workspace


def rows(result: ExportResult) -> list[Any]:
    return [json.loads(line) for file in result.files for line in Path(file.path).read_text().split("\n")[:-1]]


def test_sft_is_texts_or_messages_throughout(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(1))
    plain = run(workspace, tmp_path / "a", format="sft")
    assert rows(plain) == [{"prompt": "pair 1: what is it?", "completion": "answer 1"}]
    as_messages = run(workspace, tmp_path / "b", format="sft", messages=True)
    assert rows(as_messages) == [
        {
            "prompt": [{"role": "user", "content": "pair 1: what is it?"}],
            "completion": [{"role": "assistant", "content": "answer 1"}],
        }
    ]
    add_pairs(workspace, talks(1))
    first, second = rows(run(workspace, tmp_path / "c", format="sft"))
    assert first["completion"] == [{"role": "assistant", "content": "answer 1"}]
    assert [message["role"] for message in second["prompt"]] == ["system", "user", "assistant", "user"]
    assert "--messages" in plain.notes[0] and "lists of messages" in as_messages.notes[0]


def test_questions_over_passages_carry_the_passages(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, rag(1))
    (row,) = rows(run(workspace, tmp_path / "a", format="messages"))
    assert row["messages"][0]["content"] == "[a] Hours\nWe open at nine.\n\n[b]\nRain.\n\nWhen do you open, shop 0?"
    (record,) = rows(run(workspace, tmp_path / "b", format="rag"))
    assert record["question"] == "When do you open, shop 0?" and record["answer"] == "At nine [a]."
    assert record["citations"] == ["a"] and record["chunks"][0]["gold"] is True


def test_tools_have_one_shape_whatever_the_data_has(workspace: Workspace, tmp_path: Path) -> None:
    expected = {"name": "get.weather", "accepted": {"city": ["Rome", "Roma"], "days": ["", 3]}}
    add_pairs(
        workspace,
        [
            *tools(1),
            Draft(kind="tools", instruction="Rome?", body={"tools": [WEATHER], "expected_calls": [expected]}),
            Draft(kind="tools", instruction="Nothing fits", body={"tools": [WEATHER], "expected_calls": []}),
            Draft(kind="tools", instruction="No tools", output="x", body={}),
        ],
    )
    result = run(workspace, tmp_path / "a", format="tools")
    first, second = rows(result)
    assert first["messages"][1]["tool_calls"][0]["function"] == {"name": "get.weather", "arguments": {"city": "town 0"}}
    assert first["messages"][2] == {
        "role": "tool", "tool_call_id": "c1", "name": "get.weather", "content": '{"sun": true}'
    }  # fmt: skip
    (tool,) = first["tools"]
    assert tool["type"] == "function" and tool["function"]["parameters"]["type"] == "object"
    assert tool["function"]["parameters"]["properties"]["days"] == {"type": "number"}
    made = second["messages"][-1]["tool_calls"][0]["function"]
    assert made["arguments"] == {"city": "Rome", "days": 3}, "the first accepted value of each"
    assert left_out(result) == {"has no answer": 1, "has no list of tools": 1}


def test_sharegpt_turns_hold_one_call_each(workspace: Workspace, tmp_path: Path) -> None:
    twice = [{"role": "user", "content": "Two"},
             {"role": "assistant", "tool_calls": [call("f", {}, "1"), call("f", {}, "2")], "content": None},
             {"role": "tool", "tool_call_id": "1", "content": "x"},
             {"role": "tool", "tool_call_id": "2", "content": "y"},
             {"role": "assistant", "content": "done"}]  # fmt: skip
    add_pairs(workspace, [*tools(1), Draft(kind="tools", instruction="Two", output="done", body={"messages": twice})])
    result = run(workspace, tmp_path / "a", format="sharegpt")
    (row,) = rows(result)
    assert [turn["from"] for turn in row["conversations"]] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(row["conversations"][1]["value"]) == {"name": "get.weather", "arguments": {"city": "town 0"}}
    assert json.loads(row["tools"]) == [WEATHER]
    assert sum(left_out(result).values()) == 1


def test_distill_has_the_way_and_the_answer(workspace: Workspace, tmp_path: Path) -> None:
    whole = Draft(
        kind="reasoning", instruction="q", output="2+2 = 4\n#### 4", body={"reasoning": "2+2 = 4", "final": "4"}
    )
    add_pairs(workspace, [*reasoning(1), whole, Draft(kind="reasoning", instruction="r", output="x", body={})])
    result = run(workspace, tmp_path / "a", format="distill")
    first, second = rows(result)
    assert first == {
        "prompt": "What is 0 plus 1?", "reasoning": "0 + 1 = 1", "answer": "It is 1.", "final": "1",
        "completion": "<think>\n0 + 1 = 1\n</think>\n\nIt is 1.",
    }  # fmt: skip
    assert second["answer"] == "4" and left_out(result) == {"has no reasoning": 1}


def test_grpo_names_the_checker_and_the_reference(workspace: Workspace, tmp_path: Path) -> None:
    calls = Draft(
        kind="tools",
        instruction="Rome?",
        body={"tools": [WEATHER], "expected_calls": [{"name": "get.weather", "arguments": {"city": "Rome"}}]},
    )
    prompt = Draft(kind="prompt", instruction="p", body={"reference": "7"})
    ids = add_pairs(workspace, [*reasoning(1), calls, prompt, *sft(2)])
    say(workspace, ids[3], "approved")
    result = run(workspace, tmp_path / "a", format="grpo")
    found = [(row["reward_checker"], row["reward_reference"]) for row in rows(result)]
    assert found == [
        ("final", "1"), ("calls", '[{"name":"get.weather","arguments":{"city":"Rome"}}]'), ("final", "7"),
        ("text", "answer 1"), ("judge", ""),
    ]  # fmt: skip
    assert "1 prompts have no reference: only a judge can reward answers to them" in result.notes
    talk = run(workspace, tmp_path / "b", format="grpo", messages=True)
    assert rows(talk)[0]["prompt"] == [{"role": "user", "content": "What is 0 plus 1?"}]


def test_ipo_is_dpo_with_a_word_about_the_loss(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, preferences(2))
    assert rows(run(workspace, tmp_path / "a", format="ipo")) == rows(run(workspace, tmp_path / "b", format="dpo"))
    assert "loss_type='ipo'" in run(workspace, tmp_path / "c", format="ipo").notes[0]


def test_openai_files_pass_the_published_rules(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [*tools(12), *talks(3), *reasoning(1)])
    result = run(workspace, tmp_path / "a", format="openai")
    examples = rows(result)
    assert len(examples) == 16 and file_problems(examples, result.files[0].bytes) == []
    made = examples[0]["messages"][1]["tool_calls"][0]
    assert made["function"] == {"name": "get_weather", "arguments": '{"city": "town 0"}'}, "its letters have no dot"
    assert "reasoning_content" not in examples[-1]["messages"][-1]
    assert not [note for note in result.notes if "fewer" in note]


def test_openai_leaves_out_what_the_service_would_refuse(workspace: Workspace, tmp_path: Path) -> None:
    unanswered = [{"role": "user", "content": "x"}, {"role": "assistant", "content": None,
                  "tool_calls": [call("get.weather", {})]}, {"role": "assistant", "content": "y"}]  # fmt: skip
    add_pairs(workspace, [*sft(2), Draft(kind="tools", instruction="x", output="y",
                                         body={"messages": unanswered, "tools": [WEATHER]})])  # fmt: skip
    result = run(workspace, tmp_path / "a", format="openai")
    (reason,) = left_out(result)
    assert "answer: before a message, a call is not answered" in reason and result.written == 2
    assert "fewer than 10 examples: there are 2" in " ".join(result.notes)


def test_openai_preferences(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, preferences(10))
    result = run(workspace, tmp_path / "a", format="openai-dpo")
    assert rows(result)[0] == {
        "input": {"messages": [{"role": "user", "content": "Name colour 0."}]},
        "preferred_output": [{"role": "assistant", "content": "Blue it is."}],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    }
    assert file_problems(rows(result)) == []


def test_axolotl_comes_with_a_configuration(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [*talks(20), *tools(4)])
    result = run(workspace, tmp_path / "x.jsonl", format="axolotl", split={"train": 0.7, "val": 0.3})
    config = yaml.safe_load((tmp_path / "x.axolotl.yaml").read_text())
    (train,) = config["datasets"]
    assert train["path"] == "./x.train.jsonl" and (tmp_path / train["path"]).is_file()
    assert train["type"] == "chat_template" and train["ds_type"] == "json"
    assert config["test_datasets"][0]["path"] == "./x.val.jsonl" and config["val_set_size"] == 0
    wanted = {train["field_messages"], train["field_tools"]}
    assert all(set(row) <= wanted and train["field_messages"] in row for row in rows(result))
    assert str(tmp_path / "x.axolotl.yaml") in result.beside


def test_llama_factory_adds_to_the_index_that_is_there(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [*talks(4), *tools(2), *reasoning(2), *preferences(3), *judged(3)])
    (tmp_path / "dataset_info.json").write_text('{"mine": {"file_name": "mine.json"}}')
    run(workspace, tmp_path / "s.jsonl", format="llama-factory", split={"train": 0.5, "val": 0.5})
    index = json.loads((tmp_path / "dataset_info.json").read_text())
    assert list(index) == ["mine", "demo_train", "demo_val"]
    for name in ("demo_train", "demo_val"):
        _layout_holds(tmp_path, index[name])
    run(workspace, tmp_path / "p.jsonl", format="llama-factory-dpo")
    index = json.loads((tmp_path / "dataset_info.json").read_text())
    assert index["demo_dpo"]["ranking"] is True
    _layout_holds(tmp_path, index["demo_dpo"])
    run(workspace, tmp_path / "k.jsonl", format="llama-factory-kto")
    run(workspace, tmp_path / "other.jsonl", format="llama-factory-kto")
    index = json.loads((tmp_path / "dataset_info.json").read_text())
    assert list(index) == ["mine", "demo_train", "demo_val", "demo_dpo", "demo_kto", "demo_kto_other"]
    for name in list(index)[1:]:
        _layout_holds(tmp_path, index[name])


def _layout_holds(folder: Path, entry: dict[str, Any]) -> None:
    """The documented layout: every column is in every row, turns alternate, answers stand where they must."""
    columns, tags = entry["columns"], entry["tags"]
    lines = (folder / entry["file_name"]).read_text().splitlines()
    assert lines and entry["formatting"] == "sharegpt"
    for line in lines:
        row = json.loads(line)
        assert set(columns.values()) == set(row)
        turns = row[columns["messages"]]
        asks = {tags["user_tag"], tags["observation_tag"]}
        answers = {tags["assistant_tag"], tags["function_tag"]}
        for number, turn in enumerate(turns):
            assert turn[tags["role_tag"]] in (answers if number % 2 else asks)
            assert isinstance(turn[tags["content_tag"]], str)
        assert len(turns) % 2 == (1 if "chosen" in columns else 0)
        for answer in ("chosen", "rejected"):
            if answer in columns:
                assert row[answer][tags["role_tag"]] == tags["assistant_tag"]
        if row.get("tools"):
            assert all("name" in tool for tool in json.loads(row["tools"]))
        if "kto_tag" in columns:
            assert isinstance(row["kto_tag"], bool)


def test_llama_factory_leaves_a_file_that_is_no_index_alone(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, sft(2))
    (tmp_path / "dataset_info.json").write_text("[1]")
    with pytest.raises(UsageError, match="no index"):
        run(workspace, tmp_path / "s.jsonl", format="llama-factory")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dataset_info.json", "w"]


def test_unsloth_has_conversations_of_roles(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [*talks(1), *tools(1)])
    first, second = rows(run(workspace, tmp_path / "a", format="unsloth"))
    assert first["conversations"][0] == {"role": "system", "content": "Be kind."}
    assert second["tools"][0]["function"]["name"] == "get.weather"


def test_a_hub_folder_names_every_shard(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.stages.export.formats.hf import HuggingFace

    monkeypatch.setattr(HuggingFace, "shard_rows", 30)
    add_pairs(workspace, sft(100))
    result = run(workspace, tmp_path / "hf", format="hf", split={"train": 0.8, "test": 0.2})
    train = [file for file in result.files if file.part == "train"]
    count = sum(file.pairs for file in train)
    assert len(train) == -(-count // 30) and all(file.pairs <= 30 for file in train)
    head = yaml.safe_load((tmp_path / "hf" / "README.md").read_text().split("---")[1])
    splits = {one["split"]: one["path"] for one in head["configs"][0]["data_files"]}
    assert list(splits) == ["train", "test"]
    assert splits["train"][0] == f"data/train-00000-of-{len(train):05d}.parquet"
    assert all((tmp_path / "hf" / path).is_file() for paths in splits.values() for path in paths)
    with pytest.raises(UsageError, match="cannot name a split"):
        run(workspace, tmp_path / "other", format="hf", split={"a-b": 1.0})
    with pytest.raises(NotFoundError, match="nope"):
        run(workspace, tmp_path / "other", format="hf:nope")
    with pytest.raises(UsageError, match="does not hold csv"):
        run(workspace, tmp_path / "other", format="hf:csv")
    with pytest.raises(UsageError, match="exists already"):
        run(workspace, tmp_path / "hf", format="hf")


def test_the_first_row_is_shown_as_the_model_reads_it(workspace: Workspace, tmp_path: Path) -> None:
    add_pairs(workspace, [*tools(1), *preferences(1), *sft(1)])
    shown = {
        name: preview(workspace, ExportRequest(dataset="demo", format=name)).rendered
        for name in ("tools", "dpo", "alpaca", "sharegpt", "openai", "openai-dpo", "llama-factory", "jsonl")
    }
    assert shown["jsonl"] is None
    assert shown["dpo"] == "Name colour 0.Blue it is.", "texts are joined as they are"
    alpaca = "<|im_start|>user\npair 1: what is it?<|im_end|>\n<|im_start|>assistant\nanswer 1<|im_end|>\n"
    assert shown["alpaca"] == alpaca
    for name in ("tools", "sharegpt", "openai", "llama-factory"):
        text = shown[name] or ""
        assert text.startswith("<|im_start|>system\n<tools>") and text.count("<|im_start|>") == 5, name
        assert "<tool_call>\n{" in text and text.endswith("Sunny in town 0.<|im_end|>\n")
    assert (shown["openai-dpo"] or "").endswith("Blue it is.<|im_end|>\n")
    assert not (workspace.root / "exports").exists() or not list((workspace.root / "exports").iterdir())
    with pytest.raises(UsageError, match="neither chatml nor the folder"):
        preview(workspace, ExportRequest(dataset="demo", format="sft", template=str(tmp_path / "none")))
