"""Figures of the report: one idea each, labelled axes, readable in greyscale, as SVG text with an alternative text.

Vega-Lite specifications by altair, rendered by vl-convert without network or browser. Figures are 440 units wide, so
that their text stays readable on a phone of 360 pixels.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from standin.errors import counted
from standin.report.naming import MOST_FREQUENT

INK = "#222222"
GREY = "#8a8a8a"
ACCENT = "#0b6e8f"
GRID = "#e4e4e4"
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
SHADES = ["#1b1b1b", ACCENT, "#b5541c", "#6b6b6b", "#5b8c2a", "#8c5a9e"]
THEME = {INK: "var(--ink)", "#1b1b1b": "var(--ink)", GREY: "var(--soft)", ACCENT: "var(--accent)", GRID: "var(--line)"}
"""Colours of a figure that follow the page, light or dark; alone, as in the README, it keeps its own."""
TAG = re.compile(r'<(?:[^">]|"[^"]*")*>')
MARKS = {"real": (GREY, "circle", 12), "synthetic": (ACCENT, "triangle-up", 14), "selected": (INK, "diamond", 50)}
"""Colour, shape and size of a text in the plane."""
WIDTH = 400
GAP = 8 * "\N{NO-BREAK SPACE}"
MOST_PANELS = 8  # of the projection: of more labels one panel holds all


@dataclass(frozen=True, slots=True)
class Figure:
    """A rendered figure: its SVG, what it shows for those who do not see it, and what to see in it."""

    svg: str
    alt: str
    caption: str


def inline(figure: Figure, name: str, title: str) -> str:
    """The SVG as part of a page: one image to a screen reader, with title and description, in the page's colours."""
    svg = TAG.sub(lambda found: _of_the_page(found[0]), figure.svg)
    svg = svg.replace('fill="white"', 'fill="none"', 1)
    told = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(figure.alt)}</desc>'
    opened = f'<svg role="img" aria-labelledby="{name}-title {name}-desc"'
    return re.sub(r"<svg([^>]*)>", lambda found: f"{opened}{found[1]}>{told}", svg, count=1)


def _of_the_page(tag: str) -> str:
    """A tag without words for screen readers, in the page's colours; a label's own words stand outside of tags."""
    tag = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", tag)
    for colour, variable in THEME.items():
        tag = tag.replace(f'"{colour}"', f'"{variable}"')
    return tag


def render(chart: Any) -> str:
    """A chart as SVG, in the house's type."""
    import vl_convert

    spec = chart.configure_view(stroke=None).configure_axis(
        labelColor=INK, titleColor=INK, gridColor=GRID, domainColor=GREY, tickColor=GREY, labelFontSize=13,
        titleFontSize=13, titleFontWeight="normal", labelLimit=320, labelOverlap="parity",
    ).configure_legend(labelColor=INK, labelFontSize=13, labelLimit=380)  # fmt: skip
    return str(vl_convert.vegalite_to_svg(spec.to_json()))


def values(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as the data of a chart."""
    import altair as alt

    return alt.Data(values=[dict(row) for row in rows])  # type: ignore[no-untyped-call]


def _row_texts(base: Any) -> Any:
    """Above each row its ``name`` on the left and what was ``said`` of it on the right."""
    import altair as alt

    name = base.mark_text(align="left", fontSize=14, color=INK, dy=-9, limit=350)
    said = base.mark_text(align="right", fontSize=14, color=INK, dy=-9)
    return name.encode(x=alt.value(0), text="name:N") + said.encode(x=alt.value(WIDTH), text="said:N")


def arms(scores: Sequence[Mapping[str, Any]], confidence: float, banner: str | None = None) -> Figure:
    """Macro-F1 of every arm as a dot with its interval, the best on top; ``scores`` hold name, value, low, high.

    Names stand above their lines, so that long ones are whole on a phone. The row of the most frequent label, where it
    is among them, is a hollow diamond without interval. ``banner`` stands above the figure, for where it is shown
    without its page.
    """
    import altair as alt

    ranked = sorted(scores, key=lambda row: -float(row["value"]))
    rows = [{**row, "said": f"{float(row['value']):.2f}"} for row in ranked if row["name"] != MOST_FREQUENT]
    floor = [{**row, "said": f"{float(row['value']):.2f}"} for row in ranked if row["name"] == MOST_FREQUENT]
    y = alt.Y("name:N", sort=[row["name"] for row in ranked], axis=None)
    x = alt.Scale(domain=[0, 1])
    axis = alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f")
    title = "macro-F1 on real test texts (1 is perfect)"
    bars = alt.Chart(values(rows)).mark_rule(strokeWidth=3, color=GREY, yOffset=9).encode(
        y=y, x=alt.X("low:Q", scale=x, axis=axis, title=title), x2="high:Q"
    )  # fmt: skip
    dots = alt.Chart(values(rows)).mark_point(filled=True, size=110, color=ACCENT, opacity=1, yOffset=9)
    chart = bars + dots.encode(y=y, x="value:Q")
    if floor:
        hollow = alt.Chart(values(floor)).mark_point(filled=False, size=80, color=INK, shape="diamond", opacity=1,
                                                      yOffset=9)  # fmt: skip
        chart += hollow.encode(y=y, x=alt.X("value:Q", scale=x, axis=axis, title=title))
    chart += _row_texts(alt.Chart(values([*rows, *floor])).encode(y=y))
    chart = chart.properties(width=WIDTH, height=44 * len(scores))
    if banner:
        chart = chart.properties(title=alt.TitleParams(banner, anchor="start", color="#a33c00", fontSize=13))
    said = "; ".join(f"{row['name']} {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})" for row in scores)
    return Figure(
        render(chart),
        f"Macro-F1 with {confidence:.0%} intervals: {said}.",
        f"Dots are means over training seeds, lines {confidence:.0%} intervals."
        + (" The hollow diamond is what always giving the most frequent label reaches." if floor else ""),
    )


def scale(rows: Sequence[Mapping[str, Any]], source: str) -> Figure:
    """Tasks from objective to subjective with their intervals, the most objective on top, the one at hand filled.

    Rows hold task, place, subjectivity, low, high and paper_stars, which are None for the task at hand. ``source``:
    who ranked them, in words. The figure says all that is needed to read it without its page.
    """
    import altair as alt

    drawn = [
        {
            **row,
            "name": f"{row['place']}. {row['task']}{' (this task)' if row['paper_stars'] is None else ''}",
            "said": "" if row["paper_stars"] is None else f"paper: {row['paper_stars']} of 5",
        }
        for row in rows
    ]
    y = alt.Y("name:N", sort=[row["name"] for row in drawn], axis=None)
    x = alt.X("low:Q", title=f"\N{LEFTWARDS ARROW} more objective{GAP}more subjective \N{RIGHTWARDS ARROW}")
    base = alt.Chart(values(drawn))
    chart = base.mark_rule(strokeWidth=3, color=GREY, yOffset=9).encode(y=y, x=x, x2="high:Q")
    ours, others = ([row for row in drawn if (row["paper_stars"] is None) is own] for own in (True, False))
    if others:
        ring = alt.Chart(values(others)).mark_point(filled=False, size=80, color=INK, opacity=1, yOffset=9)
        chart += ring.encode(y=y, x="subjectivity:Q")
    dot = alt.Chart(values(ours)).mark_point(filled=True, size=130, color=ACCENT, opacity=1, yOffset=9)
    chart += dot.encode(y=y, x="subjectivity:Q")
    chart += _row_texts(base.encode(y=y))
    title = alt.TitleParams(
        f"Tasks as {source} ranked them", anchor="start", color=INK, fontSize=13, fontWeight="normal"
    )
    said = "; ".join(
        f"{row['name']} {row['subjectivity']:.2f} ({row['low']:.2f} to {row['high']:.2f})" for row in drawn
    )
    return Figure(
        render(chart.properties(width=WIDTH, height=44 * len(drawn), title=title)),
        f"Tasks from objective to subjective as {source} ranked them, with 95% intervals: {said}.",
        f"The filled dot is this task, rings are the paper's ten, with how subjective its crowd workers found them "
        f"(1 to 5). Places are by Bradley-Terry scores of pairwise answers of {source}; lines are 95% intervals.",
    )


def projection(points: Sequence[Mapping[str, Any]]) -> Figure:
    """Real and synthetic texts in the plane of their two principal components; points hold x, y, kind, label."""
    import altair as alt

    kinds = sorted({str(point["kind"]) for point in points})
    single = len({point["label"] for point in points}) > MOST_PANELS
    wide, high = (WIDTH - 20, 300) if single else (180, 150)
    chart = alt.Chart(values(points), width=wide, height=high).mark_point(size=22, opacity=0.75, filled=True)
    encoded = chart.encode(
        x=alt.X("x:Q", title=None, axis=None),
        y=alt.Y("y:Q", title=None, axis=None),
        color=alt.Color(
            "kind:N", scale=alt.Scale(domain=kinds, range=[GREY, ACCENT]), legend=alt.Legend(orient="top"), title=None
        ),
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]), title=None),
    )
    if not single:
        header = alt.Header(labelColor=INK, labelFontSize=13, labelLimit=180)
        encoded = encoded.encode(facet=alt.Facet("label:N", columns=2, title=None, header=header))
    counts = ", ".join(f"{sum(p['kind'] == kind for p in points)} {kind}" for kind in kinds)
    return Figure(
        render(encoded),
        f"Scatter plot of text embeddings{'' if single else ' per label'}: {counts} texts. Overlap means that the "
        "synthetic texts cover the real ones.",
        f"Embeddings in the plane of their first two principal components{'' if single else ', one panel a label'}. "
        "Where no triangle lies among the circles, the synthetic texts miss real ones.",
    )


def agreement(rows: Sequence[Mapping[str, Any]], source: str, *, bounds: bool = False) -> Figure:
    """Accuracy of each arm on the test texts whose agreement is at least gamma, with its fitted line.

    Rows hold name, gamma, texts, accuracy and ``fitted``, the line's accuracy there, None where there is none.
    ``bounds``: only lower bounds of the agreement are known, so that more texts may reach a gamma than are counted.
    """
    import altair as alt

    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    legend = alt.Legend(orient="bottom", columns=1)
    base = alt.Chart(values(rows)).encode(
        x=alt.X("gamma:Q", title=f"agreement {'known to be' if bounds else 'of'} at least"),
        y=alt.Y("accuracy:Q", scale=alt.Scale(domain=[0, 1]), title="accuracy (share of texts)"),
        color=alt.Color("name:N", scale=alt.Scale(domain=names, range=SHADES), title=None, legend=legend),
    )
    shaped = base.mark_point(filled=True, size=60, opacity=1).encode(
        shape=alt.Shape("name:N", scale=alt.Scale(domain=names, range=SHAPES), title=None, legend=legend)
    )
    counts = {row["gamma"]: row["texts"] for row in rows}
    said = ", ".join(f"{counted(count, 'text')} at {gamma}" for gamma, count in sorted(counts.items()))
    known = " These are lower bounds: of other texts the agreement may be as high, and is not known." if bounds else ""
    return Figure(
        render(
            (shaped + base.mark_line(strokeDash=[5, 3]).encode(y="fitted:Q")).properties(width=WIDTH - 20, height=220)
        ),
        f"Accuracy against the least agreement of {source}: {said}.{known}",
        f"Test texts on which {source} agree less are left out from left to right ({said}). Lines are least-squares "
        f"fits. The sets are nested, so a trend alone proves nothing.{known}",
    )


def distribution(rows: Sequence[Mapping[str, Any]], title: str, caption: str) -> Figure:
    """Two histograms over the same bins; rows hold kind, low, high and share. Real texts are bars, others a line."""
    import altair as alt

    kinds = list(dict.fromkeys(str(row["kind"]) for row in rows))
    scale = alt.Scale(domain=kinds, range=[GREY, ACCENT, "#b5541c"])
    legend = alt.Legend(orient="top", columns=1, symbolOpacity=1)
    x = alt.X("low:Q", title=title, scale=alt.Scale(zero=False, nice=False))
    y = alt.Y("share:Q", title="share of the texts", axis=alt.Axis(format=".0%"), scale=alt.Scale(domainMin=0))
    colour = alt.Color("kind:N", scale=scale, title=None, legend=legend)
    real = alt.Chart(values([row for row in rows if row["kind"] == kinds[0]])).mark_bar(opacity=0.55)
    stepped = []  # a line that ends where the last bin does
    for kind in kinds[1:]:
        own = [row for row in rows if row["kind"] == kind]
        stepped += [dict(row) for row in own] + [{**own[-1], "low": own[-1]["high"]}]
    line = alt.Chart(values(stepped)).mark_line(interpolate="step-after", strokeWidth=2.5)
    dashes = alt.StrokeDash("kind:N", scale=alt.Scale(domain=kinds, range=[[1, 0], [1, 0], [5, 3]]), legend=None)
    chart = real.encode(x=x, x2="high:Q", y=y, y2=alt.datum(0), color=colour) + line.encode(
        x=x, y=y, color=colour, strokeDash=dashes
    )
    middle = "; ".join(f"{kind}: half below {_middle(rows, kind):.3g}" for kind in kinds)
    return Figure(render(chart.properties(width=WIDTH - 20, height=180)), f"{title}, histogram. {middle}.", caption)


def _middle(rows: Sequence[Mapping[str, Any]], kind: str) -> float:
    """The end of the bin in which half of a kind's texts are reached."""
    total = 0.0
    for row in rows:
        if row["kind"] == kind:
            total += float(row["share"])
            if total >= 0.5 - 1e-9:
                return float(row["high"])
    return float("nan")


def label_shares(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How the labels share the texts of each kind: a filled dot for one kind, a hollow one for the other."""
    import altair as alt

    kinds = list(dict.fromkeys(str(row["kind"]) for row in rows))
    labels = list(dict.fromkeys(str(row["label"]) for row in rows))
    base = alt.Chart(values(rows)).encode(
        x=alt.X("share:Q", title="share of the texts", axis=alt.Axis(format=".0%"), scale=alt.Scale(domainMin=0)),
        y=alt.Y("label:N", sort=labels, title=None),
    )
    legend = alt.Legend(orient="top")
    points = base.mark_point(size=110, filled=True, opacity=1).encode(
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=[GREY, ACCENT]), title=None, legend=legend),
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "triangle-up"]), legend=legend),
    )
    line = alt.Chart(values(_ends(rows, labels))).mark_rule(color=GRID, strokeWidth=3).encode(
        x="low:Q", x2="high:Q", y=alt.Y("label:N", sort=labels, title=None)
    )  # fmt: skip
    said = "; ".join(f"{row['label']}, {row['kind']}: {float(row['share']):.0%}" for row in rows)
    return Figure(
        render((line + points).properties(width=WIDTH - 120, height=26 * len(labels))),
        f"Share of each label: {said}.",
        "The nearer the two marks of a label, the more alike the kinds share their labels.",
    )


def _ends(rows: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[dict[str, Any]]:
    of = {label: [float(row["share"]) for row in rows if row["label"] == label] for label in labels}
    return [{"label": label, "low": min(shares), "high": max(shares)} for label, shares in of.items()]


def selection(points: Sequence[Mapping[str, Any]], columns: int = 2) -> Figure:
    """Real, synthetic and selected texts in one plane, a panel a question and strategy.

    Points hold x, y, kind and panel, in the order in which they are drawn. The picture of Wagner et al. (2025): which
    real texts a strategy chooses, and where the synthetic ones lie.
    """
    import altair as alt

    kinds = [kind for kind in MARKS if any(point["kind"] == kind for point in points)]
    legend = alt.Legend(orient="top")
    colours, shapes = (alt.Scale(domain=kinds, range=[MARKS[kind][part] for kind in kinds]) for part in (0, 1))
    panels = list(dict.fromkeys(str(point["panel"]) for point in points))
    rows = [{**point, "size": MARKS[str(point["kind"])][2]} for point in points]
    chart = alt.Chart(values(rows), width=180, height=150).mark_point(filled=True, opacity=0.8)
    encoded = chart.encode(
        x=alt.X("x:Q", title=None, axis=None),
        y=alt.Y("y:Q", title=None, axis=None),
        color=alt.Color("kind:N", scale=colours, legend=legend, title=None),
        shape=alt.Shape("kind:N", scale=shapes, legend=legend, title=None),
        size=alt.Size("size:Q", scale=None),
        facet=alt.Facet("panel:N", columns=columns, title=None, sort=panels,
                        header=alt.Header(labelColor=INK, labelFontSize=13, labelLimit=180)),
    )  # fmt: skip
    counts = "; ".join(
        f"{panel}: {sum(p['panel'] == panel and p['kind'] == 'selected' for p in points)} selected" for panel in panels
    )
    return Figure(
        render(encoded),
        f"Scatter plots of text embeddings, a panel a strategy. {counts}.",
        "Embeddings in the plane of their first two principal components. Diamonds are the real texts that the "
        "strategy chose to be labelled.",
    )
