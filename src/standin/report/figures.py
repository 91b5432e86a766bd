"""Figures of the report: one idea each, labelled axes, readable in greyscale, as SVG text with an alternative text.

Vega-Lite specifications by altair, rendered by vl-convert without network or browser.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INK = "#222222"
GREY = "#8a8a8a"
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
SHADES = ["#1b1b1b", "#0b6e8f", "#b5541c", "#6b6b6b", "#5b8c2a", "#8c5a9e"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A rendered figure: its SVG, what it shows for those who do not see it, and what to see in it."""

    svg: str
    alt: str
    caption: str


def _render(chart: Any) -> str:
    import vl_convert

    spec = chart.configure_view(stroke=None).configure_axis(
        labelColor=INK, titleColor=INK, gridColor="#e4e4e4", labelFontSize=12, titleFontSize=12, labelLimit=260
    )
    return str(vl_convert.vegalite_to_svg(spec.to_json()))


def _values(rows: Sequence[Mapping[str, Any]]) -> Any:
    import altair as alt

    return alt.Data(values=[dict(row) for row in rows])  # type: ignore[no-untyped-call]


def arms(scores: Sequence[Mapping[str, Any]], confidence: float, banner: str | None = None) -> Figure:
    """Macro-F1 of every arm as a dot with its interval, the best on top; ``scores`` hold name, value, low, high.

    The row ``majority`` (always the most frequent label), where it is among them, is a hollow diamond without interval.
    ``banner`` stands above the figure, for where it is shown without its page.
    """
    import altair as alt

    data = _values([row for row in scores if row["name"] != "majority"])
    order = [row["name"] for row in sorted(scores, key=lambda row: -float(row["value"]))]
    y = alt.Y("name:N", sort=order, title=None)
    x = alt.Scale(domain=[0, 1])
    bars = alt.Chart(data).mark_rule(strokeWidth=2, color=GREY).encode(
        y=y, x=alt.X("low:Q", scale=x, title="macro-F1 on real test texts (1 is perfect)"), x2="high:Q"
    )  # fmt: skip
    dots = alt.Chart(data).mark_point(filled=True, size=90, color=INK, opacity=1).encode(y=y, x="value:Q")
    said = "; ".join(f"{row['name']} {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})" for row in scores)
    chart = bars + dots
    if floor := [row for row in scores if row["name"] == "majority"]:
        hollow = alt.Chart(_values(floor)).mark_point(filled=False, size=70, color=INK, shape="diamond", opacity=1)
        chart += hollow.encode(y=y, x="value:Q")
    chart = chart.properties(width=460, height=36 * len(scores))
    if banner:
        chart = chart.properties(title=alt.TitleParams(banner, anchor="start", color="#a33c00", fontSize=13))
    return Figure(
        _render(chart),
        f"Macro-F1 with {confidence:.0%} intervals: {said}.",
        f"Dots are means over seeds, lines {confidence:.0%} intervals."
        + (" The hollow diamond is what always giving the most frequent label reaches." if floor else ""),
    )


def projection(points: Sequence[Mapping[str, Any]]) -> Figure:
    """Real and synthetic texts in the plane of their two principal components; points hold x, y, kind, label."""
    import altair as alt

    kinds = sorted({str(point["kind"]) for point in points})
    chart = alt.Chart(_values(points), width=210, height=210).mark_point(size=22, opacity=0.75, filled=True)
    encoded = chart.encode(
        x=alt.X("x:Q", title="first principal component"),
        y=alt.Y("y:Q", title="second principal component"),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=["#9a9a9a", "#0b6e8f"]), title=None),
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]), title=None),
        facet=alt.Facet("label:N", columns=2, title=None),
    )
    counts = ", ".join(f"{sum(p['kind'] == kind for p in points)} {kind}" for kind in kinds)
    return Figure(
        _render(encoded),
        f"Scatter plot of text embeddings per label: {counts} texts. Overlap means that the synthetic texts cover the "
        "real ones.",
        "Embeddings in the plane of their first two principal components, one panel a label. Where no triangle lies "
        "among the circles, the synthetic texts miss real ones.",
    )


def agreement(rows: Sequence[Mapping[str, Any]], source: str) -> Figure:
    """Accuracy of each arm on the test texts whose agreement is at least gamma; rows hold name, gamma, accuracy."""
    import altair as alt

    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    base = alt.Chart(_values(rows)).encode(
        x=alt.X("gamma:Q", title="agreement of at least"),
        y=alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="accuracy (share of texts)"),
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=SHADES), title=None),
    )
    shaped = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("name:N", scale=alt.Scale(domain=names, range=SHAPES), title=None)
    )
    counts = {row["gamma"]: row["texts"] for row in rows}
    said = ", ".join(f"{count} texts at {gamma}" for gamma, count in sorted(counts.items()))
    return Figure(
        _render((base.mark_line() + shaped).properties(width=420, height=220)),
        f"Accuracy against the least agreement of {source}: {said}.",
        f"Test texts on which {source} agree less are left out from left to right ({said}). The sets are nested, so a "
        "trend alone proves nothing.",
    )
