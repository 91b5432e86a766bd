"""How well each label is recognised and each question answered, of the few arms that the page compares."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.ingredients import has_generated
from standin.report import lines
from standin.report.naming import Sources, arm_words
from standin.task import Task

Table = Sequence[Mapping[str, str]]
MOST = 12
"""Labels or questions that are drawn; of more those that the first arm does worst on."""


def drawings(
    labels: Table, questions: Table, task: Task, arms: Sources, shown: Sequence[str], confidence: float
) -> dict[str, Any]:
    """The drawings ``by_label`` and ``by_question``, from ``reports/evaluate/labels.csv`` and ``questions.csv``."""
    names = {question.id: question.text for question in task.questions}
    whole = [row for row in questions if row["measure"] == "macro_f1"]
    return {
        "by_label": drawing(labels, "label", {}, arms, shown, confidence),
        "by_question": drawing(whole, "question_id", names, arms, shown, confidence),
    }


def drawing(
    table: Table,
    part: str,
    names: Mapping[str, str],
    arms: Sources,
    shown: Sequence[str],
    confidence: float,
) -> dict[str, Any] | None:
    """A row for each label or question and each of the arms shown at its largest budget; None where there is one part.

    Args:
        table: rows of one measure.
        part: the column that names the label or question.
        names: what the page calls it.
        arms: what each arm trains on.
        shown: the arms, the one that parts are ordered by first.
        confidence: of the intervals.
    """
    largest = {row["arm"]: row["budget"] for row in table}  # budgets rise
    rows = [row for row in table if row["arm"] in shown and row["budget"] == largest[row["arm"]]]
    first = sorted((row for row in rows if row["arm"] == shown[0]), key=lambda row: float(row["value"]))
    order = [row[part] for row in first]
    if len(order) < 2:
        return None
    kept = [
        {
            **{name: float(row[name]) for name in ("value", "low", "high")},
            "name": names.get(row[part], row[part]),
            "note": arm_words(row["arm"], row["budget"], arms),
            "synthetic": has_generated(arms[row["arm"]]),
        }
        for place in order[:MOST]
        for arm in shown
        for row in rows
        if (row[part], row["arm"]) == (place, arm)
    ]
    return lines.parts(kept, "F1" if part == "label" else "Macro-F1", confidence, len(order) - len(order[:MOST]), part)
