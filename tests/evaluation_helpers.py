"""Evaluations without a model: what each side answers is written down, everything else is real."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.records.evaluation import EvaluateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.evaluate import answers, sides
from flywheel_tui.stages.evaluate.sides import Base, Side
from flywheel_tui.workspace import Workspace

BASE = Base("tiny", Path("/nowhere/tiny"), "b" * 64, "{{ messages }}")
Answer = Callable[[str, str], str]
"""Takes the name of the adapter ('' for the base) and the prompt."""
PRICES = '["judges.test"]\n"*" = { input = 1.0, output = 1.0 }\n'
"""A token is a millionth of a dollar."""
TOKENS_IN, TOKENS_OUT = 100, 10
"""What a call to the judge of `paid_judge` takes."""


class Scripted:
    """A model that says what a function says; losses follow from whether that is right."""

    def __init__(self, name: str, answer: Answer, calls: list[str]) -> None:
        self.name, self.answer, self.calls = name, answer, calls

    def generate(self, prompts: Sequence[list[dict[str, str]]]) -> list[str]:
        self.calls.append(f"generate {self.name} {len(prompts)}")
        return [self.answer(self.name, messages[-1]["content"]) for messages in prompts]

    def nll(self, items: Sequence[tuple[list[dict[str, str]], str]]) -> list[tuple[float, int]]:
        self.calls.append(f"nll {self.name} {len(items)}")
        return [
            (0.5 if self.answer(self.name, messages[-1]["content"]) == said else 2.0, len(said) + 1)
            for messages, said in items
        ]


def use_models(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[str]:
    """Let evaluations ask `answer` instead of models; the list of calls that are made."""
    calls: list[str] = []

    def opened(base: Base, side: Side, **_: Any) -> Scripted:
        calls.append(f"open {Path(side.name).name}")
        return Scripted(Path(side.name).name, answer, calls)

    monkeypatch.setattr(answers, "open_model", opened)
    monkeypatch.setattr("flywheel_tui.stages.evaluate.plan.open_base", lambda name: BASE)
    return calls


def make_adapter(folder: Path, content: str = "weights") -> str:
    """A folder that is an adapter by its files; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / sides.WEIGHTS).write_text(content)
    (folder / "adapter_config.json").write_text("{}")
    return str(folder)


def tasks_file(path: Path, slices: Mapping[str, int]) -> str:
    """A file of tasks: `slices` says how many of each; number n of slice s asks `s n?` and expects n."""
    rows = [
        {"prompt": f"{name} {number}?", "expected": str(number), "checker": "numeric", "slice": name}
        for name, count in slices.items()
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def right(prompt: str) -> str:
    """The right answer to a task of `tasks_file`."""
    return prompt.split()[1].rstrip("?")


def training_pairs(count: int = 6) -> list[Draft]:
    """Rows of a training set that no task is among."""
    return [Draft(instruction=f"learn {number}", output=f"lesson {number}", line=number + 1) for number in range(count)]


def options(workspace: Workspace, **fields: Any) -> EvaluateOptions:
    """Options with the base of these tests."""
    return EvaluateOptions(**{"base": "tiny", "train": ("demo",)} | fields)


def paid_judge(monkeypatch: pytest.MonkeyPatch) -> ScriptedBackend:
    """Let a judge that is paid by the token compare: it prefers the candidate, who says so. It keeps the requests."""

    def answer(request: Request) -> Reply:
        text = request.messages[1].content
        choice = "first" if text.index("candidate") < text.index("the base") else "second"
        said = json.dumps({"rationale": "it says so", "choice": choice})
        return Reply(
            text=said, finish_reason="stop", tokens_in=TOKENS_IN, tokens_out=TOKENS_OUT, model="m", backend="scripted",
            latency_ms=1.0, parse_mode="json_schema",
        )  # fmt: skip

    backend = ScriptedBackend([answer], model="m")
    backend.place = "judges.test"
    monkeypatch.setattr("flywheel_tui.llm.registry.get_backend", lambda *_, **__: backend)
    return backend


def says_who(adapter: str, prompt: str) -> str:
    """Each side says who it is, so that no two outputs are the same."""
    return f"the {'candidate' if adapter else 'base'} says {right(prompt)}"
