"""What people say of each version of a pair, once blind labels, adjudications and disagreement are sorted out."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.calibration import PASSING
from flywheel_tui.stages.blindness import asks_the_judge
from flywheel_tui.store import calibration as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.store.calibration import Floats, Ints, Labels
    from flywheel_tui.store.connection import Connection

SKIPPED, DISPUTED = -1, -2
FAIL, PASS = 0, 1


class Truth(NamedTuple):
    """People's decision on versions, by version: `said` is FAIL or PASS, or the code of a preference.

    `inclusion` is the known probability that the version was drawn for a label, else NaN.
    """

    version: Ints
    said: Ints
    inclusion: Floats
    skipped: int
    disputed: int
    not_blind: int
    adjudications_not_blind: int
    picked: int

    @property
    def hash(self) -> str:
        """Of exactly what was decided on which version, and how it was drawn."""
        digest = blake2b(digest_size=16)
        for column in (self.version, self.said, self.inclusion):
            digest.update(column.tobytes())
        return digest.hexdigest()


class Counted(NamedTuple):
    """People's labels that count, with the known probabilities that their pairs were drawn (else NaN).

    `not_blind` and `picked` tell how many decisions were left out, `seen` are the events that had seen a verdict, and
    `left_out` all events that do not count.
    """

    labels: Labels
    inclusion: Floats
    not_blind: int
    picked: int
    seen: Ints
    left_out: Ints


def counted_labels(
    connection: Connection,
    dataset_id: int,
    reviewer: str | None,
    *,
    include_unblinded: bool = False,
    include_picked: bool = False,
    source: str = "human",
) -> Counted:
    """People's labels that count: blind ones, of pairs that no order picked by what judges say or where doubt is.

    Labels of picked pairs have no known probability of having been drawn, and the pairs are harder than the others:
    in an estimate they would stand for pairs that they are unlike.

    Where somebody changed a blind label after the verdict was revealed, the blind one counts: were it left out with
    the change, the pairs on which people differed from the judge would go first.

    `source` "script" takes the labels of scripts in their place.

    Raises NotFoundError where the reviewer has no labels there.
    """
    import numpy as np

    if reviewer is not None and reviewer not in (known := store.reviewers(connection, dataset_id)):
        raise NotFoundError("reviewer with labels in this data set", reviewer, known)
    drawn = store.drawn_events(connection, dataset_id)
    picked = np.zeros(0, np.int64) if include_picked else store.picked_events(connection, dataset_id)
    bulk = store.events_of_batches(connection, judged_batches(connection, dataset_id))
    special = bool(len(drawn.event) or len(bulk) or len(picked))
    labels = store.human_labels(connection, dataset_id, reviewer, events=special, source=source)
    if not special:
        return Counted(labels, np.full(len(labels.version), np.nan), 0, 0, bulk, bulk)
    inclusion = np.full(len(labels.version), np.nan)
    if len(drawn.event):
        order = np.argsort(drawn.event)
        events, shares = drawn.event[order], drawn.inclusion[order]
        place = np.minimum(np.searchsorted(events, labels.event), len(events) - 1)
        hit = events[place] == labels.event
        inclusion[hit] = shares[place[hit]]
    away = np.isin(labels.event, picked)
    by_order = int(np.count_nonzero(away & _decided(labels)))
    labels, inclusion = _of(labels, ~away), inclusion[~away]
    seen = np.concatenate([drawn.event[drawn.seen], bulk])
    if include_unblinded or not len(seen):
        return Counted(labels, inclusion, 0, by_order, seen, picked)
    unseen = ~np.isin(labels.event, seen)
    left_out = int(np.count_nonzero(~unseen & _decided(labels)))
    kept = _of(labels, unseen)
    none = np.concatenate([seen, picked])
    first = store.blind_before(connection, labels.event[~unseen].tolist(), judged=set(bulk.tolist()))
    if first:
        columns = list(zip(*first, strict=True))
        before = store.Labels(*(np.array(column, np.int64) for column in columns[:4]))
        order = np.argsort(np.concatenate([kept.version, before.version]), kind="stable")
        both = store.Labels(*(np.concatenate(pair)[order] for pair in zip(kept, before, strict=True)))
        share = np.concatenate([inclusion[unseen], np.array(columns[4], float)])[order]
        return Counted(both, share, left_out - len(first), by_order, seen, none)
    return Counted(kept, inclusion[unseen], left_out, by_order, seen, none)


def _decided(labels: Labels) -> NDArray[np.bool_]:
    return (labels.status > 0) | (labels.preference > 0)


def _of(labels: Labels, kept: NDArray[np.bool_]) -> Labels:
    return store.Labels(*(column[kept] for column in labels))


def judged_batches(connection: Connection, dataset_id: int) -> list[int]:
    """The bulk actions that were chosen by what a judge had said."""
    return [batch for batch, text in store.bulk_events(connection, dataset_id) if asks_the_judge(text)]


def human_truth(
    connection: Connection,
    dataset_id: int,
    *,
    preference: bool = False,
    approved_is: Sequence[str] = ("approved",),
    reviewer: str | None = None,
    include_unblinded: bool = False,
    include_picked: bool = False,
    scripts: bool = False,
    each: bool = False,
) -> Truth:
    """Decide every labelled version: an adjudication where there is one, else the majority of people; a draw is
    disputed, and skips count only where nobody decided. With `reviewer` that person's own labels alone, with `scripts`
    those of scripts instead of people's. With `each` nothing is decided: every label stands for itself, and a version
    comes as often as it was labelled.
    """
    import numpy as np

    counted = counted_labels(
        connection, dataset_id, reviewer, include_unblinded=include_unblinded, include_picked=include_picked,
        source="script" if scripts else "human",
    )  # fmt: skip
    labels, inclusion, seen = counted.labels, counted.inclusion, counted.seen
    passing = pass_codes(approved_is)
    if each:
        return _each(counted, preference, passing)
    versions, owner = _numbered(labels.version)
    votes = _preference_votes if preference else _status_votes
    said = votes(labels, owner, len(versions), passing)
    drawn = np.full(len(versions), np.nan)
    np.fmax.at(drawn, owner, inclusion)
    late = 0
    if reviewer is None and not scripts and (rows := store.adjudications(connection, dataset_id)):
        hidden = set() if include_unblinded else set(seen.tolist())
        late = sum(row.event in hidden for row in rows)
        above = {row.version: _adjudicated(row, preference, passing) for row in rows if row.event not in hidden}
        versions, said, drawn = _override(versions, said, drawn, above)
    kept = said >= 0
    return Truth(
        version=versions[kept], said=said[kept], inclusion=drawn[kept],
        skipped=int(np.count_nonzero(said == SKIPPED)), disputed=int(np.count_nonzero(said == DISPUTED)),
        not_blind=counted.not_blind, adjudications_not_blind=late, picked=counted.picked,
    )  # fmt: skip


def _each(counted: Counted, preference: bool, passing: tuple[int, ...]) -> Truth:
    import numpy as np

    labels, drawn = counted.labels, counted.inclusion
    skips = labels.status == store.STATUS_CODES["skipped"]
    if preference:
        said = np.where(labels.preference > 0, labels.preference, -1)
        skips = skips & (labels.preference == 0)
    else:
        said = np.where(np.isin(labels.status, (1, 2, 3)), np.isin(labels.status, passing).astype(np.int64), -1)
    kept = said >= 0
    order = np.argsort(labels.version[kept], kind="stable")
    return Truth(
        version=labels.version[kept][order], said=said[kept][order], inclusion=drawn[kept][order],
        skipped=int(np.count_nonzero(skips)), disputed=0, not_blind=counted.not_blind,
        adjudications_not_blind=0, picked=counted.picked,
    )  # fmt: skip


def pass_codes(approved_is: Sequence[str]) -> tuple[int, ...]:
    """The codes of the statuses that count as a pass. Raises UsageError for others."""
    if not approved_is or (unknown := [name for name in approved_is if name not in PASSING]):
        name = unknown[0] if approved_is else ""
        raise UsageError(f"--approved-is takes {' and '.join(PASSING)} (with a comma between them), not {name!r}")
    return tuple(store.STATUS_CODES[name] for name in approved_is)


def _numbered(versions: Ints) -> tuple[Ints, Ints]:
    import numpy as np

    if (np.diff(versions) > 0).all():
        return versions, np.arange(len(versions))
    return np.unique(versions, return_inverse=True)


def _status_votes(labels: Labels, owner: Ints, number: int, passing: tuple[int, ...]) -> Ints:
    import numpy as np

    passed = np.isin(labels.status, passing)
    failed = np.isin(labels.status, (1, 2, 3)) & ~passed
    yes, no = np.bincount(owner[passed], minlength=number), np.bincount(owner[failed], minlength=number)
    said = np.where(yes > no, PASS, FAIL)
    said[yes == no] = DISPUTED
    return _undecided(labels, owner, said, yes + no == 0)


def _preference_votes(labels: Labels, owner: Ints, number: int, _: tuple[int, ...]) -> Ints:
    import numpy as np

    votes = np.bincount(owner * 5 + labels.preference, minlength=number * 5).reshape(number, 5)
    votes[:, 0] = 0
    said: Ints = votes.argmax(1)
    ranked = np.sort(votes, 1)
    said[ranked[:, -1] == ranked[:, -2]] = DISPUTED
    return _undecided(labels, owner, said, ranked[:, -1] == 0)


def _undecided(labels: Labels, owner: Ints, said: Ints, nobody: NDArray[np.bool_]) -> Ints:
    """Where nobody decided: skipped if somebody skipped, else nothing was said (a note, a flag)."""
    import numpy as np

    skips = np.bincount(owner[labels.status == store.STATUS_CODES["skipped"]], minlength=len(said)) > 0
    said[nobody & skips] = SKIPPED
    said[nobody & ~skips] = DISPUTED - 1
    return said


def _adjudicated(row: store.Adjudication, preference: bool, passing: tuple[int, ...]) -> int:
    if preference:
        return store.PREFERENCE_CODES.get(row.preference or "", SKIPPED)
    code = store.STATUS_CODES.get(row.status or "", 4)
    return SKIPPED if code == store.STATUS_CODES["skipped"] else int(code in passing)


def _override(versions: Ints, said: Ints, drawn: Floats, above: dict[int, int]) -> tuple[Any, Any, Any]:
    import numpy as np

    own = np.array(sorted(above), np.int64)
    inclusion = np.full(len(own), np.nan)
    if len(versions) and len(own):
        place = np.minimum(np.searchsorted(versions, own), len(versions) - 1)
        inclusion = np.where(versions[place] == own, drawn[place], np.nan)
    rest = ~np.isin(versions, own)
    joined = np.concatenate([versions[rest], own])
    order = np.argsort(joined)
    decided = np.concatenate([said[rest], np.array([above[version] for version in own.tolist()], np.int64)])
    return joined[order], decided[order], np.concatenate([drawn[rest], inclusion])[order]
