"""The result as rows of tables and as metrics."""

from collections.abc import Iterator, Sequence

from standin.evaluation.intervals import Resampled
from standin.evaluation.results import Result
from standin.evaluation.scores import MEASURES
from standin.evaluation.tables import rounded

SLOPE = "agreement_slope"
TABLES: dict[str, tuple[str, ...]] = {
    "scores": ("arm", "budget", "measure", "value", "low", "high", "seeds", "texts"),
    "questions": ("question_id", "arm", "budget", "measure", "value", "low", "high", "seeds", "texts"),
    "comparisons": (
        "arm_a", "arm_b", "budget", "measure", "difference", "low", "high", "verdict", "p_holm", "verdict_holm",
    ),
    "agreement": ("arm", "budget", "gamma", "texts", "accuracy"),
    "confusion": ("arm", "label", "predicted", "count"),
}  # fmt: skip
"""Name of the table -> its columns; a row of ``questions`` is of one question, of ``scores`` the mean over them."""

Cells = tuple[str | int | float | None, ...]


def table_rows(result: Result, labels: Sequence[str]) -> dict[str, list[Cells]]:
    """Rows of every table in ``TABLES``."""
    return {
        "scores": list(_scores(result)),
        "questions": list(_question_scores(result)),
        "comparisons": list(_comparisons(result)),
        "agreement": list(_agreement(result)),
        "confusion": list(_confusion(result, labels)),
    }


def metrics(result: Result) -> dict[str, dict[str, float]]:
    """Measure, lower and upper bound per arm; where an arm has several budgets, per ``<arm>_<budget>``."""
    budgets = {entry.arm: sum(other.arm == entry.arm for other in result.entries) for entry in result.entries}
    found: dict[str, dict[str, float]] = {}
    for arm, budget, measure, value, low, high, *_ in _scores(result):
        key = f"{arm}_{budget}" if budgets[str(arm)] > 1 else str(arm)
        named = ((str(measure), value), (f"{measure}_low", low), (f"{measure}_high", high))
        found.setdefault(key, {}).update({name: rounded(float(number or 0)) for name, number in named})
    return found


def scope(result: Result) -> str:
    """What the intervals speak of, in words that stand beside them."""
    resampled = f"{result.seeds} training seeds and the test texts" if result.seeds > 1 else "the test texts alone"
    sentence = (
        f"{result.confidence:.0%} bootstrap intervals over {resampled}: they speak of this data set, this synthetic "
        "data and these seeds, not of the method; only runs with other values of base.seed do."
    )
    if result.seeds == 1:
        sentence += " With one seed they leave out how much training varies."
    compared = len(result.comparisons[MEASURES[0]])
    if compared > 1:
        sentence += f" {compared} comparisons were made; verdict_holm allows for that, verdict does not."
    return sentence


def _measured(result: Result, measured: dict[str, Resampled], texts: int) -> Iterator[Cells]:
    for measure in MEASURES:
        low, high = measured[measure].interval(result.confidence)
        for place, entry in enumerate(result.entries):
            value = float(measured[measure].value[place])
            bounds = float(low[place]), float(high[place])
            yield entry.arm, entry.budget, measure, value, *bounds, result.seeds, texts


def _scores(result: Result) -> Iterator[Cells]:
    yield from _measured(result, result.overall, sum(result.texts.values()))
    for entry, found in zip(result.entries, result.by_agreement, strict=True):
        if slope := found.slope:
            bounds = slope.value, slope.low, slope.high
            yield entry.arm, entry.budget, SLOPE, *bounds, result.seeds, result.agreement_texts


def _question_scores(result: Result) -> Iterator[Cells]:
    for question, measured in result.questions.items():
        if question is not None:
            yield from ((question, *cells) for cells in _measured(result, measured, result.texts[question]))


def _comparisons(result: Result) -> Iterator[Cells]:
    for measure, found in result.comparisons.items():
        for budget, one in found:
            arms = result.entries[one.first].arm, result.entries[one.second].arm
            clear = one.holm < 1 - result.confidence
            verdict_holm = ("higher" if one.difference > 0 else "lower") if clear else "no difference"
            yield *arms, budget, measure, one.difference, one.low, one.high, one.verdict, one.holm, verdict_holm


def _agreement(result: Result) -> Iterator[Cells]:
    for entry, found in zip(result.entries, result.by_agreement, strict=True):
        yield from ((entry.arm, entry.budget, *cells) for cells in found.accuracies)


def _confusion(result: Result, labels: Sequence[str]) -> Iterator[Cells]:
    """At the arm's largest budget, which is its last entry."""
    largest = {entry.arm: place for place, entry in enumerate(result.entries)}
    for arm, place in largest.items():
        for label, counts in zip(labels, result.confusions[place], strict=True):
            yield from ((arm, label, predicted, int(n)) for predicted, n in zip(labels, counts, strict=True))
