"""Rankings from pairwise answers (Bradley and Terry 1952), and how far two rankings agree."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

PRIOR = 0.1
"""Weight of the squared scores in the Bradley-Terry likelihood (ours; the paper names no aggregation). It keeps the
score of a task that wins every comparison finite: 10 wins of 10 against ten equals give 2.6 instead of infinity."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Tasks by objectivity. Place 1 is the most objective one; tasks of equal score share the better place.

    Scores are log-strengths of sum 0 over the tasks that were compared, rounded to 4 digits, ``lows`` and ``highs``
    their 95 % intervals. ``position_bias``: share of the uncorrected answers that name the task shown first, 0.5
    without bias.
    """

    scores: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    win_rates: tuple[float, ...]
    places: tuple[int, ...]
    position_bias: float


def ranking(wins: npt.NDArray[np.float64], position_bias: float, confidence: float = 0.95) -> Ranking:
    """Bradley-Terry scores with a small Gaussian prior, their intervals, and win rates beside them.

    Intervals are of the normal approximation at the optimum (Laplace; ours): the inverse Hessian of the penalised
    likelihood, of scores less their mean. It needs no second judge, where resampling judges needs many, and draws
    nothing. It takes answers for independent of each other, as those of one judge are not quite.

    Args:
        wins: ``wins[i, j]`` counts how often i was found more objective than j; an undecided answer is half of one.
            Shape (n, n), every task with an answer.
        position_bias: for the result.
        confidence: of the intervals.
    """
    import choix

    count = len(wins)
    answers = [(i, j) for i in range(count) for j in range(count) for _ in range(round(2 * wins[i, j]))]
    fitted = choix.opt_pairwise(count, answers, alpha=2 * PRIOR, tol=1e-8)  # halves count as one, and all twice
    fitted = fitted - fitted.mean()
    played = wins + wins.T
    chance = 1 / (1 + np.exp(fitted[np.newaxis] - fitted[:, np.newaxis]))
    weight = played * chance * (1 - chance)
    hessian = np.diag(weight.sum(axis=1) + 2 * PRIOR) - weight
    centred = np.eye(count) - 1 / count
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(
        np.diag(centred @ np.linalg.inv(hessian) @ centred).clip(0)
    )
    scores = _rounded(fitted)
    return Ranking(
        scores=scores,
        lows=_rounded(fitted - reach),
        highs=_rounded(fitted + reach),
        win_rates=tuple(float(rate) for rate in wins.sum(axis=1) / played.sum(axis=1)),
        places=tuple(1 + sum(other > score for other in scores) for score in scores),
        position_bias=position_bias,
    )


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) + 0.0 for value in values)  # + 0.0 turns -0.0 into 0.0


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's correlation of two rankings: 1 where they order alike, about 0 where one knows nothing of the other.

    None where all values of one are equal.
    """
    from scipy.stats import spearmanr

    return None if len(set(one)) < 2 or len(set(other)) < 2 else float(spearmanr(one, other).statistic)


def kendall(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Kendall's tau-b of two rankings: pairs ordered alike less pairs ordered otherwise, as a share; ties allowed for.

    None where all values of one are equal.
    """
    from scipy.stats import kendalltau

    return None if len(set(one)) < 2 or len(set(other)) < 2 else float(kendalltau(one, other).statistic)


def kendall_by_chance(values: Sequence[float], share: float = 0.95) -> float | None:
    """How far |Kendall's tau-b| comes by chance: what ``share`` of all rankings stay at or below (ours).

    Exact: every ranking without ties is equally likely, and the arrangements of the tied values are counted by their
    inversions, whose numbers are the coefficients of a Gaussian multinomial (Stanley 1997, 1.7).

    Args:
        values: of each task, with ties.
        share: of the rankings, above 0 and below 1.

    Returns:
        Between 0 and 1; None where all values are equal.
    """
    groups = list(Counter(values).values())
    if len(groups) < 2:
        return None
    ways = [1]
    placed = 0
    for size in groups:
        for k in range(1, size + 1):
            ways = _divided(_times(ways, placed + k), k)
        placed += size
    apart = len(ways) - 1  # pairs that are not tied
    scale = (apart * placed * (placed - 1) / 2) ** 0.5
    reached: Counter[int] = Counter()
    for inversions, count in enumerate(ways):
        reached[abs(apart - 2 * inversions)] += count
    ordered = sorted(reached.items())
    within = np.cumsum([count for _, count in ordered])
    return float(ordered[int(np.searchsorted(within, share * within[-1]))][0] / scale)


def _times(ways: list[int], k: int) -> list[int]:
    """A polynomial times 1 + q + ... + q^(k-1)."""
    found = [0] * (len(ways) + k - 1)
    for place, count in enumerate(ways):
        for step in range(k):
            found[place + step] += count
    return found


def _divided(ways: list[int], k: int) -> list[int]:
    """A polynomial over 1 + q + ... + q^(k-1), which divides it."""
    rest, found = list(ways), []
    for place in range(len(ways) - k + 1):
        found.append(rest[place])
        for step in range(k):
            rest[place + step] -= found[place]
    return found


def spearman_by_chance(values: Sequence[float], share: float = 0.95) -> float | None:
    """How far |Spearman's rho| comes by chance: what ``share`` of all rankings of the tasks stay at or below (ours).

    Exact: every ranking without ties is equally likely, and the rankings are counted by the sum of place times rank of
    the values, tied ones sharing their mean rank. The paper's ten tasks with their ties have 37,800 different ones.

    Args:
        values: of each task, as stars, with ties.
        share: of the rankings, above 0 and below 1.

    Returns:
        Between 0 and 1; None where all values are equal.
    """
    from scipy.stats import rankdata

    n = len(values)
    groups = Counter(int(2 * rank) for rank in rankdata(values))  # twice the mean rank is whole
    if len(groups) < 2:
        return None
    ranks = sorted(groups)
    ways = {(tuple(groups[rank] for rank in ranks), 0): 1}
    for place in range(1, n + 1):
        following: defaultdict[tuple[tuple[int, ...], int], int] = defaultdict(int)
        for (left, total), count in ways.items():
            for k, rank in enumerate(ranks):
                if left[k]:
                    used = (*left[:k], left[k] - 1, *left[k + 1 :])
                    following[used, total + place * rank] += count
        ways = dict(following)
    middle, deviation = n * (n + 1) ** 2 / 2, np.std([2 * r for r in rankdata(values)]) * np.std(np.arange(n)) * n
    reached = sorted((abs(total - middle) / deviation, count) for (_, total), count in ways.items())
    within = np.cumsum([count for _, count in reached])
    return float(min(reached[int(np.searchsorted(within, share * within[-1]))][0], 1.0))
