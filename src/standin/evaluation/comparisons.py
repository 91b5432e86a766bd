"""Which arm is better than which: paired differences with intervals, and a verdict that keeps to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from standin.evaluation.family import Pair
from standin.evaluation.intervals import Resampled
from standin.evaluation.uncertainty import Estimate, estimate

Verdict = Literal["higher", "lower", "no difference", "not learned", "one selection"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The first of a pair less the second: difference, interval, verdict on the first.

    ``p`` is the two-sided p-value, ``holm`` the same adjusted for all comparisons made together. ``verdict`` is the
    interval's own, ``verdict_holm`` allows for the number of comparisons. ``mcnemar`` counts the seeds of which
    McNemar's exact test, on which texts each has right, tells the two apart alone: a count, as seeds are no tests
    independent of each other.
    """

    pair: Pair
    difference: float
    low: float
    high: float
    p: float
    holm: float
    verdict: Verdict
    verdict_holm: Verdict
    mcnemar: int = 0


def compare(measured: Resampled, pairs: Sequence[Pair], confidence: float, texts: int) -> list[Comparison]:
    """Differences between pairs of arms, seed by seed on the same resamples, with Holm-adjusted p-values over all.

    A verdict is "higher" or "lower" where the interval leaves 0 out (the adjusted p-value is below 1 - confidence),
    else "no difference": no evidence for one, not evidence of equality.

    Args:
        measured: the measure of every arm.
        pairs: what to compare, named beforehand: Holm's correction is over these.
        confidence: of the intervals.
        texts: number of test texts.
    """
    estimates = [difference(measured, pair.first, pair.second, texts) for pair in pairs]
    p_values = [found.p_value() for found in estimates]
    made = []
    for pair, found, p, adjusted in zip(pairs, estimates, p_values, holm(p_values), strict=True):
        low, high = found.interval(confidence, -1, 1)
        own = _verdict(found.value, clear=low > 0 or high < 0)
        corrected = _verdict(found.value, clear=adjusted < 1 - confidence)
        made.append(Comparison(pair, found.value, low, high, p, adjusted, own, corrected))
    return made


def difference(measured: Resampled, first: int, second: int, texts: int) -> Estimate:
    """The first arm less the second, paired by seed and resample."""
    by_seed = measured.by_seed[first] - measured.by_seed[second]
    return estimate(by_seed, measured.resamples[first] - measured.resamples[second], texts)


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], confidence: float) -> int:
    """Of how many seeds McNemar's exact test (1947) tells two classifiers apart.

    Args:
        first: which texts each seed of the one has right, shape (seeds, n).
        second: the same of the other.
        confidence: a seed counts where the two-sided p-value is below 1 - confidence.
    """
    from scipy.special import bdtr

    only, other = (first & ~second).sum(axis=1), (second & ~first).sum(axis=1)
    p_values = np.minimum(1.0, 2 * bdtr(np.minimum(only, other), only + other, 0.5))
    return int((p_values < 1 - confidence).sum())


def withhold(
    comparisons: Sequence[Comparison], unlearned: Collection[int], one_draw: Collection[Pair] = ()
) -> list[Comparison]:
    """The verdicts on entries that have not learned become "not learned"; their numbers and the family stay.

    ``one_draw``: pairs whose texts were drawn differently, once for all seeds. Their intervals hold no variance of the
    draw (equal strategies came out different in up to 36 % of simulated cases), so their verdicts become "one
    selection".
    """

    def withheld(one: Comparison) -> Comparison:
        if {one.pair.first, one.pair.second} & set(unlearned):
            return replace(one, verdict="not learned", verdict_holm="not learned")
        return replace(one, verdict="one selection", verdict_holm="one selection") if one.pair in one_draw else one

    return [withheld(one) for one in comparisons]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the smallest p is multiplied by m, the next by m - 1, ..., never falling."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = min(1.0, max(highest, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _verdict(value: float, *, clear: bool) -> Verdict:
    return ("higher" if value > 0 else "lower") if clear else "no difference"
