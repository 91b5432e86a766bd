"""Tables as CSV text with equal bytes for equal values."""

from collections.abc import Iterable, Sequence

from standin.sheets import Cell, sheet_text

DIGITS = 6


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV as ``sheet_text`` writes it, floats rounded to 6 digits."""
    return sheet_text(
        columns, ([rounded(value) if isinstance(value, float) else value for value in row] for row in rows)
    )


def rounded(value: float) -> float:
    """Six digits, and no negative zero."""
    return round(value, DIGITS) + 0.0
