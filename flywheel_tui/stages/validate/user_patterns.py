"""A person's own regular expressions: on RE2 only, which no expression and no text can make slow."""

from __future__ import annotations

from collections.abc import Iterable

from flywheel_tui.errors import UsageError


def user_patterns(option: str, regexes: Iterable[str]) -> list[str]:
    """The expressions themselves. Raises UsageError for one that RE2 does not take (backreferences, look-around)."""
    import re2

    from flywheel_tui.stages.validate.patterns import options

    found = []
    for regex in regexes:
        try:
            re2.compile(regex, options())
        except re2.error as error:
            reason = error.args[0]
            why = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            raise UsageError(f"{option}: {regex[:80]!r} is no regular expression of RE2 ({why})") from None
        found.append(regex)
    return found
