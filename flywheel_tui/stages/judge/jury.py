"""Juries: several judges' runs over one data set combined into a run of their own. Nothing is asked anew.

A draw is `split`, a state of its own: never broken by the alphabet. What the weights need (how right each judge is)
comes from blind human labels alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.records.judgment import Judged, Missing, NoVerdict, Outcome, Verdict
from flywheel_tui.stages.judge.identity import judge_of
from flywheel_tui.stages.judge.options import JudgeReport, valid_tag
from flywheel_tui.stages.judge.record import ROWS, Counts
from flywheel_tui.stages.judge.run import report_of
from flywheel_tui.stages.judge.work import alone_at
from flywheel_tui.store import judging
from flywheel_tui.store.calibration import family_names
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.judge_examples import human_passes
from flywheel_tui.store.judging import Row, RunRow, Said

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

METHODS = ("majority", "mean", "weighted", "dawid-skene")
FOLDS = 5
LEAST_LABELS = 10
"""Human labels that `weighted` needs at least: with fewer, the weights are noise."""

Votes = Mapping[int, Said]
"""What each member (by its place) says of one pair: members without a verdict are left out."""


class Ballot(NamedTuple):
    """One pair with what the members said of it."""

    root: int
    version: int
    votes: dict[int, Said]


def parse_jury(text: str) -> tuple[list[str], str]:
    """`TAG,TAG[:METHOD]` as tags and method. Raises UsageError."""
    head, colon, method = text.rpartition(":")
    if not colon or method not in METHODS:
        head, method = text, "majority"
    tags = [tag.strip() for tag in head.split(",") if tag.strip()]
    if len(tags) < 2 or len(set(tags)) != len(tags):
        raise UsageError("--jury takes two or more different tags, e.g. a,b,c:majority; methods: " + ", ".join(METHODS))
    return tags, method


def jury(workspace: Workspace, dataset: str, tags: Sequence[str], method: str, *, tag: str = "") -> JudgeReport:
    """Combine runs; made anew each time, so that it follows its members. Raises NotFoundError, UsageError."""
    started = time.monotonic()
    row = get_dataset(workspace.store.read(), dataset)
    connection = workspace.store.read()
    members = [judging.get_run(connection, row.id, name) for name in tags]
    if method == "dawid-skene" and len(members) < 3:
        raise UsageError("dawid-skene needs three judges at least: two can only agree or differ")
    tag = valid_tag(tag or f"jury-{method}")
    if tag in tags:
        raise UsageError(f"the tag {tag!r} is one of the members; choose another --tag for the jury")
    judge = judge_of("jury", method, "", {"members": [_hash(member) for member in members], "tags": list(tags)})
    ballots = _ballots(workspace, members, row.id)
    decide = _method(workspace, method, members, ballots, row.id)
    settings = {"members": list(tags), "method": method, "made": now_us()}
    with workspace.store.tx() as writer:
        run = judging.open_run(writer, row.id, tag, judge, None, kind="jury", settings=settings)
    counts = Counts()
    with alone_at(workspace, run.id, tag):
        with workspace.store.tx() as writer:
            judging.forget_run(writer, run.id)
        for start in range(0, len(ballots), ROWS):
            rows = [Row(one.root, one.version, Judged(outcome=decide(one)))
                    for one in ballots[start : start + ROWS]]  # fmt: skip
            with workspace.store.tx(durable=False) as writer:
                judging.write_rows(writer, run.id, rows)
            counts.done += len(rows)
    return report_of(workspace, row, tag, counts, asked=len(ballots), seconds=time.monotonic() - started)


def _hash(member: RunRow) -> str:
    return member.judge.hash if member.judge else member.tag


def _ballots(workspace: Workspace, members: Sequence[RunRow], dataset_id: int) -> list[Ballot]:
    found: dict[int, Ballot] = {}
    for place, member in enumerate(members):
        for said in judging.said_by(workspace.store.read(), member.id, dataset_id):
            ballot = found.setdefault(said.root, Ballot(said.root, said.version, {}))
            if said.passed is not None:
                ballot.votes[place] = said
    return [found[root] for root in sorted(found)]


Decide = Callable[[Ballot], Outcome]


def _method(
    workspace: Workspace, method: str, members: Sequence[RunRow], ballots: Sequence[Ballot], dataset_id: int
) -> Decide:
    names = [member.tag for member in members]
    pairwise = any(said.preference is not None for ballot in ballots for said in ballot.votes.values())
    if pairwise and method != "majority":
        raise UsageError(f"preferences are combined by majority; {method} is for judges that pass or fail pairs")
    if method == "majority":
        return _enough(names, _preferred if pairwise else _majority)
    if method == "mean":
        return _enough(names, _mean_of(members))
    truth = human_passes(workspace.store.read(), dataset_id)
    folds = _folds(workspace, ballots)
    if method == "weighted":
        return _enough(names, _weighted(names, ballots, truth, folds))
    return _enough(names, _dawid_skene(ballots, len(members), truth, folds))


def _folds(workspace: Workspace, ballots: Sequence[Ballot]) -> list[int]:
    """A part of the data for each ballot, by its family. What a jury says of a pair is learned from the labels of the
    other parts: were its own label held, calibration would find the label and call it the jury's.
    """
    names = family_names(workspace.store.read(), [ballot.version for ballot in ballots])
    return [blake2b(name, digest_size=4).digest()[0] % FOLDS for name in names]


def _enough(names: Sequence[str], combine: Callable[[Ballot, str], Outcome]) -> Decide:
    def decide(ballot: Ballot) -> Outcome:
        if len(ballot.votes) < 2:
            detail = f"{len(ballot.votes)} of {len(names)} judges have a verdict, two are needed"
            return NoVerdict(kind=Missing.SPLIT.value, detail=detail)
        said = ", ".join(f"{names[place]}: {_words(vote)}" for place, vote in sorted(ballot.votes.items()))
        return combine(ballot, said)

    return decide


def _words(said: Said) -> str:
    word = said.preference or ("pass" if said.passed else "fail")
    return word if said.score is None or said.preference else f"{word} ({said.score:g})"


def _majority(ballot: Ballot, said: str) -> Outcome:
    for_it = sum(bool(vote.passed) for vote in ballot.votes.values())
    against = len(ballot.votes) - for_it
    if for_it == against:
        return NoVerdict(kind=Missing.SPLIT.value, detail=f"{for_it} pass and {against} fail it ({said})")
    scores = [vote.score for vote in ballot.votes.values() if vote.score is not None]
    mean = sum(scores) / len(scores) if len(scores) == len(ballot.votes) else None
    return Verdict(passed=for_it > against, score=mean, rationale=f"majority {for_it} to {against}; {said}")


def _preferred(ballot: Ballot, said: str) -> Outcome:
    from collections import Counter

    from flywheel_tui.stages.judge.read import preferred

    (best, most), *rest = Counter(vote.preference for vote in ballot.votes.values()).most_common()
    if best is None or (rest and rest[0][1] == most):
        return NoVerdict(kind=Missing.SPLIT.value, detail=f"no choice has the most votes ({said})")
    return preferred(best, rationale=f"majority {most} of {len(ballot.votes)}; {said}")


def _mean_of(members: Sequence[RunRow]) -> Callable[[Ballot, str], Outcome]:
    limits = {member.judge.params.get("pass_at") for member in members if member.judge is not None}
    if len(limits) != 1 or not isinstance(limit := next(iter(limits)), (int, float)):
        raise UsageError("mean needs judges with one and the same pass mark; use majority, or judge with one rubric")

    def combine(ballot: Ballot, said: str) -> Outcome:
        scores = [vote.score for vote in ballot.votes.values() if vote.score is not None]
        if len(scores) < 2:
            return NoVerdict(kind=Missing.SPLIT.value, detail=f"fewer than two judges gave a score ({said})")
        mean = round(sum(scores) / len(scores), 9)
        return Verdict(passed=bool(mean >= limit), score=mean, rationale=f"mean {mean:.3g}; {said}")

    return combine


def _weighted(
    names: Sequence[str], ballots: Sequence[Ballot], truth: Mapping[int, bool], folds: Sequence[int]
) -> Callable[[Ballot, str], Outcome]:
    labelled = [ballot for ballot in ballots if ballot.root in truth]
    if len(labelled) < LEAST_LABELS:
        raise UsageError(
            f"weights need {LEAST_LABELS} pairs that people decided blind and these judges judged; there are"
            f" {len(labelled)}"
        )
    from flywheel_tui.stats.jury import log_odds_vote, log_odds_weights

    votes = [[_number(ballot.votes.get(place)) for place in range(len(names))] for ballot in ballots]
    shares = [0.5] * len(ballots)
    for fold in range(FOLDS):
        counts = {kind: [0] * len(names) for kind in ((True, True), (False, True), (True, False), (False, False))}
        good = known = 0
        for ballot, part in zip(ballots, folds, strict=True):
            if part == fold or ballot.root not in truth:
                continue
            known, good = known + 1, good + truth[ballot.root]
            for place, vote in ballot.votes.items():
                counts[truth[ballot.root], bool(vote.passed)][place] += 1
        weights = log_odds_weights(
            counts[True, True], counts[False, True], counts[True, False], counts[False, False]
        )  # fmt: skip
        here = [at for at, part in enumerate(folds) if part == fold]
        for at, share in zip(here, log_odds_vote([votes[at] for at in here], weights, (good + 0.5) / (known + 1)),
                             strict=True):  # fmt: skip
            shares[at] = float(share)
    return _by_share(ballots, shares, f"weights from the other pairs among {len(labelled)} human labels")


def _number(said: Said | None) -> float:
    return math.nan if said is None else float(bool(said.passed))


def _dawid_skene(
    ballots: Sequence[Ballot], judges: int, truth: Mapping[int, bool], folds: Sequence[int]
) -> Callable[[Ballot, str], Outcome]:
    from flywheel_tui.stats.jury import dawid_skene, vote_counts

    votes = [
        (item, place, int(bool(vote.passed)))
        for item, ballot in enumerate(ballots)
        for place, vote in ballot.votes.items()
    ]
    items, places, codes = zip(*votes, strict=True) if votes else ((), (), ())
    counts = vote_counts(items, places, codes, (len(ballots), judges, 2))
    gold = [int(truth[ballot.root]) if ballot.root in truth else -1 for ballot in ballots]
    held = sum(label >= 0 for label in gold)
    shares = [0.5] * len(ballots)
    # without labels there is nothing to hide, and once is enough
    for fold in range(FOLDS) if held else (-1,):
        known = [-1 if part == fold else label for label, part in zip(gold, folds, strict=True)]
        found = dawid_skene(counts, known, smoothing=0.5).posterior[:, 1]
        for at, part in enumerate(folds):
            if fold in (part, -1):
                shares[at] = float(found[at])
    return _by_share(ballots, shares, f"Dawid-Skene with the other pairs among {held} human labels held")


def _by_share(ballots: Sequence[Ballot], shares: Iterable[float], how: str) -> Callable[[Ballot, str], Outcome]:
    by_root = {ballot.root: float(share) for ballot, share in zip(ballots, shares, strict=True)}

    def combine(ballot: Ballot, said: str) -> Outcome:
        share = by_root[ballot.root]
        if abs(share - 0.5) < 1e-9:
            return NoVerdict(kind=Missing.SPLIT.value, detail=f"the posterior is 0.5 ({said})")
        return Verdict(passed=share > 0.5, score=round(share, 9), rationale=f"posterior {share:.3f}, {how}; {said}")

    return combine
