"""How often two equal arms are called different: the evaluation as it is, and as it was.

    python benchmarks/false_verdicts.py [--pairs 4000] [--draws 200000]

Simulates predictions of pairs of arms that are equally good, puts them through ``standin.evaluation`` and counts the
verdicts; the right share at 95 % is 5 %. "before" is the percentile bootstrap over seeds and texts that stood here
until 0.1. A second part compares two formulas for the degrees of freedom. Writes
``benchmarks/results/false-verdicts.json``.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from scipy.special import stdtr  # noqa: E402

from standin.evaluation.comparisons import compare  # noqa: E402
from standin.evaluation.family import Pair  # noqa: E402
from standin.evaluation.intervals import Examined, bootstrap, text_weights  # noqa: E402

RESULT = ROOT / "benchmarks/results/false-verdicts.json"
BALANCED, SKEWED = (72, 72, 72, 72), (173, 72, 31, 12)  # texts of each label
TEXTS, LABELS, RESAMPLES, PAIRS_AT_A_TIME = 288, 4, 250, 100
RIGHT, DENSITY = 0.674, 0.318  # three of four texts are right: the normal quantile of 0.75, and the density there
SIX, FAMILIES = 6, 2 * PAIRS_AT_A_TIME // 6  # arms of a family; families among the arms of a round
DIFFICULTY, OWN = 0.5, 0.25  # shares of the variance: the text's, the arm's on that text; the rest is the seed's on it

Floats = npt.NDArray[np.floating]


def simulated(
    pairs: int, seeds: int, deviation: float, generator: np.random.Generator, texts: Sequence[int] = BALANCED
) -> Examined:
    """Predictions of ``2 * pairs`` equally good arms for 288 texts of four labels, 75 % of them right.

    A text is answered rightly where the sum of four normal effects is above a threshold: how hard the text is (the same
    for all arms), what the arm makes of the text, what the arm's seed makes of it, and how well that seed's training
    went. The last moves the accuracy of a seed by ``deviation`` (standard deviation); the texts give an arm's accuracy
    a standard deviation of 0.026. Arms differ in nothing but their draws.
    """
    arms = 2 * pairs
    normal = generator.standard_normal
    effect = (
        DIFFICULTY**0.5 * normal(TEXTS)
        + OWN**0.5 * normal((arms, 1, TEXTS))
        + (1 - DIFFICULTY - OWN) ** 0.5 * normal((arms, seeds, TEXTS))
        + deviation / DENSITY * normal((arms, seeds, 1))
    )
    truth = np.repeat(np.arange(LABELS), texts)
    wrong = (truth + generator.integers(1, LABELS, effect.shape)) % LABELS
    return Examined(truth, np.where(effect > -RIGHT, truth, wrong))


def now(examined: Examined, generator: np.random.Generator) -> int:
    """How many of the pairs (arms 0 and 1, 2 and 3, ...) are called different in macro-F1 at 95 %."""
    measured = bootstrap(examined, LABELS, RESAMPLES, generator)["macro_f1"]
    pairs = [Pair(first, first + 1, None, "real") for first in range(0, len(examined.predicted), 2)]
    return sum(one.verdict != "no difference" for one in compare(measured, pairs, 0.95, TEXTS))


def in_family(examined: Examined, generator: np.random.Generator) -> int:
    """How many of the arms' families of six hold a pair that is called different after Holm's correction.

    Eleven pairs each, as many as the default arms are compared by.
    """
    measured = bootstrap(examined, LABELS, RESAMPLES, generator)["macro_f1"]
    found = 0
    for first in range(0, len(examined.predicted) - SIX + 1, SIX):
        every = [Pair(first + one, first + other, None, "real") for other in range(SIX) for one in range(other)]
        found += any(one.verdict_holm != "no difference" for one in compare(measured, every[:11], 0.95, TEXTS))
    return found


def before(examined: Examined, generator: np.random.Generator) -> int:
    """The same by percentiles over resamples of all texts and of the seeds, which is what evaluation did before."""
    arms, seeds, texts = examined.predicted.shape
    times = text_weights(texts, texts, RESAMPLES, generator)
    drawn = generator.integers(0, seeds, (RESAMPLES, seeds))
    share = np.stack([(drawn == seed).mean(axis=1) for seed in range(seeds)])
    classes = np.arange(LABELS)
    is_truth = (examined.truth[:, np.newaxis] == classes).astype(np.float32)
    of_class = times @ is_truth
    different, last = 0, np.zeros(0)
    for arm in range(arms):
        is_answer = (examined.predicted[arm][:, :, np.newaxis] == classes).astype(np.float32)
        f1 = 2 * (times @ (is_answer * is_truth)) / (of_class + times @ is_answer)  # (seeds, resamples, labels)
        value = (f1.mean(axis=2) * share).sum(axis=0)
        if arm % 2:
            low, high = np.quantile(last - value, [0.025, 0.975])
            different += bool(low > 0 or high < 0)
        last = value
    return different


def rate(
    method: Callable[[Examined, np.random.Generator], int],
    pairs: int,
    seeds: int,
    deviation: float,
    texts: Sequence[int] = BALANCED,
) -> float:
    """Share of ``pairs`` pairs of equal arms that ``method`` calls different."""
    generator = np.random.default_rng([seeds, round(1000 * deviation)])
    rounds = max(1, pairs // PAIRS_AT_A_TIME)
    made = (simulated(PAIRS_AT_A_TIME, seeds, deviation, generator, texts) for _ in range(rounds))
    found = sum(method(examined, generator) for examined in made)
    return found / (rounds * PAIRS_AT_A_TIME)


def freedom(
    power: int, least: bool, draws: int, seeds: int, level: float, generator: np.random.Generator
) -> dict[str, float]:
    """Largest and smallest rate of p-values below ``level`` between equals, over ratios of seed to text variance.

    The text variance is known, the seeds' is estimated from ``seeds`` values; degrees of freedom are
    (seeds - 1) / c^power, c being the seeds' estimated share. Satterthwaite's power is 2, ours 1 with ``least``: then c
    is at least 1 / (seeds - 1).
    """
    rates = []
    for ratio in (0, 0.03, 0.1, 0.3, 0.5, 1, 2, 3, 10, 30, 100):
        value = generator.standard_normal(draws) * (1 + ratio) ** 0.5
        part = ratio * generator.chisquare(seeds - 1, draws) / (seeds - 1)
        share = part / (1 + part)
        df = (seeds - 1) / np.maximum(share, 1 / (seeds - 1) if least else 1e-9) ** power
        rates.append(float((2 * stdtr(df, -np.abs(value) / (1 + part) ** 0.5) < level).mean()))
    return {"largest": max(rates), "smallest": min(rates)}


def main() -> None:
    """Run both parts and write the result."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--pairs", type=int, default=4000)
    asked.add_argument("--draws", type=int, default=200_000)
    given = asked.parse_args()
    called: list[dict[str, Any]] = []
    for texts, seeds, deviation in product((BALANCED, SKEWED), (2, 3, 5, 10), (0.0, 0.02, 0.05, 0.1, 0.2)):
        both = {
            method.__name__: round(rate(method, given.pairs, seeds, deviation, texts), 4) for method in (before, now)
        }
        called.append({"texts_per_label": texts, "seeds": seeds, "seed_deviation": deviation, **both})
        print(called[-1], flush=True)
    families = [
        {"seeds": seeds, "seed_deviation": deviation,
         "families": round(rate(in_family, given.pairs, seeds, deviation) * PAIRS_AT_A_TIME / FAMILIES, 4)}
        for seeds in (2, 3, 5, 10) for deviation in (0.0, 0.02, 0.05, 0.1)
    ]  # fmt: skip
    generator = np.random.default_rng(1)
    degrees = [
        {"seeds": seeds, "level": level, "method": name, **freedom(power, least, given.draws, seeds, level, generator)}
        for seeds in (2, 3, 5, 10)
        for level in (0.05, 0.001)
        for name, power, least in (("Satterthwaite", 2, False), ("the share itself", 1, False), ("ours", 1, True))
    ]
    for row in degrees:
        print(row)
    print(families)
    found = {
        "called_different": called,
        "families": families,
        "degrees_of_freedom": degrees,
        "pairs": given.pairs,
        "draws": given.draws,
    }
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
