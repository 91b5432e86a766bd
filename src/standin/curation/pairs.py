"""Pairs of texts that resemble each other, sought in tiles of ``ROWS`` x ``COLUMNS`` pairs.

So memory does not grow with the square of the number of texts. Wider tiles save the copies of what stands on their
sides: at 100,000 texts 256 rows spent more time copying than multiplying.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

ROWS, COLUMNS = 1024, 8192
SCORED = 8192
"""Candidate pairs scored together: 8,192 pairs of 384 float64 values take 50 MB."""

Indices: TypeAlias = npt.NDArray[np.int64]
Vectors: TypeAlias = npt.NDArray[np.float32]
Measure = Literal["exact", "jaccard", "cosine"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of places at or above a threshold, ordered by ``left``, then ``right``; three arrays of one length."""

    left: Indices
    right: Indices
    score: npt.NDArray[np.float64]

    def of(self, row: int) -> tuple[Indices, npt.NDArray[np.float64]]:
        """The places that resemble ``row``, ascending, and their scores."""
        start, end = np.searchsorted(self.left, [row, row + 1])
        return self.right[start:end], self.score[start:end]


class Similarity(Protocol):
    """One measure over one list of texts: cheap candidates that miss no pair, and the exact score of a candidate."""

    measure: Measure
    threshold: float

    def candidates(self, left: Indices, right: Indices) -> tuple[Indices, Indices]:
        """Every pair of ``left`` x ``right`` that may reach the threshold."""
        ...

    def score(self, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
        """The similarity of left[k] and right[k], for every k."""
        ...


def similar_pairs(similarity: Similarity, left: Indices, right: Indices) -> Pairs:
    """All pairs of ``left`` x ``right`` (places in the similarity's list) at or above its threshold."""
    found = [_scored(similarity, *similarity.candidates(*tile)) for tile in _tiles(left, right)]
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    i, j, score = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((j, i))
    return Pairs(i[order], j[order], score[order])


def _tiles(left: Indices, right: Indices) -> Iterator[tuple[Indices, Indices]]:
    for row in range(0, len(left), ROWS):
        for column in range(0, len(right), COLUMNS):
            yield left[row : row + ROWS], right[column : column + COLUMNS]


def _scored(similarity: Similarity, left: Indices, right: Indices) -> tuple[Indices, Indices, npt.NDArray[np.float64]]:
    """The candidates that reach the threshold, with their scores."""
    score = np.empty(len(left))
    for start in range(0, len(left), SCORED):
        part = slice(start, start + SCORED)
        score[part] = similarity.score(left[part], right[part])
    reached = score >= similarity.threshold
    return left[reached], right[reached], score[reached]
