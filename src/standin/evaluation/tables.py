"""Tables as CSV text with equal bytes for equal values."""

import csv
import io
from collections.abc import Iterable, Sequence

DIGITS = 6


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> str:
    """CSV with a header line: floats rounded to 6 digits, None as an empty field, lines ending in a line feed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([rounded(value) if isinstance(value, float) else value for value in row])
    return out.getvalue()


def rounded(value: float) -> float:
    """Six digits, and no negative zero."""
    return round(value, DIGITS) + 0.0
