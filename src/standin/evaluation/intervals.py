"""Resamples of the test texts: every arm and training seed is scored on the same ones."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.evaluation.scores import MEASURES, Floats, Integers, f1_of_counts, scores_of_counts

Measured = Callable[[Floats, Floats, Floats], Floats]
"""From counts per class, as ``scores_of_counts`` takes them, to measures, shape (measures, ...)."""

BLOCK = 4_000_000  # weights held at a time: 16 MB, and 32 MB while they are drawn


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was predicted of one question's test texts.

    ``truth``: shape (n,), at least one text. ``predicted``: shape (arms, seeds, n); equal places of the seeds' axis
    hold the same seed for every arm.
    """

    truth: Integers
    predicted: Integers


@dataclass(frozen=True, slots=True)
class Resampled:
    """A measure of every arm and seed: on the test texts as they are, and on resamples of them.

    ``by_seed``: shape (arms, seeds). ``resamples``: shape (arms, seeds, resamples), float32 (an error of 6e-8, where
    standard errors are some 1e-2), which halves 64 MB for 40 arms and budgets, 10 seeds and 20,000 resamples.
    """

    by_seed: Floats
    resamples: npt.NDArray[np.float32]


def bootstrap(
    question: Examined, labels: int, resamples: int, generator: np.random.Generator, scored: Sequence[int] = ()
) -> dict[str, Resampled]:
    """Score all arms and seeds on the test texts, and on resamples of them within each true label.

    A resample keeps the number of texts of every label, so a class of three texts never vanishes from it. Of the n_l
    texts of a label n_l - 1 are drawn with replacement and weigh n_l / (n_l - 1) each (Rao and Wu 1988, recalled): the
    variance of a mean over the label is then unbiased, where n_l draws understate it by (n_l - 1) / n_l, a third for
    three texts. The only text of a label keeps its weight of 1 and adds no variance: nothing is known of it.

    All arms and seeds share the draws, which depend on no arm. Seeds are not resampled; see ``uncertainty``.

    Args:
        question: what was predicted.
        labels: number of classes.
        resamples: number of resamples.
        generator: draws everything.
        scored: places of the labels that macro-F1 goes over; none names all.

    Returns:
        ``macro_f1`` and ``accuracy``.
    """

    def measured(right: Floats, answered: Floats, texts: Floats) -> Floats:
        found = scores_of_counts(right, answered, texts, scored)
        return np.stack([getattr(found, name) for name in MEASURES])

    return dict(zip(MEASURES, _resampled(question, labels, resamples, generator, measured), strict=True))


def bootstrap_labels(
    question: Examined, labels: int, resamples: int, generator: np.random.Generator
) -> list[Resampled]:
    """F1 of every label, on resamples drawn as ``bootstrap`` draws them; arguments as there."""

    def measured(right: Floats, answered: Floats, texts: Floats) -> Floats:
        return np.moveaxis(f1_of_counts(right, answered, texts), -1, 0)

    return _resampled(question, labels, resamples, generator, measured)


def _resampled(
    question: Examined, labels: int, resamples: int, generator: np.random.Generator, measured: Measured
) -> list[Resampled]:
    arms, seeds, texts = question.predicted.shape
    of_class = np.bincount(question.truth, minlength=labels)
    order = np.argsort(question.truth, kind="stable")
    predicted = question.predicted.reshape(arms * seeds, texts)[:, order]
    by_seed = _scores(predicted, of_class, [np.ones((1, n), dtype=np.float32) for n in of_class], measured)[:, 0]
    drawn = np.empty((len(by_seed), arms * seeds, resamples), dtype=np.float32)
    rows = max(1, BLOCK // texts)
    for begin in range(0, resamples, rows):
        end = min(begin + rows, resamples)
        weights = [_class_weights(int(n), end - begin, generator) for n in of_class]
        group = max(1, BLOCK // ((end - begin) * labels))
        for first in range(0, len(predicted), group):
            some = slice(first, first + group)
            drawn[:, some, begin:end] = _scores(predicted[some], of_class, weights, measured).swapaxes(1, 2)
    return [
        Resampled(own.reshape(arms, seeds), some.reshape(arms, seeds, resamples))
        for own, some in zip(by_seed, drawn, strict=True)
    ]


def _class_weights(texts: int, resamples: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """How often each text of a class is drawn; rows sum to ``texts`` - 1, or to 1 where there is one text alone."""
    return text_weights(texts, max(1, texts - 1) if texts else 0, resamples, generator)


def _scores(
    predicted: Integers, of_class: Integers, weights: Sequence[npt.NDArray[np.float32]], measured: Measured
) -> Floats:
    """What ``measured`` says of every resample; shape (measures, resamples, predictions).

    Args:
        predicted: shape (predictions, n), texts ordered by their class.
        of_class: texts of each class, shape (labels,).
        weights: per class, how often each of its texts stands in each resample, shape (resamples, texts of the class):
            whole numbers, whose sums float32 holds exactly below 16.7 million, so equal predictions score equally.
        measured: of counts of shape (resamples, predictions, labels).
    """
    labels, shape = len(of_class), (len(weights[0]), len(predicted), len(of_class))
    right, answered = np.zeros(shape), np.zeros(shape)
    for label, (end, times) in enumerate(zip(np.cumsum(of_class), weights, strict=True)):
        texts = times.shape[1]
        if not texts:
            continue
        is_answer = predicted[:, end - texts : end].T[:, :, np.newaxis] == np.arange(labels)
        counts = (times @ is_answer.reshape(texts, -1).astype(np.float32)).astype(np.float64).reshape(shape)
        counts *= texts / times[0].sum()
        right[:, :, label] = counts[:, :, label]
        answered += counts
    return measured(right, answered, of_class.astype(np.float64))


def text_weights(texts: int, draws: int, resamples: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """How often each of ``texts`` is among ``draws`` with replacement; shape (resamples, texts)."""
    drawn = generator.integers(0, max(texts, 1), (resamples, draws))
    drawn += np.arange(resamples)[:, np.newaxis] * texts
    return np.bincount(drawn.ravel(), minlength=resamples * texts).reshape(resamples, texts).astype(np.float32)


def mean_over_questions(questions: Iterable[dict[str, Resampled]]) -> dict[str, Resampled]:
    """The mean over questions of each measure, seed by seed and resample by resample; holds two questions at a time."""
    total: dict[str, Resampled] = {}
    count = 0
    for question in questions:
        count += 1
        for name, found in question.items():
            known = total.get(name)
            total[name] = (
                Resampled(known.by_seed + found.by_seed, known.resamples + found.resamples) if known else found
            )
    return {
        name: Resampled(found.by_seed / count, found.resamples / np.float32(count)) for name, found in total.items()
    }
