"""The chat template over an export: every row tried, tokens counted; the first row, to be shown before writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.stages.export.base import LeftOut
from flywheel_tui.stages.export.render import BUILT_IN, Renderer, dialogue_of, renderer_named
from flywheel_tui.stages.export.report import ExportRequest
from flywheel_tui.store.selections import CHUNK

if TYPE_CHECKING:
    from flywheel_tui.stages.export.run import Run
    from flywheel_tui.workspace import Workspace


class Templates:
    """Applies the template that was asked for to every record, and remembers how long they are."""

    def __init__(self, renderer: Renderer | None) -> None:
        self._renderer = renderer
        self._tokens = self._longest = self._rows = 0

    def tried(self, record: Any) -> Any:
        """The record itself, or a LeftOut where the template refuses it."""
        if self._renderer is None:
            return record
        dialogue = dialogue_of(record)
        if dialogue is None:
            return record
        try:
            count = self._renderer.tokens(self._renderer.render(dialogue))
        except InputError as error:
            return LeftOut(error.message)
        if count is not None:
            self._rows += 1
            self._tokens += count
            self._longest = max(self._longest, count)
        return record

    def notes(self) -> list[str]:
        """How many tokens there are, where a tokenizer counted them."""
        if not self._rows:
            return []
        mean = self._tokens / self._rows
        return [f"{self._tokens:,} tokens with the chat template, {mean:,.0f} a row, {self._longest:,} in the longest"]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The first row that an export will write, and what the model will read of it.

    `rendered` is None where the format holds no conversation, or nothing would be written.
    """

    template: str
    record: Any = None
    rendered: str | None = None
    tokens: int | None = None


def preview(workspace: Workspace, request: ExportRequest) -> Preview:
    """The first row as it will be written and read. Raises what `export` would raise before it writes anything.

    Without a template asked for, the built-in ChatML shows where the turns begin and end.
    """
    from flywheel_tui.stages.export.run import Run

    run = Run(workspace, request, lambda done, total, phase: None)
    renderer = run.renderer or renderer_named(BUILT_IN)
    record = _first(run)
    dialogue = dialogue_of(record)
    if dialogue is None:
        return Preview(template=renderer.name, record=record)
    text = renderer.render(dialogue)
    return Preview(template=renderer.name, record=record, rendered=text, tokens=renderer.tokens(text))


def _first(run: Run) -> Any:
    """The first record that is not left out; formats see the first 1,000 pairs before."""
    selection = run.select()
    if run.exporter.surveys:
        run.survey(run.exporter, selection.cut(0, CHUNK))
    for chunk in selection.chunks():
        for row in run.rows(chunk):
            record = run.convert(row)
            if not isinstance(record, LeftOut):
                return record
    return None
