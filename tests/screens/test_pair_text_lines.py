"""A text of very many short lines is cut as a long one is: the screen must not stand still over it."""

from __future__ import annotations

from pathlib import Path

from fixtures_workspace import add

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import views
from flywheel_tui.workspace import Workspace
from screens.glyphs import Glyphs
from screens.widgets.pair_text import LIMIT, LINE, pair_content


def test_lines_count_as_characters(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "work", create=True) as workspace:
        texts = ["a\n" * 50_000, "x" * (LIMIT - 100), "one\n" * (LIMIT // LINE - 5), "short"]
        add(workspace, "long", [Draft(instruction="?", output=text, line=n) for n, text in enumerate(texts, 1)])
        found = []
        for number in range(1, len(texts) + 1):
            content, more = pair_content(views.detail(workspace, number), glyphs=Glyphs(False))
            found.append((content.plain.count("\n") < LIMIT // LINE + 10, more))
            assert ("not shown" in content.plain) is more
    assert found == [(True, True), (True, False), (True, False), (True, False)]
