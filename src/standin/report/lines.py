"""Figures that are lists: a row each with its name, its dot and interval on a common axis, and its number.

The page draws them by itself, so that their words keep the size of the page's on a phone and are text to a screen
reader. ``figures`` makes those that are pictures. Places on an axis are percentages of its length.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.report.naming import MOST_FREQUENT
from standin.report.words import decimal

Rows = Sequence[Mapping[str, Any]]
MINUS = "\N{MINUS SIGN}"
VERDICTS = {"higher": "better", "lower": "worse", "no difference": "may be chance"}
"""Other verdicts say themselves."""


def scores(rows: Rows, confidence: float) -> dict[str, Any]:
    """Macro-F1 of every arm, the best on top; rows hold name, synthetic, real_labels, value, low, high.

    Arms that train on synthetic texts have filled dots, the others rings, the most frequent label a stroke.
    """
    ranked = sorted(rows, key=lambda row: -float(row["value"]))
    drawn = [
        {
            **_placed(row, 0, 1),
            "name": row["name"],
            "note": _labels(row["real_labels"]),
            "kind": "floor" if row["name"] == MOST_FREQUENT else "with" if row["synthetic"] else "without",
            "said": decimal(float(row["value"]), 2),
            "under": "",
            "interval": f"interval {decimal(float(row['low']), 2)} to {decimal(float(row['high']), 2)}",
        }
        for row in ranked
    ]
    kinds = {row["kind"] for row in drawn}
    legend = [
        "Filled dots: trained with synthetic texts." if "with" in kinds else "",
        "Rings: without." if "without" in kinds else "",
        "The stroke: what giving every text the same label reaches." if "floor" in kinds else "",
        f"Lines are {confidence:.0%} intervals, dots means over training seeds.",
    ]
    return {
        "axis": "Macro-F1 on real test texts; 1 is perfect",
        "rows": drawn,
        "ticks": _ticks((0, 0.2, 0.4, 0.6, 0.8, 1), 0, 1, "{:g}"),
        "mark": None,
        "caption": " ".join(part for part in legend if part),
    }


def differences(rows: Rows, confidence: float) -> dict[str, Any]:
    """Differences in macro-F1 around 0; rows hold said, difference, low, high and Holm's verdict."""
    widest = max(0.1, *(abs(float(row[name])) for row in rows for name in ("low", "high")))
    reach = math.ceil(widest * 10) / 10
    drawn = [
        {
            **_placed({"value": row["difference"], "low": row["low"], "high": row["high"]}, -reach, reach),
            "name": row["said"],
            "note": "",
            "kind": "clear" if row["verdict_holm"] in {"higher", "lower"} else "open",
            "said": _signed(row["difference"]),
            "under": VERDICTS.get(row["verdict_holm"], row["verdict_holm"]),
            "interval": f"interval {_signed(row['low'])} to {_signed(row['high'])}",
        }
        for row in rows
    ]
    return {
        "axis": "Difference in macro-F1; right of the line is better",
        "rows": drawn,
        "ticks": _ticks((-reach, -reach / 2, 0, reach / 2, reach), -reach, reach, "{:+.2g}"),
        "mark": "50.00%",
        "caption": (
            f"Lines are {confidence:.0%} intervals. Filled dots are clear differences; “may be chance” (rings) is said "
            "of all that are not clear once the number of comparisons is allowed for."
        ),
    }


def parts(rows: Rows, measure: str, confidence: float, left_out: int, table: str) -> dict[str, Any]:
    """F1 of single labels, or macro-F1 of questions, in the order given; rows: name, note, synthetic, value, low, high.

    ``left_out``: how many labels or questions are in the table alone; ``table``: what its column calls them.
    """
    drawn = [
        {
            **_placed(row, 0, 1),
            "name": row["name"],
            "note": row["note"].replace(" ", "\N{NO-BREAK SPACE}"),
            "kind": "with" if row["synthetic"] else "without",
            "said": decimal(float(row["value"]), 2),
            "under": "",
            "interval": f"interval {decimal(float(row['low']), 2)} to {decimal(float(row['high']), 2)}",
        }
        for row in rows
    ]
    what = "label" if table == "label" else "question"
    more = f" {counted(left_out, f'further {what}')}, better recognised, in the table." if left_out else ""
    return {
        "axis": f"{measure} on real test texts, the hardest {what} first; 1 is perfect",
        "rows": drawn,
        "ticks": _ticks((0, 0.2, 0.4, 0.6, 0.8, 1), 0, 1, "{:g}"),
        "mark": None,
        "caption": f"Lines are {confidence:.0%} intervals; few test texts make them long.{more}",
    }


REACHED = 0.95
"""From here on an arm reaches what all labelled texts reach, if its interval's lower end does."""


def retained(rows: Rows, confidence: float) -> dict[str, Any]:
    """What each arm keeps of what all labelled texts reach; rows hold name, synthetic, labels, whole, value, low, high.

    ``labels`` and ``whole``: real labels behind the arm and behind the one of all labelled texts.
    """
    top = max(1.1, *(float(row["high"]) for row in rows))
    drawn = [
        {
            **_placed(row, 0, top),
            "name": row["name"],
            "note": _part(row["labels"], row["whole"]),
            "kind": "with" if row["synthetic"] else "without",
            "said": f"{float(row['value']):.0%}",
            "under": "",
            "interval": f"interval {float(row['low']):.0%} to {float(row['high']):.0%}",
        }
        for row in sorted(rows, key=lambda row: -float(row["value"]))
    ]
    return {
        "axis": "Share of the macro-F1 that all labelled texts reach",
        "rows": drawn,
        "ticks": _ticks([tick for tick in (0, 0.5, 1, 1.5) if tick <= top], 0, top, "{:.0%}"),
        "mark": f"{100 / top:.2f}%",
        "caption": f"Lines are {confidence:.0%} intervals over training seeds and test texts, seed by seed.",
    }


def saved(rows: Rows, confidence: float) -> str:
    """Which arm reaches what all labelled texts reach with the fewest labels, or that none surely does."""
    fewer = [
        row
        for row in rows
        if row["labels"] is not None and row["whole"] and _number(row["labels"]) < _number(row["whole"])
    ]
    if not fewer:
        return ""
    between = "interval {low:.0%} to {high:.0%}"
    reaching = [row for row in fewer if float(row["low"]) >= REACHED]
    if reaching:
        best = min(reaching, key=lambda row: (_number(row["labels"]), -float(row["value"])))
        share = _number(best["labels"]) / _number(best["whole"])
        return (
            f"With {share:.0%} of the labels ({_part(best['labels'], best['whole'])}), {best['name']} keeps "
            f"{best['value']:.0%} of what all labelled texts reach ({confidence:.0%} {between.format(**best)})."
        )
    best = max(fewer, key=lambda row: float(row["low"]))
    return (
        f"Nothing with fewer labels surely keeps {REACHED:.0%} of what all labelled texts reach; nearest comes "
        f"{best['name']} ({_part(best['labels'], best['whole'])}) with {best['value']:.0%} ({between.format(**best)})."
    )


def _number(said: str) -> int:
    """A count as ``counts.arm_counts`` writes it: ``1,200``, or ``240 to 241`` where classifiers differ."""
    return int(said.rpartition(" to ")[2].replace(",", ""))


def _part(labels: str | None, whole: str | None) -> str:
    """``48 of 240 labels``; spaces that do not break."""
    if labels is None or whole is None:
        return _labels(labels)
    return f"{labels} of {counted(whole, 'label')}".replace(" ", "\N{NO-BREAK SPACE}")


def shares(rows: Rows) -> dict[str, Any]:
    """How near the synthetic texts come to what real ones reach; rows hold name, note and share (1: as real texts)."""
    top = max(1.25, *(float(row["share"]) for row in rows))
    drawn = [
        {
            **_placed({"value": row["share"], "low": 0, "high": row["share"]}, 0, top),
            "name": row["name"],
            "note": row["note"],
            "kind": "with",
            "said": f"{float(row['share']):.0%}",
            "under": "",
            "interval": "",
        }
        for row in rows
    ]
    return {
        "axis": "Share of what real texts reach; 100% is as real",
        "rows": drawn,
        "ticks": _ticks([tick for tick in (0, 0.5, 1, 1.5, 2) if tick <= top], 0, top, "{:.0%}"),
        "mark": f"{100 / top:.2f}%",
        "caption": "The line at 100% is what real texts reach against other real texts, at equal number.",
    }


def _labels(number: str | None) -> str:
    """``240 labels``, ``no labels``; spaces that do not break, as the words stand beside a name."""
    said = "" if number is None else "no labels" if number == "0" else counted(number, "label")
    return said.replace(" ", "\N{NO-BREAK SPACE}")


def _signed(value: float) -> str:
    return decimal(value, 2, "+").replace("-", MINUS)


def _placed(row: Mapping[str, Any], low: float, high: float) -> dict[str, str]:
    names = {"at": "value", "left": "low", "right": "high"}
    return {place: _place(float(row[name]), low, high) for place, name in names.items()}


def _place(value: float, low: float, high: float) -> str:
    return f"{100 * (min(max(value, low), high) - low) / (high - low):.2f}%"


def _ticks(values: Iterable[float], low: float, high: float, form: str) -> list[dict[str, str]]:
    """Where each tick stands and what it says; zero has no sign. Ticks at an end are written towards the inside."""
    return [
        {
            "at": _place(value, low, high),
            "said": form.format(value).replace("-", MINUS) if value else form.format(0).lstrip("+"),
            "anchor": "start" if value == low else "end" if value == high else "middle",
        }
        for value in values
    ]
