"""Measures of embeddings beyond the headline: other distances, Vendi score, precision and recall, two-sample test.

All are exact, and but for the distances all change with the number of texts: compare values of equal numbers.
"""

import numpy as np
import numpy.typing as npt

from standin.measures.diversity import BLOCK, Vectors, nearest_others, squared_differences

NEIGHBOURS = 3
"""k of precision and recall, as Kynkäänniemi et al. (2019) take it."""
ROUNDING = 1e-9
"""Cosines in float64 that differ by less are equal."""


def other_distances(vectors: Vectors) -> dict[str, float]:
    """Remote clique and Chamfer under the angle (radians, 0 to pi; Cox et al. 2021) and |u - v| (0 to 2).

    Over all pairs in float64. For unit vectors the angle is 2 arcsin(|u - v| / 2), which is arccos(u v) without its
    loss of digits near 0.

    Args:
        vectors: unit rows, shape (n, d), n >= 2.
    """
    n = len(vectors)
    exact = vectors.astype(np.float64)
    squares = np.einsum("ij,ij->i", exact, exact)
    euclidean = angular = 0.0
    for start in range(0, n, BLOCK):
        own = slice(start, start + BLOCK)
        apart = squares[own, None] + squares - 2 * (exact[own] @ exact.T)
        rows = np.arange(len(apart))
        apart[rows, start + rows] = 0
        np.sqrt(np.maximum(apart, 0, out=apart), out=apart)
        euclidean += float(apart.sum())
        angular += float(_angles(apart).sum())
    nearest = np.sqrt(squared_differences(vectors, nearest_others(vectors)))
    return {
        "remote_clique_angular": angular / (n * (n - 1)),
        "chamfer_angular": float(_angles(nearest).mean()),
        "remote_clique_euclidean": euclidean / (n * (n - 1)),
        "chamfer_euclidean": float(nearest.mean()),
    }


def _angles(apart: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    angles: npt.NDArray[np.float64] = 2 * np.arcsin(np.minimum(apart / 2, 1))
    return angles


def vendi(vectors: Vectors) -> float:
    """Vendi score (Friedman and Dieng 2023) under the cosine: the effective number of different texts.

    exp(-sum l log l) over the eigenvalues l of K / n, where K holds the cosines. K and the d x d matrix of the same
    vectors have the same eigenvalues above 0, so the smaller of the two is taken.

    Args:
        vectors: unit rows, shape (n, d), n >= 1.

    Returns:
        1 (all equal) to n (all orthogonal), at most d.
    """
    exact = vectors.astype(np.float64)
    n, d = exact.shape
    gram = exact @ exact.T if n <= d else exact.T @ exact
    values = np.linalg.eigvalsh(gram / n)
    values = values[values > 0]
    return float(np.exp(-np.sum(values * np.log(values))))


def precision_and_recall(real: Vectors, synthetic: Vectors, neighbours: int = NEIGHBOURS) -> tuple[float, float] | None:
    """Improved precision and recall (Kynkäänniemi et al. 2019) under the angle.

    The real texts' region is all that lies no further from a real text than its k-th nearest other real text does.
    Precision is the share of synthetic texts inside it; recall the share of real texts inside that of the synthetic.

    Args:
        real: unit rows, shape (n, d).
        synthetic: unit rows, shape (m, d); the paper takes m = n.
        neighbours: k.

    Returns:
        Precision and recall; None where a side has no k other texts.
    """
    if min(len(real), len(synthetic)) <= neighbours:
        return None
    sides = real.astype(np.float64), synthetic.astype(np.float64)
    return _inside(sides[1], sides[0], neighbours), _inside(sides[0], sides[1], neighbours)


def _inside(vectors: Vectors, others: Vectors, neighbours: int) -> float:
    """Share of ``vectors`` in the region of ``others``."""
    inside = np.zeros(len(vectors), dtype=bool)
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        among = block @ others.T
        rows = np.arange(len(block))
        among[rows, start + rows] = -np.inf
        least = np.partition(among, len(others) - neighbours, axis=1)[:, len(others) - neighbours]
        inside |= (vectors @ block.T >= least - ROUNDING).any(axis=1)
    return float(inside.mean())


def two_sample_accuracy(one: Vectors, other: Vectors, seed: int, folds: int = 5) -> tuple[float, float, float]:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017): how often a classifier tells two sets apart.

    A logistic regression on the vectors (scikit-learn's, its default penalty), cross-fitted: each text is judged by a
    fit on the other folds. 0.5 is chance where both sets are of one size: nothing tells them apart. The interval is
    Wilson's at 95 %, which takes the answers for independent; those of one cross-fit are nearly so.

    Args:
        one: shape (n, d), n >= 2.
        other: shape (n, d).
        seed: of the folds, below 2^32.
        folds: or as many as texts of a set where those are fewer.

    Returns:
        Accuracy, lower and upper end.
    """
    from scipy.stats import binomtest
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    vectors = np.concatenate([one, other]).astype(np.float64)
    gold = np.repeat([0, 1], [len(one), len(other)])
    split = StratifiedKFold(min(folds, len(one), len(other)), shuffle=True, random_state=seed)
    said = cross_val_predict(LogisticRegression(max_iter=1000), vectors, gold, cv=split)
    right = int((said == gold).sum())
    interval = binomtest(right, len(gold)).proportion_ci(0.95, method="wilson")
    return right / len(gold), float(interval.low), float(interval.high)
