"""Cells of a file as texts and names: what is missing, what is a structure, what no file may hold."""

import math
from collections.abc import Container
from typing import Any

from standin.errors import StandinError
from standin.names import fault
from standin.sources.tables import Table

STRUCTURES = (dict, list, tuple, set, bytes)
"""What a Parquet or JSON cell may hold that is no name of anything."""

SHOWN = 60
"""Characters of a faulty name that a message shows."""


def text_in(table: Table, number: int, value: Any) -> str:
    """A cell as a text, "" where it is empty. Raises StandinError where it is a structure or no whole text."""
    if missing(value):
        return ""
    if not isinstance(value, str | int | float):
        raise StandinError(f"{table.at(number)}: the text is a {type(value).__name__}, expected a string")
    return whole_text(table, number, value)


def whole_text(table: Table, number: int, value: Any) -> str:
    """A cell as text. Raises StandinError where half a character stands in it, which no UTF-8 file can hold."""
    text = str(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise StandinError(
            f"{table.at(number)}: the text holds half a character (a lone surrogate, {text[error.start]!a}) at place "
            f"{error.start + 1}. Write the file again from its source, or remove the character."
        ) from None
    return text


def missing(value: Any) -> bool:
    """None, a blank string, or NaN, which is the one value that differs from itself."""
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def cell_text(value: Any) -> str:
    """A label or id as text: 1, 1.0 and "1" are the same value, and so are true and "true"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def name_in(table: Table, number: int, value: Any, what: str, mapped: Container[str] = ()) -> str:
    """A cell as the name of a label or question.

    Args:
        table: where the cell is, for the message.
        number: its line or row.
        value: the cell.
        what: for the message: "label" or "annotation" where ``source.values`` counts, else another word.
        mapped: values that ``source.values`` gives another name, whatever they hold.

    Returns:
        The name, without blanks around it.

    Raises:
        StandinError: the cell is a structure, or holds controls, line breaks and the like.
    """
    name = simple_text(table, number, value, what)
    if name not in mapped and (wrong := fault(name)):
        shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
        mapping = "map it to a clean name in source.values (`data add`: --value), or "
        fix = f"{mapping if what in ('label', 'annotation') else ''}mend it in the file"
        raise StandinError(f"{table.at(number)}: {what} {shown!r} {wrong}; {fix}.")
    return name


def simple_text(table: Table, number: int, value: Any, what: str) -> str:
    """A cell as text, without blanks around it. Raises StandinError where it is a list, an object or bytes."""
    if isinstance(value, STRUCTURES):
        raise StandinError(
            f"{table.at(number)}: the {what} is a {type(value).__name__}, expected a text or a number. Write the part "
            "that names it into a column of its own."
        )
    return cell_text(value)
