"""Hub data sets: names, the missing extra, and a local folder in place of the hub where `datasets` is installed."""

from __future__ import annotations

import builtins
import importlib.util
import json
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError, MissingExtraError
from flywheel_tui.stages.readers import open_source
from flywheel_tui.stages.readers.hf import parse_hub_name

needs_datasets = pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="needs the extra hf")


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("hf://owner/name", ("owner/name", None, None)),
        ("hf://owner/name/", ("owner/name", None, None)),
        ("hf://squad", ("squad", None, None)),
        ("hf://owner/name/en", ("owner/name", "en", None)),
        ("hf://owner/na-me.1/en@refs/pr/1", ("owner/na-me.1", "en", "refs/pr/1")),
    ],
)
def test_names(spec: str, parts: tuple[str, str | None, str | None]) -> None:
    assert tuple(parse_hub_name(spec)) == parts


@pytest.mark.parametrize("spec", ["hf://", "hf:///x", "hf://a/b/c/d", "hf://a b/c", "hf://../../etc"])
def test_what_is_no_name_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="hf://owner/name"):
        open_source(spec)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: object, **more: object) -> object:
        if name == "datasets":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    source = open_source("hf://owner/name")
    assert (source.format, source.size) == ("hf", None)
    with pytest.raises(MissingExtraError, match=r"flywheel-tui\[hf\]"):
        list(source.rows())


def test_the_token_comes_from_the_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGINGFACE_TOKEN", "from-environment")
    assert open_source("hf://owner/name").token == "from-environment"
    source = open_source("hf://owner/name", token="given")
    assert source.token == "given"
    assert "given" not in repr(source)


@needs_datasets
def test_a_local_data_set_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    rows = [{"instruction": f"i{number}", "output": "o"} for number in range(1500)]
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    batches = list(open_source("hf://owner/name", split="test").rows())
    assert [row for batch in batches for row in batch.rows] == rows
    assert [len(batch.rows) for batch in batches] == [1000, 500]
    with pytest.raises(InputError, match=r"(?i)split"):
        list(open_source("hf://owner/name", split="nope").rows())
