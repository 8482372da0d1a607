"""How a recipe asks: a step, a template, values. Known answers come from the cache, wrong forms are asked once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from flywheel_tui.llm.client import corrected
from flywheel_tui.llm.faults import ASKED_AGAIN, BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.llm.strict_json import read_object
from flywheel_tui.stages.aids.json_rules import Problem, TooMuch
from flywheel_tui.stages.aids.json_schema import compiled
from flywheel_tui.stages.generate.recipe import Item, Recipe, Rejected, Teacher
from flywheel_tui.store.response_cache import Cached

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.template import Template

T = TypeVar("T")
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Door(Protocol):
    """What stands between a recipe and the services: budget, limits, cache."""

    templates: Mapping[str, Template]
    secret: bytes
    temperature: float | None
    max_tokens: int
    run_seed: int

    def known(self, key: bytes) -> Cached | None:
        """A kept answer."""
        ...

    def keep(self, answer: Cached) -> None:
        """Keep a complete and valid answer."""
        ...

    async def complete(self, teacher: Teacher, request: Request) -> Reply:
        """Ask. Raises BackendFault."""
        ...


class Ask:
    """The questions of one work item. `used` sums what they took."""

    def __init__(self, door: Door, recipe: Recipe, item: Item) -> None:
        self._door, self._recipe, self._item = door, recipe, item
        self._numbers: dict[str, int] = {}
        self.templates: list[str] = []

    async def text(
        self, step: str, template: str, values: Mapping[str, Any], *, teacher: Teacher | None = None,
        temperature: float | None = None, max_tokens: int | None = None, sample: int = 0, cut_off_is_fine: bool = False,
    ) -> str:  # fmt: skip
        """A text. `step` names the question (for the offline writer), `sample` tells several alike ones apart.

        Raises Rejected (`empty`, `cut_off`) for an answer that is none; BackendFault goes through.
        """

        def read(reply: Reply) -> str:
            text = reply.text.strip()
            if reply.finish_reason == "length" and not cut_off_is_fine:
                raise Rejected("cut_off", "the answer ended at the limit of tokens", text)
            if not text:
                raise Rejected("empty", "the answer has no text")
            return text

        request = self._request(step, template, values, teacher, temperature, max_tokens, None, sample)
        return await self._answer(teacher or self._item.teacher, request, read)

    async def object(
        self, step: str, template: str, values: Mapping[str, Any], schema: Mapping[str, Any], *,
        teacher: Teacher | None = None, temperature: float | None = None, max_tokens: int | None = None,
        sample: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """A JSON object that fits the schema. An answer of another form is sent back once with what is wrong with it.

        Raises Rejected (`malformed`, `cut_off`) where the second one does not fit either.
        """

        def read(reply: Reply) -> dict[str, Any]:
            if reply.finish_reason == "length":
                raise Rejected("cut_off", "the answer ended at the limit of tokens", reply.text)
            found = read_object(reply.text, finish_reason=reply.finish_reason, repair=True).value
            if problems := checker.problems(found):
                raise BackendFault("bad_schema", _said(problems[0]), retryable=False, answer=reply.text[:2000])
            return found

        checker = compiled(schema)
        request = self._request(step, template, values, teacher, temperature, max_tokens, schema, sample)
        return await self._answer(teacher or self._item.teacher, request, read)

    def _request(
        self, step: str, name: str, values: Mapping[str, Any], teacher: Teacher | None, temperature: float | None,
        max_tokens: int | None, schema: Mapping[str, Any] | None, sample: int,
    ) -> Request:  # fmt: skip
        door, item = self._door, self._item
        template = door.templates[name]
        if template.title not in self.templates:
            self.templates.append(template.title)
        warmth = next(
            value for value in (temperature, door.temperature, template.temperature, self._recipe.temperature)
            if value is not None
        )  # fmt: skip
        number = self._recipe.draw("sample", item.index, step, sample).randrange(2**31)
        return Request(
            messages=template.fill(values, door.secret), model=(teacher or item.teacher).model, temperature=warmth,
            max_tokens=max_tokens or door.max_tokens or template.max_tokens, schema=schema,
            schema_name=name.replace(".", "_").replace("-", "_"), seed=number,
            context={"write": lambda: self._recipe.offline(item, step, values)},
        )  # fmt: skip

    async def _answer(self, teacher: Teacher, request: Request, read: Callable[[Reply], T]) -> T:
        key = key_of_request(teacher, request)
        if (known := self._door.known(key)) is not None:
            return read(_reply_of(known, teacher))
        reply = await self._door.complete(teacher, request)
        tokens = [reply.tokens_in, reply.tokens_out, reply.cost_micro or 0]
        try:
            found = self._read(read, reply)
        except BackendFault as fault:
            second = await self._door.complete(teacher, corrected(request, reply, fault))
            tokens = [tokens[0] + second.tokens_in, tokens[1] + second.tokens_out, tokens[2] + (second.cost_micro or 0)]
            reply = second
            try:
                found = self._read(read, reply)
            except BackendFault as again:
                raise Rejected("malformed", again.message, reply.text) from None
        # what came of the second request is the answer to the first
        self._door.keep(Cached(key, reply.text, reply.model, *tokens))
        return found

    def _read(self, read: Callable[[Reply], T], reply: Reply) -> T:
        """`read`, with faults of form as BackendFault and everything that no second try mends as Rejected."""
        try:
            return read(reply)
        except BackendFault as fault:
            if fault.kind in ASKED_AGAIN:
                raise
            raise Rejected("cut_off" if fault.kind == "length" else fault.kind, fault.message, reply.text) from None
        except TooMuch as error:
            raise Rejected("malformed", str(error), reply.text) from None


def _said(problem: Problem) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.path).lstrip(".")
    return f"{path}: {problem.message}" if path else problem.message


def key_of_request(teacher: Teacher, request: Request) -> bytes:
    """The hash of exactly what is sent, and to whom."""
    said = [
        "generate", teacher.backend, request.model, [[one.role, one.content] for one in request.messages],
        request.schema, request.temperature, request.max_tokens, request.seed, request.top_p, list(request.stop),
    ]  # fmt: skip
    return blake2b(_encode_sorted(said), digest_size=16).digest()


def _reply_of(known: Cached, teacher: Teacher) -> Reply:
    return Reply(
        text=known.text, finish_reason="stop", tokens_in=0, tokens_out=0, model=known.model, backend=teacher.backend,
        latency_ms=0.0, cost_micro=0,
    )  # fmt: skip
