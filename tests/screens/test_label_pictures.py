"""Pictures of the label screen: every kind of pair, small and large, dark, light and monochrome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_workspace import StillApp, add
from textual.pilot import Pilot

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.label import LabelScreen
from screens.places import LabelRequest

SMALL, LARGE = (80, 24), (140, 40)

_TOOL = {
    "type": "function",
    "function": {
        "name": "set_light",
        "description": "Dim or switch a light",
        "parameters": {
            "type": "object",
            "properties": {"room": {"type": "string"}, "brightness": {"type": "integer", "maximum": 100}},
            "required": ["room"],
        },
    },
}


def call(arguments: str) -> dict[str, Any]:
    """A turn of the assistant with one call."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "set_light", "arguments": arguments}}],
    }


MADE: dict[str, list[Draft]] = {
    "sft": [
        Draft(
            instruction="Rewrite the message so that it is polite but firm.",
            input="You still have not paid invoice 2207. Pay now!",
            output="Hello,\n\ninvoice 2207 is 45 days past its due date. Please pay by Friday.\n\nKind regards",
            category="rewriting",
            tags=["mail"],
            line=1,
        ),
        Draft(instruction="Name a river.", output="The Aare.", line=2),
    ],
    "preference": [
        Draft(
            kind="preference",
            instruction="How long do I boil a soft egg?",
            output="Boil it for six minutes, then hold it under cold water.",
            body={"rejected": "Boil it for nine minutes, then put it into cold water."},
            line=1,
        )
    ],
    "tools": [
        Draft(
            kind="tools",
            instruction="Kitchen light all the way up, please.",
            output="It is at full brightness.",
            body={
                "tools": [_TOOL],
                "messages": [
                    {"role": "user", "content": "Kitchen light all the way up, please."},
                    call('{"room": "kitchen", "brightness": 150}'),
                    {"role": "tool", "name": "set_light", "content": '{"ok": false}'},
                    call('{"room": "kitchen", "brightness": 100}'),
                    {"role": "tool", "name": "set_light", "content": '{"ok": true}'},
                    {"role": "assistant", "content": "It is at full brightness."},
                ],
            },
            line=1,
        )
    ],
    "rag": [
        Draft(
            kind="rag",
            instruction="How long may a boat stay?",
            output="A boat may stay 14 days at most [c2]. Dogs are welcome [c7].",
            body={
                "chunks": [
                    {"id": "c1", "title": "Hours", "text": "The harbour opens at six.", "gold": False},
                    {
                        "id": "c2",
                        "title": "Berths",
                        "text": "Book early. A boat may stay 14 days at most.",
                        "gold": True,
                    },
                ],
                "citations": ["c2", "c7"],
            },
            line=1,
        )
    ],
    "reasoning": [
        Draft(
            kind="reasoning",
            instruction="A school orders 26 boxes of 48 pencils. How many pencils is that?",
            output="That makes 1238 pencils.",
            body={"reasoning": "26 × 50 = 1300 and 26 × 2 = 52. So 1300 - 52 = 1238.", "final": "1238"},
            line=1,
        )
    ],
    "long": [Draft(instruction="Write a long story.", output="Once upon a time there was a mill. " * 900, line=1)],
}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    # the sides of a preference pair follow from the session's name
    monkeypatch.setattr("flywheel_tui.stages.session.new_uid", _Counter())
    made = Workspace.open(tmp_path / "work", create=True)
    for name, drafts in MADE.items():
        add(made, name, drafts, f"{name}.jsonl")
    yield made
    made.close()


class _Counter:
    """Uids in order, the same in every run."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> bytes:
        self._last += 1
        return self._last.to_bytes(16, "big")


def after(*keys: str, query: ViewQuery | None = None) -> Callable[[Pilot[None]], Any]:
    """Press keys one by one, once the first pair is shown."""

    async def run(pilot: Pilot[None]) -> None:
        await pilot.pause()
        screen = pilot.app.screen_stack[0]
        assert isinstance(screen, LabelScreen)
        await screen.settled()
        if query is not None:
            await pilot.app.go("label", LabelRequest(query))  # type: ignore[attr-defined]
            await screen.settled()
        for key in keys:
            await pilot.press(key)
            await screen.settled()
        await pilot.pause()
        await pilot.pause()

    return run


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("name", list(MADE))
def test_every_kind(snap_compare: Any, workspace: Workspace, name: str, size: tuple[int, int]) -> None:
    app = StillApp(workspace, dataset=name, start="label")
    assert snap_compare(app, terminal_size=size, run_before=after())


@pytest.mark.parametrize("theme", ["flywheel-light", "flywheel-mono"])
@pytest.mark.parametrize("name", ["sft", "preference", "tools"])
def test_other_themes(snap_compare: Any, workspace: Workspace, theme: str, name: str) -> None:
    app = StillApp(workspace, dataset=name, start="label", theme=theme)
    assert snap_compare(app, terminal_size=LARGE if name != "sft" else SMALL, run_before=after())


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("rejecting", ("r",)),
        ("collecting", ("R", "1", "3")),
        ("note", ("n", "o", "k")),
        ("edit", ("e",)),
        ("guidelines", ("i",)),
        ("details", ("d",)),
        ("decided", ("4", "a", "k")),
        ("end", ("a", "s")),
    ],
)
def test_states(snap_compare: Any, workspace: Workspace, name: str, keys: tuple[str, ...]) -> None:
    app = StillApp(workspace, dataset="sft", start="label")
    assert snap_compare(app, terminal_size=SMALL, run_before=after(*keys))


def test_nothing_matches(snap_compare: Any, workspace: Workspace) -> None:
    app = StillApp(workspace, dataset="sft", start="label")
    query = ViewQuery(dataset="sft", filter="length > 100000")
    assert snap_compare(app, terminal_size=SMALL, run_before=after(query=query))
