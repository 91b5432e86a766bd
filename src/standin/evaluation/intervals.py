"""Paired bootstrap over training seeds and test texts: every arm is scored on the same resamples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.evaluation.scores import MEASURES, Floats, Integers, weighted_scores

BLOCK = 8_000_000  # weights held at a time: 32 MB


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
    """A measure of every arm: ``value``, shape (arms,), and its resamples, shape (arms, resamples)."""

    value: Floats
    resamples: Floats

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Lower and upper percentile bound, each of shape (arms,)."""
        return interval(self.resamples, confidence)


def bootstrap(
    questions: Sequence[Examined], labels: int, resamples: int, generator: np.random.Generator
) -> list[dict[str, Resampled]]:
    """Score all arms per question, on the test texts and on resamples of seeds and texts.

    A resample draws as many seeds as there are, with replacement, the same for all questions, and per question as many
    texts as there are. Its value is the mean over the drawn seeds of the measure on the drawn texts. All arms share the
    draws, which depend on no arm, so that another arm changes no interval. With one seed the draws vary in texts alone.
    Drawing from few seeds understates their spread: by the factor (S - 1) / S of the variance for S seeds.

    Args:
        questions: what was predicted, with equal arms and seeds for all.
        labels: number of classes.
        resamples: number of resamples.
        generator: draws everything.

    Returns:
        Per question, ``macro_f1`` and ``accuracy``.
    """
    seeds = questions[0].predicted.shape[1]
    drawn = generator.integers(0, seeds, (resamples, seeds))
    times = np.stack([(drawn == seed).sum(axis=1) for seed in range(seeds)], axis=1) / seeds
    return [_resample(question, labels, times, generator) for question in questions]


def _resample(question: Examined, labels: int, times: Floats, generator: np.random.Generator) -> dict[str, Resampled]:
    arms, seeds, texts = question.predicted.shape
    flat = question.predicted.reshape(arms * seeds, texts)
    whole = weighted_scores(question.truth, flat, np.ones((1, texts), dtype=np.float32), labels)
    values = {name: getattr(whole, name).reshape(arms, seeds).mean(axis=1) for name in MEASURES}
    drawn = {name: np.empty((arms, len(times))) for name in MEASURES}
    rows = max(1, BLOCK // texts)
    for begin in range(0, len(times), rows):
        share = times[begin : begin + rows]
        scores = weighted_scores(question.truth, flat, text_weights(texts, len(share), generator), labels)
        for name in MEASURES:
            by_seed = getattr(scores, name).reshape(len(share), arms, seeds)
            drawn[name][:, begin : begin + rows] = (by_seed * share[:, np.newaxis]).sum(axis=2).T
    return {name: Resampled(values[name], drawn[name]) for name in MEASURES}


def text_weights(texts: int, resamples: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """How often each of ``texts`` is among ``texts`` draws with replacement; shape (resamples, texts), float32."""
    drawn = generator.integers(0, texts, (resamples, texts))
    drawn += np.arange(resamples)[:, np.newaxis] * texts
    return np.bincount(drawn.ravel(), minlength=resamples * texts).reshape(resamples, texts).astype(np.float32)


def mean_over_questions(questions: Sequence[dict[str, Resampled]]) -> dict[str, Resampled]:
    """The mean over questions of each measure, resample by resample."""
    return {
        name: Resampled(
            np.mean([question[name].value for question in questions], axis=0),
            np.mean([question[name].resamples for question in questions], axis=0),
        )
        for name in MEASURES
    }


def interval(resamples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Percentile interval over the last axis."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(resamples, [tail, 1 - tail], axis=-1)
    return low, high
