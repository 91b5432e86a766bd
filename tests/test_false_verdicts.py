"""How often equal arms are called different: 5 % of the time, also with few seeds."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from false_verdicts import before, freedom, now, rate, simulated


def test_the_simulated_arms_are_equal_and_as_good_and_as_varied_as_is_said() -> None:
    examined = simulated(300, 3, 0.05, np.random.default_rng(3))
    right = (examined.predicted == examined.truth).mean(axis=2)  # shape (arms, seeds)
    assert right.mean() == pytest.approx(0.75, abs=0.02)
    between_seeds = right.var(axis=1, ddof=1).mean() ** 0.5  # with what each seed makes of each text
    assert 0.05 < between_seeds < 0.06
    assert abs(right[::2].mean() - right[1::2].mean()) < 0.01


@pytest.mark.parametrize(("seeds", "pairs"), [(3, 2000), (5, 2000), (10, 1000)])
def test_equal_arms_are_called_different_in_3_to_7_percent(seeds: int, pairs: int) -> None:
    """From a standard deviation of 0.02 between seeds to a standard error of 0.05 of their mean.

    The shares' own standard error is 0.5 % at 2,000 pairs, 0.7 % at 1,000.
    """
    shares = [rate(now, pairs, seeds, deviation) for deviation in (0.02, 0.05 * seeds**0.5)]
    assert min(shares) >= 0.03
    assert max(shares) <= 0.07


def test_percentiles_over_three_resampled_seeds_call_far_more_different() -> None:
    assert rate(before, 300, 3, 0.1) > 0.1


def test_degrees_of_freedom_that_are_linear_in_the_seeds_share_keep_to_5_percent_where_satterthwaite_s_do_not() -> None:
    generator = np.random.default_rng(0)
    assert freedom(2, 40_000, 3, 0.05, generator)["largest"] > 0.07
    ours = freedom(1, 40_000, 3, 0.05, generator)
    assert 0.03 < ours["smallest"] < ours["largest"] < 0.065
    assert freedom(1, 40_000, 5, 0.001, generator)["largest"] < freedom(2, 40_000, 5, 0.001, generator)["largest"]
