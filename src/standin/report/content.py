"""What the page shows, as plain values: tables from the rows and metrics that the stages left."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from standin.corpus import REASONS, Removed, SyntheticRow
from standin.errors import counted
from standin.ingredients import has_generated
from standin.report.naming import Sources, arm_words

MOST_LABELS, MOST_ERRORS = 8, 15  # of a table of confusions; where there are more labels, this many errors are listed
MOST_CHARACTERS = 700  # of a text on the page
MEANINGS = {
    "refused": "the model declined, or spoke as an assistant",
    "unparsable": "the answer held no text",
    "rejected": "a person took it out",
    "invalid": "too short, too long, broken, or the same under two labels",
    "off_task": "far from every real text of the task",
    "judged_wrong": "the judge gave it another label than was asked for",
    "contaminated": "like a text that classifiers are tested on",
    "copied": "repeats an example of its prompt",
    "duplicate": "like another text that was kept",
}
"""Why a text was removed, in words."""


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


def plotted(
    scores: Sequence[Mapping[str, str]], arms: Sources, counts: Mapping[tuple[str, str], Mapping[str, str | None]]
) -> list[dict[str, Any]]:
    """Each arm's score with its name, whether it trains on synthetic texts, and the real labels behind it."""
    return [
        {
            "name": arm_name(row, arms),
            "synthetic": has_generated(arms.get(row["arm"], ())),
            "real_labels": counts.get((row["arm"], row["budget"]), {}).get("real_labels"),
            **{name: float(row[name]) for name in ("value", "low", "high")},
        }
        for row in scores
    ]


def differences(compared: Sequence[Mapping[str, Any]], arms: Sources) -> list[dict[str, Any]]:
    """The comparisons with the names of both arms."""
    return [
        {
            **row,
            "a": arm_name({**row, "arm": row["arm_a"]}, arms),
            "b": arm_name({**row, "arm": row["arm_b"]}, arms),
        }
        for row in compared
    ]


def by_agreement(rows: Sequence[Mapping[str, str]], arms: Sources) -> list[dict[str, Any]]:
    """The points of accuracy by agreement, with the arm's name and its line; without those that no text reaches."""
    return [
        {
            "name": arm_name(row, arms),
            "gamma": float(row["gamma"]),
            "accuracy": float(row["accuracy"]),
            "texts": int(row["texts"]),
            **{name: float(row[name]) if row[name] else None for name in ("fitted", "r2", "rho")},
        }
        for row in rows
        if row["accuracy"]
    ]


def retained_rows(
    scores: Sequence[Mapping[str, Any]],
    arms: Sources,
    counts: Mapping[tuple[str, str], Mapping[str, str | None]],
) -> list[dict[str, Any]]:
    """What each arm keeps of what all labelled texts reach, with the real labels behind it and behind that one."""
    whole = next(
        (found.get("real_labels") for (arm, _), found in counts.items() if list(arms.get(arm, ())) == ["real"]), None
    )
    return [
        {
            **row,
            "name": arm_name(row, arms),
            "synthetic": has_generated(arms.get(row["arm"], ())),
            "labels": counts.get((row["arm"], row["budget"]), {}).get("real_labels"),
            "whole": whole,
        }
        for row in scores
    ]


def flow(planned: Iterable[str], kept: Iterable[SyntheticRow], removed: Iterable[Removed]) -> dict[str, Any]:
    """Planned = kept + removed by reason, per label and in all; ``planned`` holds one label a planned row.

    Raises AssertionError where the sums do not add up: the page must not show such a table.
    """
    asked, left = Counter(planned), Counter(str(row.label) for row in kept)
    out = Counter((row.label, row.reason) for row in removed)
    reasons = [reason for reason in REASONS if any(found == reason for _, found in out)]
    cells = {label: [asked[label], left[label], *(out[label, reason] for reason in reasons)] for label in asked}
    cells["all"] = [sum(column) for column in zip(*cells.values(), strict=True)] or [0, 0]
    for label, (first, *rest) in cells.items():
        if first != sum(rest):
            raise AssertionError(f"{label}: {first} planned, but {rest} kept and removed")
    rows = [{"label": label, "cells": counts} for label, counts in cells.items()]
    return {"columns": ["planned", "kept", *reasons], "rows": rows}


def fates(flow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What became of the planned texts, of ``flow``: kept first, then each reason, with number, place and meaning.

    ``left`` and ``width`` are percentages of all planned texts, for a bar.
    """
    planned, *numbers = flow["rows"][-1]["cells"]
    found, left = [], 0.0
    for name, number in zip(flow["columns"][1:], numbers, strict=True):
        width = 100 * number / planned if planned else 0.0
        meaning = "used to train classifiers" if name == "kept" else MEANINGS[name]
        found.append({"name": name.replace("_", " "), "meaning": meaning, "number": number, "left": f"{left:.2f}%",
                      "width": f"{width:.2f}%"})  # fmt: skip
        left += width
    return found


def confusions(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], shown: Sequence[str], arms: Sources
) -> list[dict[str, Any]]:
    """One table per arm named: (label, [(count, share of the row)]); of many labels the most frequent errors instead.

    ``errors`` holds (label, what it was taken for, count, share of the label's answers).
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        counts[row["arm"], row["label"], row["predicted"]] += int(row["count"])
    found = []
    for arm in shown:
        of = {label: sum(counts[arm, label, other] for other in labels) for label in labels}
        if not any(of.values()):
            continue
        pairs = [(a, b, counts[arm, a, b]) for a in labels for b in labels]
        cells = {(a, b): (count, count / of[a] if of[a] else 0.0) for a, b, count in pairs}
        errors = sorted((-count, a, b, cells[a, b][1]) for a, b, count in pairs if a != b and count)
        small = len(labels) <= MOST_LABELS
        found.append(
            {
                "arm": arm_words(arm, None, arms),
                "rows": [(label, [cells[label, other] for other in labels]) for label in labels] if small else [],
                "errors": [] if small else [(a, b, -count, share) for count, a, b, share in errors[:MOST_ERRORS]],
                "more": 0 if small else max(0, len(errors) - MOST_ERRORS),
            }
        )
    return found


def spread(rows: Sequence[Any], number: int) -> list[Any]:
    """``number`` rows at equal steps through the list: a sample that needs no dice."""
    step = max(1, len(rows) // number) if rows else 1
    return list(rows[::step])[:number]


def by_turns(rows: Sequence[Any], key: Callable[[Any], str], number: int) -> list[Any]:
    """``number`` rows, of each kind one in turn, each kind's at equal steps: no label or reason hides the others."""
    kinds: dict[str, list[Any]] = {}
    for row in rows:
        kinds.setdefault(key(row), []).append(row)
    each = math.ceil(number / len(kinds)) if kinds else 0
    spreads = [spread(found, each) for found in kinds.values()]
    turns = [found[turn] for turn in range(each) for found in spreads if turn < len(found)]
    return turns[:number]


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text as the page shows it: a long one ends with how much of it is left out."""
    return text if len(text) <= most else f"{text[:most]} … ({counted(len(text) - most, 'character')} more)"


def borderline(removed: Iterable[Removed], kept: Iterable[SyntheticRow], number: int) -> list[dict[str, Any]]:
    """The removed texts least similar to what they repeat: whether the thresholds are too strict shows here."""
    texts = {row.id: row.text for row in kept}
    scored = sorted((row.score, row.id, row) for row in removed if row.survivor and row.score is not None)
    return [
        {
            "score": score,
            "label": row.label,
            "text": shortened(row.text),
            "other": shortened(texts.get(str(row.survivor), str(row.survivor))),
        }
        for score, _, row in scored[:number]
    ]


def why(row: Removed) -> str:
    """Why a text is out, in words."""
    score = f" (similarity {row.score:.2f})" if row.score is not None else ""
    return f"{row.reason.replace('_', ' ')}: {MEANINGS[row.reason]}{score}"
