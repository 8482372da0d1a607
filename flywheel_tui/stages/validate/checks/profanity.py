"""Strong language in twelve languages, by whole words: Scunthorpe is a town, `sh1t` and `f*ck` are no disguise.

Mild words are notes, strong ones and slurs warnings. Words that are harmless in another language (`Rat`, `hora`,
`con`) count only in a text of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.profane_words import available, swearing

_SAID: Final = {
    "mild": ("info", "mild language"),
    "strong": ("warning", "strong language"),
    "slur": ("warning", "a slur"),
}


@check
class Profanity(Check):
    name = "profanity"
    about = "swearing, vulgar words and slurs"
    options: ClassVar[dict[str, Any]] = {"languages": "", "list": ""}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = available()
        asked = self.settings["languages"]
        chosen = [c.strip() for c in asked.split(",") if c.strip()] if isinstance(asked, str) else list(asked)
        if unknown := [code for code in chosen if code not in known]:
            raise UsageError(f"check profanity has no list for {unknown[0]!r}; there are: {', '.join(known)}")
        own = self.settings["list"]
        self._swearing = swearing(tuple(chosen or known), Path(own) if own else None)

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        find = self._swearing.find
        for row in rows:
            for field, text in row.texts():
                for start, end, entry in find(text):
                    severity, what = _SAID[entry.tier]
                    yield Found(row.id, severity, field, start, end, f"PROFANITY: {what} ({entry.language})")
