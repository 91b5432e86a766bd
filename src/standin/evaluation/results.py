"""Everything that is told of the arms: scores with intervals, comparisons, accuracy by agreement, confusions."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from standin.config import Evaluate
from standin.corpus import Prediction, Row, by_question
from standin.evaluation.agreement import Line, Slope, accuracy_by_agreement, agreement_slope, fitted_line
from standin.evaluation.comparisons import Comparison, compare, mcnemar, withhold
from standin.evaluation.family import Entry, Sources, family
from standin.evaluation.intervals import Examined, Resampled, bootstrap, bootstrap_labels, mean_over_questions
from standin.evaluation.learned import Unlearned, unlearned, with_majority
from standin.evaluation.predictions import arrange, entries_of
from standin.evaluation.scores import MEASURES, confusion
from standin.evaluation.uncertainty import Estimate, estimate

LABEL_RESAMPLES = 500
"""For the interval of a single label's F1, which nothing is tested by: of 60 labels more would take minutes."""
RESAMPLING_SEED = 0  # of the calculation, not of the experiment: equal predictions have equal intervals


@dataclass(frozen=True, slots=True)
class ByAgreement:
    """Of one arm: (gamma, texts, accuracy) per threshold, and the slope of correctness on agreement."""

    accuracies: list[tuple[float, int, float | None]]
    slope: Slope | None
    line: Line | None


class OfLabel(NamedTuple):
    """Test texts of a label: of all questions, and in the question that has the fewest of those that have any."""

    texts: int
    fewest: int


@dataclass(frozen=True, slots=True)
class Result:
    """Scores of every entry (arm and budget), in one order throughout.

    ``overall`` (measure -> estimates) is the mean over ``questions`` (question -> the same); both hold one estimate
    more than there are entries, the last: the majority row. ``texts`` counts test texts per question, ``of_label`` per
    label: of all questions, and in the question that has the fewest (0 where it is in none). ``comparisons``
    maps a measure to the comparisons that ``references`` name, made on ``resamples`` of the texts; ``unlearned`` are
    the entries of which nothing is concluded. ``confusions`` holds counts over seeds and questions, true classes in
    rows. ``retained``: macro-F1 of an entry (its place) over that of the arm of all labelled texts, seed by seed; empty
    where there is no such arm that learned. ``labels``: F1 of each label that a test text has, an estimate an entry and
    one of the majority row; the mean over the questions that have such texts. ``drawn_once``: the sources of which all
    seeds share one draw.
    """

    entries: list[Entry]
    seeds: int
    confidence: float
    resamples: int
    references: list[str]
    scored_labels: list[str]
    texts: dict[str | None, int]
    of_label: dict[str, OfLabel]
    overall: dict[str, list[Estimate]]
    questions: dict[str | None, dict[str, list[Estimate]]]
    comparisons: dict[str, list[Comparison]]
    unlearned: list[Unlearned]
    agreement_texts: int
    by_agreement: list[ByAgreement]
    confusions: list[npt.NDArray[np.intp]]
    retained: dict[int, Estimate]
    labels: dict[str, list[Estimate]]
    drawn_once: list[str]


def evaluate(
    predictions: Mapping[str, Sequence[Prediction]],
    test: Sequence[Row],
    labels: Sequence[str],
    seeds: Sequence[int],
    settings: Evaluate,
    agreement: Mapping[str, float],
    arms: Sources,
    drawn_once: Mapping[str, frozenset[str]] | None = None,
) -> Result:
    """Score all arms, and the majority row, on the same resamples of the test texts.

    Args:
        predictions: per arm, at least one arm with rows; every arm holds every seed and test text.
        test: labelled rows, at least one.
        labels: the task's labels, in order.
        seeds: of fine-tuning.
        settings: resamples, confidence, references and gammas.
        agreement: of test texts by id, between 0 and 1; may lack texts or be empty.
        arms: what each arm trains on, for the references that are named by it.
        drawn_once: by arm, those of its sources of which all seeds share one draw; None where every seed draws.

    Returns:
        The result; an arm's accuracy by agreement pools the texts of all questions.

    Raises:
        StandinError: a prediction is missing, or a label is unknown.
    """
    entries = entries_of(predictions)
    arranged = arrange(predictions, test, labels, seeds)
    texts = {question: len(found.truth) for question, found in arranged.items()}
    of_label = {label: _of_label(code, arranged.values()) for code, label in enumerate(labels)}
    pairs = family(entries, arms, settings.references)
    once = [(drawn_once or {}).get(entry.arm, frozenset()) for entry in entries]
    one_draw = [pair for pair in pairs if once[pair.first] != once[pair.second]]
    resamples = max(settings.resamples, resamples_for(len(pairs), settings.confidence))
    examined = {question: with_majority(found) for question, found in arranged.items()}
    scored = [labels.index(label) for label in settings.scored_labels]
    overall, questions = _scored(examined, len(labels), resamples, scored)
    lost = unlearned(examined, overall["macro_f1"], labels, settings.confidence, scored)
    places = {one.place for one in lost}
    known, correct = _agreeing(test, arranged, agreement)
    right = np.concatenate([found.predicted == found.truth for found in arranged.values()], axis=2)
    apart = [mcnemar(right[pair.first], right[pair.second], settings.confidence) for pair in pairs]
    return Result(
        entries=entries,
        seeds=len(seeds),
        confidence=settings.confidence,
        resamples=resamples,
        references=settings.references,
        scored_labels=settings.scored_labels,
        texts=texts,
        of_label=of_label,
        overall={measure: _estimates(found, sum(texts.values())) for measure, found in overall.items()},
        questions=questions,
        comparisons={
            measure: [
                replace(one, mcnemar=seeds_apart)
                for one, seeds_apart in zip(
                    withhold(
                        compare(overall[measure], pairs, settings.confidence, sum(texts.values())), places, one_draw
                    ),
                    apart,
                    strict=True,
                )
            ]
            for measure in MEASURES
        },
        unlearned=lost,
        agreement_texts=len(known),
        by_agreement=[_by_agreement(right, known, settings) for right in correct],
        confusions=[
            sum(
                (confusion(found.truth, found.predicted[place], len(labels)) for found in arranged.values()),
                start=np.zeros((len(labels), len(labels)), dtype=np.intp),
            )
            for place in range(len(entries))
        ],
        retained=_retained(entries, arms, overall["macro_f1"], places, sum(texts.values())),
        labels=_by_label(examined, of_label),
        drawn_once=list(dict.fromkeys(name for own in once for name in sorted(own))),
    )


def _retained(
    entries: Sequence[Entry], arms: Sources, macro_f1: Resampled, lost: Collection[int], texts: int
) -> dict[int, Estimate]:
    """What each entry reaches of the arm of all labelled texts; that arm and entries that have not learned are not in.

    The ratio is taken seed by seed and resample by resample, so that what makes the texts hard for both cancels out.
    """
    whole = next((at for at, one in enumerate(entries) if list(arms[one.arm]) == ["real"] and at not in lost), None)
    if whole is None:
        return {}
    known = macro_f1.by_seed[whole], macro_f1.resamples[whole]
    if min(float(part.min()) for part in known) <= 0:
        return {}
    return {
        at: estimate(macro_f1.by_seed[at] / known[0], macro_f1.resamples[at] / known[1], texts)
        for at in range(len(entries))
        if at != whole and at not in lost
    }


def _by_label(examined: Mapping[str | None, Examined], of_label: Mapping[str, OfLabel]) -> dict[str, list[Estimate]]:
    generator = np.random.default_rng(RESAMPLING_SEED)
    found: dict[str, list[dict[str, Resampled]]] = {label: [] for label in of_label}
    for one in examined.values():
        measured = bootstrap_labels(one, len(of_label), LABEL_RESAMPLES, generator)
        for code, (own, resampled) in enumerate(zip(found.values(), measured, strict=True)):
            if (one.truth == code).any():
                own.append({"f1": resampled})
    return {
        label: _estimates(mean_over_questions(own)["f1"], of_label[label].texts) for label, own in found.items() if own
    }


def resamples_for(comparisons: int, confidence: float) -> int:
    """The least number of resamples for a family of comparisons: 20 m / alpha.

    P-values come from variances and have no floor, so this is for their precision: a variance of R resamples has a
    standard error of sqrt(2 / R), 1.3 % at 11 comparisons, and the more comparisons there are the further out in the
    tail the smallest p-value is read.
    """
    return math.ceil(round(20 * comparisons / (1 - confidence), 6))


def _scored(
    examined: Mapping[str | None, Examined], labels: int, resamples: int, scored: Sequence[int]
) -> tuple[dict[str, Resampled], dict[str | None, dict[str, list[Estimate]]]]:
    """The mean over questions with its resamples, and the estimates of each question, whose resamples are let go."""
    generator = np.random.default_rng(RESAMPLING_SEED)
    questions: dict[str | None, dict[str, list[Estimate]]] = {}

    def each() -> Iterator[dict[str, Resampled]]:
        for question, found in examined.items():
            resampled = bootstrap(found, labels, resamples, generator, scored)
            questions[question] = {name: _estimates(one, len(found.truth)) for name, one in resampled.items()}
            yield resampled

    return mean_over_questions(each()), questions


def _estimates(measured: Resampled, texts: int) -> list[Estimate]:
    return [
        estimate(by_seed, resamples, texts)
        for by_seed, resamples in zip(measured.by_seed, measured.resamples, strict=True)
    ]


def _of_label(code: int, questions: Iterable[Examined]) -> OfLabel:
    counts = [n for found in questions if (n := int((found.truth == code).sum()))]
    return OfLabel(sum(counts), min(counts, default=0))


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
    return ByAgreement(accuracies, slope, fitted_line(accuracies))
