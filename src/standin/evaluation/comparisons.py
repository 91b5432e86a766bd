"""Which arm is better than which: paired differences with intervals, and a verdict that keeps to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from standin.evaluation.intervals import Resampled, interval

Verdict = Literal["higher", "lower", "no difference"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Arm at place ``first`` less arm at place ``second``: difference, interval, verdict on the first.

    ``p`` is the two-sided bootstrap p-value, ``holm`` the same adjusted for all comparisons made together.
    """

    first: int
    second: int
    difference: float
    low: float
    high: float
    verdict: Verdict
    p: float
    holm: float = 1.0


def compare(measured: Resampled, pairs: Sequence[tuple[int, int]], confidence: float) -> list[Comparison]:
    """Differences between pairs of arms on the same resamples, with Holm-adjusted p-values over all of them.

    The verdict is "higher" or "lower" where the interval leaves 0 out, else "no difference": no evidence for one, not
    evidence of equality.
    """
    found = [_compare(measured, first, second, confidence) for first, second in pairs]
    adjusted = holm([comparison.p for comparison in found])
    return [
        Comparison(one.first, one.second, one.difference, one.low, one.high, one.verdict, one.p, p)
        for one, p in zip(found, adjusted, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the smallest p is multiplied by m, the next by m - 1, ..., never falling."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = min(1.0, max(highest, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _compare(measured: Resampled, first: int, second: int, confidence: float) -> Comparison:
    differences = measured.resamples[first] - measured.resamples[second]
    low, high = (float(bound) for bound in interval(differences, confidence))
    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    return Comparison(
        first,
        second,
        float(measured.value[first] - measured.value[second]),
        low,
        high,
        "higher" if low > 0 else "lower" if high < 0 else "no difference",
        min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1)),
    )
