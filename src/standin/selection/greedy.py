"""Farthest-first traversal with weights: what coverage and SQBC with diversity share."""

import numpy as np
import numpy.typing as npt

from standin.selection.neighbours import DECIMALS
from standin.selection.pool import Scores

FARTHEST = 2.0
"""The largest cosine distance there is: that of a text as long as there is nothing to be near to."""


def farthest_first(
    vectors: npt.NDArray[np.float64], distances: Scores, weights: Scores, number: int, generator: np.random.Generator
) -> Scores:
    """Take texts one by one, each time the one with the largest weight times distance to the nearest text taken.

    Distances only shrink as texts are taken, so what a text had when it was taken never rises from one to the next,
    and is at least what all others have left: as a score it ranks the texts in the order in which they were taken.

    Args:
        vectors: unit vectors, shape (n, d).
        distances: cosine distance of each to the nearest text that is there beforehand, FARTHEST where none is.
        weights: at least 0, shape (n,).
        number: texts to take, at most n; they cost ``number`` products of (n, d) and (d,).
        generator: decides between equal products.

    Returns:
        Weight times distance, shape (n,): when it was taken for the texts taken, after the last one for the others.
        Cosines are rounded to nine decimals, so that equal texts are ties on every machine.
    """
    order = generator.permutation(len(vectors))  # the first of equals in a random order is a random one of them
    vectors, weights, left = vectors[order], weights[order], distances[order]
    found = weights * left
    waiting = np.ones(len(vectors), dtype=bool)
    for _ in range(number):
        taken = int(np.argmax(np.where(waiting, found, -1.0)))
        waiting[taken] = False
        left = np.minimum(left, 1 - np.round(vectors @ vectors[taken], DECIMALS))
        found[waiting] = (weights * left)[waiting]
    scores = np.empty(len(vectors))
    scores[order] = np.maximum(found, 0.0)
    return scores
