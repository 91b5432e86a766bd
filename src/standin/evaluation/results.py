"""Everything that is told of the arms: scores with intervals, comparisons, accuracy by agreement, confusions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from standin.config import Evaluate
from standin.corpus import Prediction, Row, by_question
from standin.evaluation.agreement import Slope, accuracy_by_agreement, agreement_slope
from standin.evaluation.comparisons import Comparison, compare
from standin.evaluation.intervals import Examined, Resampled, bootstrap, mean_over_questions
from standin.evaluation.predictions import Entry, arrange, entries_of, pairs_of
from standin.evaluation.scores import MEASURES, confusion

RESAMPLING_SEED = 0  # of the calculation, not of the experiment: equal predictions have equal intervals


@dataclass(frozen=True, slots=True)
class ByAgreement:
    """Of one arm: (gamma, texts, accuracy) per threshold, and the slope of correctness on agreement."""

    accuracies: list[tuple[float, int, float | None]]
    slope: Slope | None


@dataclass(frozen=True, slots=True)
class Result:
    """Scores of every entry (arm and budget), in one order throughout.

    ``overall`` is the mean over ``questions``; ``texts`` counts test texts per question. ``comparisons`` maps a measure
    to (budget, comparison); ``confusions`` holds counts over seeds and questions, true classes in rows.
    """

    entries: list[Entry]
    seeds: int
    confidence: float
    texts: dict[str | None, int]
    overall: dict[str, Resampled]
    questions: dict[str | None, dict[str, Resampled]]
    comparisons: dict[str, list[tuple[int | None, Comparison]]]
    agreement_texts: int
    by_agreement: list[ByAgreement]
    confusions: list[npt.NDArray[np.intp]]


def evaluate(
    predictions: Mapping[str, Sequence[Prediction]],
    test: Sequence[Row],
    labels: Sequence[str],
    seeds: Sequence[int],
    settings: Evaluate,
    agreement: Mapping[str, float],
) -> Result:
    """Score all arms on the same resamples of seeds and test texts.

    Args:
        predictions: per arm, at least one arm with rows; every arm holds every seed and test text.
        test: labelled rows, at least one.
        labels: the task's labels, in order.
        seeds: of fine-tuning.
        settings: resamples, confidence and gammas.
        agreement: of test texts by id, between 0 and 1; may lack texts or be empty.

    Returns:
        The result; an arm's accuracy by agreement pools the texts of all questions.

    Raises:
        StandinError: a prediction is missing, or a label is unknown.
    """
    entries = entries_of(predictions)
    examined = arrange(predictions, test, labels, seeds)
    resampled = bootstrap(
        list(examined.values()), len(labels), settings.resamples, np.random.default_rng(RESAMPLING_SEED)
    )
    overall = mean_over_questions(resampled)
    pairs = pairs_of(entries)
    compared = {
        measure: compare(overall[measure], [(first, second) for first, second, _ in pairs], settings.confidence)
        for measure in MEASURES
    }
    known, correct = _agreeing(test, examined, agreement)
    return Result(
        entries=entries,
        seeds=len(seeds),
        confidence=settings.confidence,
        texts={question: len(found.truth) for question, found in examined.items()},
        overall=overall,
        questions=dict(zip(examined, resampled, strict=True)),
        comparisons={
            measure: [(budget, one) for (_, _, budget), one in zip(pairs, found, strict=True)]
            for measure, found in compared.items()
        },
        agreement_texts=len(known),
        by_agreement=[_by_agreement(right, known, settings) for right in correct],
        confusions=[
            sum(
                (confusion(found.truth, found.predicted[place], len(labels)) for found in examined.values()),
                start=np.zeros((len(labels), len(labels)), dtype=np.intp),
            )
            for place in range(len(entries))
        ],
    )


def _agreeing(
    test: Sequence[Row], examined: Mapping[str | None, Examined], agreement: Mapping[str, float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The texts of known agreement: agreement, shape (n,), and who is right on them, shape (arms, seeds, n)."""
    known, correct = [], []
    for question, rows in by_question(test).items():
        places = [place for place, row in enumerate(rows) if row.id in agreement]
        known += [agreement[rows[place].id] for place in places]
        found = examined[question]
        correct.append((found.predicted == found.truth)[:, :, places])
    return np.array(known), np.concatenate(correct, axis=2)


def _by_agreement(
    correct: npt.NDArray[np.bool_], agreement: npt.NDArray[np.float64], settings: Evaluate
) -> ByAgreement:
    accuracies = accuracy_by_agreement(correct, agreement, settings.gammas) if len(agreement) else []
    generator = np.random.default_rng(RESAMPLING_SEED)
    slope = agreement_slope(correct, agreement, settings.resamples, settings.confidence, generator)
    return ByAgreement(accuracies, slope)
