"""Which real texts to label first, and whom that list is from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from standin.corpus import Row, SelectedRow
from standin.report.content import shortened
from standin.report.naming import Sources, chosen
from standin.report.words import by_budget

MOST, FIRST = 200, 5  # texts that the page lists; those before the fold


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
            return name, f"Texts chosen {chosen(name)} did better than texts chosen at random."
    if "random" in strategies and not comparisons:
        return "random", "Nothing was compared in this run, so texts drawn at random serve."
    if "random" in strategies:
        others = " or ".join(chosen(name) for name in strategies if name != "random")
        none = f"Choosing texts {others} was not shown to do better than chance here, so texts drawn at random serve."
        return "random", none if others else "Texts are drawn at random; this run has no other strategy."
    return strategies[0], f"Texts are chosen {chosen(strategies[0])}; no random draw was there to compare with."


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
        ``rows`` (id, text, question, labelled): those without a label, or all where every one has one; ``number`` of
        all, ``labelled`` among them, ``left_out`` of the page.
    """
    texts = {row.id: row for row in pool}
    first = [row for row in ranked if row.seed == seed and row.budget == budget and row.rank <= budget]
    first = sorted((row for row in first if row.id in texts), key=lambda row: (row.question_id or "", row.rank))
    rows = [
        {"id": row.id, "text": shortened(texts[row.id].text),
         "question": texts[row.id].question or row.question_id, "labelled": row.id in labelled}
        for row in first
    ]  # fmt: skip
    listed = [row for row in rows if not row["labelled"]] or rows
    return {
        "rows": listed[:MOST],
        "number": len(rows),
        "labelled": sum(row["labelled"] for row in rows),
        "left_out": max(0, len(listed) - MOST),
    }
