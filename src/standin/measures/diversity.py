"""How diverse a set of texts is: remote clique and Chamfer over embeddings, after Cox et al. (2021).

The distance is part of a measure's name: ``cosine`` is 1 - cos, between 0 and 2. ``measures/further.py`` has the angle
that Cox et al. use. Higher is more diverse. Chamfer falls as a set grows, so sets are compared at equal size
(``at_size``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.floating]
Indices = npt.NDArray[np.intp]

BLOCK = 1024
"""Rows and columns of a block of cosines: 4 MB in float32, which stays in the cache while its maxima are taken."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """The measures of one set."""

    remote_clique_cosine: float
    chamfer_cosine: float


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


def nearest_others(vectors: Vectors) -> Indices:
    """Of every vector the other one with the greatest cosine, one of them where several have it.

    Exact, in n^2 d floating-point operations (half of all pairs' product) and O(n + BLOCK^2) memory: cosines are
    symmetric, so each block above the diagonal gives its rows' maxima and its columns'. A first pass keeps only the
    block in which a vector's nearest other lies, a second one looks it up there (2 n BLOCK d operations).

    Args:
        vectors: unit rows, shape (n, d), n >= 2.

    Returns:
        Shape (n,), no entry its own row.
    """
    n = len(vectors)
    greatest = np.full(n, -np.inf, dtype=vectors.dtype)
    home = np.zeros(n, dtype=np.intp)
    starts = range(0, n, BLOCK)
    for top in starts if len(starts) > 1 else ():
        for left in range(top, n, BLOCK):
            cosines = vectors[top : top + BLOCK] @ vectors[left : left + BLOCK].T
            if top == left:
                np.fill_diagonal(cosines, -np.inf)
            for mine, theirs, axis in ((top, left, 1), (left, top, 0)):
                found, own = cosines.max(axis=axis), slice(mine, mine + BLOCK)
                better = found > greatest[own]
                greatest[own][better] = found[better]
                home[own][better] = theirs
    nearest = np.empty(n, dtype=np.intp)
    for start in starts:
        rows = np.flatnonzero(home == start)
        cosines = vectors[rows] @ vectors[start : start + BLOCK].T
        inside = np.flatnonzero((rows >= start) & (rows < start + BLOCK))
        cosines[inside, rows[inside] - start] = -np.inf
        nearest[rows] = start + cosines.argmax(axis=1)
    return nearest


def squared_differences(vectors: Vectors, others: Indices) -> npt.NDArray[np.float64]:
    """|u_i - u_others[i]|^2 in float64, shape (n,), which for unit vectors is 2 (1 - cos).

    1 - cos of float32 cosines cannot tell distances below 1e-7, nor angles below 5e-4; the difference can.
    """
    squares = np.empty(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        own = slice(start, start + BLOCK)
        difference = vectors[own].astype(np.float64) - vectors[others[own]]
        np.einsum("ij,ij->i", difference, difference, out=squares[own])
    return squares


def diversity(vectors: Vectors) -> Diversity | None:
    """Both measures: remote clique in closed form, Chamfer by ``nearest_others``.

    Args:
        vectors: unit rows, shape (n, d).

    Returns:
        None where there are fewer than two vectors.
    """
    clique = remote_clique_cosine(vectors)
    if clique is None:
        return None
    return Diversity(clique, float(np.mean(squared_differences(vectors, nearest_others(vectors)) / 2)))


def at_size(vectors: Vectors, size: int, draws: int, rng: np.random.Generator) -> Mapping[str, Spread] | None:
    """The measures of a set cut down to ``size`` vectors, over random draws without replacement.

    Args:
        vectors: unit rows, shape (n, d), n >= size.
        size: vectors in a draw.
        draws: how many subsets are drawn.
        rng: the source of the draws.

    Returns:
        Measure -> spread over the draws; None where ``size`` is below two.
    """
    if size < 2:
        return None

    def measure(rows: Indices) -> Mapping[str, float]:
        found = diversity(vectors[rows])
        return asdict(found) if found else {}

    return over_draws(len(vectors), size, draws, rng, measure)


def over_draws(
    count: int, size: int, draws: int, rng: np.random.Generator, measure: Callable[[Indices], Mapping[str, float]]
) -> dict[str, Spread]:
    """The spread of what ``measure`` says of ``size`` rows out of ``count``, over draws without replacement.

    Subsets overlap, so the range tells how much a measure hangs on which texts were drawn: it is no confidence
    interval. Where ``size`` equals ``count`` all rows are measured once.
    """
    whole = size == count
    drawn = (
        np.arange(count) if whole else rng.choice(count, size, replace=False) for _ in range(1 if whole else draws)
    )
    found = [measure(rows) for rows in drawn]
    return {name: Spread.of([one[name] for one in found]) for name in found[0]}
