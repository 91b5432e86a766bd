"""SQBC with diversity (ours): disagreement times distance from what is taken already."""

import numpy as np

from standin.selection import sqbc
from standin.selection.greedy import FARTHEST, farthest_first
from standin.selection.neighbours import unit_rows
from standin.selection.pool import Scores, Settings, Texts, required


def scores(pool: Texts, synthetic: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
    """Vote entropy times cosine distance to the nearest text taken before, shape (n,), in nats.

    Texts are taken greedily up to the largest budget (``settings.budget``): first the one with the highest vote
    entropy (its distance counts as 2, the largest there is), then always the one whose product is largest; a text
    that was not taken keeps its product with what was. SQBC alone may spend a budget on texts that say the same, as
    vote entropy takes few values; here a second text of the same words scores 0. So do all texts whose committee
    agrees, wherever they lie: among them the seed decides.

    The definition is ours (no source that was read gives one): k-centre greedy with the vote entropy as weight.

    Raises StandinError as SQBC does.
    """
    entropies = sqbc.scores(pool, synthetic, settings, generator)
    vectors = unit_rows(required(pool.embeddings, "embeddings of the pool"))
    number = min(settings.budget, len(pool))
    return farthest_first(vectors, np.full(len(pool), FARTHEST), entropies, number, generator)
