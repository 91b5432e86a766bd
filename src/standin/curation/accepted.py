"""Duplicates where people have accepted texts: those stand for their likes."""

from collections.abc import Sequence

import numpy as np

from standin.curation.contamination import contaminated
from standin.curation.duplicates import Match, deduplicate, normalise
from standin.curation.pairs import Vectors


def deduplicated(
    texts: Sequence[str], vectors: Vectors | None, accepted: Sequence[int], *, jaccard: float, cosine: float
) -> list[Match]:
    """As ``deduplicate``, but texts that a person accepted stand for their likes, wherever they are in the list.

    Accepted texts stay though they resemble each other; of exactly equal ones the first stays. Others go where they
    resemble an accepted one, and are compared with each other as always.

    Args:
        texts: the texts in order.
        vectors: their embeddings, unit rows, or None to compare by characters only.
        accepted: places of those that a person accepted, ascending.
        jaccard: threshold as in ``deduplicate``.
        cosine: likewise.

    Returns:
        One match for each removed text, in order.
    """
    if not accepted:
        return deduplicate(texts, vectors, jaccard=jaccard, cosine=cosine)
    first: dict[str, int] = {}
    for place in accepted:
        first.setdefault(normalise(texts[place]), place)
    safe = list(first.values())
    standing = set(safe)
    rest = [place for place in range(len(texts)) if place not in standing]

    def of(places: Sequence[int]) -> tuple[list[str], Vectors | None]:
        return [texts[place] for place in places], None if vectors is None else vectors[np.array(places, np.intp)]

    like = contaminated(*of(rest), *of(safe), jaccard=jaccard, cosine=cosine)
    found = [Match(rest[each.row], safe[each.other], each.measure, each.score) for each in like]
    gone = {match.row for match in found}
    left = [place for place in rest if place not in gone]
    among = deduplicate(*of(left), jaccard=jaccard, cosine=cosine)
    found += [Match(left[each.row], left[each.other], each.measure, each.score) for each in among]
    return sorted(found, key=lambda match: match.row)
