"""The result as rows of tables and as metrics."""

import math
from collections.abc import Iterator, Mapping, Sequence

from standin.choices import RELATIVE_REFERENCES
from standin.evaluation.calibration import Calibration
from standin.evaluation.family import Entry
from standin.evaluation.results import Result
from standin.evaluation.scores import MEASURES
from standin.evaluation.tables import rounded
from standin.evaluation.uncertainty import Estimate

FEW = 5  # test texts of a label (of any question) that decide a good part of macro-F1 by themselves
SLOPE, RETAINED = "agreement_slope", "retained"
MAJORITY = Entry("majority", None)
TABLES: dict[str, tuple[str, ...]] = {
    "scores": ("arm", "budget", "measure", "value", "low", "high", "seeds", "texts"),
    "questions": ("question_id", "arm", "budget", "measure", "value", "low", "high", "seeds", "texts"),
    "labels": ("label", "arm", "budget", "value", "low", "high", "seeds", "texts"),
    "comparisons": (
        "arm_a", "arm_b", "budget", "measure", "difference", "low", "high", "verdict", "p_holm", "verdict_holm", "p",
        "reference", "mcnemar_seeds",
    ),
    "learned": ("arm", "budget", "question_id", "reason", "share", "label"),
    "agreement": ("arm", "budget", "gamma", "texts", "accuracy", "source", "fitted", "r2", "rho"),
    "confusion": ("arm", "label", "predicted", "count"),
    "reliability": (
        "arm", "budget", "low", "high", "texts", "probability", "right", "ece", "lowest", "highest", "by_chance",
    ),
}  # fmt: skip
"""Name of the table -> its columns.

A row of ``questions`` is of one question, of ``scores`` the mean over them; the arm ``majority`` is in both; a row
of ``labels`` is the F1 of one label, the mean over the questions that have texts of it; ``texts`` counts them. The arms
of ``learned`` are those that have not, with the reason. ``arm_b`` of ``comparisons`` is what ``reference`` asked for,
``mcnemar_seeds`` the seeds of which McNemar's test alone tells the two apart. The measure ``retained`` is macro-F1 over
that of the arm of all labelled texts. ``fitted``, ``r2`` and ``rho`` of ``agreement`` are of the line through an arm's
points; a row of ``reliability`` is a bin, ``ece`` and what follows it are of all its arm's bins.
"""

Cells = tuple[str | int | float | None, ...]


def table_rows(
    result: Result,
    labels: Sequence[str],
    agreement_source: str | None = None,
    calibrated: Mapping[Entry, Calibration] | None = None,
) -> dict[str, list[Cells]]:
    """Rows of every table in ``TABLES``; ``agreement_source``: whose agreement the stage subjectivity found."""
    known = [(entry, calibrated[entry]) for entry in result.entries if entry in calibrated] if calibrated else []
    return {
        "scores": list(_scores(result)),
        "questions": list(_question_scores(result)),
        "labels": list(_label_scores(result)),
        "comparisons": list(_comparisons(result)),
        "learned": list(_learned(result)),
        "agreement": list(_agreement(result, agreement_source)),
        "confusion": list(_confusion(result, labels)),
        "reliability": [
            (entry.arm, entry.budget, *cells, one.ece, one.lowest, one.highest, one.by_chance)
            for entry, one in known
            for cells in one.bins
        ],
    }


def metrics(result: Result) -> dict[str, dict[str, float | bool]]:
    """Measures with bounds, and whether it has learned, per arm; with several budgets per ``<arm>_<budget>``."""
    budgets = {entry.arm: sum(other.arm == entry.arm for other in result.entries) for entry in result.entries}

    def key(arm: str, budget: int | None) -> str:
        return f"{arm}_{budget}" if budgets.get(arm, 1) > 1 else arm

    found: dict[str, dict[str, float | bool]] = {}
    for arm, budget, measure, value, low, high, *_ in _scores(result):
        named = ((str(measure), value), (f"{measure}_low", low), (f"{measure}_high", high))
        own = found.setdefault(key(arm, budget), {})
        own.update({name: rounded(number) for name, number in named})
    lost = {one.place for one in result.unlearned}
    for place, entry in enumerate(result.entries):
        found[key(entry.arm, entry.budget)]["learned"] = place not in lost
    return found


def scope(result: Result) -> str:
    """What the intervals speak of, in words that stand beside them."""
    varied = f"{result.seeds} training seeds and the test texts" if result.seeds > 1 else "the test texts alone"
    sentence = (
        f"{result.confidence:.0%} intervals over {varied} (t distribution; {result.resamples:,} resamples of the texts "
        "within each label): they speak of this data set, this synthetic data and these seeds, not of the method; only "
        "runs with other values of base.seed do."
    )
    if result.seeds == 1:
        sentence += " With one seed they leave out how much training varies."
    elif result.seeds == 2:
        sentence += " Two seeds tell little of how much training varies: hardly any difference can be told from noise."
    if drawn := result.drawn_once:
        each, share = ("is one draw", "it") if len(drawn) == 1 else ("are one draw each", "them")
        sentence += (
            f" As people label, all seeds share one selection: {' and '.join(drawn)} {each}, and no interval holds "
            f"what another draw would change; arms that differ in {share} have no verdict (one selection)."
        )
    compared = len(result.comparisons[MEASURES[0]])
    if compared > 1:
        sentence += (
            f" {compared} comparisons were named beforehand (evaluate.references); verdicts after Holm's correction "
            "allow for their number."
        )
    if rare := [f"{label!r} ({own.fewest})" for label, own in result.of_label.items() if 0 < own.fewest < FEW]:
        sentence += (
            f" Few test texts have the label {', '.join(rare)}: macro-F1 weighs them as much as any other label, so "
            "read it with the accuracy beside it."
        )
    if result.scored_labels:
        sentence += (
            f" Macro-F1 is the mean over the labels {' and '.join(result.scored_labels)} (evaluate.scored_labels)."
        )
    if missing := absent(result):
        sentence += f" Nothing was compared with {' and '.join(missing)}: there is no such arm with scores."
    return sentence


def absent(result: Result) -> list[str]:
    """References that are arms by name, but not among those scored."""
    arms = {entry.arm for entry in result.entries}
    return [name for name in result.references if name not in arms and name not in RELATIVE_REFERENCES]


def _measured(
    result: Result, measured: Mapping[str, Sequence[Estimate]], texts: int
) -> Iterator[tuple[str, int | None, str, float, float, float, int, int]]:
    for measure in MEASURES:
        for entry, found in zip([*result.entries, MAJORITY], measured[measure], strict=True):
            low, high = found.interval(result.confidence, 0, 1)
            yield entry.arm, entry.budget, measure, found.value, low, high, result.seeds, texts


def _scores(result: Result) -> Iterator[tuple[str, int | None, str, float, float, float, int, int]]:
    yield from _measured(result, result.overall, sum(result.texts.values()))
    for entry, found in zip(result.entries, result.by_agreement, strict=True):
        if slope := found.slope:
            bounds = slope.value, slope.low, slope.high
            yield entry.arm, entry.budget, SLOPE, *bounds, result.seeds, result.agreement_texts
    for place, share in result.retained.items():
        entry, (low, high) = result.entries[place], share.interval(result.confidence, 0, math.inf)
        yield entry.arm, entry.budget, RETAINED, share.value, low, high, result.seeds, sum(result.texts.values())


def _question_scores(result: Result) -> Iterator[Cells]:
    for question, measured in result.questions.items():
        if question is not None:
            yield from ((question, *cells) for cells in _measured(result, measured, result.texts[question]))


def _label_scores(result: Result) -> Iterator[Cells]:
    for label, measured in result.labels.items():
        for entry, found in zip([*result.entries, MAJORITY], measured, strict=True):
            low, high = found.interval(result.confidence, 0, 1)
            yield label, entry.arm, entry.budget, found.value, low, high, result.seeds, result.of_label[label].texts


def _comparisons(result: Result) -> Iterator[Cells]:
    for measure, found in result.comparisons.items():
        for one in found:
            pair = one.pair
            arms = result.entries[pair.first].arm, result.entries[pair.second].arm
            bounds = one.difference, one.low, one.high
            verdicts = one.verdict, one.holm, one.verdict_holm
            yield *arms, pair.budget, measure, *bounds, *verdicts, one.p, pair.reference, one.mcnemar


def _learned(result: Result) -> Iterator[Cells]:
    for one in result.unlearned:
        entry = result.entries[one.place]
        yield entry.arm, entry.budget, one.question, one.reason, one.share, one.label


def _agreement(result: Result, source: str | None) -> Iterator[Cells]:
    for entry, found in zip(result.entries, result.by_agreement, strict=True):
        for gamma, texts, accuracy in found.accuracies:
            line = (found.line.at(gamma), found.line.r2, found.line.rho) if found.line else (None, None, None)
            yield entry.arm, entry.budget, gamma, texts, accuracy, source, *line


def _confusion(result: Result, labels: Sequence[str]) -> Iterator[Cells]:
    """At the arm's largest budget, which is its last entry."""
    largest = {entry.arm: place for place, entry in enumerate(result.entries)}
    for arm, place in largest.items():
        for label, counts in zip(labels, result.confusions[place], strict=True):
            yield from ((arm, label, predicted, int(n)) for predicted, n in zip(labels, counts, strict=True))
