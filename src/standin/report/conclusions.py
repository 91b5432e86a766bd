"""What can be concluded of a run: a row for each difference that was asked for, and what reads otherwise elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.report.naming import Sources, arm_words
from standin.report.words import ADDED, SHOTS_ADDED, Rows, findings, largest, other_budgets, unasked


def conclusions(comparisons: Rows, arms: Sources, strategies: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """The comparisons at the largest budget, each with what was done (``said``), and a sentence on other budgets.

    They are those of ``words.answer``, in its order, without arms that have not learned.
    """
    found = findings(comparisons, arms, strategies)
    rows = [{**row, "said": _said(row, arms, lead)} for lead, pairs in found for row in largest(pairs)]
    elsewhere = other_budgets(found, comparisons, arms)
    if not rows and not elsewhere:
        rows = [{**row, "said": _said(row, arms)} for row in unasked(comparisons)]
    return rows, elsewhere


def _said(row: Mapping[str, Any], arms: Sources, lead: str = "") -> str:
    a, b = (arm_words(row[name], row["budget"], arms) for name in ("arm_a", "arm_b"))
    added = {ADDED: "synthetic texts", SHOTS_ADDED: "the labelled examples"}
    said = f"{added[lead]} added to {b}" if lead in added else f"{a} instead of {b}"
    return said[0].upper() + said[1:]
