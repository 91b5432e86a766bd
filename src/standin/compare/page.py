"""A comparison as one self-contained HTML file, with its figure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.compare.contrasts import CLEAR
from standin.compare.rows import FIGURES, Comparison
from standin.compare.words import columns, contrast, lacking, scope, score, settings, verdicts

LEFT, WIDTH, STEP, TOP = 200, 420, 22, 34
"""Of the figure, in pixels: names, the axis from 0 to 1, a line, above the first line."""


def write(compared: Comparison, path: Path) -> None:
    """Write the page; its folder is made."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    text = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.from_string(text).render(content(compared)), encoding="utf-8", newline="\n")


def content(compared: Comparison) -> Mapping[str, Any]:
    """What the page's template shows."""
    first, headings = compared.rows[0], columns(compared)
    return {
        "task": first.runs[0].task_name,
        "baseline": first.name,
        "headings": [(heading, FIGURES[heading][1]) for heading in headings],
        "arms": compared.arms,
        "rows": [
            {
                "name": row.name,
                "revs": ", ".join(run.rev for run in row.runs),
                "changed": settings(row, row is first),
                "figures": [score(row.figures.get(heading)) for heading in headings],
                "scores": [score(row.scores.get(arm)) for arm in compared.arms],
                "bold": [any(one.arm == arm and one.verdict in CLEAR for one in row.contrasts)
                          for arm in compared.arms],
                "verdicts": list(verdicts(row)),
                "contrasts": [(one.arm, contrast(one), one.holm, one.verdict) for one in row.contrasts],
            }
            for row in compared.rows
        ],
        "panels": [_panel(compared, arm) for arm in compared.arms],
        "figure": {"left": LEFT, "width": WIDTH},
        "ticks": [(LEFT + WIDTH * at / 5, f"{at / 5:.1f}") for at in range(6)],
        "scope": scope(compared),
        "lacking": lacking(compared),
    }  # fmt: skip


def _panel(compared: Comparison, arm: str) -> Mapping[str, Any]:
    """One arm of the figure: a line a row, with the places of its dot and interval."""
    shown = [(row, row.scores[arm]) for row in compared.rows if arm in row.scores]
    marks: list[dict[str, Any]] = [
        {
            "name": row.name,
            "y": TOP + STEP * place,
            "x": LEFT + WIDTH * found.value,
            "low": None if found.low is None else LEFT + WIDTH * found.low,
            "high": None if found.high is None else LEFT + WIDTH * found.high,
            "baseline": row is compared.rows[0],
            "apart": any(one.arm == arm and one.verdict in CLEAR for one in row.contrasts),
            "said": f"{row.name} {score(found)}",
        }
        for place, (row, found) in enumerate(shown)
    ]
    return {
        "arm": arm,
        "marks": marks,
        "height": TOP + STEP * len(shown) + 6,
        "alt": "; ".join(m["said"] for m in marks),
    }
