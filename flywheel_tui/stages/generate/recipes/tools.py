"""Tool traces: a request, calls with results, recovery from errors, and requests that need no tool at all.

The tools come from a catalogue, or from seeds that have tools themselves (rows of the kind tools, as BFCL's): then each
item uses the tools of its seed. Every call is held to its JSON Schema by the same reading as in `flywheel validate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.aids.catalogue import function_of, parameters_of
from flywheel_tui.stages.export.tool_shapes import standard_schema, standard_tool
from flywheel_tui.stages.generate.objects import load_catalogue
from flywheel_tui.stages.generate.recipe import Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.schema_values import value_for
from flywheel_tui.stages.generate.trajectories import SCENARIOS, TRAJECTORY, draft_of
from flywheel_tui.stages.generate.writing import TEXT, closed

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

_HORIZON = 1_000_000
_MOST = 8
"""Functions of a catalogue that are shown for one item."""


@recipe
class Tools(Recipe):
    """One request and the whole work on it. Rules: those of `trajectories.draft_of`."""

    name = "tools"
    about = "Requests to an assistant with tools: calls, results, recovery from errors, and none where none is needed."
    kind = "tools"
    needs = "nothing"
    seed_kinds = ("tools", "trace")
    templates = ("tools.request", "tools.trajectory")
    options = {"catalogue": "household", "scenarios": ",".join(SCENARIOS)}  # noqa: RUF012
    hints = {"catalogue": "a name or a YAML file", "scenarios": "some of these, between commas"}  # noqa: RUF012
    likely_tokens = 800
    novelty = 0.8

    def prepare(self) -> None:
        named = [name.strip() for name in str(self.option("scenarios")).split(",") if name.strip()]
        if unknown := set(named) - set(SCENARIOS):
            raise UsageError(f"there is no scenario {sorted(unknown)[0]!r}; there are: {', '.join(SCENARIOS)}")
        self._scenarios = [SCENARIOS[name] for name in named] or list(SCENARIOS.values())
        self._seeds = [seed for seed in self.setup.seeds if seed.body.get("tools")]
        self._catalogue = None if self._seeds else load_catalogue(self.setup.workspace, self.option("catalogue"))

    def item(self, index: int) -> Item | None:
        if index >= _HORIZON:
            return None
        chance = self.draw("item", index)
        scenario = chance.choices(self._scenarios, [one.share for one in self._scenarios])[0]
        params: dict[str, Any] = {"variant": scenario.name}
        seeds: tuple[Seed, ...] = ()
        if self._catalogue is None:
            order = list(range(len(self._seeds)))
            self.draw("order", index // len(order)).shuffle(order)
            seeds = (self._seeds[order[index % len(order)]],)
        else:
            names = [str(tool["name"]) for tool in self._catalogue.tools]
            params["catalogue"] = f"{self._catalogue.name}@{self._catalogue.version}"
            params["tools"] = sorted(chance.sample(names, min(_MOST, len(names))), key=names.index)
        return Item(index=index, teacher=self.teacher(index), seeds=seeds, params=params)

    def _tools(self, item: Item) -> list[dict[str, Any]]:
        if item.seeds:
            return [standard_tool(tool) for tool in item.seed.body["tools"]]
        assert self._catalogue is not None
        return [standard_tool(tool) for tool in self._catalogue.tools if tool["name"] in item.params["tools"]]

    def _example(self, item: Item) -> str:
        if item.seeds:
            return item.seed.instruction
        assert self._catalogue is not None
        none = item.params["variant"] == "no-tool"
        listed = self._catalogue.no_tool_requests if none else self._catalogue.requests
        return self.draw("example", item.index).choice(listed) if listed else "Please see to it for me."

    async def make(self, item: Item, ask: Ask) -> Made:
        scenario, tools = SCENARIOS[item.params["variant"]], self._tools(item)
        shown = "\n".join(msgspec.json.encode(tool["function"]).decode() for tool in tools)
        values = {"tools": shown, "example": self._example(item), "scenario": scenario.request}
        request = (await ask.object("request", "tools.request", values, closed(request=TEXT)))["request"].strip()
        if item.seeds and " ".join(request.split()) == " ".join(item.seed.instruction.split()):
            raise Rejected("same_request", "it is the request of the seed", request)
        values = {"tools": shown, "request": request, "scenario": scenario.work}
        written = await ask.object("work", "tools.trajectory", values, TRAJECTORY)
        draft = draft_of(request, tools, written, scenario.name)
        calls = sum(len(turn["calls"]) for turn in written["turns"])
        notes = {"variant": scenario.name, "calls": calls}
        return Made(draft=draft, parents=tuple(Parent(seed) for seed in item.seeds), notes=notes)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> dict[str, Any]:
        calls = self._offline_calls(item)
        if step == "request":
            if item.params["variant"] == "no-tool":
                chance = self.draw("offline request", item.index)
                about = chance.choice(self._tools(item))["function"]["name"].replace("_", " ").replace(".", " ")
                day, place = chance.randrange(1, 29), chance.choice(("school", "the office", "our club", "home"))
                return {"request": f"What does the word {about} mean? I need it for a talk at {place} on day {day}."}
            wishes = "; ".join(f"{name.replace('_', ' ')} with {_said(arguments)}" for name, arguments in calls)
            return {"request": f"Please do this for me: {wishes}."}
        turns = [{"calls": [{"name": name, "arguments": msgspec.json.encode(arguments).decode()}],
                  "results": ['{"ok": true}']} for name, arguments in calls]  # fmt: skip
        if item.params["variant"] == "recovery":
            name = calls[0][0]
            other = value_for(self._schema(item, name), self.draw("offline other", item.index))
            turns.insert(0, {"calls": [{"name": name, "arguments": msgspec.json.encode(other).decode()}],
                             "results": ['{"error": "not found"}']})  # fmt: skip
        answer = (
            "No function is needed for that: it is the name of what one of them does." if not turns else "It is done."
        )
        return {"turns": turns, "answer": answer}

    def _schema(self, item: Item, name: str) -> Any:
        tool = next(tool for tool in self._tools(item) if tool["function"]["name"] == name)
        return standard_schema(parameters_of(function_of(tool)))

    def _offline_calls(self, item: Item) -> list[tuple[str, dict[str, Any]]]:
        if item.params["variant"] == "no-tool":
            return []
        chance = self.draw("offline", item.index)
        count = 2 if item.params["variant"] == "several" else 1
        tools = self._tools(item)
        chosen = [chance.choice(tools)["function"]["name"] for _ in range(count)]
        return [(name, value_for(self._schema(item, name), chance)) for name in chosen]


def _said(arguments: Any) -> str:
    if not isinstance(arguments, dict) or not arguments:
        return "nothing else"
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in arguments.items())
