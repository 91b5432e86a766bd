"""Macro-F1 against the number of labels: what more labels bring, and whether a smaller budget would have done."""

from collections.abc import Mapping, Sequence
from typing import Any

from standin.errors import counted
from standin.report import figures

MOST_LINES = 6


def by_budget(
    rows: Sequence[Mapping[str, Any]], confidence: float, *, several_questions: bool = False
) -> figures.Figure | None:
    """A line for each arm whose selected texts have several budgets, a dashed level for each arm without any.

    rows: name, budget ("" where the arm has no selected texts), value, low and high of every classifier, those that
    the page drops left out. several_questions: whether a budget is of each of several questions. None where no arm has
    two budgets.
    """
    budgets = sorted({int(row["budget"]) for row in rows if row["budget"]})
    if len(budgets) < 2:
        return None
    names = list(dict.fromkeys(_name(row) for row in rows))
    shown = sorted(names, key=lambda name: not any(_name(row) == name and row["budget"] for row in rows))[:MOST_LINES]
    drawn = [
        {
            **{key: float(row[key]) for key in ("value", "low", "high")},
            "name": _name(row),
            "budget": budget,
            "kind": "selected" if row["budget"] else "level",
        }
        for row in rows
        if _name(row) in shown
        for budget in ([int(row["budget"])] if row["budget"] else (budgets[0], budgets[-1]))
    ]
    left_out = len(names) - len(shown)
    more = f" {counted(left_out, 'further arm stands', 'further arms stand')} in the table." if left_out else ""
    said = "; ".join(f"{name}: {', '.join(_values(drawn, name, budgets[0]))}" for name in shown)
    return figures.Figure(
        _chart(drawn, shown, budgets, of_each=", per question" if several_questions else ""),
        f"Macro-F1 by the number of texts selected: {said}.",
        f"A line for each way to choose texts, with its {confidence:.0%} intervals; dashed is what arms without "
        f"selected texts reach.{more}",
    )


def _name(row: Mapping[str, Any]) -> str:
    return str(row["name"])


def _values(drawn: Sequence[Mapping[str, Any]], name: str, first: int) -> list[str]:
    """One arm's figures as "0.61 at 24"; that of a level once, without a budget."""
    own = [row for row in drawn if row["name"] == name]
    level = [f"{row['value']:.2f}" for row in own if row["kind"] == "level" and row["budget"] == first]
    return level or [f"{row['value']:.2f} at {row['budget']}" for row in own]


def _chart(drawn: Sequence[Mapping[str, Any]], names: Sequence[str], budgets: Sequence[int], *, of_each: str) -> str:
    import altair as alt

    legend = alt.Legend(orient="bottom", columns=1)
    selected, levels = ([row for row in drawn if row["kind"] == kind] for kind in ("selected", "level"))
    colour = alt.Color("name:N", scale=alt.Scale(domain=names, range=figures.SHADES), title=None, legend=legend)
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=figures.SHAPES), title=None, legend=legend)
    x = alt.X(
        "budget:Q",
        title=f"texts selected and labelled{of_each}",
        axis=alt.Axis(values=list(budgets), format="d"),
        scale=alt.Scale(zero=False, padding=12),
    )
    y = alt.Y("value:Q", title="macro-F1 on real test texts", scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart(figures.values(selected)).encode(x=x, color=colour)
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.5).encode(y=alt.Y("low:Q"), y2="high:Q")
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(y=y, shape=shape)
    chart = bars + base.mark_line().encode(y=y) + dots
    if levels:
        level = alt.Chart(figures.values(levels)).encode(x=x, y=y, color=colour)
        ends = level.mark_point(filled=True, size=60, opacity=1).encode(shape=shape)
        chart += level.mark_line(strokeDash=[5, 4]) + ends
    return figures.render(chart.properties(width=figures.WIDTH - 20, height=240))
