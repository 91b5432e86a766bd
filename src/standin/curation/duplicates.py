"""Texts that say the same: exact after normalisation, by shared character 5-grams, by embedding cosine.

Comparisons are exact (no hashing, no approximate index) and run in tiles of ``ROWS`` x ``COLUMNS`` pairs, so memory
does not grow with the square of the number of texts. Larger tiles save Python calls and cost memory: a tile of cosines
takes 8 MB.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GRAM = 5
ROWS, COLUMNS = 256, 8192
SCORED = 8192
"""Candidate pairs scored together: 8,192 pairs of 384 float64 values take 50 MB."""

COMPARED = 8192
"""Texts of one list that are compared with all of the other at once: their grams take 100 MB."""

Indices: TypeAlias = npt.NDArray[np.int64]
Vectors: TypeAlias = npt.NDArray[np.float32]
Measure = Literal["exact", "jaccard", "cosine"]


class _Separators(dict[int, int | str | None]):
    """Translation table, filled as characters are met: punctuation, spaces and controls become a space.

    Symbols stay (a thumbs-up and a thumbs-down are no duplicates), and so do combining marks, which carry vowels in
    many scripts. Invisible format characters (soft hyphen, joiners) go.
    """

    def __missing__(self, code: int) -> int | str | None:
        category = unicodedata.category(chr(code))
        value = " " if category[0] in "PZ" or category == "Cc" else None if category == "Cf" else code
        self[code] = value
        return value


_SEPARATORS = _Separators()


def normalise(text: str) -> str:
    """The text without the differences that do not make a second text: case, punctuation, spacing, Unicode form."""
    letters = unicodedata.normalize("NFKC", text).translate(_SEPARATORS).casefold()
    return " ".join(unicodedata.normalize("NFKC", letters).split())


def grams(normalised: str) -> set[str]:
    """The character 5-grams of a normalised text; a shorter text is its own only gram."""
    return {normalised[start : start + GRAM] for start in range(max(1, len(normalised) - GRAM + 1))}


@dataclass(frozen=True, slots=True)
class Match:
    """A text (its place in the list) resembles another one, by which measure and how much.

    In ``deduplicate``, ``row`` is removed and ``other`` is its survivor; scores are similarities from 0 to 1.
    """

    row: int
    other: int
    measure: Measure
    score: float


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
        self.grams = _gram_matrix(normalised)
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

    def score(self, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
        """Shared grams over all grams of each pair."""
        shared: Any = self.grams[left].multiply(self.grams[right]).sum(axis=1)
        jaccard: npt.NDArray[np.float64] = shared / (self.sizes[left] + self.sizes[right] - shared)
        return jaccard


def _gram_matrix(normalised: Sequence[str]) -> "csr_array[Any]":
    """Binary matrix, texts x grams, the rarest gram first, column indices ascending in each row."""
    from scipy.sparse import csr_array

    sets = [grams(text) for text in normalised]
    frequency = Counter(gram for found in sets for gram in found)
    column = {gram: k for k, gram in enumerate(sorted(frequency, key=lambda gram: (frequency[gram], gram)))}
    rows = [np.sort(np.fromiter((column[gram] for gram in found), np.int64, len(found))) for found in sets]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    columns = np.concatenate(rows) if rows else np.empty(0, np.int64)
    return csr_array((np.ones(len(columns), np.int32), columns, starts), shape=(len(rows), max(1, len(column))))


def _first_columns(matrix: "csr_array[Any]", sizes: Indices, lengths: Indices) -> "csr_array[Any]":
    """The matrix with only the first ``lengths[i]`` entries of each row i."""
    from scipy.sparse import csr_array

    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], sizes)
    inside = place < np.repeat(lengths, sizes)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return csr_array((matrix.data[inside], matrix.indices[inside], starts), shape=matrix.shape)


class Cosine:
    """Cosine similarity of embeddings, rounded to six decimals and then compared.

    The tile product in float32 only names candidates; its last bits change with the tile's shape and the number of
    threads. The score is computed pair by pair in float64, so it does not.

    Args:
        vectors: unit rows, float32, shape (texts, dimensions).
        threshold: the cosine from which a pair counts, above 0 up to 1.
    """

    measure: Measure = "cosine"

    def __init__(self, vectors: Vectors, threshold: float) -> None:
        self.threshold = threshold
        self.vectors = vectors

    def candidates(self, left: Indices, right: Indices) -> tuple[Indices, Indices]:
        """Pairs whose float32 cosine is at most 0.0001 below the threshold.

        A float32 sum of d products errs by at most about d * 6e-8: 0.00003 for 384 dimensions, 0.0001 for 1,600.
        """
        i, j = np.nonzero(self.vectors[left] @ self.vectors[right].T >= self.threshold - 1e-4)
        return left[i], right[j]

    def score(self, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
        """The cosine of each pair, at most 1."""
        a, b = self.vectors[left].astype(np.float64), self.vectors[right].astype(np.float64)
        cosine: npt.NDArray[np.float64] = np.minimum(np.round(np.einsum("ij,ij->i", a, b), 6), 1.0)
        return cosine


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


def similarities(normalised: Sequence[str], vectors: Vectors | None, jaccard: float, cosine: float) -> list[Similarity]:
    """The measures that find near-duplicates, in the order in which they are asked."""
    lexical: list[Similarity] = [Jaccard(normalised, jaccard)]
    return lexical if vectors is None else [*lexical, Cosine(vectors, cosine)]


def deduplicate(texts: Sequence[str], vectors: Vectors | None, *, jaccard: float, cosine: float = 1.0) -> list[Match]:
    """Find the texts to remove, so that one survivor stands for each cluster.

    Texts are taken in their order; one is removed where it resembles a text that was already kept, and kept otherwise.
    Hence every removed text reaches the threshold with its own survivor, a kept text earlier in the list; no two kept
    texts reach it with each other; and a chain a-b-c-d in which only neighbours are similar keeps a and c. The
    survivor is the most similar kept text by the first measure that finds one (exact, then Jaccard, then cosine); of
    equally similar ones the earliest.

    Args:
        texts: the texts; the order decides who survives.
        vectors: their embeddings, unit rows, shape (texts, dimensions), or None to compare by characters only.
        jaccard: threshold of the 5-gram sets' Jaccard similarity, above 0 up to 1.
        cosine: threshold of the embeddings' cosine, above 0 up to 1.

    Returns:
        One match for each removed text, in order.
    """
    keys = [normalise(text) for text in texts]
    measures = similarities(keys, vectors, jaccard, cosine)
    kept = np.zeros(len(keys), dtype=np.bool_)
    first: dict[str, int] = {}
    removed = []
    for start in range(0, len(keys), ROWS):
        block = np.arange(start, min(start + ROWS, len(keys)))
        known = np.concatenate([np.flatnonzero(kept), block])
        unseen = np.array([row for row in block if keys[row] not in first], dtype=np.int64)
        found = [(each.measure, similar_pairs(each, unseen, known)) for each in measures]
        for row in block.tolist():
            match = _survivor(row, keys[row], first, kept, found)
            if match is None:
                kept[row] = True
                first[keys[row]] = row
            else:
                removed.append(match)
    return removed


def _survivor(
    row: int, key: str, first: dict[str, int], kept: npt.NDArray[np.bool_], found: Sequence[tuple[Measure, Pairs]]
) -> Match | None:
    """The kept text that stands for this one. A later text cannot: it is not kept yet."""
    if key in first:
        return Match(row, first[key], "exact", 1.0)
    for measure, pairs in found:
        others, scores = pairs.of(row)
        if (alive := kept[others]).any():
            best = int(np.argmax(scores[alive]))
            return Match(row, int(others[alive][best]), measure, float(scores[alive][best]))
    return None


def lexical_pairs(texts_a: Sequence[str], texts_b: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs across two lists whose 5-gram sets (of the normalised texts) have a Jaccard similarity >= threshold.

    Args:
        texts_a: one list of texts.
        texts_b: the other.
        threshold: above 0 up to 1.

    Returns:
        (place in a, place in b, similarity), ordered by the places. Texts that are equal after normalisation have 1.
    """
    others = [normalise(text) for text in texts_b]
    known = {gram for text in others for gram in grams(text)}
    found: list[tuple[int, int, float]] = []
    possible: dict[int, str] = {}
    for place, text in enumerate(texts_a):
        if _may_resemble(one := normalise(text), known, threshold):
            possible[place] = one
        if len(possible) >= max(COMPARED, len(others)):
            found += _pairs(possible, others, threshold)
            possible = {}
    return found + _pairs(possible, others, threshold)


def _may_resemble(normalised: str, known: set[str], threshold: float) -> bool:
    """Whether enough of a text's grams are known: |A n B| / |A u B| is at most the share of A's grams that B has."""
    own = grams(normalised)
    return len(own & known) >= threshold * len(own) - 1e-6


def _pairs(some: Mapping[int, str], others: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """Pairs of some normalised texts, by their places, with others."""
    if not some:
        return []
    index = Jaccard([*some.values(), *others], threshold)
    pairs = similar_pairs(index, np.arange(len(some)), np.arange(len(some), len(some) + len(others)))
    left = np.fromiter(some, np.int64, len(some))[pairs.left]
    return list(zip(left.tolist(), (pairs.right - len(some)).tolist(), pairs.score.tolist(), strict=True))


def lexical_pairs_within(texts: Sequence[str], threshold: float) -> list[tuple[int, int, float]]:
    """As ``lexical_pairs``, for the pairs within one list: every pair once, the earlier place first."""
    everywhere = np.arange(len(texts))
    pairs = similar_pairs(Jaccard([normalise(text) for text in texts], threshold), everywhere, everywhere)
    once = pairs.left < pairs.right
    return list(zip(pairs.left[once].tolist(), pairs.right[once].tolist(), pairs.score[once].tolist(), strict=True))
