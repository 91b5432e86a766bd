"""Which arms have learned nothing: no better than the most frequent label, or one answer to nearly everything (ours).

Differences between such arms say which label each happened to settle on, and nothing of the texts they trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from standin.evaluation.comparisons import difference
from standin.evaluation.intervals import Examined, Resampled

NEARLY_ALL = 0.9  # of the answers

Reason = Literal["one label", "majority"]


@dataclass(frozen=True, slots=True)
class Unlearned:
    """An entry (by its place) that has not learned, why, and its most frequent answer with that answer's share.

    "one label": on ``question`` it gives one answer to nearly all texts. "majority": its macro-F1 is not above that of
    always answering the most frequent label; ``question`` is None then, the answer is over all questions.
    """

    place: int
    question: str | None
    reason: Reason
    share: float
    label: str


def with_majority(examined: Examined) -> Examined:
    """The same with one more arm, the last: always the most frequent true label (of equals the first), every seed."""
    seeds, texts = examined.predicted.shape[1:]
    constant = np.full((1, seeds, texts), np.bincount(examined.truth).argmax(), dtype=examined.predicted.dtype)
    return Examined(examined.truth, np.concatenate([examined.predicted, constant]))


def unlearned(
    questions: Mapping[str | None, Examined], macro_f1: Resampled, labels: Sequence[str], confidence: float
) -> list[Unlearned]:
    """The entries that have not learned, each with one line per reason, "one label" first.

    One label is nearly all where its share of the answers over all seeds is at least 0.9, and at least half way from
    the label's true share to 1: of texts that are 87 % ham, a good classifier calls nine in ten ham.

    Args:
        questions: true and predicted classes; the last arm is the majority row.
        macro_f1: of the same arms, the mean over questions.
        labels: names of the classes.
        confidence: of the interval of the difference to the majority row.
    """
    majority = len(macro_f1.by_seed) - 1
    texts = sum(len(examined.truth) for examined in questions.values())
    found = []
    for place in range(majority):
        answers = {
            question: np.bincount(examined.predicted[place].ravel(), minlength=len(labels))
            for question, examined in questions.items()
        }
        for question, counts in answers.items():
            share, top = counts.max() / counts.sum(), int(counts.argmax())
            true_share = float((questions[question].truth == top).mean())
            if share >= max(NEARLY_ALL, (1 + true_share) / 2):
                found.append(Unlearned(place, question, "one label", float(share), labels[top]))
        low, _ = difference(macro_f1, place, majority, texts).interval(confidence, -1, 1)
        if low <= 0:
            counts = np.sum(list(answers.values()), axis=0)
            share, top = counts.max() / counts.sum(), int(counts.argmax())
            found.append(Unlearned(place, None, "majority", float(share), labels[top]))
    return found
