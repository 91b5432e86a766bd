"""Coverage: k-centre greedy, the core set of Sener and Savarese (ICLR 2018, arXiv 1708.00489, algorithm 1)."""

import numpy as np

from standin.selection.greedy import FARTHEST, farthest_first
from standin.selection.neighbours import cosines_of, unit_rows
from standin.selection.pool import Scores, Settings, Texts, required


def scores(pool: Texts, labelled: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
    """Cosine distance, shape (n,), to the nearest centre: of a text taken when it was taken, of others at the end.

    Centres are the labelled texts and, one after the other, the pool text farthest from its nearest centre, up to the
    largest budget (``settings.budget``); so that no text is far from a labelled one. The paper measures Euclidean
    distance of the network's last layer, here it is cosine distance of the sentence embeddings, as everywhere in this
    project (for unit vectors both order alike: |u - v|^2 = 2 (1 - cos)). Without labelled texts the first centre is
    drawn at random and scores 2, the largest distance there is. The paper's mixed integer program, which makes the
    greedy solution robust to outliers, is left out.

    Raises StandinError where embeddings are missing or have no direction.
    """
    vectors = unit_rows(required(pool.embeddings, "embeddings of the pool"))
    distances = np.full(len(pool), FARTHEST)
    if len(labelled):
        centres = unit_rows(required(labelled.embeddings, "embeddings of the labelled texts"))
        near = settings.search(vectors, centres, 1, settings.more)[:, 0]
        distances = 1 - cosines_of(vectors, centres, np.arange(len(pool)), near)
    number = min(settings.budget, len(pool))
    return farthest_first(vectors, distances, np.ones(len(pool)), number, generator)
