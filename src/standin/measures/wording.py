"""How varied the wording of texts is: distinct-n and self-BLEU, over words or, in unspaced languages, characters.

Both change with the number of texts: compare values of equal numbers.
"""

import math
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from standin.curation.lengths import Unit, characters

Tokens = Sequence[str]
BLEU_ORDER = 4
SMOOTHING = 0.1
"""Matches that an order without any is taken to have: method 1 of Chen and Cherry (2014), as Texygen uses it."""


def tokens(text: str, unit: Unit = "words") -> list[str]:
    """Runs between white space in folded case, every sign of punctuation and symbol by itself; or characters."""
    folded = text.casefold()
    if unit == "characters":
        return characters(folded)
    return "".join(f" {sign} " if unicodedata.category(sign)[0] in "PS" else sign for sign in folded).split()


def grams(of: Tokens, order: int) -> Counter[tuple[str, ...]]:
    """The runs of ``order`` tokens with how often each stands there."""
    return Counter(zip(*(islice(of, start, None) for start in range(order)), strict=False))


def distinct(texts: Sequence[Tokens], order: int) -> float | None:
    """Distinct-n (Li et al. 2016): different n-grams over all n-grams of the texts; None where there is none.

    Args:
        texts: tokens of each.
        order: n, at least 1.
    """
    found: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        found.update(grams(text, order))
    total = found.total()
    return len(found) / total if total else None


def self_bleu(texts: Sequence[Tokens]) -> float | None:
    """Self-BLEU (Zhu et al. 2018): mean BLEU-4 of a text against all others as references; higher is less varied.

    Sentence BLEU with equal weights, the references' closest length (the shorter of two) and method 1 of smoothing; a
    text without a token in any other has 0. Exact in time linear in the tokens: of every n-gram only the two greatest
    counts of a text are needed, the second one for the text that has the greatest.

    Args:
        texts: tokens of each.

    Returns:
        0 to 1; None where there are fewer than two texts.
    """
    if len(texts) < 2:
        return None
    logarithms = [0.0] * len(texts)
    nothing = [False] * len(texts)
    for order in range(1, BLEU_ORDER + 1):
        counted = [grams(text, order) for text in texts]
        most: dict[tuple[str, ...], tuple[int, int, int]] = {}
        for place, own in enumerate(counted):
            for gram, number in own.items():
                first, holder, second = most.get(gram, (0, -1, 0))
                most[gram] = (number, place, first) if number > first else (first, holder, max(second, number))
        for place, own in enumerate(counted):
            matched = 0
            for gram, number in own.items():
                first, holder, second = most[gram]
                matched += min(number, second if holder == place else first)
            nothing[place] |= order == 1 and not matched
            logarithms[place] += math.log((matched or SMOOTHING) / max(1, len(texts[place]) - order + 1)) / BLEU_ORDER
    lengths = sorted(map(len, texts))
    scores = [
        0.0 if none else math.exp(logarithm + min(0.0, 1 - _closest(lengths, len(text)) / len(text)))
        for text, logarithm, none in zip(texts, logarithms, nothing, strict=True)
    ]
    return sum(scores) / len(scores)


def _closest(lengths: Sequence[int], own: int) -> int:
    """Of sorted lengths, without one that is ``own``, the closest to it, the shorter of two."""
    place = bisect_left(lengths, own)
    near = [lengths[other] for other in (place - 1, place + 1) if 0 <= other < len(lengths)]
    return min(near, key=lambda length: (abs(length - own), length))
