"""Which real texts to label first, and whom that list is from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from standin.corpus import Row, SelectedRow
from standin.report.naming import STRATEGIES, Sources
from standin.report.words import by_budget

MOST = 200  # texts that the page lists


def advised(comparisons: Sequence[Mapping[str, Any]], arms: Sources, strategies: Sequence[str]) -> tuple[str, str]:
    """The strategy whose texts the page lists, with the reason.

    It is the first that is higher than random after Holm's correction at the largest budget where both train alone;
    where none is, a random draw is as good as any.
    """
    alone = {sources[0]: arm for arm, sources in arms.items() if len(sources) == 1}
    judged = [name for name in strategies if name != "random" and name in alone and "random" in alone]
    for name in judged:
        rows = by_budget(comparisons, alone[name], alone["random"])
        if rows and rows[-1]["verdict_holm"] == "higher":
            return name, f"Texts chosen {STRATEGIES.get(name, f'by {name}')} did better than texts chosen at random."
    if "random" in strategies and not comparisons:
        return "random", "Nothing was compared in this run, so a random draw serves."
    if "random" in strategies:
        others = ", ".join(name.upper() for name in strategies if name != "random")
        none = f"No strategy ({others}) was shown to do better than chance here, so a random draw serves."
        return "random", none if others else "A random draw is the one strategy of this run."
    return strategies[0], "No random draw was there to compare with."


def to_label(
    ranked: Sequence[SelectedRow], pool: Sequence[Row], labelled: Collection[str], seed: int, budget: int
) -> dict[str, Any]:
    """The texts that one seed selects within the budget, in the order of their ranks (question by question).

    Args:
        ranked: of one strategy, all seeds and budgets.
        pool: the real texts.
        labelled: ids that the label file has a label for.
        seed: whose ranking is shown.
        budget: texts per question.

    Returns:
        ``rows`` (id, text, question, labelled), ``number`` of all of them, ``labelled`` among them, ``left_out`` ones.
    """
    texts = {row.id: row for row in pool}
    chosen = [row for row in ranked if row.seed == seed and row.budget == budget and row.rank <= budget]
    chosen = sorted((row for row in chosen if row.id in texts), key=lambda row: (row.question_id or "", row.rank))
    rows = [
        {"id": row.id, "text": texts[row.id].text, "question": texts[row.id].question or row.question_id,
         "labelled": row.id in labelled}
        for row in chosen
    ]  # fmt: skip
    return {
        "rows": rows[:MOST],
        "number": len(rows),
        "labelled": sum(row["labelled"] for row in rows),
        "left_out": max(0, len(rows) - MOST),
    }
