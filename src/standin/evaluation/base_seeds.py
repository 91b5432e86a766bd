"""Means, intervals and verdicts over runs that differ in the base seed alone: what speaks of the method.

Each base seed draws other splits, another plan and other texts, and trains anew, so its scores are one draw of what
the method gives on this data set. The interval is Student's, over those draws; the runs' own intervals do not enter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from standin.evaluation.comparisons import holm
from standin.evaluation.tables import rounded

NOT_LEARNED = "not learned"
FEW = 3
"""Below so many base seeds the table says how little they tell."""
BOUNDS = {"macro_f1": 1.0, "accuracy": 1.0}
"""Measures between 0 and this; differences lie between its negative and it. Others have no bound."""
TABLES = {
    "scores": ("arm", "budget", "measure", "value", "low", "high", "number", "base_seeds", "values"),
    "comparisons": (
        "arm_a", "arm_b", "budget", "measure", "difference", "low", "high", "p", "p_holm", "verdict_holm", "number",
        "base_seeds", "differences", "not_learned",
    ),
}  # fmt: skip
"""Name of the table -> its columns. ``values`` and ``differences`` stand in the order of ``base_seeds``;
``not_learned`` names the base seeds in whose run an arm of the pair had not learned."""

Verdict = Literal["higher", "lower", "no difference", "not learned", "no verdict"]
Table = Sequence[Mapping[str, str]]
Cells = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """The tables ``scores`` and ``comparisons`` of the stage evaluate in the run of one base seed."""

    seed: int
    scores: Table
    comparisons: Table


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean over base seeds, its t interval, and the p-value of the t test that it is 0.

    Interval and p are None where they would mean nothing: with one value, or with values that are all equal, which
    says that the base seed changed nothing and not that the mean is exact.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None


def mean(values: Sequence[float], confidence: float) -> Mean:
    """Mean and two-sided Student interval with ``len(values) - 1`` degrees of freedom. ``values``: at least one."""
    from scipy.stats import t

    middle, freedom = fmean(values), len(values) - 1
    spread = stdev(values) if freedom else 0.0
    if not spread:
        return Mean(middle, None, None, None)
    error = spread / len(values) ** 0.5
    side = error * reach(len(values), confidence)
    return Mean(middle, middle - side, middle + side, 2 * float(t.sf(abs(middle) / error, freedom)))


def reach(seeds: int, confidence: float) -> float:
    """How many standard errors the interval over so many base seeds (at least 2) goes to each side: 12.7 for two."""
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, seeds - 1))


def table_rows(runs: Sequence[Run], confidence: float) -> dict[str, list[Cells]]:
    """Rows of every table in ``TABLES``, over runs of different base seeds, in the order of the seeds."""
    ordered = sorted(runs, key=lambda run: run.seed)
    return {"scores": list(_scores(ordered, confidence)), "comparisons": list(_comparisons(ordered, confidence))}


def scope(seeds: Sequence[int], confidence: float) -> str:
    """What the intervals speak of, in words that stand beside them. ``seeds``: at least two."""
    wide = reach(len(seeds), confidence)
    said = (
        f"Means over base seeds {', '.join(map(str, seeds))} with {confidence:.0%} t intervals "
        f"({len(seeds) - 1} degrees of freedom). Every base seed draws its own splits, plan and texts, so they speak "
        "of the method on this data set, not of other data sets. Verdicts are Holm's over all pairs compared."
    )
    if len(seeds) < FEW:
        said += (
            f" {len(seeds)} seeds say little: the interval reaches {wide:.1f} standard errors to each side; with "
            f"{FEW} seeds {reach(FEW, confidence):.1f}, with 5 {reach(5, confidence):.1f}."
        )
    return said


def _scores(runs: Sequence[Run], confidence: float) -> Iterator[Cells]:
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for run in runs:
        for row in run.scores:
            if row["value"]:
                key = (row["arm"], row["budget"], row["measure"])
                found.setdefault(key, {})[run.seed] = float(row["value"])
    for (arm, budget, measure), values in found.items():
        one = mean(list(values.values()), confidence)
        bounds = _clipped(one, 0.0, BOUNDS.get(measure))
        seeds = len(values), _words(values), _words(map(rounded, values.values()))
        yield arm, budget, measure, one.value, *bounds, *seeds


@dataclass(frozen=True, slots=True)
class _Paired:
    """One pair's differences by base seed, and the base seeds in whose run an arm of it had not learned."""

    differences: dict[int, float]
    unlearned: list[int]


def _comparisons(runs: Sequence[Run], confidence: float) -> Iterator[Cells]:
    found: dict[tuple[str, str, str, str], _Paired] = {}
    for run in runs:
        for row in run.comparisons:
            pair = found.setdefault((row["arm_a"], row["arm_b"], row["budget"], row["measure"]), _Paired({}, []))
            pair.differences[run.seed] = float(row["difference"])
            if NOT_LEARNED in (row["verdict"], row["verdict_holm"]):
                pair.unlearned.append(run.seed)
    means = {key: mean(list(pair.differences.values()), confidence) for key, pair in found.items()}
    adjusted: dict[tuple[str, str, str, str], float] = {}
    for measure in dict.fromkeys(key[3] for key in found):
        tested = {key: one.p for key, one in means.items() if key[3] == measure and one.p is not None}
        adjusted |= dict(zip(tested, holm(list(tested.values())), strict=True))
    for key, pair in found.items():
        one, values = means[key], pair.differences
        limit = BOUNDS.get(key[3])
        bounds = _clipped(one, None if limit is None else -limit, limit)
        verdict = _verdict(one.value, adjusted.get(key), confidence, learned=not pair.unlearned)
        tests = one.p, adjusted.get(key), verdict
        seeds = len(values), _words(values), _words(map(rounded, values.values())), _words(pair.unlearned)
        yield *key, one.value, *bounds, *tests, *seeds


def _verdict(value: float, p: float | None, confidence: float, *, learned: bool) -> Verdict:
    """A pair in which an arm had not learned in some run stays in Holm's family, but nothing is concluded from it."""
    if not learned:
        return "not learned"
    if p is None:
        return "no verdict"
    if p >= 1 - confidence:
        return "no difference"
    return "higher" if value > 0 else "lower"


def _clipped(one: Mean, least: float | None, most: float | None) -> tuple[float | None, float | None]:
    """The interval within what the measure can be: over few seeds the t interval goes beyond."""
    low, high = one.low, one.high
    if low is not None and high is not None and least is not None and most is not None:
        return max(low, least), min(high, most)
    return low, high


def _words(values: Iterable[float]) -> str:
    return " ".join(str(value) for value in values)
