"""Which real texts each strategy chose, in the plane of the embeddings: points of a figure and of a plot."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.corpus import Row, SelectedRow
from standin.report import naming

MOST_PANELS = 8
LAYERS = ("real", "synthetic", "selected")
"""Kinds in the order in which they are drawn, the chosen texts on top."""


def points(
    projected: Sequence[Mapping[str, str]],
    rankings: Mapping[str, Sequence[SelectedRow]],
    rows: Sequence[Row],
    questions: Mapping[str, str],
    seed: int,
    budget: int,
) -> list[dict[str, Any]]:
    """The points of one panel a question and strategy.

    Args:
        projected: id, kind (``real`` or ``synthetic``), x and y of every text in the plane.
        rankings: strategy -> its ranking of the pool.
        rows: pool and synthetic texts, for their questions.
        questions: id -> words; empty in a task without questions.
        seed: of the ranking.
        budget: texts chosen of each question.

    Returns:
        ``panel``, ``kind``, ``x``, ``y``, ``id`` of each point, of at most ``MOST_PANELS`` panels.
    """
    asked = {row.id: row.question_id for row in rows}
    found: list[dict[str, Any]] = []
    ids: Sequence[str | None] = list(questions) or [None]
    words = [*questions.values()]
    panels = [(strategy, question) for question in ids for strategy in rankings]
    for strategy, question in panels[:MOST_PANELS]:
        taken = {
            row.id
            for row in rankings[strategy]
            if row.seed == seed and row.rank <= budget and row.question_id == question
        }
        name = naming.chosen(strategy)
        if question is not None:
            alone = words.count(questions[question]) == 1
            name = f"{questions[question]}{'' if alone else f' ({question})'}, {name}"
        for point in projected:
            if asked.get(point["id"]) == question and point["id"] in asked:
                kind = "selected" if point["id"] in taken else point["kind"]
                found.append(
                    {"panel": name, "kind": kind, "x": float(point["x"]), "y": float(point["y"]), "id": point["id"]}
                )
    return sorted(found, key=lambda point: LAYERS.index(point["kind"]))
