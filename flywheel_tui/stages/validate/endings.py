"""Whether a text breaks off: a code fence that stays open, or a last sentence without its end.

Much that has no full stop is whole (a word, a title, an item of a list, a line of code or of a poem), so a text is only
said to break off where it is prose that ends its other sentences, or where its last word cannot be one.
"""

from __future__ import annotations

import re

# what a sentence, or a whole text, may end with
_FINAL = frozenset(".!?…。！？．؟۔।॥។።֊:;~٪%>|=")
_CLOSING = "\"'”’»›)]}*_`」』）】》"
_STOPS = re.compile(r"[.!?…。！？؟۔।॥][\"'”’»)\]]*(?=\s|$|[^\x00-\u2fff])")
_TAIL = 2_000
_LEAST = 40
_ITEM = re.compile(r"\s*(?:[-*+•·‣◦–—>|#]|\(?[0-9]{1,3}[.):]|\(?[a-zA-Z][.)]\s|https?://|[A-Z][\w ]{0,30}:)")
_CODE = re.compile(r"[{}<>\\=]|;\s*$|\w\(|->|::|^\s{4,}|\t")
_DANGLING_WORDS = (
    "a an and as at because between but by either for from if into its my nor of or our than that's the their "
    "these those through to toward towards until upon we're when where whether which while whose with without your "
    "der die das ein eine einen einem und oder weil dass aber mit von zu zum zur für ohne um wenn als ob sowie "
    "le la les un une des et ou mais parce que pour avec sans dans sur de du au aux qui lorsque "
    "el los las una y o pero porque para con sin del al cuando que como "
    "il lo gli uno e ma perché per della delle nel nella "
    "os um uma mas pois em do da dos das no na"
)
# words of the list above that end sentences of other languages, or are letters that stand for things
_ENDS_ELSEWHERE = frozenset(("a", "o", "e", "y", "die", "as", "in", "um", "des", "un", "do", "no", "la", "os", "zu"))
_SURE = frozenset(_DANGLING_WORDS.split(" ")) - _ENDS_ELSEWHERE
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?\Z")
# after the last sentence: hashtags, who said it, how a letter is signed
_SIGNED = re.compile(
    r"[#@\-–—~*(\[]|(?:yours|best|kind|warm|regards|sincerely|respectfully|with |love|cheers|cordially|thanks?|signed"
    r"|mit |herzlich|viele|liebe|hochachtungsvoll|cordialement|bien |amicalement|atentamente|saludos|un |cordiali)\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]{0,3}(```+|~~~+)", re.MULTILINE)


def cut_off(text: str) -> tuple[int, int, str] | None:
    """`(start, end, what is wrong)` of an ending that breaks off; None where the text looks whole."""
    if ("```" in text or "~~~" in text) and (fence := _open_fence(text)):
        return fence
    end = len(text)
    while end and (text[end - 1].isspace() or text[end - 1] in _CLOSING):
        end -= 1
    if not end or text[end - 1] in _FINAL or end < _LEAST or not (text[end - 1].isalnum() or text[end - 1] in ",-–("):
        return None
    tail, closing = text[max(0, end - _TAIL) : end], text[end : end + 20]
    line = tail[tail.rfind("\n") + 1 :]
    if _CODE.search(line) or _ITEM.match(line) or " " not in line.strip():
        return _dangling(line, end) if not _CODE.search(line) else None
    stops = list(_STOPS.finditer(line))
    start = stops[-1].end() if stops else 0
    fragment = line[start:].strip()
    begin = end - len(line[start:].lstrip())
    if begin >= end:
        return None
    if fragment[-1] in ",(" and len(fragment) > 12:
        return begin, end, f"breaks off after {fragment[-1]!r}"
    if found := _dangling(line, end):
        return begin, end, found[2]
    if any(mark in closing for mark in ")]}»”\"'") or _SIGNED.match(fragment) or not _mostly_words(fragment):
        return None
    if stops and len(line) >= 60:
        return begin, end, "breaks off: the last sentence has no end"
    if not stops and len(line) >= 120 and _other_lines_end(tail[: -len(line)]):
        return begin, end, "breaks off: the last sentence has no end"
    return None


def _open_fence(text: str) -> tuple[int, int, str] | None:
    opened: int | None = None
    mark = ""
    for match in _FENCE.finditer(text):
        if opened is None:
            opened, mark = match.start(), match[1][:3]
        elif match[1].startswith(mark):
            opened = None
    return None if opened is None else (opened, len(text), "a code fence is opened and never closed")


def _dangling(line: str, end: int) -> tuple[int, int, str] | None:
    word = _WORD.search(line[-40:])
    if word is None or len(line.split()) < 4 or word[0] not in _SURE:
        return None
    return end - len(word[0]), end, f"breaks off after {word[0]!r}"


def _mostly_words(fragment: str) -> bool:
    """Whether it can be the beginning of a sentence: three words or more, most of them not names or numbers."""
    words = fragment.split()
    return len(words) >= 3 and sum(word[:1].islower() or not word.isascii() for word in words) * 2 >= len(words)


def _other_lines_end(before: str) -> bool:
    """Whether the lines before are prose that ends its sentences."""
    lines = [line.rstrip(" \t\r" + _CLOSING) for line in before.split("\n") if len(line) >= 60]
    return bool(lines) and all(line and line[-1] in _FINAL for line in lines)
