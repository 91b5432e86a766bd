"""The few figures a run is judged by, from the tables and metrics that its stages left."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from standin.evaluation.family import Sources, without_synthetic
from standin.report.words import by_budget

MEASURE = "macro_f1"
MAJORITY = "majority"
DIGITS = 3  # of what DVC shows: its columns are narrow, and intervals of macro-F1 are some 0.1 wide

Table = Sequence[Mapping[str, str]]


def headline(
    arms: Sources,
    scores: Table,
    comparisons: Table,
    texts: Table,
    generated: Mapping[str, Any],
    curated: Mapping[str, Any],
    diversity: Mapping[str, Any],
) -> dict[str, Any]:
    """Nested numbers; what was not measured is left out.

    ``macro_f1``: of every arm at its largest budget. ``gained``: what synthetic texts added to the same labelled ones,
    with its interval, for the arm that trains on randomly chosen texts where there is one, else for the first arm with
    a counterpart; ``labels_spent`` are those of that arm without synthetic texts. ``kept_share``: of the planned texts.
    ``chamfer_ratio``: the curated texts' mean cosine distance to the nearest other, over the real ones' at equal
    size, which is ``chamfer_texts``: of more texts the nearest other one is nearer.
    ``coverage``: similarity of real texts to curated ones, over that of the real texts' halves to each other.

    Args:
        arms: sources of every arm, in the order of params.yaml.
        scores: ``reports/evaluate/scores.csv``.
        comparisons: ``reports/evaluate/comparisons.csv``.
        texts: ``reports/arms/texts.csv``.
        generated: metrics of the stage generate.
        curated: metrics of the stage curate.
        diversity: metrics of the stage diversity.
    """
    spread = [diversity.get(kind, {}).get("chamfer_cosine") for kind in ("synthetic", "real")]
    near = [diversity.get(f"similarity_{name}") for name in ("coverage", "of_real_halves")]
    found = {
        "chamfer_ratio": _ratio(*spread),
        "chamfer_texts": diversity.get("texts_compared") if all(spread) else None,
        "coverage": _ratio(*near),
        "kept_share": curated.get("kept_share"),
        "macro_f1": arm_scores(scores),
        "texts_generated": generated.get("planned"),
        "tokens": _sum(generated.get("tokens_in"), generated.get("tokens_out")),
        **_gained(arms, comparisons, texts),
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def shown_by_dvc(figures: Mapping[str, Any], arms: Sources) -> dict[str, float]:
    """What ``reports/metrics.json`` holds: the figures of ``headline`` that fit beside one another in a terminal.

    ``real`` and ``synthetic`` are the macro-F1 of the first arm that trains on all real or on synthetic texts alone.
    """
    alone = {source: next((arm for arm, found in arms.items() if list(found) == [source]), "")
             for source in ("real", "synthetic")}  # fmt: skip
    values = {
        **{source: figures.get("macro_f1", {}).get(arm) for source, arm in alone.items()},
        "gained": figures.get("gained", {}).get("difference"),
        "kept": figures.get("kept_share"),
        "chamfer": figures.get("chamfer_ratio"),
        "coverage": figures.get("coverage"),
    }
    return {name: round(value, DIGITS) + 0.0 for name, value in values.items() if value is not None}


def arm_scores(scores: Table) -> dict[str, float]:
    """Macro-F1 of every arm at its largest budget, which stands last, in the order of the table."""
    return {row["arm"]: float(row["value"]) for row in scores if row["measure"] == MEASURE and row["arm"] != MAJORITY}


def learned_scores(scores: Table, learned: Table) -> dict[str, float]:
    """The same of the arms that have learned at their largest budget; ``learned``: ``reports/evaluate/learned.csv``."""
    last = {row["arm"]: row["budget"] for row in scores if row["measure"] == MEASURE}
    lost = {(row["arm"], row["budget"]) for row in learned}
    return {arm: score for arm, score in arm_scores(scores).items() if (arm, last[arm]) not in lost}


def _gained(arms: Sources, comparisons: Table, texts: Table) -> dict[str, Any]:
    pairs = [(arm, other) for arm in arms if "synthetic" in arms[arm] for other in without_synthetic(arm, arms)]
    pairs.sort(key=lambda pair: list(arms[pair[1]]) != ["random"])  # stable: the others keep their order
    numbers = ("difference", "low", "high")
    compared = [{**row, **{name: float(row[name]) for name in numbers}} for row in comparisons
                if row["measure"] == MEASURE]  # fmt: skip
    for arm, other in pairs:
        if rows := by_budget(compared, arm, other):
            row = rows[-1]
            labels = _labels(texts, other, row["budget"])
            return {"gained": {name: row[name] for name in numbers}, "labels_spent": labels}
    return {}


def _labels(texts: Table, arm: str, budget: str) -> float | None:
    """Real labels behind one classifier seed of an arm, all questions together: the mean over seeds."""
    sums: dict[str, int] = {}
    for row in texts:
        if row["arm"] == arm and row["budget"] in ("", budget):
            sums[row["seed"]] = sums.get(row["seed"], 0) + int(row["real_labels"])
    return fmean(sums.values()) if sums else None


def _ratio(value: float | None, yardstick: float | None) -> float | None:
    return round(value / yardstick, 6) if value is not None and yardstick else None


def _sum(*values: int | None) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
