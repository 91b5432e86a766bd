"""How often equal arms are called different: 5 % of the time, also with few seeds."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from false_verdicts import FAMILIES, PAIRS_AT_A_TIME, before, freedom, in_family, now, rate, simulated


def test_the_simulated_arms_are_equal_and_as_good_and_as_varied_as_is_said() -> None:
    examined = simulated(300, 3, 0.05, np.random.default_rng(3))
    right = (examined.predicted == examined.truth).mean(axis=2)  # shape (arms, seeds)
    assert right.mean() == pytest.approx(0.75, abs=0.02)
    between_seeds = right.var(axis=1, ddof=1).mean() ** 0.5  # with what each seed makes of each text
    assert 0.05 < between_seeds < 0.06
    assert abs(right[::2].mean() - right[1::2].mean()) < 0.01


@pytest.mark.parametrize(
    ("seeds", "pairs", "least"), [(2, 1000, 0), (3, 2000, 0.015), (5, 2000, 0.03), (10, 1000, 0.03)]
)
def test_equal_arms_are_called_different_in_at_most_7_percent(seeds: int, pairs: int, least: float) -> None:
    """From a standard deviation of 0.02 between seeds to a standard error of 0.05 of their mean.

    The shares' own standard error is 0.5 % at 2,000 pairs, 0.7 % at 1,000.
    """
    shares = [rate(now, pairs, seeds, deviation) for deviation in (0.02, 0.05 * seeds**0.5)]
    assert min(shares) >= least
    assert max(shares) <= 0.07


@pytest.mark.parametrize(("seeds", "most"), [(2, 0.02), (3, 0.07), (5, 0.09)])
def test_families_of_eleven_comparisons_seldom_hold_a_false_verdict(seeds: int, most: float) -> None:
    """198 families of equal arms, whose share has a standard error of 1.5 %."""
    assert rate(in_family, 600, seeds, 0.05) * PAIRS_AT_A_TIME / FAMILIES <= most


def test_percentiles_over_three_resampled_seeds_call_far_more_different() -> None:
    assert rate(before, 300, 3, 0.1) > 0.1


def test_degrees_of_freedom_of_few_seeds_keep_to_5_percent_where_satterthwaite_s_do_not() -> None:
    generator = np.random.default_rng(0)

    def rates(power: int, seeds: int, level: float, *, least: bool = False) -> dict[str, float]:
        return freedom(power, least, 40_000, seeds, level, generator)

    assert rates(2, 3, 0.05)["largest"] > 0.07
    assert rates(1, 3, 0.05, least=True)["largest"] < 0.065
    assert rates(1, 2, 0.05)["largest"] > 0.08
    assert rates(1, 2, 0.05, least=True)["largest"] < 0.05
    assert rates(1, 5, 0.001, least=True)["largest"] < rates(2, 5, 0.001)["largest"]
