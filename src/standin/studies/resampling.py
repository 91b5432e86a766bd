"""Resamples of test texts that runs share: a text weighs the same in each of them, whatever stands beside it.

Base seeds draw their test texts from one file, so that two of them may share most: then other test texts would move
their scores together, and resamples that every run draws for itself would hide it. Here a text's weights hang on its
id: Poisson of mean 1, as often as it would stand in a resample of many, and within each label as many in all as there
are texts of it (Chamandy et al. 2012 for the Poisson bootstrap, recalled; by label as ``evaluation.intervals``).
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from standin.evaluation.scores import MEASURES, Floats, Integers, scores_of_counts

RESAMPLES = 4000
Weights = npt.NDArray[np.float32]


@lru_cache(maxsize=32)
def weights_of(ids: tuple[str, ...]) -> Weights:
    """How often each text stands in each resample, shape (resamples, n)."""
    found = np.empty((RESAMPLES, len(ids)), dtype=np.float32)
    for place, name in enumerate(ids):
        found[:, place] = np.random.default_rng(zlib.crc32(name.encode())).poisson(1, RESAMPLES)
    return found


def scored(
    ids: tuple[str, ...], truth: Integers, predicted: Integers, labels: int, only: Sequence[int]
) -> dict[str, tuple[Floats, Floats]]:
    """Measure -> scores on the texts as they are, shape (seeds,), and on resamples, shape (seeds, resamples).

    Args:
        ids: of n texts.
        truth: shape (n,).
        predicted: shape (seeds, n).
        labels: number of classes.
        only: places of the labels that macro-F1 goes over; none names all.
    """
    as_they_are = _scores(np.ones((1, len(ids)), dtype=np.float32), truth, predicted, labels, only)
    again = _scores(weights_of(ids), truth, predicted, labels, only)
    return {name: (as_they_are[name][:, 0], again[name]) for name in MEASURES}


def _scores(
    weights: Weights, truth: Integers, predicted: Integers, labels: int, only: Sequence[int]
) -> dict[str, Floats]:
    """Measure -> scores, shape (seeds, resamples); a resample without a text of a label takes them as they are."""
    shape = (len(weights), len(predicted), labels)
    right, answered = np.zeros(shape), np.zeros(shape)
    for label in np.unique(truth):
        members = truth == label
        times = weights[:, members]
        total = times.sum(axis=1, keepdims=True)
        times = np.where(total > 0, times * (members.sum() / np.maximum(total, 1)), 1).astype(np.float32)
        is_answer = predicted[:, members].T[:, :, np.newaxis] == np.arange(labels)
        counts = (times @ is_answer.reshape(len(is_answer), -1).astype(np.float32)).reshape(shape)
        right[:, :, label] = counts[:, :, label]
        answered += counts
    found = scores_of_counts(right, answered, np.bincount(truth, minlength=labels).astype(np.float64), only)
    return {name: getattr(found, name).T for name in MEASURES}
