"""What an answer says that its passages do not: numbers, names, whole sentences, by comparing words.

Words cannot prove that an answer is supported; they can show that a number or a name comes from nowhere. What could
have been worked out from the passages (a sum, a product, another way to write a time) is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from flywheel_tui.answers.arithmetic import Value
from flywheel_tui.answers.numerals import NUMBER_WORDS, SCALES, number_of, plain_signs
from flywheel_tui.stages.aids.sources import LARGEST
from flywheel_tui.stages.aids.words import ABSTAINS, COMMON, DATES

MOST_CLAIMS = 40
"""Numbers of one answer that are looked for in other forms: what has more in doubt needs no list."""
MOST_TEXT = 400_000
"""Passages with more characters than this together are not compared."""
_COMBINED = 60
_CLAUSES = 200
_LARGE = 10**15
_MARK = re.compile(r"[\[【][^\[\]【】\n]{1,60}[\]】]")
_BULLET = re.compile(r"(?m)^[ \t]*\(?\d{1,2}[.)](?=\s)")
_FIGURE = re.compile(r"((?<![^\W\d_])[^\W\d_]+|)(\d+(?:[.,:]\d+)*)(\s?%)?([^\W\d_]*)")
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:\.(?=\S)[^.!?。！？\n]*)*[.!?。！？]?")
_PART = re.compile(r"\d[.,:]")
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_DIGIT = re.compile(r"\d")
_CLAUSE = re.compile(r"[.;,\n]\s|\band\b|\bund\b|\bet\b|\by\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAME = re.compile(r"(?<![.!?:\"“„«\n•*-] )(?<![\"“„«(])(?<!^)\b[A-ZÀ-ÖØ-Þ][^\W\d_]{2,}")
_YEAR = re.compile(r"(?<![\d.,:])(?:1[0-9]|20)\d\d(?![\d.,:]\d|\d)")
_GERMAN = re.compile(r"\b(?:der|die|das|und|ist|ein|eine|nicht|mit|für|von)\b")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")


class Claim(NamedTuple):
    """A part of an answer that the passages do not hold. `kind`: number, name, sentence or elsewhere.

    `elsewhere`: a year that the passages give to something else; `instead` is the one that they give here.
    """

    kind: str
    start: int
    end: int
    text: str
    instead: str = ""


def abstains(answer: str) -> bool:
    """Whether an answer says that the passages do not tell."""
    lowered = answer[:LARGEST].lower().replace("’", "'")
    return any(map(lowered.__contains__, ABSTAINS))


class Sources:
    """The passages and the question, ready to be asked whether they hold a word or a number."""

    def __init__(self, texts: list[str], question: str) -> None:
        self.texts = texts
        self.plain = plain_signs("\n".join([*texts, question])).lower()
        self.too_large = len(self.plain) > MOST_TEXT
        self._stems: set[str] | None = None
        self._figures: set[Value | str] | None = None
        self._written: set[str] | None = None
        self._known: dict[str, bool] = {}
        self._words = len(self.plain) > 20_000

    def holds(self, word: str) -> bool:
        """Whether a word stands in them, in some form."""
        stem = _stem(word)
        if not self._words:
            return stem in self.plain
        if self._stems is None:
            self._stems = {_stem(one) for one in _WORD.findall(self.plain)}
        return stem in self._stems

    def writes(self, digits: str) -> bool:
        """Whether a number stands in them as it is written."""
        if digits in self._known:
            return self._known[digits]
        self._known[digits] = found = self._stands(digits)
        return found

    def _stands(self, digits: str) -> bool:
        if self._words:
            if self._written is None:
                self._written = set(_DIGITS.findall(self.plain))
            return digits in self._written
        at = self.plain.find(digits)
        while at >= 0:
            end = at + len(digits)
            before, after = self.plain[max(0, at - 2) : at], self.plain[end : end + 2]
            longer = before[-1:].isdigit() or after[:1].isdigit()
            if not longer and not _PART.match(before) and not _PART.match(after[::-1]):
                return True
            at = self.plain.find(digits, end)
        return False

    @property
    def figures(self) -> set[Value | str]:
        """Their numbers, in digits and words, with the other ways to write them."""
        if self._figures is None:
            found: set[Value | str] = set()
            for match in _FIGURE.finditer(self.plain):
                found |= _readings(match)
            for word in set(_WORD.findall(self.plain)) | set(self.plain if not self.plain.isascii() else ""):
                if word in NUMBER_WORDS:
                    found.add(NUMBER_WORDS[word])
            self._figures = found
        return self._figures

    def gives(self, wanted: set[Value | str]) -> bool:
        """Whether a number can be worked out from two of theirs: a sum, difference, product, quotient, share."""
        values = {_near(value) for value in self.figures if not isinstance(value, str) and 0 < value < _LARGE}
        if len(values) > _COMBINED:
            return True  # among so many, two always fit: nothing can be told
        for number in wanted:
            if isinstance(number, str) or not 0 < number < _LARGE:
                continue
            target = float(number)
            for value in values:
                others = (
                    target - value,
                    value - target,
                    target + value,
                    target / value,
                    target * value,
                    value / target,
                )
                if any(_near(other) in values for other in (*others, 100 * target / value)):
                    return True
        return False


def _near(value: Value | float) -> float:
    return round(float(value), 6)


def _stem(word: str) -> str:
    lowered = word.lower()
    return lowered[:5] if len(lowered) > 6 else lowered[:4] if len(lowered) > 4 else lowered


def _readings(match: re.Match[str]) -> set[Value | str]:
    """What a figure may mean: both readings of its separators, times of day, shares of a hundred."""
    digits = match[2]
    found: set[Value | str] = set()
    if ":" in digits:
        parts = [int(part) for part in re.findall(r"\d+", digits)[:3] if len(part) < 10]
        found.add(":".join(map(str, parts)))
        if len(parts) > 1 and parts[1] == 0:
            found.add(parts[0])
    for european in (False, True) if "," in digits or "." in digits else (False,):
        value = number_of(digits, european=european)
        if value is not None:
            found.add(value)
            if match[3]:
                found.add(Fraction(value) / 100)
    if not found:
        found |= {int(part) for part in re.findall(r"\d+", digits) if len(part) < 20}
    return found


def ungrounded(answer: str, sources: Sources) -> Iterator[Claim]:
    """The parts of an answer that its passages do not hold."""
    if sources.too_large:
        return
    text = answer[:LARGEST]
    shown = _MARK.sub(lambda match: " " * len(match[0]), text) if "[" in text or "【" in text else text
    yield from _figures(text, shown, sources)
    if _SPACELESS.search(text) or not _same_script(text, sources.plain):
        return
    yield from _names(shown, sources)
    yield from _sentences(shown, sources)
    if (years := set(_YEAR.findall(shown))) and not years >= set(_YEAR.findall(sources.plain)):
        yield from _other_year(shown, sources)


def _same_script(text: str, plain: str) -> bool:
    return text.isascii() or not plain.isascii() or len(re.findall(r"[a-zA-Z]", text)) * 2 > len(text)


def _german(text: str) -> bool:
    return len(set(_GERMAN.findall(text))) >= 2


def _figures(text: str, shown: str, sources: Sources) -> Iterator[Claim]:
    if _DIGIT.search(shown) is None:
        return
    plain = plain_signs(shown)
    if "\n" in plain or plain[0] in "( \t0123456789":
        plain = _BULLET.sub(lambda match: " " * len(match[0]), plain)
    seen: set[str] = set()
    doubts = 0
    for place in _DIGITS.finditer(plain):
        digits, start = place.group(), place.start()
        if sources.writes(digits):
            continue
        while start > 0 and plain[start - 1].isalpha():
            start -= 1
        match = _FIGURE.match(plain, start)
        if match is None or match.group() in seen or (match[1] and (match[1] + digits).lower() in sources.plain):
            continue
        seen.add(match.group())
        readings = _readings(match)
        after = plain[match.end() : match.end() + 12].lower().split()
        word = (match[4] or (after[0] if after else "")).lower().strip(".,;:")
        values = [value for value in readings if not isinstance(value, str)]
        if word in SCALES:
            readings |= {value * SCALES[word] for value in values}
        elif word in ("percent", "prozent", "procent", "per", "pour", "por"):
            readings |= {Fraction(value) / 100 for value in values}
        elif word in ("pm", "p.m"):
            readings |= {value + 12 for value in values}
            readings |= {_afternoon(value) for value in readings if isinstance(value, str)}
        if readings & sources.figures:
            continue
        doubts += 1
        if doubts > MOST_CLAIMS:
            return
        if sources.gives(readings):
            continue
        yield Claim("number", match.start(2), match.end(2), text[match.start(2) : match.end(2)])


def _afternoon(clock: str) -> str:
    hour, _, rest = clock.partition(":")
    return f"{int(hour) + 12}:{rest}"


def _names(shown: str, sources: Sources) -> Iterator[Claim]:
    german: bool | None = None
    seen: set[str] = set()
    for match in _NAME.finditer(shown):
        word = match.group()
        if word in seen or len(seen) > 50 * MOST_CLAIMS:
            continue
        seen.add(word)
        if word.lower() not in DATES and word.lower() not in COMMON and not sources.holds(word):
            german = _german(shown) if german is None else german
            if german:
                return  # every noun has a capital there
            yield Claim("name", match.start(), match.end(), word)


def _sentences(shown: str, sources: Sources) -> Iterator[Claim]:
    """Sentences of which next to nothing is in the passages."""
    for match in _SENTENCE.finditer(shown):
        words = {word for word in _WORD.findall(match.group().lower()) if len(word) > 3 and word not in COMMON}
        if len(words) < 5:
            continue
        held = sum(1 for _ in islice(filter(sources.holds, words), len(words) // 5 + 1))
        if held <= len(words) // 5:
            lead = len(match.group()) - len(match.group().lstrip())
            yield Claim("sentence", match.start() + lead, match.end(), match.group().strip())


def _other_year(shown: str, sources: Sources) -> Iterator[Claim]:
    """Years that stand in the passages with other words, where these words stand there with another year."""
    at = 0
    clauses: list[tuple[set[str], set[str]]] | None = None
    for part in _CLAUSE.split(shown)[:_CLAUSES]:
        place = shown.find(part, at)
        at = place + len(part)
        years = {match.group(): match for match in _YEAR.finditer(part)}
        words = _telling_stems(part) if years else set()
        for year, match in years.items():
            if _fits(year, words, sources.plain):
                continue
            clauses = _dated(sources.texts) if clauses is None else clauses
            if len(clauses) > _CLAUSES:
                return
            own = [said for dates, said in clauses if year in dates]
            other = [(len(said & words), dates) for dates, said in clauses if year not in dates and said & words]
            if own and other and not any(said & words for said in own):
                most = max(common for common, _ in other)
                instead = " or ".join(sorted({one for common, dates in other if common == most for one in dates})[:3])
                yield Claim("elsewhere", place + match.start(), place + match.end(), year, instead)


def _fits(year: str, words: set[str], plain: str) -> bool:
    """Whether a year stands beside one of these words where it stands first: the usual case, told cheaply."""
    at = plain.find(year)
    if at < 0:
        return True  # that it stands nowhere has been said
    window = plain[max(0, at - 80) : at + 80]
    clause = next((part for part in _CLAUSE.split(window) if year in part), "")
    return any(word in clause for word in words)


def _dated(texts: list[str]) -> list[tuple[set[str], set[str]]]:
    """The clauses of passages that hold a year: their years and their words."""
    return [
        (set(_YEAR.findall(part)), _telling_stems(part))
        for text in texts
        if len(text) < LARGEST and _YEAR.search(text)
        for part in _CLAUSE.split(text)
        if _YEAR.search(part)
    ]


def _telling_stems(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower()) if _telling(word)}


def _telling(word: str) -> bool:
    return len(word) > 3 and word not in COMMON
