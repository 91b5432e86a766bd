"""CAL: contrastive active learning (Margatina, Vernikos, Barrault and Aletras, EMNLP 2021)."""

import numpy as np
import numpy.typing as npt

from standin.selection.neighbours import nearest_others
from standin.selection.pool import Scores, Settings, Texts, distributions, required

BLOCK = 1_000_000  # probabilities of neighbours held at a time: 8 MB


def scores(pool: Texts, labelled: Texts, settings: Settings, _generator: np.random.Generator, /) -> Scores:
    """Mean KL(p(y | neighbour) || p(y | candidate)) in nats, shape (n,): unlike predictions for alike texts.

    Neighbours are the ``settings.neighbours`` nearest texts of the LABELLED set by the learner's L2-normalised [CLS]
    embedding, as in the paper and its authors' code. (small-text 2.0 also indexes the pool, so that there every
    candidate is its own first neighbour.) The labelled set is what the learner was trained on: the labels so far, as
    published (in rounds), or as in Wagner et al. 2025 synthetic texts, or the rows of other questions. Each seed has a
    learner of its own, but for the warm start as it is: one for all seeds.

    Raises StandinError where fewer than k labelled texts are there or a row of probabilities is no distribution.
    """
    candidates = distributions(pool.probabilities, "probabilities of the pool")
    labelled_distributions = distributions(labelled.probabilities, "probabilities of the labelled texts")
    neighbours = nearest_others(
        required(pool.embeddings, "embeddings of the pool"),
        required(labelled.embeddings, "embeddings of the labelled texts"),
        settings.neighbours,
        pool.places_in(labelled.ids),
        settings.more,
        settings.search,
    )
    divergences = np.empty(len(pool))
    rows = max(1, BLOCK // (settings.neighbours * max(1, candidates.shape[1])))
    for start in range(0, len(pool), rows):
        block = slice(start, start + rows)
        divergences[block] = mean_divergence(labelled_distributions[neighbours[block]], candidates[block])
    return divergences


def mean_divergence(neighbours: npt.NDArray[np.float64], candidates: npt.NDArray[np.float64]) -> Scores:
    """Mean over each row's k neighbours of KL(neighbour || candidate), in nats.

    neighbours: shape (n, k, classes), candidates: shape (n, classes), all above 0. Returns shape (n,).
    """
    logarithms = np.log(neighbours) - np.log(candidates)[:, np.newaxis, :]
    mean: Scores = (neighbours * logarithms).sum(axis=2).mean(axis=1)
    return np.maximum(mean, 0.0)  # never negative but for the last bit
