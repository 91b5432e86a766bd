"""Whether a classifier is as often right as it says: reliability by bins of its probability, and its summary ECE.

Expected calibration error (Naeini et al. 2015, Guo et al. 2017, recalled): over equal bins of the probability of the
given label, the mean distance between that probability and the share that is right, weighed by texts. Even a perfectly
calibrated classifier has one above 0, as bins hold few texts; how much is told beside it (ours).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from standin.corpus import Prediction
from standin.evaluation.family import Entry
from standin.evaluation.scores import Floats

BINS = 10
DRAWS = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of one arm and budget: the mean ECE of its seeds with the lowest and highest, and what chance alone makes.

    ``bins``: lower bound, upper bound, texts over all seeds, mean probability, share right; empty ones are left out.
    """

    ece: float
    lowest: float
    highest: float
    by_chance: float
    seeds: int
    bins: list[tuple[float, float, int, float, float]]


def calibrations(
    rows: Sequence[Prediction], truth: Mapping[tuple[str | None, str], str | None]
) -> dict[Entry, Calibration]:
    """The calibration of an arm at each of its budgets, texts of all questions together.

    Args:
        rows: predictions with the probability of the label that they give; rows without one are left out.
        truth: (question, id) -> label of the test texts.
    """
    found: dict[Entry, dict[int, list[tuple[float, bool]]]] = {}
    for row in rows:
        key = row.question_id, row.id
        if key in truth and row.label in row.p:
            own = found.setdefault(Entry(row.arm, row.budget), {})
            own.setdefault(row.seed, []).append((row.p[row.label], row.label == truth[key]))
    return {
        entry: calibration([np.array(sorted(pairs)) for _, pairs in sorted(seeds.items())])
        for entry, seeds in found.items()
    }


def calibration(seeds: Sequence[npt.NDArray[np.float64]]) -> Calibration:
    """Summary and bins of one classifier.

    Args:
        seeds: for each training seed an array of shape (n, 2): probability of the given label, and 1 where it is right.
    """
    generator = np.random.default_rng(0)
    each = [expected_calibration_error(pairs[:, 0], pairs[:, 1]) for pairs in seeds]
    chance = [
        float(np.mean([expected_calibration_error(pairs[:, 0], generator.random(len(pairs)) < pairs[:, 0])
                       for _ in range(DRAWS)]))
        for pairs in seeds
    ]  # fmt: skip
    pooled = np.concatenate(seeds)
    places = _places(pooled[:, 0])
    bins = []
    for place in np.unique(places):
        own = pooled[places == place]
        bins.append((place / BINS, (place + 1) / BINS, len(own), float(own[:, 0].mean()), float(own[:, 1].mean())))
    return Calibration(fmean(each), min(each), max(each), fmean(chance), len(seeds), bins)


def expected_calibration_error(probability: Floats, right: npt.NDArray[np.generic]) -> float:
    """Mean distance of probability and share right over equal bins, weighed by texts; both of shape (n,), n >= 1."""
    places = _places(probability)
    texts = np.bincount(places, minlength=BINS)
    gaps = np.bincount(places, weights=probability - right.astype(np.float64), minlength=BINS)
    return float(np.abs(gaps).sum() / texts.sum())


def _places(probability: Floats) -> npt.NDArray[np.intp]:
    """The bin of each probability; 1 is in the last."""
    return np.minimum((probability * BINS).astype(np.intp), BINS - 1)
