"""The page: one self-contained HTML file, no script, nothing loaded from elsewhere, texts escaped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from standin.report.words import decimal


def render(content: Mapping[str, Any]) -> str:
    """Fill the template with what ``standin.stages.report`` gathered; only figures are markup, all else is escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = number
    environment.filters["signed"] = lambda value: decimal(float(value), sign="+")
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
