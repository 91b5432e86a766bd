"""What the arms reached and what they cost in labels, in the first sentences of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.report.naming import Sources
from standin.report.words import UNLEARNED, by_budget

Key = tuple[str, str]
GAIN = {
    "higher": "a clear gain",
    "lower": "a clear loss",
    "no difference": "which may be chance: no difference beyond the noise",
}


def outcome(
    scores: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
    counted: Mapping[Key, Mapping[str, str | None]],
    arms: Sources,
    unlearned: set[Key],
) -> list[str]:
    """Up to two sentences: synthetic texts alone beside all labelled ones, and random labels without and with them.

    Numbers are facts of this run; whether they differ is said by the corrected verdict alone. An arm that has not
    learned gives no number.

    Args:
        scores: arm, budget and macro-F1 (``value``) of every classifier.
        comparisons: of macro-F1, as ``words.answer`` reads them.
        counted: texts and real labels by arm and budget, as ``counts.arm_counts`` gives them.
        arms: sources of every arm.
        unlearned: arms and budgets that have not learned.
    """
    last: dict[str, Key] = {}
    values: dict[Key, float] = {}
    for row in sorted(scores, key=lambda row: int(row["budget"] or 0)):
        key = (row["arm"], row["budget"])
        last[row["arm"]], values[key] = key, float(row["value"])
    found = {tuple(sorted(sources)): last[arm] for arm, sources in reversed(list(arms.items())) if arm in last}
    reached = {sources: key for sources, key in found.items() if key not in unlearned}
    said = [_alone(reached, values, counted), _together(reached, values, counted, comparisons)]
    return [sentence for sentence in said if sentence]


def _alone(reached: Mapping[Any, Key], values: Mapping[Key, float], counted: Mapping[Key, Mapping[str, Any]]) -> str:
    alone, real = reached.get(("synthetic",)), reached.get(("real",))
    if alone is None:
        return ""
    texts, labels = (counted.get(alone, {}).get(name) for name in ("texts", "real_labels"))
    cost = (
        ", with no label from people," if labels == "0" else f", with {_labels(labels)} behind them," if labels else ""
    )
    said = f"Trained on {texts or 'the'} synthetic texts alone{cost} the classifier reaches {values[alone]:.2f}"
    if real is None or not values[real]:
        return f"{said}."
    share = values[alone] / values[real]
    whole = counted.get(real, {}).get("texts")
    return f"{said}: {share:.0%} of what {whole or 'all'} labelled texts reach ({values[real]:.2f})."


def _together(
    reached: Mapping[Any, Key],
    values: Mapping[Key, float],
    counted: Mapping[Key, Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
) -> str:
    drawn, both = reached.get(("random",)), reached.get(("random", "synthetic"))
    if drawn is None:
        return ""
    number = counted.get(drawn, {}).get("real_labels") or drawn[1]
    reach = "reaches" if number == "1" else "reach"
    said = f"{_labels(number) if number else 'Labels'} chosen at random {reach} {values[drawn]:.2f}"
    if both is None:
        return f"{said}."
    rows = [row for row in by_budget(comparisons, both[0], drawn[0]) if row["budget"] == both[1]]
    verdict = rows[-1]["verdict_holm"] if rows else UNLEARNED
    gain = f", {GAIN[verdict]}" if verdict in GAIN else ""
    return f"{said}; together with the synthetic texts {values[both]:.2f}{gain}."


def _labels(number: Any) -> str:
    return f"{number} label" if str(number) == "1" else f"{number} labels"
