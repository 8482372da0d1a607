"""Judges and reviewers side by side: how far they say the same, beyond chance."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.calibration import Comparison, Number, PairLine, RaterLine
from flywheel_tui.stages.calibrate_measure import family_numbers, number
from flywheel_tui.stages.calibrate_words import PICKED
from flywheel_tui.stages.human_truth import Counted, counted_labels, pass_codes
from flywheel_tui.store import calibration as store
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flywheel_tui.stats.arrays import Figure
    from flywheel_tui.store.calibration import Floats, Ints
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

MISSING = -1
WORDS = {"verdict": ("fail", "pass"), "preference": store.PREFERENCES}
SHOWN_BANDS = {"almost perfect": "near-perfect"}


class Rater(NamedTuple):
    """One judge or reviewer: answers (codes) on versions, in order; scores where a judge gives some."""

    name: str
    what: str
    version: Ints
    answer: Ints
    score: Floats | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to compare: judge runs by tag, reviewers by name."""

    tags: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    approved_is: tuple[str, ...] = ("approved",)
    include_unblinded: bool = False
    include_picked: bool = False


def compare(workspace: Workspace, name: str, asked: Asked, *, write: bool = True) -> Comparison:
    """Compare judges and reviewers on the versions that they share; `write` keeps it in `reports/NAME/compare.json`.

    Raises UsageError for fewer than two, NotFoundError for one that is not there. No common pairs are no error.
    """
    names = (*asked.tags, *asked.reviewers)
    if len(names) < 2 or len(set(asked.tags)) < len(asked.tags) or len(set(asked.reviewers)) < len(asked.reviewers):
        raise UsageError("name two or more different judges or reviewers: --tags a,b or --reviewers ana,bo")
    pass_codes(asked.approved_is)
    connection = workspace.store.read()
    dataset = get_dataset(connection, name)
    with store.one_moment(connection):
        preference = _is_preference(connection, dataset.id, asked)
        raters = [_judge(connection, dataset.id, tag, preference) for tag in asked.tags]
        people = [_person(connection, dataset.id, who, preference, asked) for who in asked.reviewers]
        families = store.families(connection, dataset.id)
    left_out = sum(counted.not_blind for _, counted in people), sum(counted.picked for _, counted in people)
    found = _compared(dataset.name, [*raters, *(rater for rater, _ in people)], families, preference, left_out)
    return _written(workspace, found) if write else found


def everybody(workspace: Workspace, name: str) -> tuple[str, ...]:
    """The reviewers who have labels in a data set."""
    connection = workspace.store.read()
    return tuple(store.reviewers(connection, get_dataset(connection, name).id))


def _is_preference(connection: Connection, dataset_id: int, asked: Asked) -> bool:
    """Preferences are compared where all of them give some."""
    for tag in asked.tags:
        if not (store.verdicts(connection, judging.get_run(connection, dataset_id, tag).id).preference > 0).any():
            return False
    known = store.reviewers(connection, dataset_id)
    for who in asked.reviewers:
        if who not in known:
            raise NotFoundError("reviewer with labels in this data set", who, known)
        if not (store.human_labels(connection, dataset_id, who, events=False).preference > 0).any():
            return False
    return True


def _judge(connection: Connection, dataset_id: int, tag: str, preference: bool) -> Rater:
    import numpy as np

    run = judging.get_run(connection, dataset_id, tag)
    found = store.verdicts(connection, run.id, scores=True)
    answer = found.preference if preference else found.passed.astype(np.int64)
    return Rater(tag, "judge", found.version, answer, found.score)


def _person(connection: Connection, dataset_id: int, who: str, preference: bool, asked: Asked) -> tuple[Rater, Counted]:
    import numpy as np

    counted = counted_labels(
        connection, dataset_id, who, include_unblinded=asked.include_unblinded, include_picked=asked.include_picked
    )
    labels = counted.labels
    if preference:
        kept, answer = labels.preference > 0, labels.preference
    else:
        kept = np.isin(labels.status, (1, 2, 3))
        answer = np.isin(labels.status, pass_codes(asked.approved_is)).astype(np.int64)
    version, answer = labels.version[kept], answer[kept]
    order = np.argsort(version, kind="stable")
    return Rater(who, "reviewer", version[order], answer[order], None), counted


def _aligned(raters: Sequence[Rater]) -> tuple[Ints, list[Ints], list[Floats | None]]:
    """Every version that anybody answered, and the answers and scores of each on them (MISSING, NaN)."""
    import numpy as np

    # each part is in order already: a stable sort of runs is quicker than np.unique's hashing
    versions = np.sort(np.concatenate([rater.version for rater in raters]), kind="stable")
    versions = versions[np.concatenate([[True], np.diff(versions) > 0])] if len(versions) else versions
    answers: list[Ints] = []
    scores: list[Floats | None] = []
    for rater in raters:
        place = np.searchsorted(versions, rater.version)
        column = np.full(len(versions), MISSING)
        column[place] = rater.answer
        answers.append(column)
        if rater.score is None:
            scores.append(None)
            continue
        numbers = np.full(len(versions), np.nan)
        numbers[place] = rater.score
        scores.append(numbers)
    return versions, answers, scores


def _compared(
    dataset: str, raters: list[Rater], families: dict[int, bytes], preference: bool, left_out: tuple[int, int]
) -> Comparison:
    import numpy as np

    kind = "preference" if preference else "verdict"
    versions, answers, scores = _aligned(raters)
    given = np.stack([column >= 0 for column in answers])
    common = given.all(0)
    owners = family_numbers(versions, families)
    lines = tuple(
        _rater_line(rater, column[common], None if score is None else score[common], kind)
        for rater, column, score in zip(raters, answers, scores, strict=True)
    )
    matrix = tuple(
        _pair_line(raters[i], raters[j], answers[i], answers[j], scores[i], scores[j], owners, kind)
        for i, j in combinations(range(len(raters)), 2)
    )
    fleiss, alpha = _of_all(answers, common, given, owners, kind) if len(raters) > 2 else (None, None)
    overlap = int(np.count_nonzero(given.sum(0) > 1))
    pairs = int(np.count_nonzero(common))
    remarks = []
    if not overlap:
        remarks.append("they have no pair in common: let them judge (or label) the same pairs first")
    elif not pairs:
        remarks.append("no pair was answered by all of them; two at a time they can be compared")
    not_blind, picked = left_out
    if not_blind:
        remarks.append(f"{not_blind:,} labels were not blind and are left out (--include-unblinded counts them)")
    if picked:
        remarks.append(f"{picked:,} {PICKED}")
    if len(matrix) > 1:
        remarks.append("several comparisons: one in twenty looks different by chance alone")
    return Comparison(dataset=dataset, kind=kind, pairs=pairs, overlap=overlap, raters=lines, matrix=matrix,
                      fleiss=fleiss, alpha=alpha, remarks=tuple(remarks))  # fmt: skip


def _rater_line(rater: Rater, answers: Ints, scores: Floats | None, kind: str) -> RaterLine:
    import numpy as np

    words = WORDS[kind]
    counted = np.bincount(answers, minlength=len(words)).tolist() if len(answers) else [0] * len(words)
    known = None if scores is None else scores[~np.isnan(scores)]
    return RaterLine(
        name=rater.name, what=rater.what, said=len(rater.version),
        passed=int(counted[1]) if kind == "verdict" else None,
        mean=float(known.mean()) if known is not None and len(known) else None,
        answers={word: count for word, count in zip(words, counted, strict=True) if count},
    )  # fmt: skip


def _pair_line(
    first: Rater, second: Rater, one: Ints, two: Ints, score: Floats | None, other: Floats | None,
    owners: Ints | None, kind: str,
) -> PairLine:  # fmt: skip
    from flywheel_tui.stats.agreement import agreement
    from flywheel_tui.stats.arrays import undefined
    from flywheel_tui.stats.bands import band
    from flywheel_tui.stats.correlation import correlation

    both = (one >= 0) & (two >= 0)
    own = None if owners is None else owners[both]
    kind_of = bool if kind == "verdict" else int
    found = agreement(one[both].astype(kind_of), two[both].astype(kind_of), families=own)
    kappa = found.kappa
    error = None if kappa.low is None or kappa.high is None else (kappa.high - kappa.low) / (2 * 1.959964)
    word = band(kappa.value, error)
    related = undefined("no scores on both sides")
    if score is not None and other is not None:
        related = correlation(score[both], other[both])
    return PairLine(
        first=first.name, second=second.name, n=found.n, agreement=number(found.percent), kappa=number(kappa),
        band=SHOWN_BANDS.get(word.plain, word.plain) if word else None,
        sure_band=SHOWN_BANDS.get(word.word, word.word) if word and error is not None else None,
        ac1=number(found.ac1), pearson=number(related),
        sentence=_sentence(found.paradox.sentence if found.paradox else "", kind),
    )  # fmt: skip


def _sentence(text: str, kind: str) -> str:
    """Categories are numbers inside; people read words."""
    for code, word in enumerate(WORDS[kind]):
        name = str(bool(code)) if kind == "verdict" else str(code)
        text = text.replace(f" is {name}:", f" is {word!r}:").replace(f" are {name},", f" are {word!r},")
    return text


def _of_all(answers: list[Ints], common: Any, given: Any, owners: Ints | None, kind: str) -> tuple[Number, Number]:
    """Fleiss' kappa on the pairs that all answered, Krippendorff's alpha on all that two answered."""
    import numpy as np

    from flywheel_tui.stats.raters import fleiss, kripp

    q = len(WORDS[kind])
    items = len(common)
    counts = np.zeros(items * q)
    for column in answers:
        present = np.flatnonzero(column >= 0)
        counts += np.bincount(present * q + column[present], minlength=items * q)
    table = counts.reshape(items, q)
    shared = given.sum(0) > 1
    used = table.sum(0) > 0
    whole: Figure = fleiss(table[common][:, used], families=None if owners is None else owners[common])
    alpha: Figure = kripp(table[shared][:, used], families=None if owners is None else owners[shared])
    return number(whole), number(alpha)


def _written(workspace: Workspace, found: Comparison) -> Comparison:
    folder: Path = workspace.folder("reports") / found.dataset
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "compare.json"
    found = msgspec.structs.replace(found, output=path.relative_to(workspace.root).as_posix())
    draft = path.with_suffix(".json.part")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    draft.replace(path)
    return found
