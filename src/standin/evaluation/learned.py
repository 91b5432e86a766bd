"""Which arms have learned nothing: no better than chance, or one answer to nearly everything (ours).

Differences between such arms say which label each happened to settle on, and nothing of the texts they trained on.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from standin.evaluation.intervals import Examined, Resampled
from standin.evaluation.scores import Integers
from standin.evaluation.uncertainty import estimate

NEARLY_ALL = 0.9  # of the answers

Reason = Literal["one label", "chance"]


@dataclass(frozen=True, slots=True)
class Unlearned:
    """An entry (by its place) that has not learned, why, and its most frequent answer with that answer's share.

    "one label": on ``question`` it gives one answer to nearly all texts. "chance": its macro-F1 is not above what
    answers given without reading reach; ``question`` is None then, the answer is over all questions.
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
    questions: Mapping[str | None, Examined],
    macro_f1: Resampled,
    labels: Sequence[str],
    confidence: float,
    scored: Sequence[int] = (),
) -> list[Unlearned]:
    """The entries that have not learned, each with one line per reason, "one label" first.

    One label is nearly all where its share of the answers over all seeds is at least 0.9, and at least half way from
    the label's true share to 1: of texts that are 87 % ham, a good classifier calls nine in ten ham. It counts where it
    is so for at least half of the questions; a question whose test texts all have one label tells nothing.

    No better than chance is an arm of which at least half of the seeds are not (``_guessing``): each seed is judged by
    itself, as how seeds differ from one another is no sign of not learning.

    Args:
        questions: true and predicted classes; the last arm is the majority row.
        macro_f1: of the same arms, the mean over questions.
        labels: names of the classes.
        confidence: of the interval of a seed's macro-F1.
        scored: places of the labels that macro-F1 goes over; none names all.
    """
    majority, seeds = len(macro_f1.by_seed) - 1, macro_f1.by_seed.shape[1]
    texts = sum(len(examined.truth) for examined in questions.values())
    found = []
    for place in range(majority):
        answers = {
            question: np.bincount(examined.predicted[place].ravel(), minlength=len(labels))
            for question, examined in questions.items()
        }
        one_label = []
        for question, counts in answers.items():
            share, top = counts.max() / counts.sum(), int(counts.argmax())
            true_share = float((questions[question].truth == top).mean())
            if true_share < 1 and share >= max(NEARLY_ALL, (1 + true_share) / 2):
                one_label.append(Unlearned(place, question, "one label", float(share), labels[top]))
        if 2 * len(one_label) >= len(questions):
            found += one_label
        if 2 * _guessing(questions.values(), macro_f1, place, len(labels), texts, confidence, scored) >= seeds:
            counts = np.sum(list(answers.values()), axis=0)
            share, top = counts.max() / counts.sum(), int(counts.argmax())
            found.append(Unlearned(place, None, "chance", float(share), labels[top]))
    return found


def _guessing(
    questions: Collection[Examined],
    macro_f1: Resampled,
    place: int,
    labels: int,
    texts: int,
    confidence: float,
    scored: Sequence[int],
) -> int:
    """How many seeds of an arm are not above chance: their interval, over texts alone, reaches it or the majority row.

    Chance is the macro-F1 that the seed's answers would have if they were dealt out to the texts at random: with
    shares p of the truth and q of the answers the mean over labels of 2 p q / (p + q).
    """
    majority = macro_f1.by_seed[-1]
    number = 0
    for seed in range(macro_f1.by_seed.shape[1]):
        of_seed = estimate(macro_f1.by_seed[place, seed : seed + 1], macro_f1.resamples[place, seed : seed + 1], texts)
        chance = np.mean([_dealt_out(found.truth, found.predicted[place, seed], labels, scored) for found in questions])
        number += of_seed.interval(confidence, 0, 1)[0] <= max(float(chance), float(majority[seed]))
    return number


def _dealt_out(truth: Integers, answers: Integers, labels: int, scored: Sequence[int]) -> float:
    p, q = (np.bincount(values, minlength=labels) / len(values) for values in (truth, answers))
    both = p + q
    f1 = np.divide(2 * p * q, both, out=np.zeros(labels), where=both > 0)
    return float((f1[list(scored)] if scored else f1).mean())
