"""How far annotators agree on a text: the subjectivity of an instance (Li et al. 2023)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np


def majority_share(votes: Sequence[str]) -> float:
    """The share of the most frequent label.

    Args:
        votes: labels, at least one.

    Returns:
        Between 1 / len(votes) and 1.
    """
    return Counter(votes).most_common(1)[0][1] / len(votes)


def agreement(votes: Sequence[str]) -> float | None:
    """Agreement a_i: the share of the majority label among a text's annotations; low means subjective.

    Args:
        votes: one label per annotator; a label that the task leaves out is a vote like any other.

    Returns:
        Between 1 / len(votes) and 1; None for fewer than two votes, since nobody is there to agree with. (Counted as
        1.0, fifty texts (a) beside fifty texts (a, a, b) raise the mean from 0.667 to 0.833.)
    """
    return majority_share(votes) if len(votes) > 1 else None


def krippendorff_alpha(votes: Sequence[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal labels: 1 is full agreement, 0 what chance gives, below 0 is disagreement.

    Texts may have different numbers of annotations; a text with fewer than two says nothing about agreement.

    Args:
        votes: the labels each text was given.

    Returns:
        None where alpha is undefined: fewer than two different labels among the texts annotated at least twice.
    """
    pairable = [text for text in votes if len(text) > 1]
    values = sorted({vote for text in pairable for vote in text})
    if len(values) < 2:
        return None
    import krippendorff

    place = {value: column for column, value in enumerate(values)}
    counts = np.zeros((len(pairable), len(values)))
    for row, text in enumerate(pairable):
        for vote in text:
            counts[row, place[vote]] += 1
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def majority_accuracy(votes: Sequence[Sequence[str]], gold: Sequence[str]) -> float | None:
    """How often the majority of the votes is the gold label. A tie of k labels with the gold one in it counts 1 / k.

    Args:
        votes: the labels each text was given, at least one each.
        gold: one label per text.

    Returns:
        Between 0 and 1; None for no texts.
    """
    if not gold:
        return None
    right = 0.0
    for given, label in zip(votes, gold, strict=True):
        counts = Counter(given)
        most = max(counts.values())
        if counts[label] == most:
            right += 1 / sum(count == most for count in counts.values())
    return right / len(gold)


def exact_interval(share: float, texts: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval of a share of texts (Clopper and Pearson 1934).

    A share of ties may stand for a broken number of hits; the beta quantiles are defined there too, between those of
    the whole numbers.

    Args:
        share: hits / texts, between 0 and 1.
        texts: how many, at least 1.
        confidence: least coverage.
    """
    from scipy.stats import beta

    hits, tail = share * texts, (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, texts - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, texts - hits)) if hits < texts else 1.0
    return low, high
