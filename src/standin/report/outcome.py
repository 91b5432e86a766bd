"""What the arms reached and what they cost in labels, in the first sentences of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.ingredients import strategy
from standin.report.naming import Sources, chosen
from standin.report.words import UNLEARNED, by_budget

Key = tuple[str, str]
GAIN = {
    "higher": "a clear gain",
    "lower": "a clear loss",
    "no difference": "a difference that may be chance",
}


def outcome(
    scores: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
    behind: Mapping[Key, Mapping[str, str | None]],
    arms: Sources,
    unlearned: set[Key],
) -> list[str]:
    """What synthetic texts alone reach beside all labelled ones, random labels without and with them, strategies.

    Numbers are facts of this run; whether they differ is said by the corrected verdict alone. An arm that has not
    learned gives no number.

    Args:
        scores: arm, budget and macro-F1 (``value``) of every classifier.
        comparisons: of macro-F1, as ``words.answer`` reads them.
        behind: texts and real labels by arm and budget, as ``counts.arm_counts`` gives them.
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
    said = [
        _alone(reached, values, behind),
        _together(reached, values, behind, comparisons),
        *_instead(reached, values, comparisons),
    ]
    return [sentence for sentence in said if sentence]


def _alone(reached: Mapping[Any, Key], values: Mapping[Key, float], behind: Mapping[Key, Mapping[str, Any]]) -> str:
    alone, real = reached.get(("synthetic",)), reached.get(("real",))
    if alone is None:
        return ""
    texts, labels = (behind.get(alone, {}).get(name) for name in ("texts", "real_labels"))
    behind_them = counted(labels, "label") if labels else ""
    cost = ", with no label from people," if labels == "0" else f", with {behind_them} behind them," if labels else ""
    on = counted(texts, "synthetic text") if texts else "the synthetic texts"
    said = f"Trained on {on} alone{cost} the classifier reaches a macro-F1 of {values[alone]:.2f}"
    if real is None or not values[real]:
        return f"{said}."
    whole = behind.get(real, {}).get("texts")
    reached_by = f"{counted(whole, 'labelled text')} {_reach(whole)}" if whole else "all labelled texts reach"
    return f"{said}: {values[alone] / values[real]:.0%} of what {reached_by} ({values[real]:.2f})."


def _together(
    reached: Mapping[Any, Key],
    values: Mapping[Key, float],
    behind: Mapping[Key, Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
) -> str:
    drawn, both = reached.get(("random",)), reached.get(("random", "synthetic"))
    if drawn is None:
        return ""
    number = behind.get(drawn, {}).get("real_labels") or drawn[1]
    labels = counted(number, "label") if number else "Labels"
    said = f"{labels} chosen at random {_reach(number)} {values[drawn]:.2f}"
    if both is None:
        return f"{said}."
    rows = [row for row in by_budget(comparisons, both[0], drawn[0]) if row["budget"] == both[1]]
    verdict = rows[-1]["verdict_holm"] if rows else UNLEARNED
    gain = f", {GAIN[verdict]}" if verdict in GAIN else ""
    return f"{said}; together with the synthetic texts {values[both]:.2f}{gain}."


def _instead(
    reached: Mapping[Any, Key], values: Mapping[Key, float], comparisons: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What choosing texts by a strategy changed: a sentence for each clear difference, one for all without one."""
    drawn = reached.get(("random",))
    if drawn is None:
        return []
    clear, without = [], []
    for sources, key in reversed(list(reached.items())):  # in the order of params.yaml
        if len(sources) > 1 or strategy(sources[0]) in (None, "random"):
            continue
        rows = [row for row in by_budget(comparisons, key[0], drawn[0]) if row["budget"] == key[1]]
        verdict = rows[-1]["verdict_holm"] if rows else UNLEARNED
        how = chosen(sources[0])
        if verdict in ("higher", "lower"):
            clear.append(f"Chosen {how} instead they reach {values[key]:.2f}, {GAIN[verdict]}.")
        elif verdict == "no difference":
            without.append((how, f"{values[key]:.2f}"))
    if len(without) == 1:
        ((how, value),) = without
        clear.append(f"Chosen {how} instead they reach {value}, {GAIN['no difference']}.")
    elif without:
        said = " or ".join(f"{how} ({value})" for how, value in without)
        clear.append(f"Chosen {said} instead, the differences may be chance.")
    return clear


def _reach(number: str) -> str:
    return "reaches" if number == "1" else "reach"
