"""Exact nearest neighbours by cosine, in blocks."""

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError

BLOCK = 4_000_000  # cosines held at a time: 32 MB
DECIMALS = 9  # sums of 384 float64 products differ by about 1e-16 between BLAS kernels: closer cosines count as equal


def nearest(queries: npt.NDArray[np.float64], index: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.intp]:
    """Find the ``k`` rows of ``index`` with the largest cosine to each query.

    Only rows of ``index`` are found: a query is never its own neighbour unless the caller puts it there. Cosines that
    agree to nine decimals are ties, and the earlier row of ``index`` wins.

    queries: shape (n, d). index: shape (m, d). Returns positions in ``index``, shape (n, k), rising within a row (not
    by cosine: all k count the same). Raises StandinError where k is larger than m, or a row has no direction.
    """
    if k > len(index):
        raise StandinError(
            f"select.neighbours is {k}, but there are only {len(index)} labelled texts to be neighbours: "
            "lower select.neighbours, or raise generator.texts"
        )
    found = np.empty((len(queries), k), dtype=np.intp)
    if not len(queries):
        return found
    directions = unit_rows(index).T
    rows = max(1, BLOCK // len(index))
    for start in range(0, len(queries), rows):
        cosines = unit_rows(queries[start : start + rows]) @ directions
        np.round(cosines, DECIMALS, out=cosines)
        found[start : start + rows] = _largest(cosines, k)
    return found


def _largest(cosines: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.intp]:
    """Positions of the k largest values of each row; where the k-th is tied, the earlier positions."""
    width = cosines.shape[1]
    boundary = np.partition(cosines, width - k, axis=1)[:, width - k, np.newaxis]
    chosen = cosines >= boundary
    surplus = chosen.sum(axis=1) - k
    for row in np.flatnonzero(surplus):
        tied = np.flatnonzero(cosines[row] == boundary[row])
        chosen[row, tied[-surplus[row] :]] = False
    return np.nonzero(chosen)[1].reshape(-1, k)


def unit_rows(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The rows, L2-normalised. Raises StandinError for a row of zeros: it has no direction, hence no cosine."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise StandinError("an embedding is all zeros, so it has no cosine: is a text empty?")
    scaled: npt.NDArray[np.float64] = vectors / lengths
    return scaled
