"""Exact nearest neighbours by cosine, in blocks: candidates by float32, what lies close decided in float64."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from standin.errors import StandinError

Reals = npt.NDArray[np.floating]
Places = npt.NDArray[np.intp]
Found = tuple[Places, Places, npt.NDArray[np.float32]]
"""Row, column and cosine of some cells of a block."""
Search = Callable[[Reals, Reals, int, str], Places]

BLOCK = 16_000_000  # cosines held at a time: 64 MB in float32
ROWS = 1_600  # queries compared together, at most
PAIRS = 16_384  # pairs whose cosine is computed together in float64: two times 50 MB at 384 dimensions
DECIMALS = 9  # sums of 384 float64 products differ by about 1e-16 between BLAS kernels: closer cosines count as equal
GROUP = 16  # cosines that share one maximum
MORE = "raise generator.texts"  # what brings more neighbours where they are synthetic texts
GROUPS = 25  # groups for each neighbour sought, at least: fewer, and two neighbours often share one


def nearest(queries: Reals, index: Reals, k: int, more: str = MORE) -> Places:
    """Find the ``k`` rows of ``index`` with the largest cosine to each query.

    Only rows of ``index`` are found: a query is never its own neighbour unless the caller puts it there. Cosines that
    agree to nine decimals are ties, and the earlier row of ``index`` wins.

    A product in float32 names the candidates: every text whose cosine may be among the k largest, given how far a
    float32 sum can be off. Where they are more than k, the cosines around the k-th are computed pair by pair in
    float64, so that the answer is float64's throughout.

    queries: shape (n, d). index: shape (m, d). more: what would make m larger, for a message. Returns positions in
    ``index``, shape (n, k), rising within a row (not by cosine: all k count the same). Raises StandinError where k is
    larger than m, or a row has no direction.
    """
    if k > len(index):
        raise StandinError(
            f"select.neighbours is {k}, but there are only {len(index)} labelled texts to be neighbours: "
            f"lower select.neighbours, or {more}"
        )
    found = np.empty((len(queries), k), dtype=np.intp)
    if not len(queries):
        return found
    exact = unit_rows(index)
    directions = exact.astype(np.float32).T
    rows = min(len(queries), ROWS, max(1, BLOCK // len(index)))
    cosines = np.empty((rows, len(index)), dtype=np.float32)
    margin = _margin(index.shape[1])
    for start in range(0, len(queries), rows):
        asked = unit_rows(queries[start : start + rows])
        # One product a block: with one for every sixteenth of it, threads that share their cores waited for each other.
        block = np.matmul(asked.astype(np.float32), directions, out=cosines[: len(asked)])
        found[start : start + rows] = _largest(_candidates(block, k, margin), asked, exact, k, margin)
    return found


def nearest_others(
    queries: Reals, index: Reals, k: int, own: Places, more: str = MORE, search: Search = nearest
) -> Places:
    """As ``nearest``, but no query is its own neighbour: ``own`` holds its row in ``index``, -1 where it has none.

    ``search`` finds what ``nearest`` finds.
    """
    inside = own >= 0
    if not inside.any():
        return search(queries, index, k, more)
    if k + 1 > len(index):
        raise StandinError(
            f"select.neighbours is {k}, but a text has only {len(index) - 1} others to be neighbours: "
            f"lower select.neighbours, or {more}"
        )
    one_more = search(queries[inside], index, k + 1, more)
    itself = one_more == own[inside, np.newaxis]
    # A text that is not among its own k + 1 nearest has as many equals before it: the last of those goes instead.
    itself[~itself.any(axis=1), -1] = True
    found = np.empty((len(queries), k), dtype=np.intp)
    found[inside] = one_more[~itself].reshape(-1, k)
    found[~inside] = search(queries[~inside], index, k, more)
    return found


def cosines_of(left: Reals, right: Reals, rows: Places, columns: Places) -> npt.NDArray[np.float64]:
    """The cosine of ``left[rows]`` and ``right[columns]``, unit vectors, pair by pair to nine decimals, shape (n,)."""
    found = np.empty(len(rows))
    for start in range(0, len(rows), PAIRS):
        part = slice(start, start + PAIRS)
        found[part] = np.einsum("ij,ij->i", left[rows[part]], right[columns[part]])
    rounded: npt.NDArray[np.float64] = np.round(found, DECIMALS)
    return rounded


def unit_rows(vectors: Reals) -> npt.NDArray[np.float64]:
    """The rows, L2-normalised. Raises StandinError for a row of zeros: it has no direction, hence no cosine."""
    values = vectors.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    if not lengths.all():
        raise StandinError("an embedding is all zeros, so it has no cosine: is a text empty?")
    values /= lengths
    return values


def _largest(candidates: Found, queries: Reals, index: Reals, k: int, margin: np.float32) -> Places:
    """Positions of the k largest cosines of each row; where the k-th is tied, the earlier positions.

    candidates: k or more of every row of ``queries``, row by row.
    """
    row, column, value = candidates
    kept = (np.bincount(row, minlength=len(queries)) == k)[row]  # as many as are wanted: nothing is open
    if not kept.all():
        unsettled = np.flatnonzero(~kept)
        rest = (row[unsettled], column[unsettled], value[unsettled])
        kept[unsettled[_first(rest, queries, index, k, margin)]] = True
    return np.sort(column[kept].reshape(-1, k), axis=1)


def _margin(dimensions: int) -> np.float32:
    """Twice how far a float32 product of unit vectors, each rounded to float32, can be from the cosine.

    A sum of d products is off by at most d / (1 - d / 2^24) units of 2^-24 (Higham 2002, section 3.1), the rounding of
    its factors by two more; a billionth is added for cosines that nine decimals make equal.
    """
    unit = 2.0**-24
    terms = dimensions + 4
    return np.float32(2 * (terms * unit / (1 - terms * unit) + 10.0**-DECIMALS))


def _candidates(cosines: npt.NDArray[np.float32], k: int, margin: np.float32) -> Found:
    """Every cell that may be among its row's k largest, row by row.

    Columns ``group``, ``groups + group``, ... form a group. The k-th largest of the groups' maxima is at most the k-th
    largest cosine, so only groups whose maximum reaches it, less the margin, are looked into: 12 microseconds for a row
    of 10,000, where partitioning it takes 30.

    cosines: shape (n, m).
    """
    size = max(1, min(GROUP, cosines.shape[1] // (GROUPS * k)))
    groups = cosines.shape[1] // size
    maxima = cosines[:, :groups].copy()
    for part in range(1, size):
        np.maximum(maxima, cosines[:, part * groups : (part + 1) * groups], out=maxima)
    rest = cosines[:, size * groups :]  # the columns left over, fewer than ``size``, each a group alone
    if rest.shape[1]:
        maxima = np.concatenate([maxima, rest], axis=1)
    width = maxima.shape[1]
    bound = np.partition(maxima, width - k, axis=1)[:, width - k] - margin
    row, group = np.divmod(np.flatnonzero((maxima >= bound[:, np.newaxis]).ravel()), width)
    columns = group[:, np.newaxis] + groups * np.arange(size)
    alone = group >= groups
    columns[alone] = (group[alone] + (size - 1) * groups)[:, np.newaxis]
    values = cosines[row[:, np.newaxis], columns]
    reached = values >= bound[row, np.newaxis]
    reached[alone, 1:] = False
    cell, member = np.nonzero(reached)
    return row[cell], columns[cell, member], values[cell, member]


def _first(found: Found, queries: Reals, index: Reals, k: int, margin: np.float32) -> Places:
    """Which of the candidates, k or more of each row, are the row's k largest: by float64 where float32 cannot tell."""
    row, column, value = found
    falling = np.lexsort((-value, row))
    opening, place = _places(row[falling])
    threshold = np.empty_like(value)  # of each candidate its row's k-th largest
    threshold[falling] = value[falling][opening + k - 1][place]
    close = np.flatnonzero(np.abs(value - threshold) <= margin)
    cosine = np.where(value > threshold, 2.0, -2.0)  # surely among them, surely not
    cosine[close] = cosines_of(queries, index, row[close], column[close])
    order = np.lexsort((column, -cosine, row))
    opening, place = _places(row[order])
    kept: Places = order[np.arange(len(order)) - opening[place] < k]
    return kept


def _places(rows: Places) -> tuple[Places, Places]:
    """Where each run of equal rows begins, and for every entry which run it is in."""
    begins = np.diff(rows, prepend=-1) != 0
    return np.flatnonzero(begins), np.cumsum(begins, dtype=np.intp) - 1
