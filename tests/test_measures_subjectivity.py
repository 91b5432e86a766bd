import itertools
from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import kendalltau
from sklearn.linear_model import LogisticRegression
from test_measures_panel import FakeEngine

from standin.engines.protocol import Chat
from standin.measures.rankings import PRIOR, ranking, spearman
from standin.measures.subjectivity import (
    Comparisons,
    DescribedTask,
    against_stars,
    compare_tasks,
    comparison_chat,
    rank_tasks,
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

    def test_all_batches_are_asked_for_at_once_and_may_come_in_any_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A cluster begins its workers for every call."""
        engine = FakeEngine(lambda prompt, choice: crc32(f"{prompt}{choice}".encode()) / 2**32)
        named = tasks(*"abcdef")
        calls: list[int] = []

        def backwards(
            engine: FakeEngine, batches: list[list[Chat]], choices: list[str]
        ) -> Iterator[tuple[int, np.ndarray]]:
            calls.append(len(batches))
            return ((at, engine.choose(batches[at], choices)) for at in reversed(range(len(batches))))

        expected = compare_tasks(engine, named, 3).log_odds
        monkeypatch.setattr("standin.measures.panel.chosen", backwards)
        assert (compare_tasks(engine, named, 3).log_odds == expected).all()
        assert calls == [12]

    def test_log_odds_are_those_of_the_task_shown_first(self) -> None:
        engine = FakeEngine(lambda _, choice: {"1": -0.5, "2": -2.0}[choice])
        np.testing.assert_allclose(compare_tasks(engine, tasks("a", "b"), 8).log_odds, 1.5)

    def test_the_prompt_shows_descriptions_and_labels_in_order(self) -> None:
        system, (_, asked) = comparison_chat(*tasks("a", "b"))
        assert system[0] == "system"
        assert asked.index("Task 1: Say a. Labels: yes, no.") < asked.index("Task 2: Say b.")


class TestRanking:
    def test_two_tasks_by_hand(self) -> None:
        # A win for the first: minimise log(1 + e^-2x) + 2 PRIOR x^2, that is e^-2x / (1 + e^-2x) = 2 PRIOR x.
        x = brentq(lambda x: np.exp(-2 * x) / (1 + np.exp(-2 * x)) - 2 * PRIOR * x, 0, 10)
        ranking = rank_tasks(answers([1, 0]), 2)
        assert ranking.scores == pytest.approx((x, -x), abs=1e-4)
        assert ranking.win_rates == (1, 0)
        assert ranking.places == (1, 2)

    def test_scores_are_those_of_a_ridge_logistic_regression(self) -> None:
        rng = np.random.default_rng(0)
        pairs = tuple(itertools.permutations(range(6), 2))
        odds = rng.normal(size=len(pairs))
        given = dict(zip(pairs, odds, strict=True))
        once = tuple(itertools.combinations(range(6), 2))
        design = np.zeros((len(once), 6))
        for row, (i, j) in enumerate(once):
            design[row, [i, j]] = 1, -1
        model = LogisticRegression(C=1 / (2 * PRIOR), fit_intercept=False, tol=1e-10, max_iter=1000)
        expected = model.fit(design, [given[i, j] > given[j, i] for i, j in once]).coef_[0]
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
        assert ranking.scores[0] == pytest.approx(2.6, abs=0.05)

    def test_a_lean_that_differs_from_pair_to_pair_is_taken_off_pair_by_pair(self) -> None:
        """What one lean for all pairs, their mean, leaves of the true ranking, and what each pair's own does."""
        own, common = [], []
        for seed in range(30):
            draws = np.random.default_rng(seed)
            strength = np.linspace(-2, 2, 11)[draws.permutation(11)]
            lean = np.triu(draws.normal(1, 1.1, (11, 11)), 1)
            lean += lean.T
            pairs = tuple(itertools.permutations(range(11), 2))
            noise = draws.normal(0, 0.02, len(pairs))
            odds = np.array([strength[i] - strength[j] + lean[i, j] for i, j in pairs]) + noise
            own.append(kendalltau(rank_tasks(Comparisons(pairs, odds), 11).scores, strength).statistic)
            wins = np.zeros((11, 11))
            for (i, j), corrected in zip(pairs, odds - odds.mean(), strict=True):
                wins[(i, j) if corrected > 0 else (j, i)] += 1
            common.append(kendalltau(ranking(wins, 0.5).scores, strength).statistic)
        assert min(own) == pytest.approx(1)
        assert np.mean(common) == pytest.approx(0.94, abs=0.01)

    @given(st.lists(st.integers(-5, 5), min_size=2, max_size=8), st.integers(-20, 20))
    @settings(max_examples=60)
    def test_the_order_of_strengths_is_the_order_of_places(self, strength: list[int], lean: int) -> None:
        ranking = rank_tasks(answers([float(one) for one in strength], lean), len(strength))
        assert sum(ranking.scores) == pytest.approx(0, abs=1e-3)
        for i, j in itertools.combinations(range(len(strength)), 2):
            assert np.sign(ranking.places[j] - ranking.places[i]) == np.sign(strength[i] - strength[j])


class TestAgainstTheStars:
    def test_a_ranking_by_the_stars_correlates_fully_and_its_reverse_negatively(self) -> None:
        known = reference_tasks()
        objective = [-float(task.stars or 0) for task in known]
        assert spearman(*against_stars(known, objective)) == pytest.approx(1)
        assert spearman(*against_stars(known, [-score for score in objective])) == pytest.approx(-1)

    def test_the_task_at_hand_has_no_stars_and_does_not_count(self) -> None:
        known = [*reference_tasks(), *tasks("mine")]
        subjective, stars = against_stars(known, [-float(task.stars or 0) for task in known[:-1]] + [99])
        assert subjective == stars == [task.stars for task in reference_tasks()]
