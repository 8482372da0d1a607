"""Rubric files: what is read, and that everything else is refused with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, NotFoundError
from flywheel_tui.records.rubric import RubricKind
from flywheel_tui.resources import shipped
from flywheel_tui.stages.rubric import MAX_BYTES, load_rubric, named_rubric, parse_rubric, rubric_files, rubric_for
from flywheel_tui.workspace import Workspace

BASE = """\
name: mine
version: 2
kind: scored
rating: {min: 1, max: 3, labels: [bad, fair, good]}
criteria:
  - name: accuracy
    description: is it right
    weight: 0.5
reasons:
  - {key: "1", name: wrong, label: Wrong}
  - {key: "2", name: rude, label: Rude}
guidelines: |
  Be kind.
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "work", create=True) as found:
        yield found


def test_reads_what_people_write() -> None:
    rubric = parse_rubric(BASE)
    assert rubric.title == "mine@2" and rubric.kind is RubricKind.SCORED
    assert rubric.rating is not None and rubric.rating.word(3) == "good"
    assert rubric.reason("2") == rubric.reasons[1] and rubric.reason("9") is None
    assert rubric.guidelines == "Be kind.\n"


def test_the_hash_is_over_what_is_asked() -> None:
    assert parse_rubric(BASE).hash == parse_rubric(BASE.replace("{min: 1, max: 3,", "{max: 3,   min: 1,")).hash
    assert parse_rubric(BASE).hash != parse_rubric(BASE.replace("is it right", "is it true")).hash


def test_words_of_yaml_1_1_that_look_like_booleans_are_words() -> None:
    assert parse_rubric(BASE.replace("[bad, fair, good]", "[no, off, yes]")).rating.labels == ("no", "off", "yes")  # type: ignore[union-attr]


@pytest.mark.parametrize("path", sorted(shipped("rubrics").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_rubrics_are_sound(path: Path) -> None:
    rubric = load_rubric(path)
    assert rubric.name == path.stem and rubric.guidelines and len(rubric.reasons) <= 10


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "is empty"),
        ("a: &x 1\nb: *x", 1, "alias"),
        ("a:\n  b: 1\n  b: 2", 3, "'b' twice"),
        (BASE + "colour: red\n", 14, "no such field"),
        (BASE.replace("min: 1", "min: low"), 4, "field 'rating.min': expected `int`"),
        (BASE.replace("fair, ", ""), 4, "2 labels for 3 ratings"),
        (BASE.replace("max: 3", "max: 12"), 4, "cannot be typed"),
        (BASE.replace("0.5", ".nan"), 8, "has no meaning"),
        (BASE.replace("0.5", "0"), 8, "no weight"),
        (BASE.replace('"2"', '"1"'), 11, "no free digit"),
        (BASE.replace("name: rude", "name: wrong"), 11, "used twice"),
        (BASE.replace("name: mine", "name: ../mine"), 1, "no name"),
        (BASE.replace("version: 2", "version: 0"), 2, "no version"),
        (BASE.replace("version: 2\n", ""), 1, "missing required field `version`"),
        (BASE.replace("kind: scored", "kind: binary"), 3, "needs questions"),
        (BASE.replace("kind: scored", "kind: round"), 3, "round"),
        (BASE + "---\nname: other", 14, "second document"),
        ("x: !!python/object:os.system 1", 1, "no meaning"),
        ("when: 2020-01-01", 1, "no meaning"),
        ("[[[[[[[[[[1]]]]]]]]]]", 1, "too deeply"),
        ("name: x\n\t- y", 2, "is not YAML"),
        ("name: \x00", None, "is not YAML"),
        ("- 1\n- 2", 1, "expected `object`"),
        ("? [a]\n: 1", 1, "not a word"),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, line: int | None, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rubric(text, "mine.yaml")
    assert words in str(caught.value)
    assert caught.value.line == line and caught.value.remedy and str(caught.value).startswith("mine.yaml")


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)
    )
    with pytest.raises(InputError, match="alias"):
        parse_rubric(bomb)


def test_files_that_are_too_large_or_no_text(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * MAX_BYTES)
    with pytest.raises(InputError, match="bytes"):
        load_rubric(large)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: x\ndescription: caf\xe9\n")
    with pytest.raises(InputError, match=r"latin\.yaml:2: is not UTF-8"):
        load_rubric(latin)
    with pytest.raises(InputError, match="cannot be read"):
        load_rubric(tmp_path / "none.yaml")


def test_the_workspace_comes_before_what_is_shipped(workspace: Workspace) -> None:
    assert {"default", "preference", "yes_no"} <= set(rubric_files(workspace))
    assert rubric_for(workspace, "sft").name == "default"
    assert rubric_for(workspace, "preference").name == "preference"
    (workspace.folder("rubrics") / "default.yaml").write_text(BASE.replace("mine", "default"))
    assert rubric_for(workspace, "sft").version == 2
    with pytest.raises(NotFoundError, match="yes_no"):
        named_rubric(workspace, "nope")
    workspace.__dict__["settings"] = workspace.settings.model_copy(update={"rubric": "yes_no"})
    assert rubric_for(workspace, "preference").kind is RubricKind.BINARY


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=150)
def test_no_text_gets_past_as_anything_but_a_rubric_or_a_sentence(text: str) -> None:
    try:
        parse_rubric(text, "f.yaml")
    except InputError as error:
        assert str(error).startswith("f.yaml")
