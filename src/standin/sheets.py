"""CSV files that people open: no cell that a spreadsheet runs as a formula, and equal values when read again."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

from standin.errors import StandinError, counted

FORMULA = re.compile("'*[=+\\-@\t\r]")
"""How cells begin that spreadsheets run (OWASP, CSV injection), or that ``protected`` made harmless."""

NUMBERS = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?( [+-]?\d+(\.\d+)?(e[+-]?\d+)?)*")
"""Numbers, one or several with blanks between: nothing to run."""

Cell = str | int | float | None


def protected(cell: Cell) -> Cell:
    """A text that a spreadsheet would run, with ' before it, which shows it as text; numbers and others as they are.

    A text that already begins so gets one ' more, so that ``plain`` gives every text back.
    """
    if not isinstance(cell, str) or not FORMULA.match(cell) or NUMBERS.fullmatch(cell):
        return cell
    return f"'{cell}"


def plain(text: str) -> str:
    """The text that ``protected`` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def sheet_text(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """CSV with a header line, None as an empty field, lines ending in a line feed."""
    lines: list[str] = []
    # told that lines end in CR LF, the writer quotes cells that hold a CR: bare, it would begin a row of its own
    writer = csv.writer(SimpleNamespace(write=lambda line: lines.append(line.removesuffix("\r\n") + "\n")))
    writer.writerow([protected(column) for column in columns])
    writer.writerows([protected(cell) for cell in row] for row in rows)
    return "".join(lines)


def write_sheet(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, to_fill_in: bool = False
) -> None:
    """Write ``sheet_text`` to a file, whose folder is made.

    ``to_fill_in``: with a byte order mark, without which Excel takes a CSV for one in the machine's old code page.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sheet_text(columns, rows), encoding="utf-8-sig" if to_fill_in else "utf-8", newline="")


def sheet_rows(content: bytes, where: object, mend: str = "`dvc repro` writes it again") -> list[dict[str, str]]:
    """The rows of a CSV that ``sheet_text`` wrote, by column. Raises StandinError where it is broken, with ``mend``."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
        columns = [plain(column) for column in next(reader, [])]
        rows = [(number, row) for number, row in enumerate(reader, 2) if row]
    except (csv.Error, ValueError) as error:
        raise StandinError(f"{where}: broken CSV ({error}); {mend}.") from None
    for number, row in rows:
        if len(row) != len(columns):
            cells, named = counted(len(row), "cell"), counted(len(columns), "column")
            raise StandinError(f"{where}, row {number}: broken CSV ({cells} under {named}); {mend}.")
    return [dict(zip(columns, map(plain, row), strict=True)) for _, row in rows]
