"""What a format can hold comes back from it: export, take the file in again, the same pairs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from factories import make_workspace
from format_pairs import WEATHER, call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export import ExportRequest, export
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
texts = st.text(letters, min_size=1, max_size=20).filter(lambda text: text.strip() != "")
plain = st.builds(Draft, instruction=texts, output=texts)
with_context = st.builds(Draft, instruction=texts, input=st.none() | texts, output=texts)
turns = st.lists(st.tuples(texts, texts), min_size=2, max_size=3)


def talk(said: list[tuple[str, str]], system: str) -> Draft:
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    for asked, answered in said:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return Draft(instruction=said[-1][0], output=said[-1][1], body={"messages": messages})


def tool_use(asked: str, city: str, answered: str) -> Draft:
    standard = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": WEATHER["name"], "parameters": standard}}
    messages = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": None, "tool_calls": [call("get.weather", {"city": city}, "call_1")]},
        {"role": "tool", "content": "{}", "tool_call_id": "call_1", "name": "get.weather"},
        {"role": "assistant", "content": answered},
    ]
    return Draft(kind="tools", instruction=asked, output=answered, body={"tools": [tool], "messages": messages})


talks = st.builds(talk, turns, texts)
tool_uses = st.builds(tool_use, texts, texts, texts)
ways = st.builds(
    lambda asked, way, answer: Draft(
        kind="reasoning", instruction=asked, output=answer, body={"reasoning": way, "final": answer}
    ),
    texts, texts.map(lambda text: f"because {text}"), texts.filter(lambda text: "because" not in text),
)  # fmt: skip
passages = st.lists(st.builds(lambda text: {"text": text}, texts), min_size=1, max_size=3)
over_passages = st.builds(
    lambda asked, answer, found: Draft(
        kind="rag", instruction=asked, output=answer,
        body={"chunks": [{"id": str(number), **chunk} for number, chunk in enumerate(found)]},
    ),
    texts, texts, passages,
)  # fmt: skip
preferences = st.builds(
    lambda asked, good, bad: Draft(kind="preference", instruction=asked, output=good, body={"rejected": bad}),
    texts, texts.map(lambda text: f"a{text}"), texts.map(lambda text: f"b{text}"),
)  # fmt: skip
judged = st.builds(
    lambda asked, said, good: Draft(kind="kto", instruction=asked, output=said, body={"desirable": good}),
    texts, texts, st.booleans(),
)  # fmt: skip
HOLD = {
    "sft": plain, "alpaca": with_context, "messages": st.one_of(plain, talks, tool_uses), "sharegpt": talks,
    "unsloth": st.one_of(talks, tool_uses), "tools": tool_uses, "axolotl": st.one_of(talks, tool_uses),
    "distill": ways, "rag": over_passages, "dpo": preferences, "ipo": preferences, "kto": judged, "openai": talks,
}  # fmt: skip


def contents(workspace: Workspace) -> list[tuple[Any, ...]]:
    query = "SELECT kind, instruction, input, output, body FROM pair ORDER BY id"
    found = []
    for kind, instruction, given_, output, body in workspace.store.read().execute(query):
        decoded = msgspec.json.decode(body) if body else {}
        found.append((kind, instruction, given_ or None, output, decoded))
    return found


@pytest.mark.parametrize("format", sorted(HOLD))
@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_same_pairs_come_back(tmp_path_factory: pytest.TempPathFactory, format: str, data: Any) -> None:
    drafts = data.draw(st.lists(HOLD[format], min_size=1, max_size=4, unique_by=lambda draft: draft.instruction))
    folder = tmp_path_factory.mktemp("round")
    with make_workspace(folder / "w", drafts) as workspace, make_workspace(folder / "back") as back:
        result = export(workspace, ExportRequest(dataset="demo", to=str(folder / "x.jsonl"), format=format))
        assert result.written == len(drafts), result.left_out
        kind = drafts[0].kind if format in ("dpo", "ipo", "kto", "rag", "distill") else None
        summary = ingest(back, IngestOptions(source=result.files[0].path, name="demo", kind=kind))
        assert summary.rejected == 0, summary.reasons
        assert contents(back) == contents(workspace)
