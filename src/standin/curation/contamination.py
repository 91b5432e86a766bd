"""Synthetic texts that stand in the held-out data: training on them would flatter the evaluation."""

from collections.abc import Sequence

import numpy as np

from standin.curation.duplicates import Match, normalise, similarities
from standin.curation.pairs import Vectors, similar_pairs


def contaminated(
    texts: Sequence[str],
    vectors: Vectors | None,
    held_out: Sequence[str],
    held_out_vectors: Vectors | None,
    *,
    jaccard: float,
    cosine: float = 1.0,
) -> list[Match]:
    """Find the texts that equal or nearly equal a held-out text.

    Args:
        texts: synthetic texts.
        vectors: their embeddings, unit rows, shape (texts, dimensions), or None to compare by characters only.
        held_out: texts of the validation and test splits.
        held_out_vectors: their embeddings, or None as above.
        jaccard: threshold of the 5-gram sets' Jaccard similarity, above 0 up to 1.
        cosine: threshold of the embeddings' cosine, above 0 up to 1.

    Returns:
        One match for each contaminated text, in order. ``other`` is the place of the most similar held-out text (of
        equals the first) by the first measure that finds one: exact, then Jaccard, then cosine.
    """
    if not texts or not held_out:
        return []
    keys = [normalise(text) for text in (*texts, *held_out)]
    both = None
    if vectors is not None and held_out_vectors is not None:
        both = np.concatenate([vectors, held_out_vectors])
    ours, theirs = np.arange(len(texts)), np.arange(len(texts), len(keys))
    found = [(each.measure, similar_pairs(each, ours, theirs)) for each in similarities(keys, both, jaccard, cosine)]
    first: dict[str, int] = {}
    for place, key in enumerate(keys[len(texts) :]):
        first.setdefault(key, place)
    alike = {row for _, pairs in found for row in pairs.left.tolist()}
    matches = []
    for row in range(len(texts)):
        if keys[row] in first:
            matches.append(Match(row, first[keys[row]], "exact", 1.0))
            continue
        for measure, pairs in found if row in alike else ():
            others, scores = pairs.of(row)
            if len(others):
                best = int(np.argmax(scores))
                matches.append(Match(row, int(others[best]) - len(texts), measure, float(scores[best])))
                break
    return matches
