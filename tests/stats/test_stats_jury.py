"""Juries, the alternative annotator test, the bias audit: published sets, degenerate votes, invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import bias, jury
from flywheel_tui.stats.altertest import alt_test, closeness_to
from flywheel_tui.stats.arrays import Figure
from flywheel_tui.stats.multiplicity import benjamini_hochberg, benjamini_yekutieli, holm

# Dawid and Skene (1979), table 1: 45 patients; observer 1 three times, observers 2 to 5 once
PATIENTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 "
    "1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 "
    "1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 "
    "2322222 1211111 2222222"
)
TOY = {
    "w1": "no yes yes yes yes", "w2": "yes yes no yes no", "w3": "- yes no yes no", "w4": "yes no yes yes no",
    "w5": "no no no yes no",
}  # fmt: skip


def patients() -> np.ndarray:
    counts = np.zeros((45, 5, 4))
    for item, answers in enumerate(PATIENTS.split()):
        for place, answer in enumerate(answers):
            counts[item, max(0, place - 2), int(answer) - 1] += 1
    return counts


def toy() -> np.ndarray:
    votes = [(j, i, a) for j, row in enumerate(TOY.values()) for i, a in enumerate(row.split()) if a != "-"]
    return jury.vote_counts(
        [i for _, i, _ in votes], [j for j, _, _ in votes], [int(a == "yes") for *_, a in votes], (5, 5, 2)
    )


def test_dawid_skene_of_the_anaesthetists() -> None:
    found = jury.dawid_skene(patients())
    assert found.settled
    assert found.shares == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=5e-4)
    assert found.errors[0].diagonal() == pytest.approx([0.89, 0.88, 0.66, 0.44], abs=6e-3)
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(45))
    turned = jury.dawid_skene(patients()[:, :, [2, 0, 3, 1]])
    assert turned.posterior[:, [1, 3, 0, 2]] == pytest.approx(found.posterior, abs=1e-6)


def test_the_toy_set() -> None:
    votes = [[row.split()[item] for row in TOY.values() if row.split()[item] != "-"] for item in range(5)]
    outcomes = [jury.majority(item) for item in votes]
    assert outcomes[0].winner is None and set(outcomes[0].tied) == {"yes", "no"} and outcomes[0].votes == 4
    assert [o.winner for o in outcomes[1:]] == ["yes", "no", "yes", "no"]
    assert list(jury.dawid_skene(toy()).posterior.argmax(axis=1)) == [1, 1, 0, 1, 0]


def test_gold_is_clamped_and_teaches() -> None:
    """Two of three judges always say pass: without gold they are believed, with some gold the third is."""
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.5
    codes = np.stack([np.ones(200, int), np.ones(200, int), truth.astype(int)])
    counts = jury.vote_counts(np.tile(np.arange(200), 3), np.repeat([0, 1, 2], 200), codes.ravel(), (200, 3, 2))
    gold = np.where(np.arange(200) < 40, truth, -1)
    found = jury.dawid_skene(counts, gold, smoothing=0.5)
    assert (found.posterior[:40].argmax(1) == truth[:40]).all() and found.posterior[:40].max(1) == pytest.approx(1)
    assert (found.posterior[40:].argmax(1) == truth[40:]).mean() == 1
    opposite = jury.dawid_skene(counts, np.where(gold >= 0, 1 - gold, -1))
    assert (opposite.posterior[:40].argmax(1) == ~truth[:40]).all()


def test_votes_that_say_nothing() -> None:
    assert jury.majority([]) == jury.Vote(None, None, 0) == jury.majority([None, float("nan")])
    empty = jury.dawid_skene(np.zeros((3, 2, 2)))
    assert empty.posterior == pytest.approx(np.full((3, 2), 0.5))
    counts = toy()
    counts[4] = 0
    found = jury.dawid_skene(counts)
    assert found.posterior[4] == pytest.approx(found.shares)
    with pytest.raises(UsageError, match="shape"):
        jury.dawid_skene(np.zeros((3, 2)))
    with pytest.raises(UsageError, match="gold names"):
        jury.dawid_skene(counts, [7] * 5)
    means = jury.mean_scores([[1, None, 4], [None, None, None]])
    assert means[0] == 2.5 and np.isnan(means[1])
    assert jury.mean_scores([[1, 2, 9]], middle=True)[0] == 2


def test_log_odds_weights_are_bayes() -> None:
    weights = jury.log_odds_weights([90, 60], [20, 45], [10, 40], [80, 55])
    tpr, tnr = np.array([90.5, 60.5]) / 101, np.array([80.5, 55.5]) / 101
    assert weights[0] == pytest.approx(np.log(tpr / (1 - tnr)))
    found = jury.log_odds_vote([[1, 0], [None, None], [1, None]], weights, prior=0.7)
    likely = 0.7 * tpr[0] * (1 - tpr[1])
    assert found[0] == pytest.approx(likely / (likely + 0.3 * (1 - tnr[0]) * tnr[1]))
    assert found[1] == pytest.approx(0.7) and found[2] > 0.7
    with pytest.raises(UsageError, match="prior"):
        jury.log_odds_vote([[1, 0]], weights, prior=0)
    with pytest.raises(UsageError, match="shape"):
        jury.log_odds_vote([[1, 0, 1]], weights)


def test_bradley_terry() -> None:
    theta = jury.bradley_terry([[0, 3], [1, 0]])
    assert theta is not None and theta[0] - theta[1] == pytest.approx(math.log(3), abs=1e-6)
    assert jury.bradley_terry([[0, 3], [0, 0]]) is None and jury.bradley_terry([]) is None
    assert jury.bradley_terry([[0, 3], [0, 0]], prior=0.1) is not None
    cyclic = jury.bradley_terry([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert cyclic is not None and cyclic == pytest.approx(np.zeros(3), abs=1e-9)
    with pytest.raises(UsageError, match="square"):
        jury.bradley_terry([[0, 1]])


@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=12), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_a_majority_does_not_depend_on_the_order(votes: list[str | None], shuffler: object) -> None:
    first = jury.majority(votes)
    second = jury.majority(sorted(votes, key=lambda _: shuffler.random()))  # type: ignore[attr-defined]
    assert (first.winner, first.share, first.votes, set(first.tied)) == (
        second.winner, second.share, second.votes, set(second.tied),
    )  # fmt: skip


def annotator(wrong: set[int]) -> dict[object, object]:
    return {item: ((item * 7) % 10 < 6) != (item in wrong) for item in range(60)}


@pytest.mark.parametrize(
    ("wrong", "eps", "omega", "rho"),
    [
        ({3, 30, 45}, 0.2, 1.0, 0.95),
        (set(range(0, 60, 2)), 0.2, 1 / 3, 0.866667),
        (set(range(0, 60, 7)), 0.1, 2 / 3, 0.916667),
        (set(range(0, 60, 7)), 0.0, 0.0, 0.916667),
    ],
)
def test_alternative_annotator_vectors(wrong: set[int], eps: float, omega: float, rho: float) -> None:
    people = {f"h{k}": annotator(set(range(k, 60, step))) for k, step in enumerate((6, 5, 4))}
    found = alt_test(annotator(wrong), people, eps)
    assert (found.omega, found.rho) == pytest.approx((omega, rho), abs=1e-6)
    assert found.passed == (omega >= 0.5) and len(found.people) == 3 and not found.why


def test_alternative_annotator_edges() -> None:
    lone = alt_test(annotator(set()), {"h": annotator({1})})
    assert lone.passed is None and "no two people" in lone.why
    two = alt_test(annotator(set()), {"h": annotator({1}), "g": annotator({2})}, min_items=10)
    assert two.passed is True and "weak" in two.why
    few = {k: {i: a for i, a in annotator({k}).items() if i < 20} for k in range(3)}
    assert alt_test(annotator(set()), few, min_items=10).omega == 1
    noise = np.random.default_rng(0).normal(0, 1, (3, 40))
    scored = {k: dict(enumerate(row)) for k, row in enumerate(noise)}
    assert alt_test(dict.fromkeys(range(40), 0.0), scored, score=closeness_to).passed
    assert not alt_test(dict.fromkeys(range(40), 3.0), scored, score=closeness_to).passed
    with pytest.raises(UsageError, match="eps"):
        alt_test({}, {}, 1.0)


def test_adjusted_p_values() -> None:
    ladder = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459,
        0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    assert benjamini_hochberg(ladder)[:5] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625, 0.0603], abs=1e-6)
    assert benjamini_hochberg([0.04, None, 0.01]) == [0.04, None, 0.02]
    harmonic = sum(1 / i for i in range(1, 16))
    assert benjamini_yekutieli(ladder)[0] == pytest.approx(0.0015 * harmonic)
    assert holm([0.01, 0.03, 0.02]) == [0.03, 0.04, 0.04] and holm([]) == []


def test_position_audit() -> None:
    found = bias.position(["A", "A", "B", "tie", "A", None], ["A", "B", "B", "tie", "tie", "A"])
    assert (found.n, found.wins_a, found.wins_b, found.ties, found.inconsistent) == (5, 1, 1, 3, 2)
    assert (
        found.consistency.value == 0.6
        and found.direction == 1
        and (found.prefers_first, found.prefers_second) == (2, 0)
    )
    assert bias.position(["A"] * 12, ["B"] * 12).test.p < 0.001
    nothing = bias.position([], [])
    assert nothing.consistency.value is None and nothing.direction is None and nothing.test.p == 1
    with pytest.raises(UsageError, match="'first'"):
        bias.position(["first"], ["A"])
    assert bias.repetition_stability([["A", "A", "B"], ["A", "A"], ["A"]]).value == pytest.approx(5 / 6)
    assert bias.repetition_stability([["A"]]).value is None


def test_length_audit() -> None:
    rng = np.random.default_rng(1)
    own, base = rng.integers(100, 900, 600), rng.integers(100, 900, 600)
    quality = rng.random(600) < 0.5
    pulled = rng.random(600) < 1 / (1 + np.exp(-(3 * np.tanh((own - base) / 330) + 2 * (quality - 0.5))))
    fair = rng.random(600) < np.where(quality, 0.8, 0.2)
    assert bias.length_preference(pulled, own, base, quality).coefficient.low > 1.5
    even = bias.length_preference(fair, own, base, quality)
    assert even.coefficient.low < 0 < even.coefficient.high and even.p > 0.01
    assert bias.length_preference([1, 0], [1, 2], [3, 4]).coefficient.why == "fewer than ten pairs"
    assert "vary" in bias.length_preference([1] * 20, range(20), [3] * 20).coefficient.why
    split = bias.length_preference([0] * 10 + [1] * 10, range(20), [9] * 20)
    assert split.coefficient.value is None or split.coefficient.high - split.coefficient.low > 5
    single = bias.length(quality, pulled, own, rng.normal(0, 1, 600) + own / 300)
    assert len(single.by_tercile) == 3 and single.by_tercile[0][0].n + single.by_tercile[0][1].n == pytest.approx(
        200, abs=3
    )
    assert single.by_tercile[2][0].value > single.by_tercile[0][0].value
    assert single.rank_correlation[0] > 0.3
    assert bias.length([], [], []).n == 0


def test_family_form_and_leniency() -> None:
    found = bias.family(
        [1] * 100 + [0] * 100, [1] * 45 + [0] * 5 + [1] * 30 + [0] * 20 + [0] * 100, ([1] * 50 + [0] * 50) * 2
    )
    assert found.at_pass.value == pytest.approx(0.3) and found.at_pass.low > 0
    assert found.at_fail.value == 0
    assert bias.family([1, 0], [1, 0], [0, 0]).at_pass.why == "no human pass of its own family"
    rate, up, down = bias.perturb([True, False, True, None], [False, True, True, True])
    assert (rate.value, up, down) == (pytest.approx(2 / 3), 1, 1)
    assert bias.perturb([], [])[0].value is None
    lenient = bias.leniency(0.9, Figure(0.7, 0.6, 0.8, 50))
    assert lenient[:3] == pytest.approx((0.2, 0.1, 0.3))
    assert bias.leniency(0.9, Figure(None, why="no labels")).why == "no labels"
