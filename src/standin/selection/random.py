"""Random selection: the baseline that every strategy has to beat."""

import numpy as np

from standin.selection.pool import Scores, Settings, Texts


def scores(pool: Texts, _labelled: Texts, _settings: Settings, generator: np.random.Generator, /) -> Scores:
    """Uniform draws in [0, 1), shape (n,). Looks at nothing but the number of texts."""
    return generator.random(len(pool))
