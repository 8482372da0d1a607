"""Which checks run, with which options, and how far each has looked already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.validate.base import Check, Found, load_checks, named_checks
from flywheel_tui.stages.validate.look import configured
from flywheel_tui.store.findings import CheckState

_encode_sorted = msgspec.json.Encoder(order="sorted", enc_hook=str).encode


class Line:
    """One check in one run: its instance, its state in the store, and what it has cost so far."""

    def __init__(self, check: Check, state: CheckState | None, *, again: bool) -> None:
        self.check, self.name, self.compares = check, check.name, check.compares
        self.config = blake2b(_encode_sorted(check.settings), digest_size=16).hexdigest()
        fits = state is not None and state.version == check.version and state.config == self.config
        self.known = fits
        """Whether what the store holds of this check was said by this version with these options."""
        self.state = state if fits and not again else None
        self.upto = self.state.upto if self.state else 0
        self.looked_at = self.could_not = 0
        self.seconds = 0.0
        self.fed_badly: list[Found] = []
        self.failed: str | None = None
        self.figures: dict[str, Any] = {}
        if self.state and self.state.figures:
            self.figures = msgspec.json.decode(self.state.figures)

    def new_state(self, upto: int, mark: str | None = None) -> CheckState:
        """What the store should remember once `upto` is reached."""
        figures = _encode_sorted(self.figures).decode() if self.figures else None
        return CheckState(self.check.version, self.config, upto, mark, figures)


def plan(
    names: Sequence[str] | None,
    options: Mapping[str, Mapping[str, Any]],
    states: Mapping[str, CheckState],
    *,
    policy: str,
    again: bool,
) -> tuple[list[Line], dict[str, str]]:
    """The checks to run (None: those that run by default), and why others are left out.

    Raises UsageError for unknown checks and options, MissingExtraError where a named check lacks its package.
    """
    chosen = named_checks(names) if names is not None else [c for c in load_checks(True).values() if c.default]
    if stray := sorted(set(options) - {check.name for check in chosen}):
        named_checks(stray)
        raise UsageError(f"options are given for the check {stray[0]!r}, which does not run; name it with --checks")
    lines: list[Line] = []
    skipped: dict[str, str] = {}
    for cls in chosen:
        try:
            check = configured(cls, dict(options.get(cls.name, {})), policy)
        except MissingExtraError as error:
            if names is not None:
                raise
            skipped[cls.name] = str(error)
            continue
        if check.settings.get("policy") == "off":
            skipped[cls.name] = "switched off by the PII policy"
            continue
        lines.append(Line(check, states.get(cls.name), again=again))
    return lines, skipped
