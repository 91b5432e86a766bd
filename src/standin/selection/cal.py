"""CAL: contrastive active learning (Margatina, Vernikos, Barrault and Aletras, EMNLP 2021)."""

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError
from standin.selection.neighbours import nearest
from standin.selection.pool import Floats, Scores, Settings, Texts, required

BLOCK = 1_000_000  # probabilities of neighbours held at a time: 8 MB
SMALLEST = float(np.finfo(np.float32).tiny)  # softmax in float32 underflows to 0 below this; KL would be infinite


def scores(pool: Texts, labelled: Texts, settings: Settings, _generator: np.random.Generator, /) -> Scores:
    """Mean KL(p(y | neighbour) || p(y | candidate)) in nats, shape (n,): unlike predictions for alike texts.

    Neighbours are the ``settings.neighbours`` nearest texts of the LABELLED set by the learner's L2-normalised [CLS]
    embedding, as in the paper and its authors' code. (small-text 2.0 also indexes the pool, so that there every
    candidate is its own first neighbour.) The labelled set is what the learner was trained on: here synthetic texts or
    the rows of other questions. Each seed has a learner of its own, but for the warm start as it is: one for all seeds.

    Raises StandinError where fewer than k labelled texts are there or a row of probabilities is no distribution.
    """
    candidates = _distributions(pool.probabilities, "probabilities of the pool")
    labelled_distributions = _distributions(labelled.probabilities, "probabilities of the labelled texts")
    neighbours = nearest(
        required(pool.embeddings, "embeddings of the pool"),
        required(labelled.embeddings, "embeddings of the labelled texts"),
        settings.neighbours,
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


def _distributions(probabilities: Floats | None, what: str) -> npt.NDArray[np.float64]:
    values = required(probabilities, what)
    totals = values.sum(axis=1, keepdims=True)
    if (values < 0).any() or (np.abs(totals - 1) > 1e-3).any():
        raise StandinError(f"{what}: each row must be at least 0 and sum to 1")
    floored: npt.NDArray[np.float64] = np.maximum(values / totals, SMALLEST)
    return floored
