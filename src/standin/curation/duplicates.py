"""Texts that say the same: exact after normalisation, by shared character 5-grams, by embedding cosine.

Comparisons are exact at any number of texts: no hashing, no approximate index (benchmarks/curation.py has the times).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.curation.cosine import Cosine
from standin.curation.jaccard import Jaccard, grams
from standin.curation.pairs import ROWS, Measure, Pairs, Similarity, Vectors, similar_pairs

COMPARED = 8192
"""Texts of one list that are compared with all of the other at once: their grams take 100 MB."""


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


@dataclass(frozen=True, slots=True)
class Match:
    """A text (its place in the list) resembles another one, by which measure and how much.

    In ``deduplicate``, ``row`` is removed and ``other`` is its survivor; scores are similarities from 0 to 1.
    """

    row: int
    other: int
    measure: Measure
    score: float


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
        alike = {row for _, pairs in found for row in pairs.left.tolist()}
        for row in block.tolist():
            match = _survivor(row, keys[row], first, kept, found if row in alike else ())
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
