"""When to train: a checklist of triggers, each with its value, its threshold, and whether it is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.store import triggers as store
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

DAY_US = 86_400_000_000


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From when on a trigger is met. Shares of 0 to 1, days as numbers; `degradation` is a drop of a pass rate."""

    new_rows: int = 500
    high_quality: float = 0.4
    max_days: float = 14.0
    min_days: float = 3.0
    degradation: float = 0.05
    fresh_calibration: bool = True


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger: `value` None where it cannot be known yet (`said` says why); `met` says whether it speaks for it.

    `role` is data (new rows and their quality: both are needed), force (trains even without), or brake (stops it).
    """

    name: str
    title: str
    value: float | None
    threshold: float
    met: bool
    role: str
    said: str


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """The whole: whether training would start now, and why (or why not), in a sentence."""

    dataset: str
    train: bool
    reason: str
    lines: tuple[Line, ...]


def thresholds(workspace: Workspace) -> Thresholds:
    """Those of the setting `triggers` (a table in flywheel.toml), else the defaults. Raises UsageError."""
    from flywheel_tui.errors import UsageError

    given = dict(getattr(workspace.settings, "triggers", {}) or {})
    if unknown := sorted(set(given) - set(Thresholds.__struct_fields__)):
        known = ", ".join(Thresholds.__struct_fields__)
        raise UsageError(f"flywheel.toml: there is no trigger {unknown[0]!r}; there are: {known}")
    if given.get("fresh_calibration") in (0, 1):
        # the settings hold every trigger as a number
        given["fresh_calibration"] = bool(given["fresh_calibration"])
    try:
        return msgspec.convert(given, Thresholds, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"flywheel.toml: triggers: {error}") from None


def checklist(workspace: Workspace, dataset: str, *, limits: Thresholds | None = None) -> Checklist:
    """Every trigger as it stands for a data set. Raises NotFoundError."""
    limits = limits or thresholds(workspace)
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    last = store.last_training(connection, row.id)
    fresh, good = store.new_rows(connection, row.id, last)
    days = None if last is None else (now_us() - last) / DAY_US
    newest, best = store.pass_rates(connection, row.id)
    drop = None if newest is None or best is None else newest - best
    calibrated = store.newest_calibration(connection, row.id)
    share = good / fresh if fresh else None
    lines = (
        Line(name="new_rows", title="new accepted rows", value=fresh, threshold=limits.new_rows, role="data",
             met=fresh >= limits.new_rows, said=f"{fresh:,} of {limits.new_rows:,}"),
        Line(name="high_quality", title="share of high quality", value=share, threshold=limits.high_quality,
             role="data", met=share is not None and share >= limits.high_quality,
             said="no new rows" if share is None else f"{share:.0%} of at least {limits.high_quality:.0%}"),
        Line(name="max_days", title="days since the last training", value=days, threshold=limits.max_days,
             role="force", met=days is not None and days >= limits.max_days,
             said="never trained" if days is None else f"{days:.1f} of {limits.max_days:g}"),
        Line(name="degradation", title="drop of the pass rate", value=drop, threshold=-limits.degradation,
             role="force", met=drop is not None and drop <= -limits.degradation,
             said="fewer than two cycles" if drop is None else f"{drop:+.1%}, alarm at {-limits.degradation:.0%}"),
        Line(name="min_days", title="days between trainings", value=days, threshold=limits.min_days, role="brake",
             met=days is None or days >= limits.min_days,
             said="never trained" if days is None else f"{days:.1f} of at least {limits.min_days:g}"),
        Line(name="calibration", title="judge measured against labels", value=None if calibrated is None else
             float(calibrated), threshold=1.0, role="brake", met=not limits.fresh_calibration or bool(calibrated),
             said=("no labels of people yet" if not calibrated else f"on {calibrated} labels in the newest cycle")
             + ("" if limits.fresh_calibration else " (not asked for)")),
    )  # fmt: skip
    train, reason = _decide(lines)
    return Checklist(dataset=dataset, train=train, reason=reason, lines=lines)


def _decide(lines: tuple[Line, ...]) -> tuple[bool, str]:
    braking = [line for line in lines if line.role == "brake" and not line.met]
    if braking:
        return False, f"not yet: {braking[0].title}: {braking[0].said}"
    forcing = [line for line in lines if line.role == "force" and line.met]
    if forcing:
        return True, f"{forcing[0].title}: {forcing[0].said}"
    lacking = [line for line in lines if line.role == "data" and not line.met]
    if lacking:
        return False, f"not yet: {lacking[0].title}: {lacking[0].said}"
    return True, "; ".join(f"{line.title}: {line.said}" for line in lines if line.role == "data")
