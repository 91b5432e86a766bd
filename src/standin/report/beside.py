"""Lengths, nearness and labels of synthetic texts beside those of real ones, drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.curation.lengths import unit_of
from standin.report.figures import Figure, distribution, label_shares

TABLES = ("lengths", "nearest", "labels")
"""What the stage diversity leaves to be drawn."""
LONGER = "Grey bars are real texts, the line synthetic ones; the last bar also holds what is longer."
NEAREST = (
    "Where the line of synthetic texts lies left of the grey bars, they are unlike any real text; where the dashed "
    "line of real texts does, no synthetic text stands for these. At 1 lies the same text."
)


def pictures(tables: Mapping[str, Sequence[Mapping[str, Any]]], language: str) -> dict[str, tuple[str, Figure | None]]:
    """Title and figure of each of ``TABLES``; None where only one kind has values, as unlabelled texts have no labels.

    Args:
        tables: the rows that the stage diversity left.
        language: of the task, which says what lengths are counted in.
    """
    unit = unit_of(language)
    lengths, nearest, labels = (
        tables[name] if len({row["kind"] for row in tables[name]}) == kinds else []
        for name, kinds in zip(TABLES, (2, 3, 2), strict=True)
    )
    return {
        "lengths": (
            "Lengths of real and synthetic texts",
            distribution(lengths, f"{unit} a text", LONGER) if lengths else None,
        ),
        "nearest": (
            "How near the most similar text is",
            distribution(nearest, "cosine with the most similar text", NEAREST) if nearest else None,
        ),
        "labels": ("How labels share the texts", label_shares(labels) if labels else None),
    }
