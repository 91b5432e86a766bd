"""Texts by their character 5-grams: which of many have a Jaccard similarity at or above a threshold, exactly."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from standin.curation.pairs import Indices, Measure

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import csr_array

GRAM = 5


class Jaccard:
    """Jaccard similarity |A n B| / |A u B| of character 5-gram sets.

    Candidates come from prefix filtering (Chaudhuri, Ganti, Kaushik 2006; Bayardo, Ma, Srikant 2007), which is exact:
    sets with Jaccard >= t share at least ceil(t |A|) grams, so they share one among the |A| - ceil(t |A|) + 1 rarest
    of A and the same of B. Shared grams lie in both prefixes or behind the prefix that ends first, so a count of the
    shared prefix grams bounds the whole intersection. On 10,000 texts of 40 words at t = 0.7 the product of the
    prefixes takes a twentieth of the time of the whole sets' product and leaves few pairs to score.

    Args:
        normalised: texts after ``normalise``.
        threshold: the Jaccard similarity from which a pair counts, above 0 up to 1.
    """

    measure: Measure = "jaccard"

    def __init__(self, normalised: Sequence[str], threshold: float) -> None:
        self.threshold = threshold
        self.grams = gram_matrix(normalised)
        self.sizes: Indices = np.diff(self.grams.indptr).astype(np.int64)
        # The small subtraction undoes rounding up, as in 0.1 * 30 = 3.0000000000000004: a longer prefix misses nothing.
        needed = np.ceil(threshold * self.sizes - 1e-9).astype(np.int64)
        lengths = np.clip(self.sizes - needed + 1, 1, self.sizes)
        self.prefixes = _first_columns(self.grams, self.sizes, lengths)
        self.behind = self.sizes - lengths
        self.last = self.grams.indices[self.grams.indptr[:-1] + lengths - 1]

    def candidates(self, left: Indices, right: Indices) -> tuple[Indices, Indices]:
        """Pairs that share a rare gram and whose intersection may be large enough."""
        shared: Any = (self.prefixes[left] @ self.prefixes[right].T).tocoo()
        i, j = left[shared.row], right[shared.col]
        behind = np.where(self.last[i] <= self.last[j], self.behind[i], self.behind[j])
        most = np.minimum(shared.data + behind, np.minimum(self.sizes[i], self.sizes[j]))
        possible = most >= self.threshold / (1 + self.threshold) * (self.sizes[i] + self.sizes[j]) - 1e-6
        return i[possible], j[possible]

    def score(self, left: Indices, right: Indices) -> "npt.NDArray[np.float64]":
        """Shared grams over all grams of each pair."""
        shared: Any = self.grams[left].multiply(self.grams[right]).sum(axis=1)
        jaccard: npt.NDArray[np.float64] = shared / (self.sizes[left] + self.sizes[right] - shared)
        return jaccard


def grams(normalised: str) -> set[str]:
    """The character 5-grams of a normalised text; a shorter text is its own only gram."""
    return {normalised[start : start + GRAM] for start in range(max(1, len(normalised) - GRAM + 1))}


def gram_matrix(normalised: Sequence[str]) -> "csr_array[Any]":
    """Binary matrix, texts x grams, the rarest gram first, column indices ascending in each row.

    Grams are numbered by sorting whole arrays: a set of strings a text takes five times as long.
    """
    from scipy.sparse import csr_array

    text, gram, count = _numbered_grams(normalised)
    cells = np.sort(text * count + gram)  # np.unique hashes where it need not number: six times as long
    cells = cells[np.diff(cells, prepend=-1) > 0]  # each gram of a text once
    text, gram = cells // count, cells % count
    rank = np.empty(count, np.int64)
    rank[np.argsort(np.bincount(gram, minlength=count), kind="stable")] = np.arange(count)
    cells = np.sort(text * count + rank[gram])
    starts = np.searchsorted(cells, np.arange(len(normalised) + 1) * count)
    return csr_array((np.ones(len(cells), np.int32), cells % count, starts), shape=(len(normalised), count))


def _numbered_grams(normalised: Sequence[str]) -> tuple[Indices, Indices, int]:
    """Text and number of every gram, and how many different grams there are, at least 1.

    A text shorter than a gram is filled up with a sign that no text holds, so it is its own only gram.
    """
    lengths = np.fromiter((max(len(one), GRAM) for one in normalised), np.int64, len(normalised))
    filled = "".join(one.ljust(GRAM, "\0") for one in normalised).encode("utf-32-le", "surrogatepass")
    signs, size = _numbered(np.frombuffer(filled, np.uint32).astype(np.int64))
    found, bound = signs, size
    for place in range(1, GRAM):
        if bound * size >= 2**63:  # so many different signs that a gram's number would not fit
            found, bound = _numbered(found)
        found, bound = found[:-1] * size + signs[place:], bound * size
    text = np.repeat(np.arange(len(normalised)), lengths)[: len(found)]
    inside = np.ones(len(signs), np.bool_)
    ends = np.cumsum(lengths)
    for back in range(1, GRAM):
        inside[ends - back] = False  # a gram that began here would reach into the next text
    kept = inside[: len(found)]
    numbers, count = _numbered(found[kept])
    return text[kept], numbers, max(1, count)


def _numbered(values: Indices) -> tuple[Indices, int]:
    """Equal values as equal numbers from 0 on, and how many different ones there are."""
    different, numbers = np.unique(values, return_inverse=True)
    return numbers, len(different)


def _first_columns(matrix: "csr_array[Any]", sizes: Indices, lengths: Indices) -> "csr_array[Any]":
    """The matrix with only the first ``lengths[i]`` entries of each row i."""
    from scipy.sparse import csr_array

    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], sizes)
    inside = place < np.repeat(lengths, sizes)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return csr_array((matrix.data[inside], matrix.indices[inside], starts), shape=matrix.shape)
