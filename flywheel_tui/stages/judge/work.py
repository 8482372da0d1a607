"""What waits to be asked, and who may ask: the pairs of a run in line, and one job at a run at a time."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from flywheel_tui.locks import alone
from flywheel_tui.stages.judge.ask import Answered, Asker, Asking, Question, judged
from flywheel_tui.store.judging import Row

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class Work:
    """A pair that is asked about: its requests, and the answers that are known so far."""

    __slots__ = ("_asker", "answered", "asking", "questions", "root", "version")

    def __init__(
        self, asker: Asker, root: int, version: int, questions: list[Question], known: dict[bytes, Answered]
    ) -> None:
        self._asker, self.root, self.version = asker, root, version
        self.questions, self.answered = questions, known
        self.asking: Asking | None = None
        """The request that is under way; None before the first."""

    def next(self) -> Asking:
        """The request that is to be sent now."""
        if self.asking is None:
            question = next(question for question in self.questions if question.key not in self.answered)
            self.asking = Asking(self._asker, question)
        return self.asking

    @property
    def whole(self) -> bool:
        """Whether every request has its answer (two orders of the same answer are one request)."""
        return all(question.key in self.answered for question in self.questions)

    def row(self) -> Row:
        """What came of the pair."""
        questions = [question for question in self.questions if question.key in self.answered]
        return Row(self.root, self.version, judged(questions, self.answered))


class Line(asyncio.Queue[Work]):
    """Pairs that wait for a free call; those that were begun go first."""

    def _put(self, item: Work) -> None:
        if item.asking is not None or item.answered:
            self._queue.appendleft(item)  # type: ignore[attr-defined]
        else:
            super()._put(item)


def alone_at(workspace: Workspace, run_id: int, tag: str) -> AbstractContextManager[None]:
    """One job at a run at a time. Raises ConflictError."""
    path = workspace.store.path
    refusal = f"the run {tag!r} is being judged already; wait for it (flywheel jobs ls)"
    return alone(path.with_name(f"{path.name}.judge-{run_id}"), refusal)
