"""Asking one check about one pair."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from flywheel_tui.stages.validate.base import Candidate, Found, load_checks
from flywheel_tui.stages.validate.look import checked

Ask = Callable[..., list[Found]]


@pytest.fixture
def ask() -> Ask:
    """`ask("length", output="…", options={…})`: what a check finds in a pair."""

    def ask(
        name: str,
        output: str | None = "An answer.",
        *,
        instruction: str = "Say something.",
        input: str | None = None,
        kind: str = "sft",
        body: Any = None,
        options: dict[str, Any] | None = None,
    ) -> list[Found]:
        check = load_checks()[name](**(options or {}))
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        row = Candidate(1, kind, instruction, input, output, text)
        found = list(check.look([row]))
        texts = dict(row.texts())
        for one in found:
            if one.start is not None and one.end is not None and one.field is not None:
                assert 0 <= one.start < one.end <= len(texts[one.field]), one
        return checked(found, [row])

    return ask
