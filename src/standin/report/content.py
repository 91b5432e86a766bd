"""What the page shows, as plain values: tables from the rows and metrics that the stages left."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from standin.corpus import REASONS, Removed, SyntheticRow
from standin.report.naming import Sources, arm_words


def arm_name(row: Mapping[str, Any], arms: Sources) -> str:
    """The arm as the page calls it: in words, with its budget."""
    return arm_words(row["arm"], row["budget"], arms)


def arm_rows(
    scores: Sequence[Mapping[str, Any]],
    arms: Sources,
    counts: Mapping[tuple[str, str], Mapping[str, str | None]],
) -> list[dict[str, Any]]:
    """One row per arm and budget with both measures; ``counts`` holds texts and real labels by arm and budget."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in scores:
        made = {
            "name": arm_name(row, arms),
            "arm": row["arm"],
            "texts": None,
            "real_labels": None,
            "read": None,
            **counts.get((row["arm"], row["budget"]), {}),
        }
        own = found.setdefault((row["arm"], row["budget"]), made)
        own[row["measure"]] = {name: float(row[name]) for name in ("value", "low", "high")}
    return list(found.values())


def flow(planned: Iterable[str], kept: Iterable[SyntheticRow], removed: Iterable[Removed]) -> dict[str, Any]:
    """Planned = kept + removed by reason, per label and in all; ``planned`` holds one label a planned row.

    Raises AssertionError where the sums do not add up: the page must not show such a table.
    """
    asked, left = Counter(planned), Counter(str(row.label) for row in kept)
    out = Counter((row.label, row.reason) for row in removed)
    reasons = [reason for reason in REASONS if any(found == reason for _, found in out)]
    cells = {label: [asked[label], left[label], *(out[label, reason] for reason in reasons)] for label in asked}
    cells["all"] = [sum(column) for column in zip(*cells.values(), strict=True)]
    for label, (first, *rest) in cells.items():
        if first != sum(rest):
            raise AssertionError(f"{label}: {first} planned, but {rest} kept and removed")
    rows = [{"label": label, "cells": counts} for label, counts in cells.items()]
    return {"columns": ["planned", "kept", *reasons], "rows": rows}


def confusion_tables(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], shown: Sequence[str], arms: Sources
) -> list[Any]:
    """One table per arm named: (label, counts of each prediction)."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        counts[row["arm"], row["label"], row["predicted"]] += int(row["count"])
    return [
        {
            "arm": arm_words(arm, None, arms),
            "rows": [(label, [counts[arm, label, other] for other in labels]) for label in labels],
        }
        for arm in shown
        if any(key[0] == arm for key in counts)
    ]


def spread(rows: Sequence[Any], number: int) -> list[Any]:
    """``number`` rows at equal steps through the list: a sample that needs no dice."""
    step = max(1, len(rows) // number) if rows else 1
    return list(rows[::step])[:number]


def borderline(removed: Iterable[Removed], kept: Iterable[SyntheticRow], number: int) -> list[dict[str, Any]]:
    """The removed texts least similar to what they repeat: whether the thresholds are too strict shows here."""
    texts = {row.id: row.text for row in kept}
    scored = sorted((row.score, row.id, row) for row in removed if row.survivor and row.score is not None)
    return [
        {"score": score, "label": row.label, "text": row.text, "other": texts.get(str(row.survivor), row.survivor)}
        for score, _, row in scored[:number]
    ]


def why(row: Removed) -> str:
    """Why a text is out, in words."""
    reason = row.reason.replace("_", " ")
    score = f", similarity {row.score:.2f}" if row.score is not None else ""
    return f"{reason} of {row.survivor}{score}" if row.survivor else f"{reason}{score}"
