"""Accuracy and macro-F1 of one or many predictions, on the test texts or on many weighted resamples of them at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

MEASURES = ("macro_f1", "accuracy")


@dataclass(frozen=True, slots=True)
class Scores:
    """Both measures, each between 0 and 1, one value per place."""

    macro_f1: Floats
    accuracy: Floats


def score(truth: Integers, predicted: Integers, labels: int) -> tuple[float, float]:
    """Macro-F1 and accuracy of one prediction; see ``weighted_scores``. Texts: at least one."""
    found = weighted_scores(truth, predicted[np.newaxis], np.ones((1, len(truth)), dtype=np.float32), labels)
    return float(found.macro_f1[0, 0]), float(found.accuracy[0, 0])


def weighted_scores(truth: Integers, predicted: Integers, weights: npt.NDArray[np.float32], labels: int) -> Scores:
    """Macro-F1 and accuracy of every prediction on every resample, from counts per class.

    F1 of a class is 2 tp / (texts of the class + texts predicted as it); a class with neither counts as 0, and the mean
    goes over all labels of the task, as in scikit-learn's ``f1_score(labels=..., average="macro", zero_division=0)``.

    Args:
        truth: class of each text, shape (n,), in 0..labels-1.
        predicted: shape (predictions, n).
        weights: how often each text stands in each resample, shape (resamples, n), whole numbers; float32 holds their
            sums exactly below 16.7 million texts.
        labels: number of classes.

    Returns:
        Arrays of shape (resamples, predictions).
    """
    classes = np.arange(labels)
    is_truth = (truth[:, np.newaxis] == classes).astype(np.float32)
    of_class = (weights @ is_truth).astype(np.float64)
    macro_f1 = np.empty((len(weights), len(predicted)))
    accuracy = np.empty_like(macro_f1)
    for place, guessed in enumerate(predicted):
        is_guessed = (guessed[:, np.newaxis] == classes).astype(np.float32)
        hits = (weights @ (is_guessed * is_truth)).astype(np.float64)
        texts = of_class + weights @ is_guessed
        macro_f1[:, place] = np.divide(2 * hits, texts, out=np.zeros_like(texts), where=texts > 0).mean(axis=1)
        accuracy[:, place] = hits.sum(axis=1) / of_class.sum(axis=1)
    return Scores(macro_f1, accuracy)


def confusion(truth: Integers, predicted: Integers, labels: int) -> npt.NDArray[np.intp]:
    """Counts over all predictions: true class in rows, predicted class in columns; shape (labels, labels).

    truth: shape (n,); predicted: shape (predictions, n).
    """
    cells = np.broadcast_to(truth, predicted.shape) * labels + predicted
    return np.bincount(cells.ravel(), minlength=labels * labels).reshape(labels, labels)
