import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from standin.measures.rankings import (
    PRIOR,
    kendall,
    kendall_by_chance,
    ranking,
    spearman,
    spearman_by_chance,
)
from standin.measures.subjectivity import reference_tasks


def simulated(strength: np.ndarray, times: int, draws: np.random.Generator) -> np.ndarray:
    """Answers about every pair, ``times`` each, by the model of Bradley and Terry."""
    count = len(strength)
    wins = np.zeros((count, count))
    for i, j in itertools.combinations(range(count), 2):
        wins[i, j] = draws.binomial(times, 1 / (1 + np.exp(strength[j] - strength[i])))
        wins[j, i] = times - wins[i, j]
    return wins


class TestIntervals:
    @pytest.mark.parametrize("times", [2, 4])
    def test_they_cover_the_true_strengths_as_often_as_they_say(self, times: int) -> None:
        draws, covered = np.random.default_rng(1), []
        for _ in range(50):
            strength = draws.normal(0, 1.5, 11)
            strength -= strength.mean()
            found = ranking(simulated(strength, times, draws), 0.5)
            covered += [low <= true <= high for low, true, high in zip(found.lows, strength, found.highs, strict=True)]
        assert np.mean(covered) == pytest.approx(0.95, abs=0.025)

    def test_two_tasks_by_hand(self) -> None:
        # One win each: scores 0, Hessian [[a, -b], [-b, a]] with b = 2 / 4 and a = b + 2 PRIOR; of x1 - x2 over 2 the
        # variance is 1 / (2 (a + b)).
        found = ranking(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.5)
        reach = 1.959964 * (1 / (2 * (1 + 2 * PRIOR))) ** 0.5
        assert found.scores == (0, 0)
        assert found.highs == pytest.approx([reach] * 2, abs=1e-4)
        assert found.lows == pytest.approx([-reach] * 2, abs=1e-4)

    def test_more_answers_make_them_narrower(self) -> None:
        wins = simulated(np.linspace(-1, 1, 5), 4, np.random.default_rng(0))
        few, many = ranking(wins, 0.5), ranking(10 * wins, 0.5)
        assert all(b - a < d - c for a, b, c, d in zip(many.lows, many.highs, few.lows, few.highs, strict=True))

    def test_an_undecided_answer_is_half_a_win_for_either(self) -> None:
        found = ranking(np.array([[0, 1.5], [0.5, 0]]), 0.5)
        assert found.win_rates == (0.75, 0.25)
        assert ranking(np.array([[0, 1.0], [0, 0]]), 0.5).scores[0] > found.scores[0] > 0


class TestCorrelations:
    def test_one_swap_of_ten_tasks_costs_two_pairs_of_45(self) -> None:
        assert kendall(range(10), [1, 0, *range(2, 10)]) == pytest.approx(1 - 2 / 45)

    def test_ties_are_allowed_for(self) -> None:
        # Four pairs ordered alike, one tie in each: 4 / sqrt(5 * 5).
        assert kendall([1, 1, 2, 3], [1, 2, 3, 3]) == pytest.approx(4 / 5)

    def test_equal_values_correlate_with_nothing(self) -> None:
        assert kendall([0.0] * 10, range(10)) is spearman(range(10), [0.0] * 10) is None


class TestKendallByChance:
    @pytest.mark.parametrize("stars", [[1, 1, 2, 3, 3], [1, 2, 2, 2, 2, 5], [1, 2, 3], [1, 2, 3, 4, 5, 6]])
    @pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
    def test_it_is_the_quantile_over_all_permutations(self, stars: list[int], share: float) -> None:
        every = [abs(kendalltau(order, stars).statistic) for order in itertools.permutations(range(len(stars)))]
        expected = np.quantile(np.round(every, 12), share, method="inverted_cdf")
        assert kendall_by_chance(stars, share) == pytest.approx(expected)

    def test_without_ties_it_stays_below_the_printed_critical_value(self) -> None:
        # Kendall (1970), two-sided 0.05 at n = 10: 0.511.
        assert 0.4 < (kendall_by_chance(range(10)) or 0) < 0.511

    def test_of_the_papers_tasks(self) -> None:
        assert kendall_by_chance([task.stars or 0 for task in reference_tasks()]) == pytest.approx(0.5147, abs=5e-5)

    def test_equal_stars_rank_nothing(self) -> None:
        assert kendall_by_chance([2, 2, 2]) is None


class TestSpearmanByChance:
    def test_without_ties_it_stays_below_the_printed_critical_value(self) -> None:
        # Zar (1984), table B.20, two-sided 0.05: 0.648 at n = 10, 0.886 at n = 6.
        assert 0.62 < (spearman_by_chance(range(10)) or 0) < 0.648
        assert 0.80 < (spearman_by_chance(range(6)) or 0) < 0.886

    @pytest.mark.parametrize("stars", [[1, 1, 2, 3, 3], [1, 2, 2, 2, 2, 5], [1, 2, 3]])
    @pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
    def test_with_ties_it_is_the_quantile_over_all_permutations(self, stars: list[int], share: float) -> None:
        every = [abs(spearmanr(order, stars).statistic) for order in itertools.permutations(range(len(stars)))]
        expected = np.quantile(every, share, method="inverted_cdf")
        assert spearman_by_chance(stars, share) == pytest.approx(expected)

    def test_random_rankings_of_the_papers_tasks_reach_it_once_in_twenty(self) -> None:
        stars = [task.stars or 0 for task in reference_tasks()]
        reach = spearman_by_chance(stars)
        assert reach is not None
        draws = np.random.default_rng(0)
        beyond = np.mean([abs(spearmanr(draws.permutation(10), stars).statistic) > reach + 1e-9 for _ in range(4000)])
        assert beyond == pytest.approx(0.05, abs=0.012)

    def test_equal_stars_rank_nothing(self) -> None:
        assert spearman_by_chance([2, 2, 2]) is None
