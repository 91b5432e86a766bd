"""Accuracy and macro-F1 from counts per class: of one prediction, or of many resamples of the test texts at once."""

from collections.abc import Sequence
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
    """Macro-F1 and accuracy of one prediction; see ``scores_of_counts``. Texts: at least one."""
    cells = confusion(truth, predicted[np.newaxis], labels).astype(np.float64)
    found = scores_of_counts(cells.diagonal(), cells.sum(axis=0), cells.sum(axis=1))
    return float(found.macro_f1), float(found.accuracy)


def scores_of_counts(right: Floats, answered: Floats, texts: Floats, scored: Sequence[int] = ()) -> Scores:
    """Macro-F1 and accuracy from counts per class.

    F1 of a class is 2 tp / (texts of the class + texts predicted as it); a class with neither counts as 0, and the mean
    goes over all labels of the task, as in scikit-learn's ``f1_score(labels=..., average="macro", zero_division=0)``,
    or over those that are ``scored``: stance with a class "none" is scored by against and favor (SemEval-2016, task 6).

    Args:
        right: texts of the class that are predicted as it (tp), shape (..., labels).
        answered: texts predicted as the class, shape (..., labels).
        texts: texts of the class, shape (labels,), at least one in all.
        scored: places of the labels that macro-F1 goes over; none names all.

    Returns:
        Arrays of shape (...).
    """
    f1 = f1_of_counts(right, answered, texts)
    return Scores((f1[..., list(scored)] if scored else f1).mean(axis=-1), right.sum(axis=-1) / texts.sum())


def f1_of_counts(right: Floats, answered: Floats, texts: Floats) -> Floats:
    """F1 of every class, shape (..., labels), from the counts that ``scores_of_counts`` takes."""
    both = texts + answered
    return np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)


def confusion(truth: Integers, predicted: Integers, labels: int) -> npt.NDArray[np.intp]:
    """Counts over all predictions: true class in rows, predicted class in columns; shape (labels, labels).

    truth: shape (n,); predicted: shape (predictions, n).
    """
    cells = np.broadcast_to(truth, predicted.shape) * labels + predicted
    return np.bincount(cells.ravel(), minlength=labels * labels).reshape(labels, labels)
