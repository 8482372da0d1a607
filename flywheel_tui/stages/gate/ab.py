"""Two adapters side by side in use: who gets which follows from a hash, and when one may look from the plan.

`fixed`: the outcome stays locked until the planned number of outcomes is there, and only those count. `anytime`: a
mixture sequential ratio test, whose p-value and interval hold whenever one looks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.records.calibration import Number
from flywheel_tui.stats.paired import two_proportions
from flywheel_tui.stats.sequential import always_valid_p, msprt, msprt_interval
from flywheel_tui.store import ab_tests as store
from flywheel_tui.store.ab_tests import AbRow, Outcome

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

PLANS, METRICS, ARMS = ("fixed", "anytime"), ("binary", "score"), ("control", "treatment")
WORSE_AT = 20.0
"""Evidence (Λ) against a treatment that is worse from which on it should be taken back."""
RATIO_P = 0.001
"""Below this p the arms are not as large as the plan says: assignments were lost, and nothing is to be concluded."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """One arm; `mean` is None while the outcome is locked."""

    name: str
    adapter: str
    n: int
    mean: float | None = None


class AbResult(msgspec.Struct, frozen=True, kw_only=True):
    """Where a test stands. `difference` is treatment - control; None while it is `locked`.

    `advice`: locked, go on, treatment better, treatment worse, no difference found, or arms off.
    """

    test: AbRow
    outcomes: int
    locked: bool
    arms: tuple[Arm, ...]
    difference: Number | None
    p: float | None
    evidence: float | None
    ratio_p: float | None
    advice: str
    why: str


def new(
    workspace: Workspace, name: str, control: str, treatment: str, *, planned: int, share: float = 0.5,
    metric: str = "binary", plan: str = "fixed", alpha: float = 0.05, effect: float = 0.05, sigma: float | None = None,
) -> AbRow:  # fmt: skip
    """Plan a test. Raises UsageError for a plan that cannot be kept, ConflictError where the name is taken."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r} cannot be a name; use up to 80 letters, digits and . _ -, a letter first")
    if control == treatment:
        raise UsageError("control and treatment are the same adapter: there is nothing to compare")
    for value, known, what in ((metric, METRICS, "metric"), (plan, PLANS, "plan")):
        if value not in known:
            raise UsageError(f"no {what} {value!r}; there are: {', '.join(known)}")
    if planned < 2 or not 0 < share < 1 or not 0 < alpha < 1 or not effect > 0:
        raise UsageError("--n is 2 or more, --share and --alpha lie between 0 and 1, --effect above 0")
    if plan == "anytime" and metric == "score" and not (sigma and sigma > 0):
        raise UsageError("a test of scores that may be looked at any time needs --sigma, their standard deviation")
    values = {
        "name": name, "control": control, "treatment": treatment, "share": share, "metric": metric, "plan": plan,
        "planned": planned, "alpha": alpha, "effect": effect, "sigma": sigma,
    }  # fmt: skip
    with workspace.store.tx() as connection:
        return store.add_ab_test(connection, values)


def arm_of(test: AbRow, unit: str) -> str:
    """The arm of a unit (a user, a session): SHA-256 of `unit:test` as a share of all hashes. The same everywhere.

    `test` counts by its name, so that a unit's arms in two tests have nothing to do with each other.
    """
    place = int.from_bytes(sha256(f"{unit}:{test.name}".encode()).digest(), "big") / 2**256
    return "treatment" if place < test.share else "control"


def record(workspace: Workspace, name: str, unit: str, value: float, *, arm: str = "") -> int:
    """Add the outcome of a unit; 1 where it is new. Raises UsageError for a value or an arm that cannot be."""
    test = store.get_ab_test(workspace.store.read(), name)
    row = _outcome(test, unit, value, arm)
    with workspace.store.tx() as connection:
        return store.add_outcomes(connection, test.id, [row])


def record_file(workspace: Workspace, name: str, path: str) -> int:
    """Add the outcomes of a file with the columns `unit`, `value` and optionally `arm`; how many are new.

    Raises InputError with the line that is off: then nothing of the file is taken.
    """
    test = store.get_ab_test(workspace.store.read(), name)
    rows = list(_rows(test, path))
    with workspace.store.tx() as connection:
        return store.add_outcomes(connection, test.id, rows)


def _rows(test: AbRow, path: str) -> Iterator[Outcome]:
    from flywheel_tui.stages.readers import open_source

    for batch in open_source(path).rows():
        for line, row in zip(batch.lines, batch.rows, strict=True):
            for field in ("unit", "value"):
                if row.get(field) in (None, ""):
                    remedy = "an outcome has a unit and a value"
                    raise InputError("is missing", file=path, line=line, field=field, remedy=remedy)
            try:
                yield _outcome(test, str(row["unit"]), _number(row["value"]), str(row.get("arm") or ""))
            except UsageError as error:
                raise InputError(str(error), file=path, line=line) from None


def _number(value: object) -> float:
    said = str(value).strip().lower()
    try:
        return float({"true": "1", "false": "0"}.get(said, said))
    except ValueError:
        raise UsageError(f"{said[:40]!r} is no number") from None


def _outcome(test: AbRow, unit: str, value: float, arm: str) -> Outcome:
    if not unit.strip():
        raise UsageError("an outcome needs the unit that it is of")
    if not math.isfinite(value) or (test.metric == "binary" and value not in (0, 1)):
        what = "0 or 1" if test.metric == "binary" else "a finite number"
        raise UsageError(f"the value of {unit[:40]!r} is {what}, not {value:g}")
    own = arm_of(test, unit)
    if arm and arm != own:
        raise UsageError(f"the unit {unit[:40]!r} belongs to {own}, not to {arm}: it was given the wrong adapter")
    return Outcome(unit, own, value)


def look(workspace: Workspace, name: str) -> AbResult:
    """Where a test stands; of a fixed one that is not over, only how many outcomes there are."""
    connection = workspace.store.read()
    test = store.get_ab_test(connection, name)
    rows = store.outcomes(connection, test.id)
    locked = test.plan == "fixed" and len(rows) < test.planned
    counted = rows[: test.planned] if test.plan == "fixed" else rows
    sides = [[row.value for row in counted if row.arm == arm] for arm in ARMS]
    arms = tuple(
        Arm(name=arm, adapter=adapter, n=len(values), mean=None if locked or not values else sum(values) / len(values))
        for arm, adapter, values in zip(ARMS, (test.control, test.treatment), sides, strict=True)
    )
    ratio = _ratio(len(sides[1]), len(counted), test.share)
    found = AbResult(
        test=test, outcomes=len(rows), locked=locked, arms=arms, difference=None, p=None, evidence=None,
        ratio_p=ratio, advice="locked",
        why=f"{len(rows):,} of {test.planned:,} planned outcomes: looking earlier would spoil the test",
    )  # fmt: skip
    if ratio is not None and ratio < RATIO_P:
        why = f"the arms hold {len(sides[0]):,} and {len(sides[1]):,}, which a share of {test.share:g} does not give"
        return msgspec.structs.replace(found, advice="arms off", why=why)
    if locked:
        return found
    return _fixed(found, sides) if test.plan == "fixed" else _anytime(found, sides)


def _ratio(treated: int, n: int, share: float) -> float | None:
    """Exact p of the arms' sizes under the planned share (a sample ratio mismatch is small)."""
    if not n:
        return None
    from scipy.stats import binomtest

    return float(binomtest(treated, n, share).pvalue)


def _fixed(found: AbResult, sides: Sequence[Sequence[float]]) -> AbResult:
    control, treatment = sides
    if not control or not treatment:
        return msgspec.structs.replace(found, advice="go on", why="an arm is empty")
    if found.test.metric == "binary":
        figure, outcome = two_proportions(sum(treatment), len(treatment), sum(control), len(control))
        number = Number(value=figure.value, low=figure.low, high=figure.high, n=figure.n, method=figure.method)
        p = outcome.p
    else:
        number, p = _welch(treatment, control)
    sure = p is not None and p < found.test.alpha
    return _advised(found, number, p, None, sure, "no difference found")


def _welch(treatment: Sequence[float], control: Sequence[float]) -> tuple[Number, float | None]:
    """Means of independent arms with unequal variances (Welch 1947)."""
    gap, n = sum(treatment) / len(treatment) - sum(control) / len(control), len(treatment) + len(control)
    varied = len(set(treatment)) > 1 or len(set(control)) > 1
    if min(len(treatment), len(control)) < 2 or not varied:
        return Number(value=gap, n=n, method="Welch", why="too little varies for an interval"), None
    from scipy.stats import ttest_ind

    test = ttest_ind(treatment, control, equal_var=False)
    ends = test.confidence_interval(0.95)
    return Number(value=gap, low=float(ends.low), high=float(ends.high), n=n, method="Welch"), float(test.pvalue)


def _anytime(found: AbResult, sides: Sequence[Sequence[float]]) -> AbResult:
    """The k-th outcomes of both arms make a pair; Λ after each, the least p so far."""
    control, treatment = sides
    n, test = min(len(control), len(treatment)), found.test
    # a share's variance is at most a quarter: with it the test holds whatever the shares are
    variance = 0.25 if test.metric == "binary" else (test.sigma or 0.0) ** 2
    total, ratios = 0.0, []
    for count in range(1, n + 1):
        total += treatment[count - 1] - control[count - 1]
        ratios.append(msprt(count, total / count, variance, test.effect**2))
    if not n:
        return msgspec.structs.replace(found, advice="go on", why="no pair of outcomes yet")
    p = always_valid_p(ratios)[-1]
    ends = msprt_interval(n, total / n, variance, test.effect**2, test.alpha)
    number = Number(
        value=total / n, low=ends.low if ends else None, high=ends.high if ends else None, n=2 * n,
        method="mSPRT, valid at any time",
    )  # fmt: skip
    return _advised(found, number, p, max(ratios), p < test.alpha, "go on")


def _advised(
    found: AbResult, number: Number, p: float | None, evidence: float | None, sure: bool, otherwise: str
) -> AbResult:
    gap = number.value or 0.0
    advice = otherwise if not sure or not gap else "treatment better" if gap > 0 else "treatment worse"
    why = f"{100 * gap:+.2f} points" if found.test.metric == "binary" else f"{gap:+.4g}"
    why += f", p {p:.4g}" if p is not None else ""
    if evidence is not None and gap < 0 and evidence >= WORSE_AT:
        advice, why = "treatment worse", f"{why}; evidence {evidence:.3g}: take it back with flywheel gate rollback"
    return msgspec.structs.replace(found, difference=number, p=p, evidence=evidence, advice=advice, why=why)
