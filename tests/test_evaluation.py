import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from standin.config import Evaluate
from standin.corpus import Prediction, Row
from standin.errors import StandinError
from standin.evaluation.agreement import accuracy_by_agreement, agreement_slope
from standin.evaluation.comparisons import compare, holm
from standin.evaluation.intervals import (
    Examined,
    Resampled,
    bootstrap,
    interval,
    mean_over_questions,
    text_weights,
)
from standin.evaluation.predictions import Entry, arrange, entries_of, pairs_of
from standin.evaluation.results import evaluate
from standin.evaluation.scores import confusion, score, weighted_scores
from standin.evaluation.summaries import TABLES, metrics, scope, table_rows
from standin.evaluation.tables import csv_text

LABELS = ["bus", "park", "flat"]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def classes(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.intp)


def predictions(arm: str, said: dict[int, list[str]], budget: int | None = None, question: str | None = None) -> list:
    """Seed -> labels of the texts t0, t1, ..."""
    prefix = question or ""
    return [
        Prediction(arm=arm, budget=budget, seed=seed, question_id=question, id=f"{prefix}t{n}", label=label, p={})
        for seed, labels in said.items()
        for n, label in enumerate(labels)
    ]


def texts(labels: list[str], question: str | None = None) -> list[Row]:
    return [
        Row(id=f"{question or ''}t{n}", text=f"Text {n}", label=label, question_id=question)
        for n, label in enumerate(labels)
    ]


# Scores


def test_macro_f1_and_accuracy_by_hand() -> None:
    macro_f1, accuracy = score(classes([0, 0, 1, 1]), classes([0, 1, 1, 1]), 2)
    assert macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)  # precision 1, recall 1/2; precision 2/3, recall 1
    assert accuracy == 0.75


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_scores_of_weighted_texts_are_those_of_scikit_learn_also_where_classes_are_absent(data: st.DataObject) -> None:
    labels = data.draw(st.integers(2, 5), label="labels")
    n = data.draw(st.integers(1, 12), label="texts")
    one = st.lists(st.integers(0, labels - 1), min_size=n, max_size=n)
    truth, predicted = classes(data.draw(one)), np.stack([classes(data.draw(one)) for _ in range(3)])
    weights = text_weights(n, 4, generator(data.draw(st.integers(0, 99))))
    found = weighted_scores(truth, predicted, weights, labels)
    for row, times in enumerate(weights.astype(int)):
        y = np.repeat(truth, times)
        for column, guessed in enumerate(predicted):
            p = np.repeat(guessed, times)
            f1 = f1_score(y, p, labels=range(labels), average="macro", zero_division=0)
            assert found.macro_f1[row, column] == pytest.approx(f1, abs=1e-12)
            assert found.accuracy[row, column] == pytest.approx(accuracy_score(y, p), abs=1e-12)


def test_the_confusion_counts_true_classes_in_rows_over_all_predictions() -> None:
    truth, predicted = classes([0, 1, 1, 2]), np.array([[0, 1, 2, 2], [0, 0, 1, 1]])
    expected = sum(confusion_matrix(truth, guessed, labels=range(3)) for guessed in predicted)
    assert (confusion(truth, predicted, 3) == expected).all()


# Intervals


def test_every_resample_draws_as_many_texts_as_there_are() -> None:
    weights = text_weights(7, 500, generator())
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean() == 1
    assert weights.var() == pytest.approx(1 - 1 / 7, abs=0.05)  # each count is binomial(7, 1/7)


def test_with_one_seed_the_interval_of_accuracy_is_that_of_the_binomial_distribution() -> None:
    predicted = np.zeros((1, 1, 200), dtype=np.intp)
    predicted[0, 0, :30] = 1  # 170 of 200 are right
    found = bootstrap([Examined(np.zeros(200, dtype=np.intp), predicted)], 2, 20_000, generator())[0]["accuracy"]
    assert found.value[0] == 0.85
    low, high = found.interval(0.95)
    assert low[0] == pytest.approx(stats.binom.ppf(0.025, 200, 0.85) / 200, abs=0.005)
    assert high[0] == pytest.approx(stats.binom.ppf(0.975, 200, 0.85) / 200, abs=0.005)


def test_with_one_seed_the_interval_of_macro_f1_is_that_of_scipy() -> None:
    draws = generator(3)
    truth, predicted = draws.integers(0, 3, 80), draws.integers(0, 3, 80)
    predicted[:50] = truth[:50]
    found = bootstrap([Examined(truth, predicted[np.newaxis, np.newaxis])], 3, 4000, generator())[0]["macro_f1"]

    def macro_f1(y: np.ndarray, p: np.ndarray) -> float:
        return f1_score(y, p, average="macro")

    other = stats.bootstrap(
        (truth, predicted), macro_f1, paired=True, vectorized=False, n_resamples=600, method="percentile",
        rng=generator(1),
    ).confidence_interval  # fmt: skip
    low, high = found.interval(0.95)
    assert (low[0], high[0]) == pytest.approx((other.low, other.high), abs=0.025)


def test_seeds_are_resampled_too() -> None:
    """One seed is always right, the other never: accuracy 0, 1/2 or 1 with chances 1/4, 1/2, 1/4."""
    truth = np.zeros(50, dtype=np.intp)
    predicted = np.stack([truth, truth + 1])[np.newaxis]
    found = bootstrap([Examined(truth, predicted)], 2, 8000, generator())[0]["accuracy"]
    values, counts = np.unique(found.resamples[0], return_counts=True)
    assert found.value[0] == 0.5
    assert values.tolist() == [0, 0.5, 1]
    assert counts / 8000 == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_all_arms_share_the_resamples_and_another_arm_changes_no_interval() -> None:
    draws = generator(5)
    truth, predicted = draws.integers(0, 3, 40), draws.integers(0, 3, (3, 2, 40))
    alone = bootstrap([Examined(truth, predicted[:1])], 3, 300, generator())[0]["macro_f1"]
    among = bootstrap([Examined(truth, predicted)], 3, 300, generator())[0]["macro_f1"]
    assert (alone.resamples[0] == among.resamples[0]).all()


def test_an_arm_that_is_right_wherever_another_is_never_resamples_below_it() -> None:
    truth = np.zeros(30, dtype=np.intp)
    worse = truth.copy()
    worse[:10] = 1
    better = worse.copy()
    better[0] = 0
    found = bootstrap([Examined(truth, np.stack([worse, better])[:, np.newaxis])], 2, 2000, generator())[0]["accuracy"]
    assert (found.resamples[1] >= found.resamples[0]).all()


def test_blocks_of_resamples_cover_large_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = generator(2)
    one = Examined(draws.integers(0, 2, 20), draws.integers(0, 2, (2, 3, 20)))
    monkeypatch.setattr("standin.evaluation.intervals.BLOCK", 70)  # 3 resamples a block, the last one shorter
    found = bootstrap([one], 2, 100, generator())[0]["accuracy"]
    assert found.resamples.shape == (2, 100)
    assert found.resamples.mean(axis=1) == pytest.approx(found.value, abs=0.05)


def test_the_mean_over_questions_is_taken_resample_by_resample() -> None:
    draws = generator(7)
    questions = [Examined(draws.integers(0, 2, n), draws.integers(0, 2, (2, 2, n))) for n in (10, 30)]
    found = bootstrap(questions, 2, 50, generator())
    mean = mean_over_questions(found)["macro_f1"]
    assert mean.value == pytest.approx((found[0]["macro_f1"].value + found[1]["macro_f1"].value) / 2)
    assert mean.resamples[1, 7] == pytest.approx(np.mean([one["macro_f1"].resamples[1, 7] for one in found]))


def test_percentiles_of_a_known_sample() -> None:
    low, high = interval(np.arange(101.0), 0.9)
    assert (low, high) == pytest.approx((5, 95))


# Comparisons


def measured(value: list[float], resamples: list[list[float]]) -> Resampled:
    return Resampled(np.array(value), np.array(resamples))


def test_identical_arms_differ_by_exactly_0_and_have_no_difference() -> None:
    draws = generator(1)
    predicted = np.repeat(draws.integers(0, 3, (1, 3, 60)), 2, axis=0)
    found = bootstrap([Examined(draws.integers(0, 3, 60), predicted)], 3, 500, generator())[0]
    for measure in found.values():
        (one,) = compare(measure, [(0, 1)], 0.95)
        assert (one.difference, one.low, one.high) == (0, 0, 0)
        assert (one.verdict, one.p, one.holm) == ("no difference", 1, 1)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [([0.01] * 99 + [0.02], "higher"), ([-0.01] * 100, "lower"), ([-0.01] * 4 + [0.1] * 96, "no difference")],
)
def test_the_verdict_is_the_interval_s(differences: list[float], verdict: str) -> None:
    (one,) = compare(measured([0.1, 0.0], [differences, [0.0] * 100]), [(0, 1)], 0.95)
    assert one.verdict == verdict


def test_the_p_value_counts_resamples_on_the_other_side_of_0() -> None:
    (one,) = compare(measured([0.1, 0.0], [[-0.1] * 4 + [0.1] * 95, [0.0] * 99]), [(0, 1)], 0.95)
    assert one.p == pytest.approx(2 * (4 + 1) / (99 + 1))


def test_holm_s_adjustment_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


# Agreement


def test_accuracy_by_agreement_keeps_texts_at_the_threshold() -> None:
    correct = np.array([[True, False, True], [True, True, True]])
    found = accuracy_by_agreement(correct, np.array([1.0, 3 / 5, 0.2]), [0.0, 0.6, 0.8, 1.5])
    assert found == [(0.0, 3, pytest.approx(5 / 6)), (0.6, 2, 0.75), (0.8, 1, 1.0), (1.5, 0, None)]


def test_the_slope_is_that_of_scikit_learn() -> None:
    draws = generator(4)
    agreement = draws.choice([0.4, 0.6, 0.8, 1.0], 120)
    correct = draws.random((3, 120)) < 0.3 + 0.6 * agreement
    found = agreement_slope(correct, agreement, 100, 0.95, generator())
    x = np.tile(np.stack([np.ones(120), agreement], axis=1), (3, 1))
    model = LogisticRegression(C=100, fit_intercept=False, tol=1e-10, max_iter=1000).fit(x, correct.ravel())
    assert found is not None
    assert found.value == pytest.approx(model.coef_[0, 1], rel=1e-5)
    assert found.low < found.value < found.high


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("right", [np.ones(20, dtype=bool), np.zeros(20, dtype=bool), np.arange(20) >= 10])
def test_the_slope_is_finite_where_all_are_right_or_wrong_or_agreement_tells_them_apart(right: np.ndarray) -> None:
    agreement = np.repeat([0.5, 1.0], 10)
    found = agreement_slope(right[np.newaxis], agreement, 200, 0.95, generator())
    model = LogisticRegression(C=100, fit_intercept=False, tol=1e-10, max_iter=1000)
    if right.all() or not right.any():  # scikit-learn wants two classes: one text of weight 0 is of the other
        x, y, weight = np.stack([np.ones(21), [*agreement, 0.5]], axis=1), [*right, not right[0]], [1] * 20 + [0]
    else:
        x, y, weight = np.stack([np.ones(20), agreement], axis=1), right, [1] * 20
    assert found is not None
    assert found.value == pytest.approx(model.fit(x, y, weight).coef_[0, 1], rel=1e-4)
    assert np.isfinite([found.low, found.high]).all()


def test_there_is_no_slope_where_all_texts_agree_alike_or_none_is_known() -> None:
    assert agreement_slope(np.ones((1, 5), dtype=bool), np.full(5, 0.8), 100, 0.95, generator()) is None
    assert agreement_slope(np.ones((1, 0), dtype=bool), np.array([]), 100, 0.95, generator()) is None


# Arranging


def test_arms_and_budgets_are_paired_where_they_share_the_budget_or_have_none() -> None:
    found = entries_of(
        {
            "real": predictions("real", {1: ["bus"]}),
            "sqbc": predictions("sqbc", {1: ["bus"]}, 48) + predictions("sqbc", {1: ["bus"]}, 24),
            "random": predictions("random", {1: ["bus"]}, 24),
        }
    )
    assert found == [Entry("real", None), Entry("sqbc", 24), Entry("sqbc", 48), Entry("random", 24)]
    assert pairs_of(found) == [(0, 1, 24), (0, 2, 48), (0, 3, 24), (1, 3, 24)]


def test_predictions_are_matched_by_id_and_not_by_their_order() -> None:
    shuffled = predictions("real", {2: ["park", "bus"], 1: ["bus", "bus"]})[::-1]
    found = arrange({"real": shuffled}, texts(["bus", "flat"]), LABELS, [1, 2])[None]
    assert found.truth.tolist() == [0, 2]
    assert found.predicted.tolist() == [[[0, 0], [1, 0]]]


def test_a_missing_prediction_is_named() -> None:
    given_rows = {"sqbc": predictions("sqbc", {1: ["bus", "bus"], 2: ["bus"]}, 24)}
    with pytest.raises(StandinError, match=r"'sqbc', budget 24, seed 2: no prediction for 1 of 2 .* 't1'"):
        arrange(given_rows, texts(["bus", "bus"]), LABELS, [1, 2])


def test_a_label_the_task_does_not_have_is_named() -> None:
    with pytest.raises(StandinError, match="'buss' is none of the task: did you mean 'bus'"):
        arrange({"real": predictions("real", {1: ["buss"]})}, texts(["bus"]), LABELS, [1])
    with pytest.raises(StandinError, match="test text 't0': label 'tram'"):
        arrange({"real": predictions("real", {1: ["bus"]})}, texts(["tram"]), LABELS, [1])


# The whole


def whole(seeds: list[int], **arms: dict[int, list[str]]) -> object:
    truth = ["bus", "park", "flat", "bus", "park", "flat"]
    rows = {arm: predictions(arm, {seed: said[seed] for seed in seeds}) for arm, said in arms.items()}
    agreement = {"t5": 0.5, "t1": 1.0, "t2": 1.0}
    return evaluate(rows, texts(truth), LABELS, seeds, Evaluate(resamples=200, gammas=[0.0, 0.8]), agreement)


GOOD = {1: ["bus", "park", "flat", "bus", "park", "bus"], 2: ["bus", "park", "flat", "bus", "park", "flat"]}
BAD = {1: ["park", "park", "park", "park", "park", "park"], 2: ["park", "park", "bus", "park", "park", "park"]}


def test_tables_and_metrics_of_two_arms() -> None:
    result = whole([1, 2], good=GOOD, bad=BAD)
    tables = table_rows(result, LABELS)
    assert {name: {len(row) for row in rows} for name, rows in tables.items() if rows} == {
        name: {len(TABLES[name])} for name, rows in tables.items() if rows
    }
    found = metrics(result)
    assert found["good"]["accuracy"] == pytest.approx(11 / 12, abs=1e-6)
    truth = ["bus", "park", "flat"] * 2
    f1 = [f1_score(truth, GOOD[seed], labels=LABELS, average="macro", zero_division=0) for seed in (1, 2)]
    assert found["good"]["macro_f1"] == pytest.approx(np.mean(f1), abs=1e-6)
    assert found["good"]["macro_f1_low"] <= found["good"]["macro_f1"] <= found["good"]["macro_f1_high"]
    assert tables["comparisons"][0][:4] == ("good", "bad", None, "macro_f1")
    assert tables["comparisons"][0][7] == "higher"
    assert tables["agreement"][:2] == [("good", None, 0.0, 3, pytest.approx(5 / 6)), ("good", None, 0.8, 2, 1.0)]
    assert tables["agreement"][2] == ("bad", None, 0.0, 3, pytest.approx(1 / 3))
    assert ("good", "flat", "bus", 1) in tables["confusion"]
    assert sum(row[3] for row in tables["confusion"] if row[0] == "bad") == 12
    assert tables["questions"] == []


def test_what_the_intervals_speak_of_is_said() -> None:
    two = scope(whole([1, 2], good=GOOD, bad=BAD))
    assert "95% bootstrap intervals over 2 training seeds and the test texts" in two
    assert "this data set" in two
    assert "One seed" not in two
    one = scope(whole([1], good=GOOD))
    assert "over the test texts alone" in one
    assert "leave out how much training varies" in one


def test_several_budgets_stand_in_the_metric_s_name() -> None:
    rows = {
        "sqbc": predictions("sqbc", {1: ["bus", "park"]}, 24) + predictions("sqbc", {1: ["bus", "bus"]}, 48),
        "random": predictions("random", {1: ["bus", "park"]}, 24),
        "real": predictions("real", {1: ["bus", "park"]}),
    }
    found = metrics(evaluate(rows, texts(["bus", "park"]), LABELS, [1], Evaluate(resamples=100), {}))
    assert set(found) == {"sqbc_24", "sqbc_48", "random", "real"}
    assert found["sqbc_48"]["accuracy"] == 0.5


def test_scores_are_means_over_questions_however_many_texts_they_have() -> None:
    rows = predictions("real", {1: ["bus"]}, question="car") + predictions("real", {1: ["park"] * 9}, question="dog")
    test = texts(["bus"], "car") + texts(["bus"] * 9, "dog")
    result = evaluate({"real": rows}, test, LABELS, [1], Evaluate(resamples=100), {})
    assert metrics(result)["real"]["accuracy"] == 0.5
    by_question = {row[0]: row[4] for row in table_rows(result, LABELS)["questions"] if row[3] == "accuracy"}
    assert by_question == {"car": 1, "dog": 0}


def test_tables_have_six_digits_empty_fields_and_no_negative_zero() -> None:
    assert csv_text(("a", "b", "c"), [("x, y", None, 1 / 3), ("ü", 2, -1e-9)]) == 'a,b,c\n"x, y",,0.333333\nü,2,0.0\n'
