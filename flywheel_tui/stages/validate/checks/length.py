"""`length`: texts that are too short or too long, in characters or tokens, and answers that break off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.endings import cut_off

CountTokens = Callable[[list[str]], list[int]]


@check
class Length(Check):
    """`min_chars` holds for instructions and answers, `max_chars` for every text; each is a number, or a table of
    numbers by field (`{"output": 4000}`). `max_tokens` is for the whole pair and needs a `tokenizer`: the path of a
    tokenizer.json, or a folder (or a name that is on this disk) that transformers can open. 0 means no limit.
    """

    name = "length"
    about = "too short or too long, in characters or tokens; answers that break off"
    options: ClassVar[dict[str, Any]] = {
        "min_chars": 0, "max_chars": 32_000, "max_tokens": 0, "tokenizer": "", "truncated": True,
    }  # fmt: skip

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in ("min_chars", "max_chars", "max_tokens"):
            _whole_numbers(name, self.settings[name])
        self._min, self._max = self.settings["min_chars"], self.settings["max_chars"]
        self._limit = self.settings["max_tokens"]
        self._count = tokenizer(self.settings["tokenizer"]) if self.settings["tokenizer"] else None
        if self._limit and self._count is None:
            raise UsageError("length.max_tokens needs a tokenizer: --set length.tokenizer=path/to/tokenizer.json")

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        by_field = isinstance(self._max, dict)
        top = 0 if by_field else self._max
        for row in rows:
            for field, text in row.texts():
                most = _of(self._max, field) if by_field else top
                if most and len(text) > most:
                    yield Found(
                        row.id, "warning", field, most, len(text), f"{len(text):,} characters, more than {most:,}"
                    )
            if self._min:
                yield from self._short(row)
            if self.settings["truncated"]:
                for field, text in row.answers():
                    if cut := cut_off(text):
                        yield Found(row.id, "warning", field, *cut)
        if self._count and self._limit:
            yield from self._tokens(rows)

    def _short(self, row: Candidate) -> Iterator[Found]:
        for field, text in (("instruction", row.instruction), *row.answers()):
            least = _of(self._min, field)
            count = len(text.strip())
            if least and count < least:
                yield Found(row.id, "warning", field, None, None, f"{count:,} characters, fewer than {least:,}")

    def _tokens(self, rows: Sequence[Candidate]) -> Iterator[Found]:
        assert self._count is not None
        texts = ["\n".join(text for _, text in row.texts()) for row in rows]
        for row, count in zip(rows, self._count(texts), strict=True):
            if count > self._limit:
                yield Found(row.id, "warning", None, None, None, f"{count:,} tokens, more than {self._limit:,}")


def _whole_numbers(name: str, value: Any) -> None:
    for one in value.values() if isinstance(value, dict) else (value,):
        if type(one) is not int or one < 0:
            raise UsageError(f"length.{name} is a whole number from 0 up, or a table of them by field, not {one!r}")


def _of(limit: int | dict[str, int], field: str) -> int:
    """The limit of a field: a table may name `output`, `body.rejected`, or `rejected`."""
    if not isinstance(limit, dict):
        return limit
    return limit.get(field, limit.get(field.removeprefix("body.").partition("[")[0], 0))


def tokenizer(name: str) -> CountTokens:
    """A function from texts to token counts. Raises MissingExtraError, or UsageError where there is no tokenizer."""
    path = Path(name).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return _fast(file)
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingExtraError(f"the tokenizer {name!r} (no such file)", "transformers", "train") from None
    try:
        found = AutoTokenizer.from_pretrained(name, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"length.tokenizer: {name!r} is not on this disk ({str(error)[:200]})") from error
    return lambda texts: [len(ids) for ids in found(texts, add_special_tokens=False)["input_ids"]]


def _fast(file: Path) -> CountTokens:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("counting tokens", "tokenizers", "tokens") from None
    try:
        found = Tokenizer.from_file(str(file))
    except Exception as error:
        # the library raises bare Exception for whatever is wrong with a file
        raise UsageError(f"length.tokenizer: {file} is no tokenizer ({str(error)[:200]})") from error
    found.no_truncation()
    found.no_padding()
    return lambda texts: [len(one.ids) for one in found.encode_batch(texts, add_special_tokens=False)]
