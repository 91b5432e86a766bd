"""Whether classifiers are as often right as they say: the figure and the table of calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.report import figures
from standin.report.naming import arm_words

Table = Sequence[Mapping[str, str]]


def rows(table: Table, arms: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Of each arm and budget its name and the summary figures; ``table``: ``reports/evaluate/reliability.csv``."""
    found = {}
    for row in table:
        name = arm_words(row["arm"], row["budget"], arms)
        found[name] = {"name": name, **{key: float(row[key]) for key in ("ece", "lowest", "highest", "by_chance")}}
    return list(found.values())


def figure(table: Table, arms: Mapping[str, Sequence[str]], shown: Sequence[str]) -> figures.Figure | None:
    """Share right against probability, a point a bin, of the arms ``shown`` at their largest budget."""
    import altair as alt

    largest = {row["arm"]: row["budget"] for row in table}  # budgets rise
    points = [
        {
            "name": arm_words(row["arm"], row["budget"], arms),
            **{key: float(row[key]) for key in ("probability", "right", "texts")},
        }
        for row in table
        if row["arm"] in shown and row["budget"] == largest[row["arm"]]
    ]
    if not points:
        return None
    names = list(dict.fromkeys(str(point["name"]) for point in points))
    legend = alt.Legend(orient="bottom", columns=1)
    axis = alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f")
    scale = alt.Scale(domain=[0, 1])
    ends = [{"probability": end, "right": end} for end in (0, 1)]
    x = alt.X("probability:Q", scale=scale, axis=axis, title="probability of the answer")
    y = alt.Y("right:Q", scale=scale, axis=axis, title="share of answers that are right")
    perfect = alt.Chart(figures.values(ends)).mark_line(color=figures.GREY, strokeDash=[4, 3]).encode(x=x, y=y)
    base = alt.Chart(figures.values(points)).encode(
        x=x,
        y=y,
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=figures.SHADES), title=None, legend=legend),
    )
    dots = base.mark_point(filled=True, opacity=1).encode(
        size=alt.Size("texts:Q", scale=alt.Scale(range=[20, 160]), legend=None),
        shape=alt.Shape("name:N", scale=alt.Scale(domain=names, range=figures.SHAPES), title=None, legend=legend),
    )
    chart = (perfect + base.mark_line(strokeWidth=1.5) + dots).properties(width=300, height=260)
    said = "; ".join(
        f"{row['name']}: calibration error {row['ece']:.2f}" for row in rows(table, arms) if row["name"] in names
    )
    return figures.Figure(
        figures.render(chart),
        f"Share of right answers against their probability. {said}.",
        "On the dashed line a classifier is right as often as it says; below it, it is too sure. Larger marks stand "
        "for more answers, over all training seeds.",
    )
