"""The figures of a study: the columns of its first table, task by task; the texts in the plane."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from standin.report.figures import GREY, SHADES, SHAPES, WIDTH, Figure, render, selection, values
from standin.studies.measuring import CONFIDENCE, Scores, value
from standin.studies.records import Record
from standin.studies.study import SEED, Study

MEASURES = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
BAND = 18
"""Height of a column's line."""
MORE_SHADES, MORE_SHAPES = ("#b08a00", "#a8324a", "#4a5a8a"), ("triangle-right", "triangle-left", "diamond")
"""Beyond those of the report's figures, whose columns are fewer."""
BACKGROUND = 60
"""Texts of a kind that a panel of the plane shows at most, beside those that were chosen: git holds the picture."""


def drawn(study: Study, found: Mapping[str, Scores]) -> Figure | None:
    """A row a task, in it a line an arm with its interval; shape and shade name the arm. None without scores.

    Of the first table that holds arms; its columns that are figures of the runs have other scales.
    """
    shown = [(table, [name for name in table.columns if study.columns[name].arm]) for table in study.tables]
    table, names = next(((table, names) for table, names in shown if names), (study.tables[0], []))
    rows: list[dict[str, Any]] = []
    for task, measured in found.items():
        for name in names:
            if one := measured[table.measure].get(name):
                estimate = value(one)
                low, high = estimate.interval(CONFIDENCE, 0, 1)
                title = study.columns[name].title
                rows.append({"task": task, "name": title, "value": estimate.value, "low": low, "high": high})
    if not rows:
        return None
    titles = list(dict.fromkeys(row["name"] for row in rows))
    said = "; ".join(f"{title} {_range([row['value'] for row in rows if row['name'] == title])}" for title in titles)
    measure = MEASURES[table.measure]
    return Figure(
        _chart(rows, list(found), titles, measure),
        f"{measure} on real test texts, {', '.join(found)}: {said}.",
        f"Dots: {measure} on real test texts, means over seeds; lines: {CONFIDENCE:.0%} intervals.",
    )


def _range(found: Sequence[float]) -> str:
    low, high = f"{min(found):.2f}", f"{max(found):.2f}"
    return low if low == high else f"{low} to {high}"


def _chart(rows: list[dict[str, Any]], tasks: list[str], titles: list[str], measure: str) -> str:
    import altair as alt

    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f")
    y = alt.Y("name:N", sort=titles, axis=None)
    base = alt.Chart().encode(y=y)
    columns = 1 if len(max(titles, key=len)) > 12 else 2  # of the legend, whose long titles would lie on each other
    bars = base.mark_rule(strokeWidth=2, color=GREY).encode(
        x=alt.X("low:Q", scale=scale, axis=axis, title=f"{measure} on real test texts"), x2="high:Q"
    )
    shapes, shades = ([*own, *more][: len(titles)] for own, more in ((SHAPES, MORE_SHAPES), (SHADES, MORE_SHADES)))
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x="value:Q",
        shape=alt.Shape("name:N", sort=titles, scale=alt.Scale(domain=titles, range=shapes),
                        legend=alt.Legend(title=None, orient="top", columns=columns)),
        color=alt.Color("name:N", sort=titles, scale=alt.Scale(domain=titles, range=shades)),
    )  # fmt: skip
    panel = alt.layer(bars, dots, data=values(rows)).properties(width=WIDTH - 120, height=BAND * len(titles))
    header = alt.Header(labelAngle=0, labelAlign="left", labelFontSize=13, labelLimit=130, title=None)
    return render(panel.facet(row=alt.Row("task:N", sort=tasks, header=header), spacing=4))


def projected(study: Study, records: Sequence[Record]) -> Figure | None:
    """Real, synthetic and chosen texts in the plane, a panel a task (or question) and strategy, of the first runs.

    None where the study asks for none, or no run holds a plane. Of texts that were not chosen a panel shows some, at
    even distances.
    """
    first = {axis: axis_values[0] for axis, axis_values in study.grid.items()}
    own = [record for record in records if {**record.values} == first]
    points = [point for record in own for point in _thinned(record)]
    if not study.projections or not points:
        return None
    strategies = {str(point["panel"]).rpartition(", ")[2] for point in points}
    made = selection(points, columns=min(len(strategies), 3))
    svg = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", made.svg)
    svg = re.sub(r"\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}", svg)
    return Figure(
        svg,
        made.alt,
        f"{made.caption} Of base seed {first[SEED]}; of the other texts at most {BACKGROUND} of a kind are shown.",
    )


def _thinned(record: Record) -> Iterator[dict[str, Any]]:
    several = len({str(panel).rpartition(", ")[0] for panel, *_ in record.plane}) > 1
    for (panel, kind), rows in groupby(record.plane, key=lambda row: (str(row[0]), str(row[1]))):
        question, _, strategy = panel.rpartition(", ")
        of = list(rows)
        shown = of if kind == "selected" else of[:: -(-len(of) // BACKGROUND)]
        for _, _, x, y in shown:
            yield {"panel": f"{question if several else record.task}, {strategy}", "kind": kind, "x": x, "y": y}
