import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from standin.choices import DEFAULT_REFERENCES, RELATIVE_REFERENCES
from standin.config import Evaluate
from standin.corpus import Prediction, Row
from standin.errors import StandinError
from standin.evaluation.agreement import accuracy_by_agreement, agreement_slope, fitted_line
from standin.evaluation.comparisons import compare, holm, mcnemar, withhold
from standin.evaluation.family import (
    RELATIVES,
    Entry,
    Pair,
    as_many,
    family,
    random_instead,
    without_shots,
    without_synthetic,
)
from standin.evaluation.intervals import Examined, Resampled, bootstrap, mean_over_questions
from standin.evaluation.learned import Unlearned, unlearned, with_majority
from standin.evaluation.predictions import arrange, entries_of
from standin.evaluation.results import Result, evaluate, resamples_for
from standin.evaluation.scores import confusion, score, scores_of_counts
from standin.evaluation.summaries import TABLES, metrics, scope, table_rows
from standin.evaluation.tables import csv_text
from standin.evaluation.uncertainty import Estimate, estimate

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


@settings(max_examples=60)
@given(st.data())
def test_scores_are_those_of_scikit_learn_also_where_classes_are_absent(data: st.DataObject) -> None:
    labels = data.draw(st.integers(2, 5), label="labels")
    n = data.draw(st.integers(1, 12), label="texts")
    one = st.lists(st.integers(0, labels - 1), min_size=n, max_size=n)
    truth, predicted = classes(data.draw(one)), classes(data.draw(one))
    macro_f1, accuracy = score(truth, predicted, labels)
    theirs = f1_score(truth, predicted, labels=range(labels), average="macro", zero_division=0)
    assert macro_f1 == pytest.approx(theirs, abs=1e-12)
    assert accuracy == pytest.approx(accuracy_score(truth, predicted), abs=1e-12)


def test_scores_of_many_counts_at_once() -> None:
    found = scores_of_counts(
        np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([2.0, 2.0])
    )
    assert found.macro_f1 == pytest.approx([(2 / 3 + 4 / 5) / 2, 1])
    assert found.accuracy.tolist() == [0.75, 1]


def test_the_confusion_counts_true_classes_in_rows_over_all_predictions() -> None:
    truth, predicted = classes([0, 1, 1, 2]), np.array([[0, 1, 2, 2], [0, 0, 1, 1]])
    expected = sum(confusion_matrix(truth, guessed, labels=range(3)) for guessed in predicted)
    assert (confusion(truth, predicted, 3) == expected).all()


# Resamples


def resampled(truth: np.ndarray, predicted: np.ndarray, labels: int = 2, resamples: int = 4000) -> dict[str, Resampled]:
    return bootstrap(Examined(truth, predicted), labels, resamples, generator())


def test_a_perfect_classifier_with_three_rare_texts_has_the_interval_1_to_1() -> None:
    truth = classes([0] * 97 + [1] * 3)
    for measure in resampled(truth, truth[np.newaxis, np.newaxis]).values():
        assert estimate(measure.by_seed[0], measure.resamples[0], 100).interval(0.95, 0, 1) == (1, 1)


def test_resamples_of_a_rare_label_keep_its_number_and_its_variance_is_unbiased() -> None:
    """One of three rare texts is found: the sample variance of (1, 0, 0) is 1/3, over 3 texts 1/9 of their share."""
    truth = classes([0] * 97 + [1] * 3)
    found = resampled(truth, classes([0] * 97 + [1, 0, 0])[np.newaxis, np.newaxis], resamples=40_000)["accuracy"]
    assert found.by_seed[0, 0] == 0.98
    right = found.resamples[0, 0].astype(float) * 100 - 97  # of the rare texts; two are drawn and weigh 3/2 each
    assert sorted(set(right.round(3))) == [0, 1.5, 3]
    assert (right / 3).mean() == pytest.approx(1 / 3, abs=0.01)
    assert (right / 3).var() == pytest.approx(1 / 9, rel=0.02)


def test_the_only_text_of_a_label_keeps_its_weight() -> None:
    truth = classes([0, 0, 0, 0, 1])
    found = resampled(truth, classes([0, 0, 1, 0, 1])[np.newaxis, np.newaxis])["accuracy"]
    assert sorted({round(value, 4) for value in found.resamples[0, 0].tolist()}) == [0.2, 0.4667, 0.7333, 1]


def test_with_one_seed_the_error_is_that_of_independent_texts_within_each_label() -> None:
    """40 of 50 and 90 of 150 are right: the variance of accuracy is the sum of share squared x p (1 - p) / (n_l - 1)."""
    truth = classes([0] * 50 + [1] * 150)
    predicted = classes([0] * 40 + [1] * 10 + [1] * 90 + [0] * 60)
    found = resampled(truth, predicted[np.newaxis, np.newaxis], resamples=20_000)["accuracy"]
    made = estimate(found.by_seed[0], found.resamples[0], 200)
    variance = 0.25**2 * 0.8 * 0.2 / 49 + 0.75**2 * 0.6 * 0.4 / 149
    assert (made.value, made.freedom) == (0.65, 199)
    assert made.error == pytest.approx(variance**0.5, rel=0.02)
    half = stats.t.ppf(0.975, 199) * variance**0.5
    assert made.interval(0.95, 0, 1) == pytest.approx((0.65 - half, 0.65 + half), abs=0.002)


def test_the_error_of_macro_f1_is_that_of_scipy_s_bootstrap() -> None:
    """Texts are drawn within labels here and freely there: at 60 texts a label the two errors are close."""
    draws = generator(3)
    truth, predicted = np.repeat(np.arange(3), 60), draws.integers(0, 3, 180)
    predicted[::2] = truth[::2]

    def macro_f1(y: np.ndarray, p: np.ndarray) -> float:
        return f1_score(y, p, average="macro")

    other = stats.bootstrap(
        (truth, predicted), macro_f1, paired=True, vectorized=False, n_resamples=600, rng=generator(1),
        method="percentile",
    )  # fmt: skip
    found = resampled(truth, predicted[np.newaxis, np.newaxis], 3)["macro_f1"]
    assert float(found.resamples[0].std()) == pytest.approx(other.standard_error, rel=0.1)


def test_all_arms_share_the_resamples_and_another_arm_changes_none() -> None:
    draws = generator(5)
    truth, predicted = draws.integers(0, 3, 40), draws.integers(0, 3, (3, 2, 40))
    alone = resampled(truth, predicted[:1], 3, 300)["macro_f1"]
    among = resampled(truth, predicted, 3, 300)["macro_f1"]
    assert (alone.resamples[0] == among.resamples[0]).all()


def test_an_arm_that_is_right_wherever_another_is_never_resamples_below_it() -> None:
    truth = np.zeros(30, dtype=np.intp)
    worse = truth.copy()
    worse[:10] = 1
    better = worse.copy()
    better[0] = 0
    found = resampled(truth, np.stack([worse, better])[:, np.newaxis])["accuracy"]
    assert (found.resamples[1] >= found.resamples[0]).all()


def test_every_seed_is_scored_on_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of any size: 3 resamples and 1 prediction at a time give what stands for each seed alone."""
    draws = generator(2)
    truth, predicted = draws.integers(0, 2, 20), draws.integers(0, 2, (2, 3, 20))
    monkeypatch.setattr("standin.evaluation.intervals.BLOCK", 70)
    found = resampled(truth, predicted, resamples=100)["macro_f1"]
    assert found.resamples.shape == (2, 3, 100)
    for arm in range(2):
        for seed in range(3):
            alone = resampled(truth, predicted[arm : arm + 1, seed : seed + 1], resamples=100)["macro_f1"]
            assert (alone.resamples[0, 0] == found.resamples[arm, seed]).all()
            assert found.by_seed[arm, seed] == f1_score(truth, predicted[arm, seed], average="macro")


def test_the_mean_over_questions_is_taken_seed_by_seed_and_resample_by_resample() -> None:
    draws = generator(7)
    found = [resampled(draws.integers(0, 2, n), draws.integers(0, 2, (2, 2, n)), 2, 50)["macro_f1"] for n in (10, 30)]
    mean = mean_over_questions({"macro_f1": one} for one in found)["macro_f1"]
    assert mean.by_seed == pytest.approx((found[0].by_seed + found[1].by_seed) / 2)
    assert mean.resamples[1, 0, 7] == pytest.approx(np.mean([one.resamples[1, 0, 7] for one in found]))


# Uncertainty


def test_an_estimate_by_hand() -> None:
    """Two seeds, 0.1 and 0.3, whose errors on resamples have nothing in common.

    The mean's variance over resamples is 0.0025, each seed's 0.005: what seeds of their own make of the texts explains
    it all, so the texts add nothing to the seeds' part: sample variance 0.02, over two seeds 0.01. One degree of freedom.
    """
    found = estimate(np.array([0.1, 0.3]), np.array([[0.0, 0.2, 0.1, 0.1], [0.3, 0.3, 0.2, 0.4]]), 50)
    assert (found.value, found.error, found.freedom) == pytest.approx((0.2, 0.1, 1))
    half = 0.1 * stats.t.ppf(0.975, 1)
    assert found.interval(0.95, -9, 9) == pytest.approx((0.2 - half, 0.2 + half))
    assert found.interval(0.95, 0, 1) == (0, 1)
    assert found.p_value() == pytest.approx(2 * stats.t.sf(2, 1))


def test_degrees_of_freedom_lie_between_those_of_the_seeds_and_those_of_the_texts() -> None:
    """Resamples that move all seeds alike are the texts' part: variance 0.01; the seeds' 0.03 over 3 seeds is 0.01."""
    moved = np.array([-0.1, 0.1])
    seeds = np.array([0.5 - 0.03**0.5, 0.5, 0.5 + 0.03**0.5])
    found = estimate(seeds, seeds[:, np.newaxis] + moved, 101)
    assert found.error == pytest.approx(0.02**0.5)
    assert 1 / found.freedom == pytest.approx(0.5 / 2 + 0.5 / 100)
    same = estimate(np.full(3, 0.5), np.full((3, 1), 0.5) + moved, 101)
    assert (same.error, same.freedom) == pytest.approx((0.1, 100))


def test_few_seeds_that_are_alike_by_chance_do_not_make_it_sure() -> None:
    """Two seeds tell their variance by one difference, three by two: the share counts as 1 and 1/2 at least."""
    for seeds, freedom in ((2, 1), (3, 1 / (0.5 / 2 + 0.5 / 100)), (5, 1 / (0.25 / 4 + 0.75 / 100))):
        values = np.full(seeds, 0.5) + np.linspace(-1e-4, 1e-4, seeds)
        found = estimate(values, values[:, np.newaxis] + np.array([-0.1, 0.1]), 101)
        assert found.freedom == pytest.approx(freedom)


def test_an_error_of_0_is_exact() -> None:
    assert Estimate(0.0, 0.0, 5).p_value() == 1
    assert Estimate(0.1, 0.0, 5).p_value() == 0
    assert Estimate(0.1, 0.0, 5).interval(0.95, -1, 1) == (0.1, 0.1)


# Comparisons


def pairs(*places: tuple[int, int]) -> list[Pair]:
    return [Pair(first, second, None, "real") for first, second in places]


def test_identical_arms_differ_by_exactly_0_and_have_no_difference() -> None:
    draws = generator(1)
    predicted = np.repeat(draws.integers(0, 3, (1, 3, 60)), 2, axis=0)
    for measure in resampled(draws.integers(0, 3, 60), predicted, 3, 500).values():
        (one,) = compare(measure, pairs((0, 1)), 0.95, 60)
        assert (one.difference, one.low, one.high) == (0, 0, 0)
        assert (one.verdict, one.verdict_holm, one.p, one.holm) == ("no difference", "no difference", 1, 1)


@pytest.mark.parametrize(
    ("first", "verdict"), [([0.8, 0.82, 0.81], "higher"), ([0.2, 0.22, 0.21], "lower"), ([0.4, 0.6, 0.5], "no difference")]
)  # fmt: skip
def test_a_difference_is_paired_by_seed_and_its_verdict_is_the_interval_s(first: list[float], verdict: str) -> None:
    by_seed = np.array([first, [0.5, 0.5, 0.5]])
    measured = Resampled(by_seed, np.repeat(by_seed[:, :, np.newaxis], 10, axis=2).astype(np.float32))
    (one,) = compare(measured, pairs((0, 1)), 0.95, 100)
    theirs = stats.ttest_rel(*by_seed)
    assert one.verdict == one.verdict_holm == verdict
    assert one.p == pytest.approx(theirs.pvalue, rel=1e-4)
    assert (one.low, one.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)), abs=1e-6)


def test_all_of_57_clear_differences_stay_clear_after_holm_s_correction() -> None:
    """Differences above 100 standard deviations at 2,000 resamples: a p-value counted among these is 0.001 at least."""
    draws = generator(4)
    by_seed = np.concatenate(
        [0.5 + np.arange(57)[:, np.newaxis] * 1e-3 + draws.normal(0, 1e-4, (57, 3)), np.zeros((1, 3))]
    )
    noise = draws.normal(0, 2e-3, (58, 3, 2000)).astype(np.float32)
    found = compare(
        Resampled(by_seed, by_seed[..., np.newaxis] + noise), pairs(*((n, 57) for n in range(57))), 0.95, 288
    )
    assert min(one.difference / ((one.high - one.low) / 4) for one in found) > 100
    assert [one.verdict_holm for one in found] == ["higher"] * 57


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


def test_entries_are_arms_in_the_order_given_with_rising_budgets() -> None:
    sqbc = predictions("sqbc", {1: ["bus"]}, 48) + predictions("sqbc", {1: ["bus"]}, 24)
    found = entries_of({"real": predictions("real", {1: ["bus"]}), "sqbc": sqbc})
    assert found == [Entry("real", None), Entry("sqbc", 24), Entry("sqbc", 48)]


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


# The family of comparisons

ARMS = {
    "real": ["real"],
    "synthetic": ["synthetic"],
    "random": ["random"],
    "sqbc": ["sqbc"],
    "plain": ["random", "synthetic"],
    "mixed": ["synthetic", "sqbc"],
}
REFERENCES = ["real", "random", "without_synthetic", "random_instead"]


def named(entries: list[Entry], references: list[str], arms: dict[str, list[str]] = ARMS) -> list[str]:
    return [
        f"{entries[pair.first].arm} - {entries[pair.second].arm} at {pair.budget} for {pair.reference}"
        for pair in family(entries, arms, references)
    ]


def test_relatives_are_found_by_sources_and_not_by_names() -> None:
    assert [without_synthetic(arm, ARMS) for arm in ARMS] == [[], [], [], [], ["random"], ["sqbc"]]
    assert [random_instead(arm, ARMS) for arm in ARMS] == [[], [], [], ["random"], [], ["plain"]]
    assert without_synthetic("both", {"both": ["real", "synthetic"], "all": ["real"]}) == ["all"]


def test_an_arm_of_two_strategies_is_compared_with_random_in_the_place_of_each() -> None:
    arms = {"both": ["sqbc", "cal"], "half": ["random", "cal"], "other": ["sqbc", "random"], "random": ["random"]}
    assert random_instead("both", arms) == ["half", "other"]
    assert random_instead("half", arms) == ["random"]


def test_as_many_texts_of_one_source_are_compared_with_those_of_the_other() -> None:
    arms = {"equal": ["real:synthetic"], "synthetic": ["synthetic"], "few": ["synthetic:20"], "turned": ["synthetic:real"],
            "real": ["real"], "frozen": ["probe", "synthetic"], "both": ["real:synthetic", "probe"],
            "more": ["synthetic:shots", "shots"], "shots": ["shots"]}  # fmt: skip
    assert {arm: found for arm in arms if (found := as_many(arm, arms))} == {
        "equal": ["synthetic"], "turned": ["real"], "both": ["frozen"]
    }  # fmt: skip


def test_shots_beside_synthetic_texts_are_compared_with_either_alone() -> None:
    arms = {
        "both": ["shots", "synthetic"],
        "synthetic": ["synthetic"],
        "few": ["shots:8", "synthetic"],
        "shots": ["shots"],
    }
    assert {arm: without_shots(arm, arms) for arm in arms} == {
        "both": ["synthetic"], "synthetic": [], "few": ["synthetic"], "shots": []
    }  # fmt: skip
    entries = [Entry(arm, None) for arm in arms]
    assert named(entries, list(DEFAULT_REFERENCES), arms) == [
        "both - shots at None for without_synthetic",
        "both - synthetic at None for without_shots",
        "few - synthetic at None for without_shots",
    ]


def test_the_default_arms_are_compared_no_more_often_for_the_further_references() -> None:
    entries = [Entry(arm, None if arm in ("real", "synthetic") else 48) for arm in ARMS]
    assert named(entries, list(DEFAULT_REFERENCES)) == named(entries, REFERENCES)
    assert set(RELATIVES) == set(RELATIVE_REFERENCES)


def test_the_family_of_the_default_arms_names_every_pair_once() -> None:
    entries = [Entry(arm, None if arm in ("real", "synthetic") else 48) for arm in ARMS]
    assert named(entries, REFERENCES) == [
        "synthetic - real at None for real",
        *(f"{arm} - real at 48 for real" for arm in ("random", "sqbc", "plain", "mixed")),
        *(f"{arm} - random at 48 for random" for arm in ("synthetic", "sqbc", "plain", "mixed")),
        "mixed - sqbc at 48 for without_synthetic",
        "mixed - plain at 48 for random_instead",
    ]
    assert named(entries, ["without_synthetic"]) == [
        "plain - random at 48 for without_synthetic",
        "mixed - sqbc at 48 for without_synthetic",
    ]
    assert named(entries, []) == []


def test_four_budgets_make_a_family_of_41_where_every_two_arms_would_make_57() -> None:
    fixed = [Entry(arm, None) for arm in ("real", "synthetic")]
    entries = [*fixed, *(Entry(arm, budget) for arm in list(ARMS)[2:] for budget in (6, 12, 24, 48))]
    assert len(family(entries, ARMS, REFERENCES)) == len(set(named(entries, REFERENCES))) == 1 + 4 * 10
    assert 1 + 4 * (4 + 4 + 6) == 57


def test_arms_are_compared_at_equal_budgets() -> None:
    entries = [Entry("real", None), Entry("sqbc", 24), Entry("sqbc", 48), Entry("random", 24)]
    assert named(entries, REFERENCES) == [
        "sqbc - real at 24 for real",
        "sqbc - real at 48 for real",
        "random - real at 24 for real",
        "sqbc - random at 24 for random",
    ]


def test_a_reference_that_was_not_scored_brings_no_pair() -> None:
    assert (
        named([Entry("sqbc", 24), Entry("synthetic", None)], REFERENCES, {"sqbc": ["sqbc"], "synthetic": ["synthetic"]})
        == []
    )


def test_the_larger_the_family_the_more_resamples() -> None:
    assert (resamples_for(0, 0.95), resamples_for(11, 0.95), resamples_for(57, 0.99)) == (0, 4400, 114_000)


# Not learned


def lost(truth: list[int], *arms: list[int], labels: int = 3) -> list[Unlearned]:
    """What one seed predicted, per arm."""
    examined = with_majority(Examined(classes(truth), np.array(arms, dtype=np.intp)[:, np.newaxis]))
    measured = bootstrap(examined, labels, 2000, generator())["macro_f1"]
    return unlearned({None: examined}, measured, LABELS[:labels], 0.95)


def test_the_majority_row_answers_the_most_frequent_label_and_of_equals_the_first() -> None:
    examined = with_majority(Examined(classes([2, 1, 1, 2, 0]), np.zeros((1, 2, 5), dtype=np.intp)))
    assert examined.predicted.shape == (2, 2, 5)
    assert examined.predicted[1].tolist() == [[1] * 5] * 2


def test_an_arm_that_answers_one_label_to_527_of_576_texts_has_not_learned() -> None:
    truth = [0, 1, 2] * 192

    def answers(others: int) -> list[int]:
        """``park`` (1) to all but the first texts of the other two labels, which are right."""
        kept = set([n for n, label in enumerate(truth) if label != 1][:others])
        return [label if n in kept else 1 for n, label in enumerate(truth)]

    (found,) = lost(truth, answers(49))
    assert found == Unlearned(0, None, "one label", 527 / 576, "park")
    assert len(lost(truth, answers(57))) == 1  # 519 of 576, 0.901
    assert lost(truth, answers(58)) == []  # 518 of 576, 0.899


def test_a_good_classifier_of_texts_that_are_87_percent_ham_has_learned() -> None:
    truth = [0] * 87 + [1] * 13
    assert lost(truth, [0] * 87 + [1] * 9 + [0] * 4, labels=2) == []  # 91 of 100 answers are ham, below (1 + 0.87) / 2
    (one, other) = lost(truth, [0] * 99 + [1], labels=2)
    assert (one.reason, one.share, one.label) == ("one label", 0.99, "bus")
    assert other.reason == "chance"


def test_an_arm_that_is_not_surely_above_the_majority_has_not_learned() -> None:
    truth = [0, 1, 2] * 20
    chance = list(generator(8).integers(0, 3, 60))
    assert [(one.place, one.reason) for one in lost(truth, [0] * 60, truth, chance)] == [
        (0, "one label"),
        (0, "chance"),
        (2, "chance"),  # it beats the majority's macro-F1, 0.33 against 0.17, and has read nothing all the same
    ]
    assert [one.reason for one in lost(truth, [2, 0, 1] * 20)] == ["chance"]  # always wrong


def test_seeds_that_differ_have_learned_where_most_of_them_are_above_chance() -> None:
    truth = [0, 1, 2] * 96

    def right(share: float, seed: int) -> list[int]:
        good = generator(seed).random(288) < share
        return [label if fine else (label + 1) % 3 for label, fine in zip(truth, good, strict=True)]

    def reasons(*shares: float) -> list[str]:
        predicted = np.array([[right(share, seed) for seed, share in enumerate(shares)]], dtype=np.intp)
        examined = with_majority(Examined(classes(truth), predicted))
        return [one.reason for one in unlearned({None: examined}, bootstrap(examined, 3, 500, generator())["macro_f1"], LABELS, 0.95)]  # fmt: skip

    assert reasons(0.9, 0.78) == []
    assert reasons(0.9, 0.5, 0.6) == []
    assert reasons(0.9, 0.3, 0.6) == []
    assert reasons(0.9, 0.3, 0.3) == ["chance"]


def test_one_label_counts_where_half_of_the_questions_have_it_and_not_where_the_truth_has_one() -> None:
    mixed, same = [0, 1] * 20, [0] * 40
    good, stuck = mixed, [0] * 40

    def reasons(*questions: tuple[list[int], list[int]]) -> list[str | None]:
        examined = {f"q{n}": with_majority(Examined(classes(truth), np.array([[said]], dtype=np.intp)))
                    for n, (truth, said) in enumerate(questions)}  # fmt: skip
        measured = mean_over_questions([bootstrap(one, 2, 500, generator()) for one in examined.values()])["macro_f1"]
        return [one.question for one in unlearned(examined, measured, LABELS[:2], 0.95) if one.reason == "one label"]

    assert reasons((same, stuck), (mixed, good)) == []
    assert reasons((mixed, stuck), (mixed, good), (mixed, good)) == []
    assert reasons((mixed, stuck), (mixed, good)) == ["q0"]


def test_nothing_is_concluded_from_an_arm_that_has_not_learned() -> None:
    by_seed = np.array([[0.9, 0.9], [0.5, 0.5], [0.1, 0.1]])
    measured = Resampled(by_seed, np.repeat(by_seed[:, :, np.newaxis], 5, axis=2).astype(np.float32))
    found = withhold(compare(measured, pairs((0, 1), (0, 2), (2, 1)), 0.95, 50), {2})
    assert [one.verdict_holm for one in found] == ["higher", "not learned", "not learned"]
    assert [one.verdict for one in found] == ["higher", "not learned", "not learned"]
    assert found[1].difference == pytest.approx(0.8)


def test_pairs_that_are_one_draw_have_no_verdict_and_keep_their_numbers_and_the_family() -> None:
    by_seed = np.array([[0.9, 0.9], [0.5, 0.5], [0.1, 0.1]])
    measured = Resampled(by_seed, np.repeat(by_seed[:, :, np.newaxis], 5, axis=2).astype(np.float32))
    made = compare(measured, pairs((0, 1), (0, 2), (2, 1)), 0.95, 50)
    found = withhold(made, {2}, [made[0].pair, made[1].pair])
    assert [one.verdict_holm for one in found] == ["one selection", "not learned", "not learned"]
    assert [one.verdict for one in found] == ["one selection", "not learned", "not learned"]
    assert [(one.difference, one.p, one.holm) for one in found] == [(one.difference, one.p, one.holm) for one in made]


# The whole


def whole(seeds: list[int], **arms: dict[int, list[str]]) -> Result:
    truth = ["bus", "park", "flat"] * 4
    rows = {arm: predictions(arm, {seed: said[seed] for seed in seeds}) for arm, said in arms.items()}
    agreement = {"t5": 0.5, "t1": 1.0, "t2": 1.0}
    settings = Evaluate(resamples=200, gammas=[0.0, 0.8], references=["bad"])
    return evaluate(rows, texts(truth), LABELS, seeds, settings, agreement, {arm: ["real"] for arm in arms})


GOOD = {1: ["bus", "park", "flat"] * 3 + ["bus", "park", "bus"], 2: ["bus", "park", "flat"] * 4}
BAD = {1: ["bus", "park", "bus", "park"] * 3, 2: ["bus", "park", "bus", "flat"] * 3}
STUCK = {1: ["park"] * 12, 2: ["park"] * 12}


def test_tables_and_metrics_of_two_arms() -> None:
    result = whole([1, 2], good=GOOD, bad=BAD)
    tables = table_rows(result, LABELS)
    assert set(tables) == set(TABLES)
    assert {len(row) - len(TABLES[name]) for name, rows in tables.items() for row in rows} == {0}
    found = metrics(result)
    truth = ["bus", "park", "flat"] * 4
    assert found["good"]["accuracy"] == pytest.approx(23 / 24, abs=1e-6)
    f1 = [f1_score(truth, GOOD[seed], labels=LABELS, average="macro", zero_division=0) for seed in (1, 2)]
    assert found["good"]["macro_f1"] == pytest.approx(np.mean(f1), abs=1e-6)
    assert found["good"]["macro_f1_low"] <= found["good"]["macro_f1"] <= found["good"]["macro_f1_high"] <= 1
    assert tables["comparisons"][0][:4] == ("good", "bad", None, "macro_f1")
    assert tables["comparisons"][0][11] == "bad"
    assert tables["agreement"][0] == ("good", None, 0.0, 3, 1.0, None, None, None, None), "two points make no line"
    assert ("good", "flat", "bus", 1) in tables["confusion"]
    assert sum(row[3] for row in tables["confusion"] if row[0] == "bad") == 24
    assert tables["questions"] == []


def test_the_majority_class_is_a_row_of_the_scores_and_of_nothing_else() -> None:
    tables = table_rows(whole([1, 2], good=GOOD, bad=BAD), LABELS)
    (row,) = [row for row in tables["scores"] if row[0] == "majority" and row[2] == "macro_f1"]
    assert row[3:6] == pytest.approx((1 / 6, 1 / 6, 1 / 6))  # F1 of one label of three: 2 x 4 / (4 + 12)
    assert not [
        name for name in ("comparisons", "confusion", "agreement") for row in tables[name] if "majority" in row[:2]
    ]


def test_an_arm_that_has_not_learned_is_listed_with_the_reasons_and_compared_with_none() -> None:
    result = whole([1, 2], good=GOOD, bad=BAD, stuck=STUCK)
    tables = table_rows(result, LABELS)
    assert ("stuck", None, None, "one label", 1.0, "park") in tables["learned"]
    assert ("stuck", None, None, "chance", 1.0, "park") in tables["learned"]
    verdicts = {(row[0], row[9]) for row in tables["comparisons"]}
    assert ("stuck", "not learned") in verdicts
    assert [metrics(result)[arm]["learned"] for arm in ("good", "stuck")] == [True, False]
    assert "learned" not in metrics(result)["majority"]


def test_what_the_intervals_speak_of_is_said() -> None:
    two = scope(whole([1, 2], good=GOOD, bad=BAD, stuck=STUCK))
    assert "95% intervals over 2 training seeds and the test texts (t distribution; 800 resamples" in two
    assert "this data set" in two
    assert "With one seed" not in two
    assert "Two seeds tell little" in two
    assert "2 comparisons were named beforehand" in two
    one = scope(whole([1], good=GOOD))
    assert "over the test texts alone" in one
    assert "leave out how much training varies" in one
    assert "Nothing was compared with bad: there is no such arm with scores." in one


def test_several_budgets_stand_in_the_metric_s_name() -> None:
    rows = {
        "sqbc": predictions("sqbc", {1: ["bus", "park"]}, 24) + predictions("sqbc", {1: ["bus", "bus"]}, 48),
        "random": predictions("random", {1: ["bus", "park"]}, 24),
        "real": predictions("real", {1: ["bus", "park"]}),
    }
    found = metrics(evaluate(rows, texts(["bus", "park"]), LABELS, [1], Evaluate(resamples=100), {}, ARMS))
    assert set(found) == {"sqbc_24", "sqbc_48", "random", "real", "majority"}
    assert found["sqbc_48"]["accuracy"] == 0.5


def test_scores_are_means_over_questions_however_many_texts_they_have() -> None:
    rows = predictions("real", {1: ["bus"]}, question="car") + predictions("real", {1: ["park"] * 9}, question="dog")
    test = texts(["bus"], "car") + texts(["bus"] * 9, "dog")
    result = evaluate({"real": rows}, test, LABELS, [1], Evaluate(resamples=100), {}, ARMS)
    assert metrics(result)["real"]["accuracy"] == 0.5
    assert metrics(result)["majority"]["accuracy"] == 1
    by_question = {
        row[0]: row[4] for row in table_rows(result, LABELS)["questions"] if row[1] == "real" and row[3] == "accuracy"
    }
    assert by_question == {"car": 1, "dog": 0}


def test_tables_have_six_digits_empty_fields_and_no_negative_zero() -> None:
    assert csv_text(("a", "b", "c"), [("x, y", None, 1 / 3), ("ü", 2, -1e-9)]) == 'a,b,c\n"x, y",,0.333333\nü,2,0.0\n'


# Scored labels, McNemar, what is kept of all labels, and the line over gamma


def test_macro_f1_goes_over_the_scored_labels_in_scores_intervals_and_chance() -> None:
    truth = ["bus", "park", "flat", "flat"] * 10
    said = {1: ["bus", "park", "park", "flat"] * 10, 2: ["bus", "bus", "flat", "flat"] * 10}
    settings = Evaluate(resamples=200, references=[], scored_labels=["bus", "park"])
    result = evaluate({"real": predictions("real", said)}, texts(truth), LABELS, [1, 2], settings, {}, ARMS)
    f1 = [f1_score(truth, said[seed], labels=["bus", "park"], average="macro", zero_division=0) for seed in (1, 2)]
    found = metrics(result)
    assert found["real"]["macro_f1"] == pytest.approx(np.mean(f1), abs=1e-6)
    assert found["majority"]["macro_f1"] == 0, "the most frequent label is not scored"
    assert found["real"]["accuracy"] == pytest.approx(0.75)
    assert "Macro-F1 is the mean over the labels bus and park (evaluate.scored_labels)." in scope(result)


def test_chance_is_that_of_the_scored_labels() -> None:
    truth = ["park"] * 40 + ["bus"] * 360
    said = {1: ["park"] * 16 + ["bus"] * 24 + ["park"] * 24 + ["bus"] * 336}
    # F1 of park is 0.4, its chance 0.1; the mean chance of all three labels is 0.33, within the interval
    settings = Evaluate(resamples=400, references=[], scored_labels=["park"])
    assert not evaluate({"real": predictions("real", said)}, texts(truth), LABELS, [1], settings, {}, ARMS).unlearned
    never = {1: ["bus"] * 400}
    found = evaluate({"real": predictions("real", never)}, texts(truth), LABELS, [1], settings, {}, ARMS).unlearned
    assert "chance" in [one.reason for one in found]


@pytest.mark.parametrize(
    ("only", "other", "apart"), [(10, 0, 1), (5, 0, 0), (6, 0, 1), (9, 1, 1), (8, 2, 0), (0, 0, 0), (0, 10, 1)]
)
def test_mcnemar_s_test_is_that_of_the_binomial_distribution(only: int, other: int, apart: int) -> None:
    first = np.array([[True] * only + [False] * other + [True] * 20])
    second = np.array([[False] * only + [True] * other + [True] * 20])
    assert mcnemar(first, second, 0.95) == apart
    p = stats.binomtest(only, only + other).pvalue if only + other else 1.0
    assert (p < 0.05) == bool(apart)


def test_mcnemar_counts_seeds_beside_the_comparison() -> None:
    truth = ["bus", "park"] * 20
    wrong = ["park"] * 10 + truth[10:]
    rows = {"real": predictions("real", {1: truth, 2: truth}), "sqbc": predictions("sqbc", {1: wrong, 2: truth}, 6)}
    result = evaluate(rows, texts(truth), LABELS, [1, 2], Evaluate(resamples=100, references=["real"]), {}, ARMS)
    assert {one.mcnemar for found in result.comparisons.values() for one in found} == {0}, "five of five is p = 0.06"
    rows["sqbc"] = predictions("sqbc", {1: ["park"] * 20 + truth[20:], 2: truth}, 6)
    result = evaluate(rows, texts(truth), LABELS, [1, 2], Evaluate(resamples=100, references=["real"]), {}, ARMS)
    assert {one.mcnemar for found in result.comparisons.values() for one in found} == {1}
    assert {row[12] for row in table_rows(result, LABELS)["comparisons"]} == {1}


def test_what_an_arm_keeps_of_all_labels_is_the_ratio_of_equal_seeds_and_resamples() -> None:
    truth = ["bus", "park"] * 30
    half = {seed: truth[:30] + ["bus"] * 30 for seed in (1, 2)}
    rows = {"real": predictions("real", {1: truth, 2: truth}), "sqbc": predictions("sqbc", half, 6)}
    result = evaluate(rows, texts(truth), LABELS, [1, 2], Evaluate(resamples=400, references=[]), {}, ARMS)
    (row,) = [row for row in table_rows(result, LABELS)["scores"] if row[2] == "retained"]
    ratio = f1_score(truth, half[1], labels=LABELS[:2], average="macro") * 2 / 3
    whole_f1 = f1_score(truth, truth, labels=LABELS, average="macro", zero_division=0)
    assert row[:2] == ("sqbc", 6)
    assert row[3] == pytest.approx(ratio / whole_f1)
    assert 0 < row[4] < row[3] < row[5]
    del rows["real"]
    assert not evaluate(rows, texts(truth), LABELS, [1, 2], Evaluate(resamples=100, references=[]), {}, ARMS).retained


def test_equal_answers_keep_all_of_it_for_certain() -> None:
    truth = ["bus", "park", "flat"] * 10
    said = dict.fromkeys((1, 2), ["bus", "park", "bus", "bus", "bus", "flat"] * 5)
    rows = {"real": predictions("real", said), "sqbc": predictions("sqbc", said, 6)}
    result = evaluate(rows, texts(truth), LABELS, [1, 2], Evaluate(resamples=100, references=[]), {}, ARMS)
    (row,) = [row for row in table_rows(result, LABELS)["scores"] if row[2] == "retained"]
    assert row[3:6] == (1.0, 1.0, 1.0)


def test_the_line_over_gamma_is_least_squares_with_r2_and_rho() -> None:
    points: list[tuple[float, int, float | None]] = [
        (0.0, 9, 0.5),
        (0.4, 8, 0.7),
        (0.6, 7, 0.6),
        (0.8, 4, 0.9),
        (1.0, 0, None),
    ]
    line = fitted_line(points)
    assert line is not None
    known = stats.linregress([0.0, 0.4, 0.6, 0.8], [0.5, 0.7, 0.6, 0.9])
    assert (line.slope, line.intercept) == pytest.approx((known.slope, known.intercept))
    assert line.r2 == pytest.approx(known.rvalue**2)
    assert line.rho == pytest.approx(0.8)
    assert line.at(0.5) == pytest.approx(known.intercept + known.slope / 2)
    assert fitted_line(points[:2]) is None
    flat = fitted_line([(gamma, 5, 0.5) for gamma in (0.0, 0.5, 1.0)])
    assert flat is not None
    assert (flat.slope, flat.r2, flat.rho) == (0.0, None, None)
