"""A linear probe: the head with which fine-tuning begins (LP-FT, Kumar et al. 2022, arXiv 2202.10054).

A head drawn at random sends its errors into the encoder before it has learned anything, and distorts features that were
good; a head fitted on the frozen features first does not. (The paper's argument; the settings here are ours.)
"""

import numpy as np
import numpy.typing as npt

PENALTY = 0.003
"""scikit-learn's C over standardised features, at 240 texts or more; below that C times the number of texts stays the
same, or a few texts would be outweighed by the penalty. Among 0.003, 0.01 and 0.03 it was the best start on four tasks
with 240 texts: the weaker ones fit those texts so well that fine-tuning has nothing left to learn from."""
ENOUGH = 240
FLAT = 1e-3  # a feature that varies less than this share of the median one says nothing: MiniLM has such dimensions
ABSENT = -10.0  # the bias of a label without a training text: a probability of almost 0, and a finite loss


def linear_probe(
    features: npt.NDArray[np.floating], classes: npt.NDArray[np.intp], labels: int, balanced: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Weights, shape (labels, d), and biases, shape (labels,), of a logistic regression on standardised features.

    Args:
        features: what the head reads, shape (n, d).
        classes: place of each text's label, shape (n,).
        labels: number of labels.
        balanced: every label weighs the same, whatever its number of texts.

    Returns:
        None where all texts have one label: there is nothing to fit.
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(classes)) < 2:
        return None
    exact = features.astype(np.float64)
    mean, deviation = exact.mean(axis=0), exact.std(axis=0)
    least = max(FLAT * float(np.median(deviation)), float(np.finfo(np.float32).tiny))
    scale = deviation.clip(min=least)
    model = LogisticRegression(
        C=PENALTY * max(1.0, ENOUGH / len(classes)), max_iter=1000, class_weight="balanced" if balanced else None
    )
    model.fit((exact - mean) / scale, classes)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # one row for the second label: half of it each way gives the same probabilities
        coefficients, intercepts = (
            np.stack([-coefficients[0], coefficients[0]]) / 2,
            intercepts[0] * np.array([-0.5, 0.5]),
        )
    weights = np.zeros((labels, exact.shape[1]))
    biases = np.full(labels, ABSENT)
    weights[model.classes_] = coefficients / scale
    biases[model.classes_] = intercepts - weights[model.classes_] @ mean
    return weights.astype(np.float32), biases.astype(np.float32)


def constant_head(label: int, labels: int, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weights and biases as of ``linear_probe`` that give every text the label: all that texts of one label teach."""
    biases = np.full(labels, ABSENT, dtype=np.float32)
    biases[label] = 0
    return np.zeros((labels, width), dtype=np.float32), biases
