"""How close synthetic texts lie to real ones: the similarity Sim of Li et al. (2023), and a plane to look at."""

import numpy as np
import numpy.typing as npt

from standin.measures.diversity import Spread

Vectors = npt.NDArray[np.floating]

BLOCK_CELLS = 1 << 22
"""Cosines held at once, 16 MB in float32."""


def similarity(vectors: Vectors, others: Vectors, nearest: int) -> float | None:
    """Mean over ``vectors`` of the mean cosine of the ``nearest`` most similar of ``others`` (Li et al. 2023: 5).

    Of real texts to synthetic ones it tells how well the synthetic texts cover the real ones (coverage); of synthetic
    texts to real ones, how close they stay to something real (fidelity). Exact, in blocks. Both rise with the number
    of ``others``, so compare values over equal numbers.

    Args:
        vectors: unit rows, shape (n, d).
        others: unit rows, shape (m, d). Where m < nearest, all m count.
        nearest: how many, at least 1.

    Returns:
        Between -1 and 1; None where either side is empty.
    """
    if not len(vectors) or not len(others):
        return None
    count = min(nearest, len(others))
    total = 0.0
    size = max(1, BLOCK_CELLS // len(others))
    for start in range(0, len(vectors), size):
        cosines = vectors[start : start + size] @ others.T
        most = np.partition(cosines, len(others) - count, axis=1)[:, len(others) - count :]
        total += float(most.sum(dtype=np.float64))
    return total / (len(vectors) * count)


def similarity_at_size(
    vectors: Vectors, others: Vectors, nearest: int, size: int, draws: int, rng: np.random.Generator, most: int
) -> Spread | None:
    """``similarity`` to ``size`` of the others, over random draws without replacement (ours).

    Args:
        vectors: unit rows, shape (n, d); each draw takes ``most`` of them, or all where they are no more.
        others: unit rows, shape (m, d), m >= size. Where nothing is left to draw they are compared once and whole.
        nearest: as in ``similarity``.
        size: others in a draw.
        draws: how many subsets are drawn.
        rng: the source of the draws.
        most: vectors in a draw at most: every one costs a product with all others.

    Returns:
        The spread over the draws; None where ``vectors`` is empty or ``size`` is 0.
    """
    if not len(vectors) or not size:
        return None

    def drawn(of: Vectors, count: int) -> Vectors:
        return of if len(of) <= count else of[rng.choice(len(of), count, replace=False)]

    once = size == len(others) and len(vectors) <= most
    found = [similarity(drawn(vectors, most), drawn(others, size), nearest) for _ in range(1 if once else draws)]
    return Spread.of([one for one in found if one is not None])


def similarity_of_halves(
    vectors: Vectors, nearest: int, size: int, draws: int, rng: np.random.Generator, most: int
) -> Spread | None:
    """The yardstick of ``similarity_at_size``: one half of a set against the other half (ours).

    Every draw splits the set anew, the smaller half against ``size`` of the rest. Synthetic texts that are drawn like
    the real ones would come as near to them as real ones do.

    Args:
        vectors: unit rows, shape (n, d).
        nearest: as in ``similarity``.
        size: of the other half, at most n - n // 2.
        draws: how many times the set is split.
        rng: the source of the splits.
        most: as in ``similarity_at_size``: of the smaller half.

    Returns:
        The spread over the draws; None where there are fewer than two vectors or ``size`` is 0.
    """
    half = len(vectors) // 2
    if not half or not size:
        return None
    found = []
    for _ in range(draws):
        order = rng.permutation(len(vectors))
        found.append(similarity(vectors[order[: min(half, most)]], vectors[order[half : half + size]], nearest))
    return Spread.of([one for one in found if one is not None])


def principal_plane(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Coordinates on the two principal axes, the axis of larger variance first (PCA).

    An axis has two directions; the one in which its largest component (by size, the first of equals) is positive is
    taken, so that equal vectors give an equal picture.

    Args:
        vectors: shape (n, d).

    Returns:
        Shape (n, 2); missing axes (d = 1) are zero.
    """
    plane = np.zeros((len(vectors), 2))
    if not len(vectors):
        return plane
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    plane[:, : axes.shape[1]] = centred @ (axes * np.where(largest < 0, -1, 1))
    return plane
