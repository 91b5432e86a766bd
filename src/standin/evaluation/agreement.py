"""How the subjectivity of a text shows in a classifier's errors: accuracy by agreement (Li et al. 2023, instances).

The paper raises gamma and watches the accuracy on texts with agreement >= gamma. Those subsets are nested, so a trend
over them has no p-value; the slope of a logistic regression of correctness on agreement has an interval. (ours)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.evaluation.intervals import BLOCK, text_weights
from standin.evaluation.scores import Floats

PRIOR_DEVIATION = 10.0  # of both coefficients: keeps separable resamples finite, moves others by rounding
ITERATIONS = 50
CONVERGED = 1e-10
LONGEST_STEP = 2.0
LEAST_POINTS = 3  # of a line that could lie beside any of them
SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of the log-odds of being correct from agreement 0 to 1, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """accuracy = intercept + slope x gamma; R2 and Spearman's rho are None where all accuracies are equal."""

    slope: float
    intercept: float
    r2: float | None
    rho: float | None

    def at(self, gamma: float) -> float:
        """The accuracy that the line has at a gamma."""
        return self.intercept + self.slope * gamma


def accuracy_by_agreement(
    correct: npt.NDArray[np.bool_], agreement: Floats, gammas: Sequence[float]
) -> list[tuple[float, int, float | None]]:
    """Accuracy on the texts with agreement >= gamma.

    Args:
        correct: shape (seeds, n).
        agreement: shape (n,), between 0 and 1.
        gammas: thresholds; a text at the threshold is in.

    Returns:
        Per gamma: gamma, number of texts, accuracy (mean over seeds), None where no text is left.
    """
    found: list[tuple[float, int, float | None]] = []
    for gamma in gammas:
        kept = agreement >= gamma - 1e-9
        found.append((gamma, int(kept.sum()), float(correct[:, kept].mean()) if kept.any() else None))
    return found


def fitted_line(points: Sequence[tuple[float, int, float | None]]) -> Line | None:
    """The least-squares line through accuracy against gamma, as the paper draws it, with R2 and Spearman's rho.

    No p-values: the sets of texts are nested, so the points are no independent observations. None under three points.
    """
    from scipy.stats import spearmanr

    known = [(gamma, accuracy) for gamma, _, accuracy in points if accuracy is not None]
    if len(known) < LEAST_POINTS:
        return None
    gammas, accuracies = np.array(known).T
    slope, intercept = np.polyfit(gammas, accuracies, 1)
    spread = float(((accuracies - accuracies.mean()) ** 2).sum())
    if spread < SAME:
        return Line(0.0, float(accuracies.mean()), None, None)
    left = float(((accuracies - intercept - slope * gammas) ** 2).sum())
    return Line(float(slope), float(intercept), 1 - left / spread, float(spearmanr(gammas, accuracies)[0]))


def agreement_slope(
    correct: npt.NDArray[np.bool_],
    agreement: Floats,
    resamples: int,
    confidence: float,
    generator: np.random.Generator,
) -> Slope | None:
    """Slope of a logistic regression of correctness on agreement, with a bootstrap interval over texts (ours).

    Every text counts once per seed. Both coefficients have a normal prior of mean 0 and deviation 10, as in
    scikit-learn's ``LogisticRegression(C=100)`` with the intercept as a column of ones.

    Args:
        correct: shape (seeds, n).
        agreement: shape (n,).
        resamples: of texts.
        confidence: of the interval.
        generator: draws the resamples.

    Returns:
        None where all texts have the same agreement.
    """
    levels, place = np.unique(agreement.round(9), return_inverse=True)
    if len(levels) < 2:
        return None
    texts = len(agreement)
    is_level = (place[:, np.newaxis] == np.arange(len(levels))).astype(np.float32)
    hits = is_level * correct.sum(axis=0)[:, np.newaxis].astype(np.float32)

    def slopes(weights: npt.NDArray[np.float32]) -> Floats:
        trials = (weights @ is_level).astype(np.float64) * len(correct)
        return _fit(levels, trials, (weights @ hits).astype(np.float64))

    value = float(slopes(np.ones((1, texts), dtype=np.float32))[0])
    rows = max(1, BLOCK // texts)
    drawn = np.concatenate(
        [
            slopes(text_weights(texts, texts, min(rows, resamples - begin), generator))
            for begin in range(0, resamples, rows)
        ]
    )
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Slope(value, float(low), float(high))


def _fit(levels: Floats, trials: Floats, hits: Floats) -> Floats:
    """Slopes of many logistic regressions at once by Newton's method; trials and hits of shape (fits, levels)."""
    precision = PRIOR_DEVIATION**-2
    intercept = np.zeros(len(trials))
    slope = np.zeros(len(trials))
    for _ in range(ITERATIONS):
        chance = 1 / (1 + np.exp(-(intercept[:, np.newaxis] + slope[:, np.newaxis] * levels)))
        residual = hits - trials * chance
        weight = trials * chance * (1 - chance)
        gradient = residual.sum(axis=1) - precision * intercept, residual @ levels - precision * slope
        a, b, d = weight.sum(axis=1) + precision, weight @ levels, weight @ levels**2 + precision
        determinant = a * d - b * b
        steps = (d * gradient[0] - b * gradient[1]) / determinant, (a * gradient[1] - b * gradient[0]) / determinant
        longest = np.maximum(np.abs(steps[0]), np.abs(steps[1]))
        damping = LONGEST_STEP / np.maximum(longest, LONGEST_STEP)  # Newton overshoots where all is right or wrong
        intercept += damping * steps[0]
        slope += damping * steps[1]
        if longest.max() < CONVERGED:
            break
    return slope
