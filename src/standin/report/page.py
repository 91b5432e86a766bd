"""The page: one self-contained HTML file, no script, nothing loaded from elsewhere, texts escaped."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.errors import counted
from standin.report.words import decimal

NUMBERS = re.compile(r"\b\d\.\d\d\b|\d+%")
"""Scores and shares, which a sentence of the outcome sets in bold."""


def render(content: Mapping[str, Any]) -> str:
    """Fill the template with what ``standin.stages.report`` gathered; only figures are markup, all else is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["signed"] = lambda value: decimal(float(value), sign="+")
    environment.filters["counted"] = counted
    environment.filters["bold_numbers"] = lambda said: Markup(NUMBERS.sub(r"<b>\g<0></b>", str(escape(said))))
    environment.filters["percent"] = lambda value: "" if value is None else f"{float(value):.1%}"
    environment.globals["style"] = Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))
    return environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8")).render(content)


def number(value: Any, digits: int = 3) -> str:
    """A number as the page shows it: integers plain, others with ``digits`` decimals, nothing as a dash."""
    if value is None or value == "":
        return "–"  # noqa: RUF001
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else decimal(float(value), digits)
