"""The Data Docs page: one HTML file without a script, from elsewhere it loads nothing, and it holds no text.

Great Expectations' own pages load scripts and styles from other servers and print values unescaped.
"""

from pathlib import Path
from typing import Any

from standin.errors import visible
from standin.validation.result import Outcome, Verdict

PLACES = 20
"""Ids or labels of failing rows that are named; Great Expectations gives as many."""


def render(verdict: Verdict, task: str) -> str:
    """The page; whatever stands in names, labels and ids is escaped.

    Args:
        verdict: what was found.
        task: the task's name.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=shown
    )
    template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    ordered = verdict.in_order()
    failed = [_row(outcome) for outcome in ordered if not outcome.success]
    held = [_row(outcome) for outcome in ordered if outcome.success]
    return template.render(task=task, worst=verdict.worst, broken=len(verdict.broken), failed=failed, held=held) + "\n"


def _row(outcome: Outcome) -> dict[str, Any]:
    check = outcome.check
    return {
        "name": check.name,
        "severity": outcome.severity,
        "says": check.says[:1].upper() + check.says[1:],
        "bound": check.bound,
        "said": outcome.said,
        "places": outcome.places[:PLACES],
        "advice": check.advice if outcome.crash is None else "This is no fault of the data.",
        "crash": outcome.crash,
        "expectation": check.expectation,
        "column": check.arguments.get("column"),
    }
