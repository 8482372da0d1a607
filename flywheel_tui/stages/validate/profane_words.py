"""Lists of strong language, and one pass over a text that sees through repeated letters, figures and stars in them.

A list is a text file: one word or phrase per line under `[mild]`, `[strong]` or `[slur]`; `word*` takes any ending,
`word?` counts only in a text of the list's own language, and what stands under `[unless]` is harmless as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from flywheel_tui.errors import InputError
from flywheel_tui.stages.validate.languages import guess
from flywheel_tui.stages.validate.patterns import options

FOLDER: Final = Path(__file__).parent / "wordlists"
OWN: Final = "own list"  # stands for the language of a list that a person gave
_TIERS: Final = ("mild", "strong", "slur")
_UNSPACED: Final = frozenset(("ja", "zh", "th"))  # languages that do not part words
_LOOKALIKES: Final = {"a": "a4@", "b": "b8", "e": "e3", "i": "i1!", "o": "o0", "s": "s5$", "t": "t7"}
_PLAIN: Final = str.maketrans({c: letter for letter, others in _LOOKALIKES.items() for c in others[1:]})
_LONGEST: Final = 40  # letters of a listed word
_REMEMBERED: Final = 10_000  # spellings
_APART: Final = r"[^\pL\pN]"
_MASKED: Final = r"(?:^|[^\pL\pN*])(\pL{1,12}\*{1,4}\pL{0,12})"
_SPELT: Final = rf"(?:^|{_APART})(\pL(?:[ .\-_]\pL){{3,12}})(?:{_APART}|$)"
_RUNS: Final = re.compile(r"(.)\1*", re.DOTALL)


class Entry(NamedTuple):
    """One line of a list."""

    word: str
    language: str
    tier: str
    any_ending: bool
    own_language_only: bool


class Swear(NamedTuple):
    """One place where a listed word stands."""

    start: int
    end: int
    entry: Entry


def available() -> list[str]:
    """Codes of the languages with a list, English first: a disguised word may fit more than one."""
    return sorted((path.stem for path in FOLDER.glob("*.txt")), key=lambda code: (code != "en", code))


def read_list(path: Path, language: str) -> tuple[list[Entry], list[str]]:
    """Entries and harmless phrases of a list. Raises InputError that names the line at fault."""
    entries: list[Entry] = []
    harmless: list[str] = []
    section = "strong"
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list cannot be read: {error}", file=str(path), remedy="give a UTF-8 text file") from None
    for number, raw in enumerate(lines, 1):
        line = raw.split("#", 1)[0].strip().lower()
        if not line:
            continue
        if line.startswith("["):
            section = line.strip("[]")
            if section not in (*_TIERS, "unless"):
                raise InputError(f"unknown section {line}", file=str(path), line=number,
                                 remedy="use [mild], [strong], [slur] or [unless]")  # fmt: skip
        elif section == "unless":
            harmless.append(line)
        else:
            entries.append(Entry(line.rstrip("*?"), language, section, line.endswith("*"), line.endswith("?")))
    return entries, harmless


class Swearing:
    """All lists together, ready to be looked for."""

    def __init__(self, languages: tuple[str, ...], own_list: Path | None = None) -> None:
        import re2

        self._exact: dict[str, list[Entry]] = {}
        self._begins: dict[str, list[Entry]] = {}
        self._phrases: list[str] = []
        self._harmless: dict[str, list[tuple[int, str]]] = {}
        self._met: dict[str, list[Entry]] = {}
        self._lengths: dict[tuple[str, int], list[str]] = {}
        spaced: list[Entry] = []
        unspaced: list[Entry] = []
        for path, language in [(FOLDER / f"{code}.txt", code) for code in languages] + (
            [(own_list, OWN)] if own_list else []
        ):
            entries, harmless = read_list(path, language)
            self._phrases += harmless
            for entry in entries:
                (self._begins if entry.any_ending else self._exact).setdefault(_squashed(entry.word), []).append(entry)
                (unspaced if language in _UNSPACED else spaced).append(entry)
                if entry.tier != "mild" and " " not in entry.word:
                    self._lengths.setdefault((entry.word[0], len(entry.word)), []).append(entry.word)
        wanted = [(_MASKED, self._unmask), (_SPELT, self._join)]
        if spaced:
            words = "|".join(_sloppy(entry) for entry in sorted(spaced, key=lambda e: -len(e.word)))
            wanted.append((rf"(?:^|{_APART})({words})(?:{_APART}|$)", self._known))
        if unspaced:
            wanted.append((f"({'|'.join(re.escape(entry.word) for entry in unspaced)})", self._known))
        self._gate = re2.Set.SearchSet(options(case_sensitive=False))
        for pattern, _ in wanted:
            self._gate.Add(pattern)
        self._gate.Compile()
        self._wanted = [(re2.compile(p, options(case_sensitive=False)), lookup) for p, lookup in wanted]

    def find(self, text: str) -> Iterator[Swear]:
        """Every place, in no particular order. Linear in the text."""
        data = text.encode("utf-8", "replace")
        for index in self._gate.Match(data) or ():
            pattern, lookup = self._wanted[index]
            language = guess(text)
            for start, end in _places(pattern, data, text):
                for entry in lookup(text[start:end]):
                    if _counts(entry, language) and not (
                        _is_name(entry, text, start) or self._is_harmless(entry, text, start)
                    ):
                        yield Swear(start, end, entry)
                        break

    def _known(self, word: str) -> list[Entry]:
        """Entries that a spelling stands for; remembered, since one text swears alike throughout."""
        found = self._met.get(word)
        if found is None:
            found = self._look_up(word)
            if len(word) <= _LONGEST and len(self._met) < _REMEMBERED:
                self._met[word] = found
        return found

    def _look_up(self, word: str) -> list[Entry]:
        if sum(c.isalpha() for c in word) * 2 < len(word):
            return []
        lowered = " ".join(word.lower().split())
        for spelling in dict.fromkeys((lowered, lowered.translate(_PLAIN))):
            short = _squashed(spelling)
            found = self._exact.get(short, [])
            for length in range(min(len(short), _LONGEST), 2, -1) if not found else ():
                if found := self._begins.get(short[:length], []):
                    break
            if fitting := [entry for entry in found if _fits(entry, spelling)]:
                return fitting
        return []

    def _unmask(self, word: str) -> list[Entry]:
        lowered = word.lower()
        for known in self._lengths.get((lowered[0], len(lowered)), ()) if len(lowered) > 3 else ():
            if all(a in ("*", b) for a, b in zip(lowered, known, strict=True)):
                return self._known(known)
        return []

    def _join(self, word: str) -> list[Entry]:
        return [e for e in self._known(re.sub(r"[ .\-_]", "", word)) if e.tier != "mild" and len(e.word) > 3]

    def _is_harmless(self, entry: Entry, text: str, start: int) -> bool:
        """Whether the word stands here as a part of a harmless phrase."""
        phrases = self._harmless.get(entry.word)
        if phrases is None:
            phrases = self._harmless[entry.word] = [
                (match.start(), phrase)
                for phrase in self._phrases
                for match in re.finditer(re.escape(entry.word), phrase)
            ]
        return any(
            place <= start and text[start - place : start - place + len(phrase)].lower() == phrase
            for place, phrase in phrases
        )


def _squashed(word: str) -> str:
    """A word with every run of one letter cut to one: `fuuuuck` and `fuck` are looked up as one."""
    return _RUNS.sub(r"\1", word)


def _fits(entry: Entry, spelling: str) -> bool:
    """Whether every letter stands as often as in the listed word, or is drawn out (three times and more)."""
    if len(entry.word) <= 3:
        return spelling.startswith(entry.word) if entry.any_ending else spelling == entry.word
    wanted = [len(run.group()) for run in _RUNS.finditer(entry.word)]
    given = [len(run.group()) for run in _RUNS.finditer(spelling)]
    return len(given) >= len(wanted) and all(n == m or m >= max(n, 3) for n, m in zip(wanted, given, strict=False))


def _sloppy(entry: Entry) -> str:
    """The pattern of a word: lookalike figures for letters, each letter as often as one likes."""
    word = entry.word
    parts = []
    for run in _RUNS.finditer(word):
        letter, length = run.group(1), len(run.group())
        if letter == " ":
            parts.append(r"\s{1,3}")
            continue
        others = _LOOKALIKES.get(letter, letter) if len(word) > 3 and word.isascii() else letter
        one = "[" + "".join(re.escape(c) for c in others) + "]" if len(others) > 1 else re.escape(letter)
        parts.append(one * (length - 1) + (f"{one}+" if len(word) > 3 else one))
    return "".join(parts) + (r"\pL*" if entry.any_ending else "")


def _counts(entry: Entry, language: str | None) -> bool:
    """A word that is harmless elsewhere counts in its own language; a text that does not tell passes for English."""
    return (
        not entry.own_language_only
        or entry.language in (OWN, language)
        or (language is None and entry.language == "en")
    )


def _is_name(entry: Entry, text: str, start: int) -> bool:
    """`Dick` within an English sentence is a man."""
    if not entry.own_language_only or entry.language != "en" or not text[start].isupper() or text[start + 1].isupper():
        return False
    return re.search(r"(?:[.!?:\"'“‘\n]\s*|\A\W*)\Z", text[max(0, start - 8) : start]) is None


def _places(pattern: Any, data: bytes, text: str) -> Iterator[tuple[int, int]]:
    """Spans of the first group in characters; what follows a word may be what stands before the next."""
    plain = len(data) == len(text)
    byte = char = at = 0
    while (match := pattern.search(data, at)) is not None:
        first, last = match.span(1)
        if plain:
            yield first, last
        else:
            char += len(data[byte:first].decode("utf-8", "replace"))
            start = char
            char += len(data[first:last].decode("utf-8", "replace"))
            byte = last
            yield start, char
        at = last


@cache
def swearing(languages: tuple[str, ...], own_list: Path | None = None) -> Swearing:
    """The compiled lists, once per process for each choice."""
    return Swearing(languages, own_list)
