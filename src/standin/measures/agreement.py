"""How far annotators agree on a text: the subjectivity of an instance (Li et al. 2023)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Scale:
    """How labels are measured: names only, names in an order, or numbers.

    ``values``: label -> its place in the order (ordinal; only the order counts) or its number (interval); empty for
    nominal labels.
    """

    level: Literal["nominal", "ordinal", "interval"] = "nominal"
    values: Mapping[str, float] = field(default_factory=dict)


NOMINAL = Scale()


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


def krippendorff_alpha(votes: Sequence[Sequence[str]], scale: Scale = NOMINAL) -> float | None:
    """Krippendorff's alpha: 1 is full agreement, 0 what chance gives, below 0 is disagreement.

    Texts may have different numbers of annotations; a text with fewer than two says nothing about agreement. On an
    ordinal or interval scale a vote for what has no place there, a label that the task leaves out, is no vote.

    Args:
        votes: the labels each text was given.
        scale: how far apart two labels are.

    Returns:
        None where alpha is undefined: fewer than two different labels among the texts annotated at least twice.
    """
    if scale.level != "nominal":
        votes = [[vote for vote in text if vote in scale.values] for text in votes]
    pairable = [text for text in votes if len(text) > 1]
    given = {vote for text in pairable for vote in text}
    if len(given) < 2:
        return None
    import krippendorff

    labels = sorted(given, key=lambda vote: (scale.values.get(vote, 0.0), vote))
    domain = [scale.values[label] for label in labels] if scale.values else list(range(len(labels)))
    place = {label: column for column, label in enumerate(labels)}
    counts = np.zeros((len(pairable), len(labels)))
    for row, text in enumerate(pairable):
        for vote in text:
            counts[row, place[vote]] += 1
    return float(krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement=scale.level))


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
