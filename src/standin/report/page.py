"""The page: one self-contained HTML file, no script, nothing loaded from elsewhere, texts escaped."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.errors import counted, visible
from standin.report.words import decimal

NUMBERS = re.compile(r"\b\d\.\d\d\b|\d+%")
"""Scores and shares, which a sentence of the outcome sets in bold."""
MEASURE = '<span class="whole">macro-F1</span>'
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a text may not hold in HTML; marks of its direction stay, as each text has an element of its own."""


def render(content: Mapping[str, Any]) -> str:
    """Fill the template with what ``standin.stages.report`` gathered; only figures are markup, all else is escaped.

    What would turn a line around (``errors.visible``) is written as an escape, but for texts, which stand as they are.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    def shown(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=shown,
    )
    environment.filters |= {
        "as_written": lambda text: escape(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)),
        "bold_numbers": lambda said: Markup(
            NUMBERS.sub(r"<b>\g<0></b>", str(escape(visible(said)))).replace("macro-F1", MEASURE)
        ),
        "counted": counted,
        "number": number,
        "percent": lambda value: "" if value is None else f"{float(value):.1%}",
        "short": short,
        "signed": lambda value: decimal(float(value), sign="+"),
    }
    environment.globals["style"] = Markup(Path(__file__).with_name("page.css").read_text(encoding="utf-8"))
    return environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8")).render(content)


def number(value: Any, digits: int = 3) -> str:
    """A number as the page shows it: integers plain, others with ``digits`` decimals, nothing as a dash."""
    if value is None or value == "":
        return "–"  # noqa: RUF001
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else decimal(float(value), digits)


def short(value: Any) -> str:
    """A number without the zeros that a column of such would have: ``40``, ``0.7``."""
    said = number(value)
    return said.rstrip("0").rstrip(".") if isinstance(value, float) else said
