"""Score-proportional sampling: draw texts with probability proportional to another strategy's score."""

import numpy as np

from standin.selection.pool import Scores, Settings, Strategy, Texts


def sampled(strategy: Strategy) -> Strategy:
    """The strategy whose ranking is a draw without replacement, each text's chance proportional to its score there.

    Kirsch et al. (TMLR 2023, "Stochastic batch acquisition", power acquisition with beta = 1): the highest scores are
    often alike, and a draw spreads over the pool what a plain ranking spends on one corner of it.
    """

    def scores(pool: Texts, labelled: Texts, settings: Settings, generator: np.random.Generator, /) -> Scores:
        return keys(strategy(pool, labelled, settings, generator), generator)

    return scores


def keys(weights: Scores, generator: np.random.Generator) -> Scores:
    """Random keys, shape (n,), whose falling order is a draw without replacement proportional to ``weights``.

    Key = log(weight) + Gumbel noise, which orders as the exponential keys of Efraimidis and Spirakis (2006) do. A
    weight of 0 is drawn only after all others: such texts share one key, 1 below the lowest, and tie.

    weights: at least 0, shape (n,).
    """
    noise = generator.gumbel(size=len(weights))
    positive = weights > 0
    found = np.log(weights, out=np.zeros(len(weights)), where=positive) + noise
    lowest = found[positive].min(initial=np.inf)
    found[~positive] = lowest - 1 if positive.any() else 0.0
    return found
