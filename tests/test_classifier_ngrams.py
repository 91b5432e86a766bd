"""Character n-grams: against a reading of the definition by hand, in scripts of all kinds, and what cannot be learned."""

from collections import Counter

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from standin.classifier.ngrams import learned

PENALTY = 100

TEXTS = [
    "Der Bus kommt zu spät", "Die Tram fährt nie pünktlich", "Wieder kein Bus, wieder Verspätung",
    "Der Park ist grün", "Ein toter Baum im Park", "Mehr Bäume, mehr Grün",
    "Die Miete ist zu hoch", "Wohnungen sind teuer",
]  # fmt: skip
CODES = np.array([0, 0, 0, 2, 2, 2, 3, 3])
ASKED = ["Kein Bus, keine TRAM", "Grüne Bäume", "Teure Mieten", "Der"]


def ngrams(text: str) -> Counter[str]:
    """Every run of 2 to 5 characters of a lower-case word with a space at either end; a short word whole, once."""
    found: Counter[str] = Counter()
    for word in (f" {one} " for one in text.lower().split()):
        for length in range(2, min(5, len(word)) + 1):
            found.update(word[start : start + length] for start in range(len(word) - length + 1))
    return found


def weighed(texts: list[str], asked: list[str]) -> np.ndarray:
    """tf-idf of ``asked`` with the n-grams and frequencies of ``texts``: (1 + ln tf)(1 + ln (1 + n) / (1 + df)), unit length."""
    frequency = Counter(gram for text in texts for gram in ngrams(text))
    vectors = np.zeros((len(asked), len(frequency)))
    for row, text in enumerate(asked):
        counts = ngrams(text)
        for column, gram in enumerate(sorted(frequency)):
            if gram in counts:
                df = sum(gram in ngrams(one) for one in texts)
                vectors[row, column] = (1 + np.log(counts[gram])) * (1 + np.log((1 + len(texts)) / (1 + df)))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("balanced", [False, True])
def test_it_is_a_logistic_regression_on_weighed_ngrams(balanced: bool) -> None:
    """Three of four labels have texts: a softmax whose weights cost half their squares, biases nothing."""
    codes = np.searchsorted([0, 2, 3], CODES)
    weight = len(codes) / (3 * np.bincount(codes))[codes] if balanced else np.ones(len(codes))
    points, asked = weighed(TEXTS, TEXTS), weighed(TEXTS, ASKED)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, biases = flat[:-3].reshape(3, -1), flat[-3:]
        said = log_softmax(points @ weights.T + biases, axis=1)
        errors = PENALTY * weight[:, None] * (np.exp(said) - np.eye(3)[codes])
        cost = 0.5 * (weights**2).sum() - PENALTY * (weight * said[np.arange(len(codes)), codes]).sum()
        return cost, np.concatenate([(weights + errors.T @ points).ravel(), errors.sum(axis=0)])

    best = minimize(
        loss,
        np.zeros(3 * points.shape[1] + 3),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9},
    ).x
    expected = softmax(asked @ best[:-3].reshape(3, -1).T + best[-3:], axis=1)
    found = learned(TEXTS, CODES, 4, balanced).probabilities(ASKED)
    np.testing.assert_allclose(found[:, [0, 2, 3]], expected, atol=1e-3)
    assert found.argmax(axis=1)[:3].tolist() == [0, 2, 3]


def test_a_label_without_a_text_is_answered_by_nobody_and_its_loss_is_finite() -> None:
    found = learned(TEXTS, CODES, 4, balanced=False).probabilities([*TEXTS, *ASKED])
    assert found[:, 1].max() < 1e-4
    assert found.min() > 0
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        (["公交车总是晚点", "电车又晚点了", "公园里没有树", "公园很绿"], ["公交车晚点", "绿色的公园"]),
        (["☔☔ 🚌", "🚌 😡", "🌳🌳", "🌳 😀"], ["🚌🚌", "🌳"]),
        (["Trotz Straße späte Busse", "STRASSE ohne Bus", "ÖFFENTLICHE Bäume", "öde Bäume"], ["spät", "BÄUME"]),
    ],
)
def test_texts_of_any_script_are_told_apart(texts: list[str], asked: list[str]) -> None:
    found = learned(texts, np.array([0, 0, 1, 1]), 2, balanced=False)
    assert found.probabilities(asked).argmax(axis=1).tolist() == [0, 1]


def test_texts_without_a_known_ngram_are_all_answered_alike() -> None:
    found = learned(TEXTS, CODES, 4, balanced=False).probabilities(["", "  ", "公园", "🌳"])
    assert np.isfinite(found).all()
    assert (found == found[0]).all()
    assert learned(TEXTS, CODES, 4, balanced=False).probabilities([]).shape == (0, 4)


def test_one_label_is_answered_to_all_texts() -> None:
    found = learned(TEXTS[:3], CODES[:3], 4, balanced=False).probabilities(ASKED)
    assert found[:, 0].min() > 0.999
    assert found.min() > 0


@pytest.mark.parametrize(("balanced", "shares"), [(False, [0.75, 0.25]), (True, [0.5, 0.5])])
def test_blank_texts_teach_how_frequent_the_labels_are(balanced: bool, shares: list[float]) -> None:
    found = learned(["", " ", "\u00a0", "\n"], np.array([0, 0, 0, 1]), 3, balanced)
    np.testing.assert_allclose(found.probabilities(ASKED)[:, :2], [shares] * 4, atol=1e-4)


def test_equal_texts_give_equal_answers() -> None:
    first, second = (learned(TEXTS, CODES, 4, balanced=False).probabilities(ASKED) for _ in range(2))
    assert (first == second).all()
