import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from test_measures_panel import FakeEngine

from standin.measures.subjectivity import (
    PRIOR,
    Comparisons,
    DescribedTask,
    compare_tasks,
    comparison_chat,
    correlation_with_stars,
    rank_tasks,
    reach_of_random_rankings,
    reference_tasks,
)


def tasks(*names: str) -> list[DescribedTask]:
    return [DescribedTask(name, f"Say {name}.", ("yes", "no")) for name in names]


def answers(strength: list[float], lean: float = 0.0) -> Comparisons:
    """What a panel says that knows each task's objectivity and leans towards the task shown first."""
    pairs = tuple(itertools.permutations(range(len(strength)), 2))
    return Comparisons(pairs, np.array([strength[i] - strength[j] + lean for i, j in pairs]))


class TestReferenceTasks:
    def test_they_are_the_papers_ten_by_rising_stars(self) -> None:
        found = reference_tasks()
        assert [task.stars for task in found] == [1, 1, 2, 2, 2, 2, 3, 3, 4, 5]
        assert len({task.name for task in found}) == 10
        assert all(len(task.labels) >= 2 and all(isinstance(label, str) for label in task.labels) for task in found)

    def test_descriptions_are_short(self) -> None:
        # About 1.3 tokens a word: under 40 tokens each, so that all comparisons are short prompts.
        assert max(len(task.description.split()) for task in reference_tasks()) <= 30


class TestComparing:
    def test_every_pair_is_asked_in_both_orders(self) -> None:
        engine = FakeEngine(lambda *_: 0.0)
        found = compare_tasks(engine, tasks("a", "b", "c"), 64)
        asked = [chat for batch in engine.batches for chat in batch]
        assert found.pairs == ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))
        assert asked == [comparison_chat(tasks("a", "b", "c")[i], tasks("a", "b", "c")[j]) for i, j in found.pairs]

    def test_a_batch_shares_its_first_task_and_is_no_larger_than_asked(self) -> None:
        engine = FakeEngine(lambda *_: 0.0)
        compare_tasks(engine, tasks(*"abcdef"), 3)
        assert [len(batch) for batch in engine.batches] == [3, 2] * 6
        assert all(len({chat[1][1].split("Task 2")[0] for chat in batch}) == 1 for batch in engine.batches)

    def test_log_odds_are_those_of_the_task_shown_first(self) -> None:
        engine = FakeEngine(lambda _, choice: {"1": -0.5, "2": -2.0}[choice])
        np.testing.assert_allclose(compare_tasks(engine, tasks("a", "b"), 8).log_odds, 1.5)

    def test_the_prompt_shows_descriptions_and_labels_in_order(self) -> None:
        system, (_, asked) = comparison_chat(*tasks("a", "b"))
        assert system[0] == "system"
        assert asked.index("Task 1: Say a. Labels: yes, no.") < asked.index("Task 2: Say b.")


class TestRanking:
    def test_two_tasks_by_hand(self) -> None:
        # Two wins for the first: minimise 2 log(1 + e^-2x) + 2 PRIOR x^2, that is e^-2x / (1 + e^-2x) = PRIOR x.
        x = brentq(lambda x: np.exp(-2 * x) / (1 + np.exp(-2 * x)) - PRIOR * x, 0, 10)
        ranking = rank_tasks(answers([1, 0]), 2)
        assert ranking.scores == pytest.approx((x, -x), abs=1e-4)
        assert ranking.win_rates == (1, 0)
        assert ranking.places == (1, 2)

    def test_scores_are_those_of_a_ridge_logistic_regression(self) -> None:
        rng = np.random.default_rng(0)
        pairs = tuple(itertools.permutations(range(6), 2))
        odds = rng.normal(size=len(pairs))
        odds -= odds.mean()
        design = np.zeros((len(pairs), 6))
        for row, (i, j) in enumerate(pairs):
            design[row, [i, j]] = 1, -1
        model = LogisticRegression(C=1 / (2 * PRIOR), fit_intercept=False, tol=1e-10, max_iter=1000)
        expected = model.fit(design, odds > 0).coef_[0]
        assert rank_tasks(Comparisons(pairs, odds), 6).scores == pytest.approx(expected - expected.mean(), abs=2e-4)

    @pytest.mark.parametrize(("lean", "bias"), [(0, 0.5), (100, 1.0), (-100, 0.0)])
    def test_a_lean_towards_a_place_changes_the_bias_and_not_the_ranking(self, lean: float, bias: float) -> None:
        ranking = rank_tasks(answers([0.3, 2, 1, -1], lean), 4)
        assert ranking.places == (3, 1, 2, 4)
        assert ranking.win_rates == pytest.approx((1 / 3, 1, 2 / 3, 0))
        assert ranking.position_bias == bias

    def test_answers_that_decide_nothing_leave_all_tasks_equal(self) -> None:
        ranking = rank_tasks(answers([0, 0, 0]), 3)
        assert ranking.scores == (0, 0, 0)
        assert ranking.win_rates == (0.5, 0.5, 0.5)
        assert ranking.places == (1, 1, 1)
        assert ranking.position_bias == 0.5

    def test_a_task_that_always_wins_has_a_finite_score(self) -> None:
        ranking = rank_tasks(answers([1.0] + [0.0] * 10), 11)
        assert ranking.win_rates[0] == 1
        assert ranking.scores[0] == pytest.approx(3.1, abs=0.05)

    @given(st.lists(st.integers(-5, 5), min_size=2, max_size=8), st.integers(-20, 20))
    @settings(max_examples=60)
    def test_the_order_of_strengths_is_the_order_of_places(self, strength: list[int], lean: int) -> None:
        ranking = rank_tasks(answers([float(one) for one in strength], lean), len(strength))
        assert sum(ranking.scores) == pytest.approx(0, abs=1e-3)
        for i, j in itertools.combinations(range(len(strength)), 2):
            assert np.sign(ranking.places[j] - ranking.places[i]) == np.sign(strength[i] - strength[j])


class TestCorrelationWithThePaper:
    def test_a_ranking_by_the_stars_correlates_fully_and_its_reverse_negatively(self) -> None:
        known = reference_tasks()
        objective = [-float(task.stars or 0) for task in known]
        assert correlation_with_stars(known, objective) == pytest.approx(1)
        assert correlation_with_stars(known, [-score for score in objective]) == pytest.approx(-1)

    def test_the_task_at_hand_has_no_stars_and_does_not_count(self) -> None:
        known = [*reference_tasks(), *tasks("mine")]
        scores = [-float(task.stars or 0) for task in known]
        assert correlation_with_stars(known, [*scores[:-1], 99]) == pytest.approx(1)

    def test_equal_scores_correlate_with_nothing(self) -> None:
        assert correlation_with_stars(reference_tasks(), [0.0] * 10) is None


class TestReachOfRandomRankings:
    def test_without_ties_it_stays_below_the_printed_critical_value(self) -> None:
        # Zar (1984), table B.20, two-sided 0.05: 0.648 at n = 10, 0.886 at n = 6.
        assert 0.62 < (reach_of_random_rankings(range(10)) or 0) < 0.648
        assert 0.80 < (reach_of_random_rankings(range(6)) or 0) < 0.886

    @pytest.mark.parametrize("stars", [[1, 1, 2, 3, 3], [1, 2, 2, 2, 2, 5], [1, 2, 3]])
    @pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
    def test_with_ties_it_is_the_quantile_over_all_permutations(self, stars: list[int], share: float) -> None:
        every = [abs(spearmanr(order, stars).statistic) for order in itertools.permutations(range(len(stars)))]
        expected = np.quantile(every, share, method="inverted_cdf")
        assert reach_of_random_rankings(stars, share) == pytest.approx(expected)

    def test_random_rankings_of_the_papers_tasks_reach_it_once_in_twenty(self) -> None:
        stars = [task.stars or 0 for task in reference_tasks()]
        reach = reach_of_random_rankings(stars)
        assert reach is not None
        draws = np.random.default_rng(0)
        beyond = np.mean([abs(spearmanr(draws.permutation(10), stars).statistic) > reach + 1e-9 for _ in range(4000)])
        assert beyond == pytest.approx(0.05, abs=0.012)

    def test_equal_stars_rank_nothing(self) -> None:
        assert reach_of_random_rankings([2, 2, 2]) is None
