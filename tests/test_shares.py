"""Shares of labels corrected for a classifier's errors: by hand, against the formula of two labels, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.evaluation.shares import corrected_shares


def corrected(predicted: list[int], confusion: list[list[int]], draws: int = 400, seed: int = 0):  # noqa: ANN201
    return corrected_shares(predicted, np.array(confusion), 0.95, draws, np.random.default_rng(seed))


def test_a_classifier_without_errors_is_believed() -> None:
    found = corrected([30, 70], [[1000, 0], [0, 1000]])
    assert found.counted.tolist() == found.corrected.round(9).tolist() == [0.3, 0.7]
    assert found.low[0] < 0.3 < found.high[0]


def test_two_labels_by_hand() -> None:
    # of 100 yes 80 are found, of 100 no 90: yes = (0.45 - 0.1) / (0.8 - 0.1) = 0.5
    found = corrected([45, 55], [[80, 20], [10, 90]])
    assert found.corrected == pytest.approx([0.5, 0.5])
    assert found.counted == pytest.approx([0.45, 0.55])
    assert not found.stray


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 40), st.integers(1, 40))
def test_two_labels_are_rogan_and_gladen_s(yes: int, no: int, wrong: int, right: int) -> None:
    confusion = [[40 + right, 40 - min(right, 39)], [wrong, 90]]
    sensitivity, false = confusion[0][0] / sum(confusion[0]), confusion[1][0] / sum(confusion[1])
    if abs(sensitivity - false) < 0.05:
        return
    expected = np.clip((yes / (yes + no) - false) / (sensitivity - false), 0, 1)
    assert corrected([yes, no], confusion, draws=2).corrected[0] == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), st.integers(0, 2**32 - 1))
def test_shares_are_shares_whatever_was_predicted(predicted: list[int], seed: int) -> None:
    confusion = np.random.default_rng(seed).integers(1, 30, (4, 4))
    found = corrected_shares(predicted, confusion, 0.9, 20, np.random.default_rng(1))
    for shares in (found.counted, found.corrected):
        assert shares.sum() == pytest.approx(1)
        assert (shares >= 0).all()
    assert (found.low <= found.corrected).all()
    assert (found.corrected <= found.high).all()


@pytest.mark.parametrize("truth", [(0.1, 0.9), (0.5, 0.3, 0.2)])
def test_intervals_hold_the_truth_as_often_as_they_say(truth: tuple[float, ...]) -> None:
    generator, labels = np.random.default_rng(7), len(truth)
    errs = np.full((labels, labels), 0.25 / (labels - 1))
    np.fill_diagonal(errs, 0.75)
    held, counted_held = [], []
    for _ in range(300):
        confusion = np.stack([generator.multinomial(60, row) for row in errs])
        predicted = generator.multinomial(500, np.asarray(truth) @ errs)
        found = corrected_shares(predicted, confusion, 0.95, 300, generator)
        held += [(found.low <= truth) & (truth <= found.high)]
        counted_held += [np.abs(found.counted - truth) < 1.96 * np.sqrt(found.counted * (1 - found.counted) / 500)]
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(counted_held) < 0.6, "counting alone is biased"


@pytest.mark.parametrize("labels", [6, 20])
def test_many_labels_invent_no_errors(labels: int) -> None:
    generator = np.random.default_rng(3)
    errs = np.full((labels, labels), 0.05 / (labels - 1))
    np.fill_diagonal(errs, 0.95)
    truth = generator.dirichlet(np.ones(labels))
    held, stray = [], []
    for _ in range(30):
        confusion = np.stack([generator.multinomial(15, row) for row in errs])
        found = corrected_shares(generator.multinomial(5000, truth @ errs), confusion, 0.95, 150, generator)
        held.append((found.low <= truth) & (truth <= found.high))
        stray.append(found.stray)
    assert np.mean(held) >= 0.9
    assert np.mean(stray) <= 0.1


def test_a_label_read_right_in_few_texts_is_not_taken_for_always_right() -> None:
    few, many = (corrected([50, 50], [[size, 0], [0, size]]) for size in (5, 500))
    assert few.high[0] - few.low[0] > 1.5 * (many.high[0] - many.low[0])


def test_predictions_that_no_mix_explains_are_said_to_stray() -> None:
    # on the known texts it never says the second label less than 40 in 100 times
    assert corrected([99, 1, 0], [[60, 40, 0], [0, 100, 0], [0, 40, 60]]).stray
    assert not corrected([30, 60, 10], [[60, 40, 0], [0, 100, 0], [0, 40, 60]]).stray


def test_equal_seeds_give_equal_intervals() -> None:
    one, other, third = (corrected([45, 55], [[80, 20], [10, 90]], seed=seed) for seed in (1, 1, 2))
    assert one.low.tolist() == other.low.tolist() != third.low.tolist()


@pytest.mark.parametrize(
    ("predicted", "confusion"),
    [
        ([450_000_000, 550_000_000], [[8, 2], [1, 9]]),
        ([9, 11], [[800_000_000, 200_000_000], [100_000_000, 900_000_000]]),
    ],
)
def test_the_seed_draws_the_errors_and_the_texts(predicted: list[int], confusion: list[list[int]]) -> None:
    """Of each sample alone, beside one so large that it varies by less than 0.0001."""
    one, other = (corrected(predicted, confusion, seed=seed) for seed in (1, 2))
    assert abs(one.low[0] - other.low[0]) > 0.001


@pytest.mark.parametrize(("predicted", "confusion"), [([0, 0], [[1, 1], [1, 1]]), ([1, 1], [[1, 1], [0, 0]])])
def test_what_is_not_known_is_refused(predicted: list[int], confusion: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="no predictions, or a label without texts"):
        corrected(predicted, confusion)
