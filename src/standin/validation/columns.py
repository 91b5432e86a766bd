"""What Great Expectations sees of the synthetic data: computed columns, never a text.

Its Data Docs print values unescaped, so a ``<script>`` in a generated text would run in the reader's browser. Ids,
labels and questions stand for texts, escaped; a label or question that the task does not know shows as ``(unknown)``.
"""

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from standin.corpus import REASONS, Removed, Row, SyntheticRow, by_question
from standin.curation.duplicates import normalise
from standin.curation.lengths import Unit, characters, length
from standin.task import Label

Table: TypeAlias = list[dict[str, str | int | float | None]]
UNKNOWN, NO_QUESTION = "(unknown)", "(none)"
OWN: dict[Unit, int] = {"words": 3, "characters": 5}
"""A text that holds fewer words (or characters) beside its label's name and phrase merely names the label."""


@dataclass(frozen=True, slots=True)
class Tables:
    """``texts``: a row for each kept text. ``plan``: one for each planned row that is kept or was removed.

    ``labels``: one for each label of each question, also where no text has it.
    """

    texts: Table
    plan: Table
    labels: Table


def make_tables(
    labels: Sequence[Label],
    questions: Sequence[str],
    kept: Sequence[SyntheticRow],
    removed: Sequence[Removed],
    held_out: Sequence[Row],
    shots: Sequence[Row],
    unit: Unit = "words",
) -> Tables:
    """Compute the columns; that of the texts' lengths is called after their unit.

    Args:
        labels: the task's labels.
        questions: the ids of the task's questions; none in a task without questions.
        kept: curated texts.
        removed: rows taken out, with their reasons.
        held_out: rows of validation and test.
        shots: rows that prompts may have shown.
        unit: what the task's language is measured in.
    """
    return Tables(
        _texts(labels, questions, kept, held_out, shots, unit),
        _plan(kept, removed),
        _labels([label.name for label in labels], questions, kept),
    )


def known(value: str | None, allowed: Sequence[str], absent: str | None = None) -> str | None:
    """A label or question as Great Expectations may see it: escaped, ``(unknown)`` or, for None, ``absent``."""
    if value is None:
        return absent
    return html.escape(value) if value in allowed else UNKNOWN


def _texts(
    labels: Sequence[Label],
    questions: Sequence[str],
    kept: Sequence[SyntheticRow],
    held_out: Sequence[Row],
    shots: Sequence[Row],
    unit: Unit,
) -> Table:
    names = [label.name for label in labels]
    named = {label.name: [normalise(label.name), normalise(label.phrase)] for label in labels}
    forbidden = {normalise(row.text) for row in held_out}
    shown = {normalise(row.text) for row in shots}
    seen: set[tuple[str | None, str]] = set()
    table: Table = []
    for row in kept:
        text = row.text or ""
        key = normalise(text)
        table.append(
            {
                "id": html.escape(row.id),
                "label": known(row.label, names),
                "question": known(row.question_id, questions, NO_QUESTION),
                unit: length(text, unit),
                "is_blank": int(not text.strip()),
                "is_duplicate": int((row.question_id, key) in seen),
                "is_contaminated": int(key in forbidden),
                "names_label": int(_beside(key, named.get(row.label or "", ()), unit) < OWN[unit]),
                "copies_shot": int(key in shown),
            }
        )
        seen.add((row.question_id, key))
    return table


def _beside(key: str, names: Sequence[str], unit: Unit) -> int:
    """Words of a normalised text that are none of a label's; or its characters without the places that say the label's.

    Longer names go first, so that a phrase that holds the name goes as a whole.
    """
    if unit == "words":
        label_words = {word for name in names for word in name.split()}
        return sum(word not in label_words for word in key.split())
    for name in sorted(filter(None, names), key=len, reverse=True):
        key = key.replace(name, "")
    return len(characters(key))


def _plan(kept: Sequence[SyntheticRow], removed: Sequence[Removed]) -> Table:
    table: Table = []
    for row in kept:
        agrees = None if row.judged_label is None else float(row.judged_label == row.label)
        table.append(_fate(row.plan_id, "kept", agrees))
    for gone in removed:
        table.append(_fate(gone.plan_id, gone.reason, 0.0 if gone.reason == "judged_wrong" else None))
    return table


def _fate(plan_id: str, fate: str, agrees: float | None) -> dict[str, str | int | float | None]:
    row: dict[str, str | int | float | None] = {"id": html.escape(plan_id), "judged_agrees": agrees}
    row["fate"] = known(fate, ("kept", *REASONS))
    return row | {f"is_{reason}": int(fate == reason) for reason in REASONS}


def _labels(names: Sequence[str], questions: Sequence[str], kept: Sequence[SyntheticRow]) -> Table:
    groups = by_question(kept)
    table: Table = []
    asked: Sequence[str | None] = questions or [None]
    for question in asked:
        counts = Counter(row.label for row in groups.get(question, []))
        found = [counts[name] for name in names]
        gap = round((max(found) - min(found)) / max(sum(found), 1), 6)
        for name, texts in zip(names, found, strict=True):
            place = name if question is None else f"{question}: {name}"
            table.append({"id": html.escape(place), "texts": texts, "label_gap": gap})
    return table


def mean_length(rows: Sequence[Row], unit: Unit = "words") -> float | None:
    """Mean length of real texts, or None where there are none."""
    return sum(length(row.text, unit) for row in rows) / len(rows) if rows else None
