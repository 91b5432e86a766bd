"""How diverse a set of texts is: remote clique and Chamfer over embeddings, after Cox et al. (2021).

The distance is part of a measure's name. ``cosine`` is 1 - cos (between 0 and 2), ``angular`` is arccos(cos) in radians
(between 0 and pi), which Cox et al. use. Higher is more diverse. Chamfer falls as a set grows, so sets are compared at
equal size (``at_size``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.floating]

BLOCK_CELLS = 1 << 22
"""Cosines held at once, 16 MB in float32: larger blocks leave the cache and are no faster."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """The four measures of one set."""

    remote_clique_cosine: float
    chamfer_cosine: float
    remote_clique_angular: float
    chamfer_angular: float


MEASURES = tuple(field.name for field in fields(Diversity))


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over the draws, and the range that holds 95 % of them (2.5 and 97.5 %); one draw is its own range."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of what each draw gave, at least one."""
        low, high = np.quantile(values, [0.025, 0.975])
        return cls(float(np.mean(values)), float(low), float(high))


def remote_clique_cosine(vectors: Vectors) -> float | None:
    """Mean distance 1 - cos of a vector to the others, exactly, in O(n d).

    The sum of all cosines of different vectors is |sum u|^2 - sum |u|^2, so no pair needs to be formed.

    Args:
        vectors: unit rows, shape (n, d).

    Returns:
        A number between 0 and n / (n - 1); None where there are fewer than two vectors.
    """
    n = len(vectors)
    if n < 2:
        return None
    total = vectors.sum(axis=0, dtype=np.float64)
    lengths = np.einsum("ij,ij->", vectors, vectors, dtype=np.float64)
    return float(1 - (total @ total - lengths) / (n * (n - 1)))


def diversity(vectors: Vectors) -> Diversity | None:
    """All four measures in one blocked pass over the pairs, O(n^2 d) time, O(n d) memory.

    The nearest other vector is found from the cosines; its distance is then taken from the difference of the two
    vectors in float64, because 1 - cos of float32 cosines cannot tell distances below 1e-7, nor angles below 5e-4.

    Args:
        vectors: unit rows, shape (n, d).

    Returns:
        None where there are fewer than two vectors.
    """
    n = len(vectors)
    clique = remote_clique_cosine(vectors)
    if clique is None:
        return None
    nearest = np.empty(n, dtype=np.intp)
    angles = 0.0
    size = max(1, BLOCK_CELLS // n)
    for start in range(0, n, size):
        cosines = vectors[start : start + size] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        nearest[start + rows] = cosines.argmax(axis=1)
        cosines[rows, start + rows] = 1  # an angle of 0 adds nothing to the sum
        angles += float(np.arccos(np.clip(cosines, -1, 1, out=cosines), out=cosines).sum(dtype=np.float64))
    squares = _squared_differences(vectors, nearest)
    return Diversity(
        remote_clique_cosine=clique,
        chamfer_cosine=float(np.mean(squares / 2)),
        remote_clique_angular=angles / (n * (n - 1)),
        chamfer_angular=float(np.mean(2 * np.arcsin(np.minimum(np.sqrt(squares) / 2, 1)))),
    )


def _squared_differences(vectors: Vectors, others: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """|u_i - u_others[i]|^2, which for unit vectors is 2 (1 - cos)."""
    exact = vectors.astype(np.float64)
    difference = exact - exact[others]
    squares: npt.NDArray[np.float64] = np.einsum("ij,ij->i", difference, difference)
    return squares


def at_size(vectors: Vectors, size: int, draws: int, rng: np.random.Generator) -> Mapping[str, Spread] | None:
    """The measures of a set cut down to ``size`` vectors, over random draws without replacement.

    Args:
        vectors: unit rows, shape (n, d), n >= size.
        size: vectors in a draw. Where it equals n the whole set is measured once.
        draws: how many subsets are drawn.
        rng: the source of the draws.

    Returns:
        Measure -> spread over the draws; None where ``size`` is below two.
    """
    if size < 2:
        return None
    if size == len(vectors):
        found = [diversity(vectors)]
    else:
        found = [diversity(vectors[rng.choice(len(vectors), size, replace=False)]) for _ in range(draws)]
    return {name: Spread.of([getattr(one, name) for one in found]) for name in MEASURES}
