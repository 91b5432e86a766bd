"""A study's figures: every column's score by task with its interval, claims and trends judged over base seeds.

A column's value under a base seed is the mean over training seeds; of several base seeds ``uncertainty`` adds the
variance between them, which holds other splits, synthetic texts and training seeds, to that of other test texts. As far
as base seeds have test texts of their own, the texts' part is in the seeds' (``resampling``). Of one base seed the
interval is over its training seeds and texts, and there is no verdict: it speaks of one run. Over tasks a difference is
the mean of theirs, whose variances add up (Welch and Satterthwaite's degrees of freedom): of these tasks, not of
others. Holm's correction is over the claims of one task, or of their mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from standin.evaluation.comparisons import holm
from standin.evaluation.scores import MEASURES, Floats
from standin.evaluation.uncertainty import Estimate, estimate
from standin.studies.records import FIRST, Record
from standin.studies.resampling import RESAMPLES, scored
from standin.studies.study import SEED, Claim, Column, Study, Trend

CONFIDENCE = 0.95
ONE, NOT_LEARNED = "one base seed", "not learned"
LEAST_TASKS = 4
"""Fewer give no trend."""
CONSTANT = "*"
"""In the place of a column: the answer that is always the most frequent label of the test texts."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A measure of one column on one task: by draw, shape (draws,), and on resamples, shape (draws, resamples).

    A draw is a base seed, a mean over training seeds; of one base seed it is a training seed.
    """

    by_draw: Floats
    resamples: Floats
    texts: int
    base_seeds: int
    unlearned: int
    """In how many base seeds' runs the arm had not learned; a claim of one that had not in any has no verdict."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A difference, and whether both arms had learned."""

    found: Estimate
    learned: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim on one task, or on the mean over tasks: difference, p-value by itself and after Holm, verdict."""

    claim: Claim
    found: Estimate
    p: float
    holm: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A trend: Kendall's tau-b over tasks with its interval over base seeds and texts, two-sided p-value, the tasks."""

    trend: Trend
    tau: float
    low: float
    high: float
    p: float
    tasks: tuple[str, ...]


Scores = Mapping[str, Mapping[str, Drawn]]
"""Measure -> column -> what was drawn, of one task."""


def scores(study: Study, records: Sequence[Record]) -> dict[str, Scores]:
    """Task -> measure -> column -> scores, over those base seeds of which every arm's column that is there has a run.

    A figure that some of those runs do not hold is no column.
    """
    found: dict[str, Scores] = {}
    for task in study.tasks:
        own = [record for record in records if record.task == task]
        by_column = {name: _by_seed(study, column, own) for name, column in study.columns.items()}
        present = {name: seeds for name, seeds in by_column.items() if seeds}
        arms = [seeds for name, seeds in present.items() if study.columns[name].arm] or list(present.values())
        common = sorted(set.intersection(*map(set, arms))) if arms else []
        if common:
            whole = {name: seeds for name, seeds in present.items() if set(common) <= set(seeds)}
            measured = {name: [seeds[seed] for seed in common] for name, seeds in whole.items()}
            measured[CONSTANT] = [_constant(next(one for one in own if one.values[SEED] == seed)) for seed in common]
            found[task] = {measure: {name: _joined([one[measure] for one in drawn])
                                     for name, drawn in measured.items()} for measure in MEASURES}  # fmt: skip
    return found


def _by_seed(study: Study, column: Column, records: Sequence[Record]) -> dict[int, dict[str, Drawn]]:
    """Base seed -> measure -> scores by training seed, of the runs that hold the column."""
    found = {}
    for record in records:
        if under(study, column, record):
            drawn = _scored(record, column)
            if drawn:
                found[int(record.values[SEED])] = drawn
    return found


def under(study: Study, column: Column, record: Record) -> bool:
    """Whether a run was made under the values of the grid that a column is read under."""
    wanted = {axis: column.at.get(axis, values[0]) for axis, values in study.grid.items() if axis != SEED}
    return {axis: value for axis, value in record.values.items() if axis != SEED} == wanted


def _scored(record: Record, column: Column) -> dict[str, Drawn]:
    """Score an arm, questions counting equally.

    A figure of the run is one value, the same under every measure, which other test texts do not change.
    """
    if column.figure is not None:
        known = record.figure(column.figure)
        as_it_is = Drawn(np.array([known]), np.full((1, RESAMPLES), known), 1, 1, unlearned=0)
        return dict.fromkeys(MEASURES, as_it_is) if known is not None else {}
    own = [one for one in record.answers if one.arm == column.arm]
    if not own or (column.label and column.label not in record.labels):
        return {}
    budgets = [one.budget or 0 for one in own]
    budget = {"smallest": min(budgets), "largest": max(budgets)}.get(str(column.budget), column.budget)
    own = [one for one in own if (one.budget or 0) == budget]
    seeds = sorted({one.seed for one in own})
    only = [record.labels.index(label) for label in ([column.label] if column.label else record.scored)]
    said = [[one.labels for seed in seeds for one in own if (one.seed, one.question) == (seed, question.question)]
            for question in record.texts]  # fmt: skip
    if any(len(labels) != len(seeds) for labels in said):
        return {}
    return _over_questions(record, said, only, int(column.arm in record.unlearned))


def _constant(record: Record) -> dict[str, Drawn]:
    """Scores of the most frequent label, given to every text of a question."""
    said = [[max(sorted(set(one.truth)), key=one.truth.count) * len(one.ids)] for one in record.texts]
    return _over_questions(record, said, [record.labels.index(label) for label in record.scored], unlearned=1)


def _over_questions(
    record: Record, said: Sequence[Sequence[str]], only: Sequence[int], unlearned: int
) -> dict[str, Drawn]:
    """Means over questions; ``said``: of each question, a string of answers a training seed."""
    parts = [
        scored(one.ids, _codes(one.truth), np.array([_codes(labels) for labels in own]), len(record.labels), only)
        for one, own in zip(record.texts, said, strict=True)
    ]
    texts = sum(len(one.ids) for one in record.texts)
    found = {}
    for measure in MEASURES:
        by_seed, again = (np.mean(kind, axis=0) for kind in zip(*(part[measure] for part in parts), strict=True))
        found[measure] = Drawn(by_seed, again, texts, 1, unlearned)
    return found


def _codes(characters: str) -> Any:
    return np.array([ord(character) - FIRST for character in characters], dtype=np.intp)


def _joined(seeds: Sequence[Drawn]) -> Drawn:
    """The scores of several base seeds, each the mean over its training seeds; of one, as they are."""
    if len(seeds) == 1:
        return seeds[0]
    return Drawn(
        np.array([one.by_draw.mean() for one in seeds]),
        np.stack([one.resamples.mean(axis=0) for one in seeds]),
        min(one.texts for one in seeds),
        len(seeds),
        sum(one.unlearned for one in seeds),
    )


def value(drawn: Drawn) -> Estimate:
    """A column's score with its uncertainty."""
    return estimate(drawn.by_draw, drawn.resamples, drawn.texts)


def difference(first: Drawn, second: Drawn) -> Estimate:
    """The first less the second, paired by draw and resample; an arm with one training seed stands for each."""
    draws = max(len(first.by_draw), len(second.by_draw))
    one, other = (_repeated(drawn, draws) for drawn in (first, second))
    return estimate(one[0] - other[0], one[1] - other[1], min(first.texts, second.texts))


def _repeated(drawn: Drawn, draws: int) -> tuple[Floats, Floats]:
    if len(drawn.by_draw) == draws:
        return drawn.by_draw, drawn.resamples
    return np.repeat(drawn.by_draw, draws), np.repeat(drawn.resamples, draws, axis=0)


def pooled(found: Sequence[Estimate]) -> Estimate:
    """The mean over tasks, whose texts and seeds have nothing to do with one another's."""
    variances = np.array([one.error**2 for one in found])
    freedom = np.array([one.freedom for one in found])
    total = float(variances.sum())
    own = total**2 / float((variances**2 / freedom).sum()) if total else float(freedom.sum())
    return Estimate(float(np.mean([one.value for one in found])), total**0.5 / len(found), own)


def claims(study: Study, found: Mapping[str, Scores]) -> dict[str | None, list[Judged]]:
    """Task -> its claims judged; under None their mean over the tasks with two base seeds or more that hold all."""
    judged: dict[str | None, list[Judged]] = {}
    repeated: list[dict[int, Compared]] = []
    for task, measured in found.items():
        by_column = measured[MEASURES[0]]
        compared = {
            place: Compared(
                difference(by_column[claim.first], by_column[claim.second]),
                not by_column[claim.first].unlearned and not by_column[claim.second].unlearned,
            )
            for place, claim in enumerate(study.claims)
            if claim.first in by_column and claim.second in by_column
        }
        several = min(drawn.base_seeds for drawn in by_column.values()) > 1
        judged[task] = _judged(study.claims, compared, several=several)
        repeated += [compared] if several else []
    if len(repeated) > 1:
        common = sorted(set.intersection(*(set(one) for one in repeated)))
        over = {
            place: Compared(pooled([one[place].found for one in repeated]), all(one[place].learned for one in repeated))
            for place in common
        }
        judged[None] = _judged(study.claims, over, several=True)
    return judged


def _judged(named: Sequence[Claim], compared: Mapping[int, Compared], *, several: bool) -> list[Judged]:
    p_values = [one.found.p_value() for one in compared.values()]
    judged = []
    for (place, one), p, adjusted in zip(compared.items(), p_values, holm(p_values), strict=True):
        said = NOT_LEARNED if not one.learned else verdict(named[place], one.found, p, adjusted) if several else ONE
        judged.append(Judged(named[place], one.found, p, adjusted, said))
    return judged


def verdict(claim: Claim, found: Estimate, p: float, adjusted: float) -> str:
    """Of a claim: "holds", "the opposite", "not clear" (clear only before Holm's correction), "within the noise"."""
    if p >= 1 - CONFIDENCE:
        return "within the noise"
    if adjusted >= 1 - CONFIDENCE:
        return "not clear"
    return "holds" if (found.value > 0) == (claim.expect == "higher") else "the opposite"


def trends(study: Study, found: Mapping[str, Scores], ranks: Mapping[str, float]) -> list[Ranked]:
    """Every trend over the tasks that have a rank and both columns; none of fewer than four tasks.

    The interval is over draws of every task's difference from its own estimate: it tells how sure the ranks of the
    differences are, not what other tasks would give. The p-value is Kendall's, of no association.
    """
    from scipy.stats import kendalltau

    ranked = []
    for trend in study.trends:
        tasks = [task for task in found if task in ranks
                 and {trend.first, trend.second} <= found[task][MEASURES[0]].keys()]  # fmt: skip
        if len(tasks) < LEAST_TASKS:
            continue
        by_column = [found[task][MEASURES[0]] for task in tasks]
        estimates = [difference(own[trend.first], own[trend.second]) for own in by_column]
        own_ranks = [ranks[task] for task in tasks]
        if len(set(own_ranks)) < 2 or len({one.value for one in estimates}) < 2:
            continue
        tau, p = kendalltau(own_ranks, [one.value for one in estimates])
        generator = np.random.default_rng(0)
        drawn = np.stack([one.value + one.error * generator.standard_t(max(one.freedom, 1), 2000) for one in estimates])
        taus = [kendalltau(own_ranks, drawn[:, place])[0] for place in range(drawn.shape[1])]
        low, high = np.quantile(taus, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        ranked.append(Ranked(trend, float(tau), float(low), float(high), float(p), tuple(tasks)))
    return ranked
