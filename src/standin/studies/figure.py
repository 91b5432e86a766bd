"""The figure of a study: the columns of its first table, task by task."""

from collections.abc import Mapping
from typing import Any

from standin.report.figures import GREY, SHADES, SHAPES, WIDTH, Figure, render, values
from standin.studies.measuring import CONFIDENCE, Scores, value
from standin.studies.study import Study

MEASURES = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
BAND = 18
"""Height of a column's line."""


def drawn(study: Study, found: Mapping[str, Scores]) -> Figure | None:
    """A row a task, in it a line a column with its interval; shape and shade name the column. None without scores."""
    table = study.tables[0]
    rows: list[dict[str, Any]] = []
    for task, measured in found.items():
        for name in table.columns:
            if one := measured[table.measure].get(name):
                estimate = value(one)
                low, high = estimate.interval(CONFIDENCE, 0, 1)
                title = study.columns[name].title
                rows.append({"task": task, "name": title, "value": estimate.value, "low": low, "high": high})
    if not rows:
        return None
    said = "; ".join(f"{row['task']}, {row['name']} {row['value']:.2f}" for row in rows)
    titles = list(dict.fromkeys(row["name"] for row in rows))
    measure = MEASURES[table.measure]
    return Figure(
        _chart(rows, list(found), titles, measure),
        f"{measure} on real test texts: {said}.",
        f"Dots: {measure} on real test texts, means over seeds; lines: {CONFIDENCE:.0%} intervals.",
    )


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
    dots = base.mark_point(filled=True, size=80, opacity=1).encode(
        x="value:Q",
        shape=alt.Shape("name:N", sort=titles, scale=alt.Scale(domain=titles, range=SHAPES[: len(titles)]),
                        legend=alt.Legend(title=None, orient="top", columns=columns)),
        color=alt.Color("name:N", sort=titles, scale=alt.Scale(domain=titles, range=SHADES[: len(titles)])),
    )  # fmt: skip
    panel = alt.layer(bars, dots, data=values(rows)).properties(width=WIDTH - 120, height=BAND * len(titles))
    header = alt.Header(labelAngle=0, labelAlign="left", labelFontSize=13, labelLimit=130, title=None)
    return render(panel.facet(row=alt.Row("task:N", sort=tasks, header=header), spacing=4))
