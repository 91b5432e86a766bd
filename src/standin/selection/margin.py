"""Margin sampling (Scheffer, Decomain and Wrobel 2001): texts whose two likeliest labels are nearly as likely."""

import numpy as np

from standin.selection.pool import Scores, Settings, Texts, distributions


def scores(pool: Texts, _labelled: Texts, _settings: Settings, _generator: np.random.Generator, /) -> Scores:
    """1 - (p1 - p2), shape (n,), of the learner's two highest probabilities: 1 where they are equal, 0 where one is 1.

    Also called breaking ties (Luo et al. 2005). With one label p2 is 0 and every text scores 0.

    Raises StandinError where a row of probabilities is no distribution.
    """
    probabilities = distributions(pool.probabilities, "probabilities of the pool")
    if probabilities.shape[1] < 2:
        return np.zeros(len(pool))
    highest = np.partition(probabilities, -2, axis=1)
    found: Scores = 1 - (highest[:, -1] - highest[:, -2])
    return found
